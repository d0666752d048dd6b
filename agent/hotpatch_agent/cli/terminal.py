"""How a command speaks: lines for people as it goes, one plain sentence at the end, or one JSON object.

A command calls the same methods in both modes.  With `--json` nothing but the final object reaches stdout,
on one line, so that a script can read the last line whatever came before it.  Colours are off where nobody
can see them: stdout is no terminal, or `NO_COLOR` is set.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # rich takes 30 ms to import: only a command that prints pays for it
    from rich.console import Console


def colours_wanted() -> bool:
    """Whether stdout is a terminal whose user did not ask for plain text (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


class Terminal:
    """One command's voice.  Not thread-safe, except `console`, which rich locks itself."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json

    @cached_property
    def console(self) -> Console:
        """The rich console on stdout; silent in JSON mode, so callers need not ask which mode it is."""
        from rich.console import Console

        colours = colours_wanted()
        return Console(
            file=sys.stdout,
            quiet=self.as_json,
            no_color=not colours,
            force_terminal=None if colours else False,
            # what isn't read on a screen is never folded or cut to fit one
            width=None if sys.stdout.isatty() else 10_000,
            highlight=False,
            markup=False,
            emoji=False,
            soft_wrap=True,
        )

    def say(self, text: str = "", style: str | None = None) -> None:
        """One line for people; nothing in JSON mode.  `style` is rich's: `green`, `bold red`, `dim` ..."""
        if self.as_json:
            return
        self.console.print(text, style=style)

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Columns under headings, as wide as they need to be; nothing in JSON mode.

        A cell is a rich `Text`, or anything whose `str` is meant.
        """
        if self.as_json:
            return
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="bold", show_header=any(headings))
        for heading in headings:
            table.add_column(heading, overflow="fold")
        for row in rows:
            table.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in row))
        if sys.stdout.isatty():
            self.console.print(table)
            return
        with self.console.capture() as drawn:
            self.console.print(table)
        # the blanks that fill the last column are noise in a file
        sys.stdout.writelines(line.rstrip() + "\n" for line in drawn.get().splitlines())

    def rows(self, rows: Sequence[Sequence[object]]) -> None:
        """Columns without headings."""
        if rows:
            self.table([""] * len(rows[0]), rows)

    @contextlib.contextmanager
    def busy(self, text: str) -> Iterator[None]:
        """Show that something takes time, where somebody watches; nothing anywhere else."""
        if self.as_json or not sys.stdout.isatty():
            yield
            return
        with self.console.status(text):
            yield

    def warn(self, text: str) -> None:
        """One line on stderr, in both modes: what the user should know though the command goes on."""
        sys.stderr.write(f"hotpatch: {text}\n")

    def finish(self, sentence: str, data: Mapping[str, Any], exit_code: int = 0) -> int:
        """The command's last word: the sentence for people, or `data` beside it as `message`, and the `code`.

        Returns `exit_code`, for the command to return in turn.
        """
        if self.as_json:
            write_json({"code": exit_code, "message": sentence, **data})
        else:
            self.say(sentence, style="bold" if exit_code == 0 else "bold red")
        return exit_code


def write_json(value: Mapping[str, Any]) -> None:
    """One object on one line of stdout."""
    sys.stdout.write(json.dumps(value, default=_plain, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _plain(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, frozenset | set):
        return sorted(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form; the command must turn it into plain values")
