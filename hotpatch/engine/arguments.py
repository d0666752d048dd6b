"""What code hands over by name where it calls something, told from its instructions; and texts in it."""

from __future__ import annotations

import dis
import inspect
import itertools
from collections.abc import Iterator
from types import CodeType
from typing import Final

from . import codes, instructions


def keywords(code: CodeType) -> set[str]:
    """Names by which the code passes arguments."""
    found = set[str]()
    for part in codes.walk(code):
        for last, step in itertools.pairwise(instructions.of(part)):
            if step.opname == "DICT_MERGE":  # with others by two stars, names are the keys of a dictionary
                found |= texts(part)
            elif step.opname == "KW_NAMES":
                found |= set(part.co_consts[step.arg or 0])
            elif step.opname == "CALL_KW" and type(last.argval) is tuple:
                found |= set(last.argval)
    return found


def texts(code: CodeType) -> set[str]:
    """Every text in the code, those in tuples included."""
    consts = [const for part in codes.walk(code) for const in part.co_consts]
    found = [text for const in consts for text in (const if type(const) is tuple else (const,))]
    return {text for text in found if type(text) is str}


def made_by_calls(code: CodeType) -> dict[str, str]:
    """Local variables that are never anything else than what the call of one global gave, and its name."""
    if any(step.opname == "STORE_DEREF" for part in codes.inner(code) for step in _all_steps(part)):
        return {}
    found, steps = dict[str, set[str | None]](), list(instructions.of(code))
    for at, step in enumerate(steps):
        if step.opname in ("STORE_FAST", "STORE_DEREF"):
            is_call = steps[at - 1].opname in _CALLS and not step.is_jump_target
            made = _called(code, steps[:at]) if is_call else None
            found.setdefault(step.argval, set()).add(made)
    starred = bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    handed = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + starred]
    return {
        name: made
        for name, (made, *others) in found.items()
        if made is not None and not others and name not in handed
    }


_CALLS: Final = ("CALL", "CALL_KW")


def _all_steps(code: CodeType) -> Iterator[dis.Instruction]:
    return (step for part in codes.walk(code) for step in instructions.of(part))


def _called(code: CodeType, steps: list[dis.Instruction]) -> str | None:
    """The global that the last of these steps calls, if any."""
    step, before = steps[-1], steps[:-1]
    if before[-1].opname == "PRECALL":  # 3.11
        before.pop()
    if step.opname == "CALL_KW" and type(before[-1].argval) is tuple:
        before.pop()
    callee = _callee(before, step.arg or 0)
    return callee.argval if callee is not None and callee.opname == "LOAD_GLOBAL" else None


def _callee(steps: list[dis.Instruction], arguments: int) -> dis.Instruction | None:
    """What was put on the stack below so many arguments; None where that depends on the way taken."""
    step: dis.Instruction
    for step in reversed(steps):
        if arguments <= 0 and step.opname not in ("PUSH_NULL", "CACHE"):
            return step
        if step.opcode in codes.JUMPS:
            return None
        if arguments > 0:
            arguments -= dis.stack_effect(step.opcode, step.arg if step.opcode >= dis.HAVE_ARGUMENT else None)
    return None
