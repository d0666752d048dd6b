"""The engine: a difference measured between clean starts, laid onto a live process, committed, proven.

    measure(old_root, new_root, start) -> Measurement   in clean processes; seconds; never in a serving one
    plan(measurement) -> Plan                           what it comes to, edit by edit
    stage(measurement, root, app) -> Staged             in the live process: built aside, nothing visible
    changes commit(staged.ops) -> Undo; Undo.revert()           all or nothing; exact
    prove(staged) -> findings                           after a commit in a forked child: what is unlike a
    fresh start

Every refusal is a `PatchRefused` (or `PatchInvalid`, if the new sources are no program) whose text is the
reason.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from .commit import Undo, apply, commit
from .measurement import Measurement, this_python
from .moment import commit_now
from .prove import prove
from .quiet import commit_quietly, moment
from .staged import Staged, stage

if TYPE_CHECKING:
    from .measuring import measure
    from .planning import plan
    from .start import Start, standard_modules

__all__ = [
    "Measurement",
    "Staged",
    "Start",
    "Undo",
    "apply",
    "commit",
    "commit_now",
    "commit_quietly",
    "measure",
    "moment",
    "plan",
    "prove",
    "stage",
    "standard_modules",
    "this_python",
]

_WHEN_ASKED_FOR: Final = {
    "measure": "measuring",
    "plan": "planning",
    "Start": "start",
    "standard_modules": "start",
}
"""What no worker needs, with the modules where it is: it would start later for them, and be larger."""


def __getattr__(name: str) -> Any:
    if name not in _WHEN_ASKED_FOR:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(f"{__name__}.{_WHEN_ASKED_FOR[name]}"), name)
    globals()[name] = found
    return found
