"""Plain values that code has put into a name since the start: counters, the last of something.

Where such a name is no longer there in the new sources, it may be there under another, and what it has come
to would be lost.  A value that merely differs from start to start is none: no code but that which makes the
object, or the module, sets it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hotpatch.ops import SlotKind

from . import attribute_use, memo
from .instances import methods_of
from .making import MAKERS
from .reading import mro_of
from .view import View


def is_set_later(slot: SlotKind, owner: Any, name: str, space: Mapping[str, Any], view: View) -> bool:
    """By a function of the module that owns it, by a method of the object that does, or of the class, or by
    the function that does itself."""
    if slot is SlotKind.GLOBAL:
        return name in memo.assigned(space)
    if slot is SlotKind.CLASS:
        return any(name in attribute_use.stored(f.__code__) for f in methods_of(owner))
    if slot is SlotKind.FUNCTION_DICT:
        return name in attribute_use.stored(view.code(owner))
    if slot is not SlotKind.INSTANCE:
        return False
    return any(
        name in attribute_use.stored_on_self(f.__code__)
        for base in mro_of(type(owner))
        for f in methods_of(base)
        if f.__name__ not in MAKERS
    )
