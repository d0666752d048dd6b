"""hotpatch: change the code of a running Python program, soundly, or be told why not.

    outcome = hotpatch.patch(old_folder, new_folder)

brings this process from the sources in the one folder to those in the other, or says why that can't be done;
`hotpatch.patching` tells the rest.  Nothing is imported before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from hotpatch.patching import Outcome, patch

__all__ = ["Outcome", "__version__", "patch"]


def __getattr__(name: str) -> Any:
    if name in ("patch", "Outcome"):
        from hotpatch import patching

        return getattr(patching, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
