"""What code hands over where it calls something, told from its instructions: by name and by place."""

from __future__ import annotations

import dis
import itertools
from types import CodeType

from . import codes


def keywords(code: CodeType) -> set[str]:
    """Names by which the code passes arguments."""
    found = set[str]()
    for part in codes.walk(code):
        for last, step in itertools.pairwise(dis.get_instructions(part)):
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


def by_position(code: CodeType) -> dict[str, int]:
    """For each global that the code calls, the most arguments that it hands over by their place."""
    found: dict[str, int] = {}
    for part in codes.walk(code):
        steps = list(dis.get_instructions(part))
        for at, step in enumerate(steps):
            if step.opname not in ("CALL", "CALL_KW"):
                continue
            before, count = steps[:at], step.arg or 0
            if before[-1].opname == "PRECALL":  # 3.11
                before.pop()
            named, last = 0, before[-1]
            if last.opname == "KW_NAMES":
                named = len(part.co_consts[last.arg or 0])
            elif step.opname == "CALL_KW" and type(last.argval) is tuple:
                named = len(before.pop().argval)
            callee = _callee(before, count)
            if callee is not None and callee.opname == "LOAD_GLOBAL":
                found[callee.argval] = max(found.get(callee.argval, 0), count - named)
    return found


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
