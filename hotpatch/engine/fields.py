"""Named tuples that old code made: have they the fields that new code knows?

A class of tuples that gains or loses a field changes where it is, but a tuple has the length that it was made
with: one that lives would answer for `t.field` with its neighbour.  They are told by their length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from hotpatch.ops import Op, SlotKind

from .frozen import thawed
from .living import Living
from .reading import mro_of, qualname_of
from .recorded import recorded
from .view import View

FIELDS: Final = "_fields"


def outlived(ops: Sequence[Op], objects: Living, view: View) -> list[str]:
    """Sentences, one for each class of which a tuple lives that has another length than its fields have now.
    To be asked after the commit; `objects` are all that the collector tracks."""
    changed = {id(op.owner): len(op.after) for op in ops if _changes_fields(op)}
    if not changed:
        return []
    tuples = objects.of(lambda cls: cls is not tuple and issubclass(cls, tuple))
    others = [obj for obj in tuples if _has_other_length(obj, changed)]
    with thawed():
        kept = recorded(others, objects.own, view)
    names = dict.fromkeys(qualname_of(type(obj)) for obj in others if id(obj) not in kept)
    return [f"the fields of {name} change, and tuples that live have the old ones" for name in names]


def _has_other_length(obj: Any, changed: Mapping[int, int]) -> bool:
    wanted = next((changed[id(cls)] for cls in mro_of(type(obj)) if id(cls) in changed), None)
    return wanted is not None and wanted != tuple.__len__(obj)


def _changes_fields(op: Op) -> bool:
    same = type(op.before) is tuple is type(op.after) and len(op.before) != len(op.after)
    return op.kind is SlotKind.CLASS and op.key == FIELDS and same
