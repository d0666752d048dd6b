"""hotpatch: change the code of a running Python program, soundly, or be told why not.

    outcome = hotpatch.patch(old_folder, new_folder, root=folder_it_was_loaded_from)

brings this process from the sources in the one folder to those in the other, or says why that can't be done;
`hotpatch.patching` tells the rest.  `with hotpatch.pinned():` makes a piece of work outside any request
run on one version from its start to its end.  Nothing is imported before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from hotpatch.epochs.unit import pinned
    from hotpatch.patching import Outcome, patch

__all__ = ["Outcome", "__version__", "patch", "pinned"]


def __getattr__(name: str) -> Any:
    if name in ("patch", "Outcome"):
        from hotpatch import patching

        return getattr(patching, name)
    if name == "pinned":
        from hotpatch.epochs import unit

        return unit.pinned
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
