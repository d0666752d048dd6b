"""Instructions as if every CPython from 3.11 to 3.13 wrote them in one way.

What one version puts into one instruction, and others into two, is told as two: both stand at the offset of
the one.  A comprehension stands in the code of its function from 3.12 on (PEP 709), with a loop and variables
of its own in the middle of an expression; before, it was a call.  `comprehensions` says where.

Leaned on: instructions for two variables are named for the two that they stand for; a comprehension puts its
variables aside by LOAD_FAST_AND_CLEAR before it begins, and back by STORE_FAST after it; its loop ends at the
END_FOR that its FOR_ITER jumps to, or at an END_ASYNC_FOR for its GET_ANEXT, after which a jump may lead past
the code that puts the variables back when it fails.
"""

from __future__ import annotations

import dis
from collections.abc import Iterator, Sequence
from types import CodeType
from typing import Any, Final

from .decoding import once

_TWO: Final = {
    "LOAD_FAST_LOAD_FAST": ("LOAD_FAST", "LOAD_FAST"),
    "STORE_FAST_LOAD_FAST": ("STORE_FAST", "LOAD_FAST"),
    "STORE_FAST_STORE_FAST": ("STORE_FAST", "STORE_FAST"),
}
_NO_TARGET: Final[dict[str, Any]] = {"label": None} if "label" in dis.Instruction._fields else {}
"""A jump leads to the first of two (3.13)."""
_PUTS_ASIDE: Final = "LOAD_FAST_AND_CLEAR"
_SECOND_POPS: Final = "END_FOR" in dis.opmap and dis.stack_effect(dis.opmap["END_FOR"]) == -1
"""A POP_TOP after the END_FOR takes the iterator away (3.13)."""


@once
def of(code: CodeType) -> tuple[dis.Instruction, ...]:
    return tuple(_decoded(code))


def _decoded(code: CodeType) -> Iterator[dis.Instruction]:
    for step in dis.get_instructions(code):
        if step.opname in _TWO:
            names, (first, second) = _TWO[step.opname], step.argval
            yield _variable(step, names[0], first)
            yield _variable(step, names[1], second)._replace(**_NO_TARGET)
        elif step.opname == "LOAD_FAST_CHECK":
            yield _variable(step, "LOAD_FAST", step.argval)
        elif step.opname == "RETURN_CONST":
            yield step._replace(opname="LOAD_CONST", opcode=dis.opmap["LOAD_CONST"])
            opcode = dis.opmap["RETURN_VALUE"]
            yield step._replace(opname="RETURN_VALUE", opcode=opcode, arg=None, argval=None, argrepr="")
        else:
            yield step


def _variable(step: dis.Instruction, opname: str, name: str) -> dis.Instruction:
    return step._replace(opname=opname, opcode=dis.opmap[opname], argval=name, argrepr=name)


def comprehensions(steps: Sequence[dis.Instruction]) -> frozenset[int]:
    """Which of the steps, by their place among them, are those of comprehensions: from where one puts its
    variables aside to where it has put them back."""
    found = set[int]()
    for i, step in enumerate(steps):
        if step.opname == _PUTS_ASIDE and i not in found:
            end = _end(steps, i)
            found.update(range(i, end))
            found.update(_put_back(steps, end, {s.argval for s in steps[i:end] if s.opname == _PUTS_ASIDE}))
    return frozenset(found)


def _end(steps: Sequence[dis.Instruction], start: int) -> int:
    """The place after the loop of the comprehension that begins there."""
    depth = 0
    for i in range(start, len(steps)):
        if steps[i].opname == "FOR_ITER" and not depth:
            return _target(steps, i) + 1 + _SECOND_POPS
        depth += (steps[i].opname == "GET_ANEXT") - (steps[i].opname == "END_ASYNC_FOR")
        if steps[i].opname == "END_ASYNC_FOR" and not depth:
            return _target(steps, i + 1) if steps[i + 1].opname == "JUMP_FORWARD" else i + 1
    return len(steps)


def _target(steps: Sequence[dis.Instruction], jump: int) -> int:
    return next((i for i in range(jump, len(steps)) if steps[i].offset >= steps[jump].argval), len(steps))


def _put_back(steps: Sequence[dis.Instruction], start: int, names: set[str]) -> Iterator[int]:
    """Where its variables get back what they had; what takes the result may stand in between."""
    for i in range(start, min(start + 2 * len(names) + 2, len(steps))):
        if steps[i].opname == "STORE_FAST" and steps[i].argval in names:
            names.remove(steps[i].argval)
            yield i
        elif steps[i].opname == "SWAP":
            yield i
        if not names:
            return
