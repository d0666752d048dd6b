"""Where a command's file goes: a name that can be written to, found out before any work is done."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import click


class OutputFile(click.Path):
    """A file, there or not, in a folder that is there."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, dir_okay=False)

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if not path.absolute().parent.is_dir():
            self.fail(f"there is no folder {path.parent}", param, ctx)
        return path


OUTPUT: Final = OutputFile()
