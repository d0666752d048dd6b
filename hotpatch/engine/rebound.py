"""Functions of a class that are bound otherwise from now on: a method that turns static, say.

Whoever holds the old one, bound or not, would call the new code with one argument too many or too few; so
nobody may.  The same for a method that a class no longer has and several of its subclasses have instead.
"""

from __future__ import annotations

import gc
import types
from collections.abc import Sequence
from typing import Final

from hotpatch.ops import ABSENT, Op, SlotKind

from .heap import holders
from .instances import Functions
from .reading import class_dict, held_by_method, mro_of
from .view import View

BINDINGS: Final = (types.FunctionType, staticmethod, classmethod)


def held(ops: Sequence[Op], functions: Functions, ours: set[int], view: View) -> list[str]:
    """Sentences, one for each holder's kind.  `ours` are the ids of the engine's own records."""
    turned = [op for op in ops if op.kind is SlotKind.CLASS and _turns(op)]
    turned += _shared_out([op for op in ops if op.kind is SlotKind.CLASS], functions)
    if not turned:
        return []
    passed = {id(each) for op in turned for each in (op.before, op.after)}
    passed |= {id(space) for op in turned for space in gc.get_referents(class_dict(op.owner))}
    passed |= set(map(id, functions.values()))
    gone = {
        id(f): (f, op.where) for op in turned if type(f := held_by_method(op.before)) is types.FunctionType
    }
    return holders(gone, ours | passed, view)


def _shared_out(ops: Sequence[Op], functions: Functions) -> list[Op]:
    found = []
    for gone in (op for op in ops if op.after is ABSENT and type(op.before) is types.FunctionType):
        takers = [op.owner for op in ops if op.name == gone.name and op.before is ABSENT]
        below = [cls for cls in takers if gone.owner in mro_of(cls)]
        if len(below) > 1 and id(gone.before) not in functions:
            found.append(gone)
    return found


def _turns(op: Op) -> bool:
    before, after = type(op.before), type(op.after)
    return before is not after and before in BINDINGS and after in BINDINGS
