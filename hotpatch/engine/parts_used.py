"""What code uses of the values of attributes: `self.started.year` wants a `started` that has a `year`.

Of one that the code tests for None, None is no surprise; of one whose type it asks for or which it sets
itself, and where it catches an AttributeError, nothing is.

Leaned on (3.11 to 3.13): what stands between a LOAD_ATTR and the next only fills its cache; a test of what
was loaded follows at once.
"""

from __future__ import annotations

import dis
from collections.abc import Iterator, Sequence
from types import CodeType
from typing import Final

from attrs import frozen

from . import codes
from .caught import Caught

READS: Final = frozenset(("LOAD_ATTR", "LOAD_METHOD"))
_ASKS: Final = frozenset(("isinstance", "hasattr", "getattr", "type", "callable", "issubclass"))
_TESTS: Final = ("POP_JUMP", "JUMP_IF", "COPY", "UNARY_NOT")
_NEAR: Final = 4
"""So many steps before an attribute is what it is given to, if that is a function of few arguments."""


@frozen
class Part:
    """`owner.attribute.part`, read."""

    attribute: str
    part: str
    own: bool
    """The owner is the first argument of the function."""
    tests_none: bool
    """The function tests the attribute, and so knows of None."""

    @property
    def names(self) -> tuple[str, str]:
        return self.attribute, self.part


def parts_used(code: CodeType) -> set[Part]:
    """What the code, functions inside it included, uses without having made sure of it."""
    me = code.co_varnames[0] if code.co_argcount else None
    return {used for part in codes.walk(code) for used in _used(part, me)}


def _used(code: CodeType, me: str | None) -> Iterator[Part]:
    steps = codes.steps_of(code)
    if any(step.opname == "MATCH_CLASS" for step in steps):
        return
    sure = asked_for(code, steps)
    caught = Caught(code, ["AttributeError"])
    sure_of_none = tested(steps)
    for i, step in enumerate(steps[1:], 1):
        of = steps[i - 1]
        if step.opname not in READS or of.opname != "LOAD_ATTR" or of.argval in sure:
            continue
        if step.offset not in caught:
            own = i > 1 and me is not None and loads(steps[i - 2], me)
            yield Part(of.argval, step.argval, own, of.argval in sure_of_none)


def asked_for(code: CodeType, steps: Sequence[dis.Instruction]) -> set[str]:
    """Attributes whose type the code asks for, that it turns into another, and that it sets itself."""
    asks = bool({"hasattr", "getattr"} & set(code.co_names))
    found = {const for const in code.co_consts if type(const) is str} if asks else set[str]()
    for i, step in enumerate(steps):
        given_to = {s.argval for s in steps[max(0, i - _NEAR) : i] if s.opname == "LOAD_GLOBAL"}
        is_last = i + 1 < len(steps) and steps[i + 1].opname not in READS
        asked = step.opname == "LOAD_ATTR" and is_last and bool(_ASKS & given_to)
        sets = step.opname == "STORE_ATTR" and steps[i - 1].opname != "SWAP"  # which adds to what is there
        if asked or sets:
            found.add(step.argval)
    return found


def tested(steps: Sequence[dis.Instruction]) -> set[str]:
    """Attributes that the code tests."""
    return {step.argval for i, step in enumerate(steps) if step.opname in READS and _is_tested(steps, i)}


def loads(step: dis.Instruction, name: str) -> bool:
    """Does it leave the local variable of this name on top?"""
    return step.opname in ("LOAD_FAST", "LOAD_DEREF") and bool(step.argval == name)


def _is_tested(steps: Sequence[dis.Instruction], i: int) -> bool:
    """Is what this step loads tested for being there, or compared with None?"""
    after = steps[i + 1 : i + 3]
    if not after:
        return False
    compares = len(after) > 1 and after[1].opname in ("IS_OP", "COMPARE_OP")
    return after[0].opname.startswith(_TESTS) or (
        compares and after[0].opname == "LOAD_CONST" and after[0].argval is None
    )
