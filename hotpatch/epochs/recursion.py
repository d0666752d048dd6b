"""A dispatched call is two frames deep: while two versions run, the recursion limit is twice what it was.

Frames of Python calls are no frames of the C stack on any version that is supported, so that this needs no
more of it.
"""

from __future__ import annotations

import sys

_before: int | None = None


def raise_limit() -> None:
    """Double the limit, once; for `restore` to undo."""
    global _before
    if _before is None:
        _before = sys.getrecursionlimit()
        sys.setrecursionlimit(2 * _before)


def restore() -> None:
    """Back to what it was, unless the application has set one of its own meanwhile."""
    global _before
    if _before is not None and sys.getrecursionlimit() == 2 * _before:
        sys.setrecursionlimit(_before)
    _before = None
