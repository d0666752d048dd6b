"""What the author of a release wrote besides its sources: state transformers and refresh callbacks, run.

One Python file.  It is run in every process that takes the release, at staging, which the rehearsal does
first under its limits; what it registers counts for this release's own commit and undo alone.
"""

from __future__ import annotations

import linecache
from types import ModuleType
from typing import Final

from attrs import frozen

from hotpatch import refresh, transform
from hotpatch.errors import PatchRefused
from hotpatch.transform import FILE, told


@frozen(eq=False)
class Authored:
    """What the file brings."""

    transformers: tuple[transform.Transformer, ...] = ()
    handlers: tuple[refresh.Handler, ...] = ()


NOTHING: Final = Authored()


def read(source: str) -> Authored:
    """Run the file.  Raises PatchRefused, with the place, if it raises or is no Python; it should define, and
    do nothing else."""
    if not source:
        return NOTHING
    linecache.cache[FILE] = (len(source), None, source.splitlines(True), FILE)
    module = ModuleType("hotpatch_transformers")
    with transform.collecting() as transformers, refresh.collecting() as handlers:
        try:
            exec(compile(source, FILE, "exec"), module.__dict__)
        except Exception as error:
            raise PatchRefused(f"the file of transformers can't be run: {told(error)}") from error
    return Authored(tuple(transformers), tuple(handlers))
