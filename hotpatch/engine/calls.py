"""The calls that code makes, told from its instructions: of what, with how many arguments, by which names.

Instructions as CPython 3.11 to 3.13 have them.
"""

from __future__ import annotations

import dis
import inspect
from collections.abc import Iterator, Sequence
from types import CodeType
from typing import Final

from attrs import frozen

from . import codes

_CALLS: Final = frozenset({"CALL", "CALL_KW", "CALL_FUNCTION_EX"})
_MERGES: Final = frozenset({"DICT_MERGE", "DICT_UPDATE", "LIST_EXTEND"})
_BETWEEN: Final = frozenset({"LIST_TO_TUPLE", "CALL_INTRINSIC_1", "BUILD_MAP"})
TAKES_MORE: Final = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS
ANYTHING: Final = "**"
"""In place of names: those of a dictionary that is handed over."""
ANY_NUMBER: Final = 1 << 16


@frozen
class Call:
    callee: str
    """`Item`, `shop.Item` by way of a global; `.get` of whatever it is an attribute; empty where it is not
    told."""
    count: int
    """Arguments by their place."""
    names: frozenset[str]
    passes_on: bool
    """It hands over what the function takes as it comes, and no other stars."""


def calls(code: CodeType) -> Iterator[Call]:
    """Those of functions inside included."""
    for part in codes.walk(code):
        steps = codes.steps_of(part)
        for at, step in enumerate(steps):
            if step.opname == "CALL_FUNCTION_EX":
                yield _with_stars(part, steps[:at], bool((step.arg or 0) & 1))
            elif step.opname in _CALLS:
                yield _plain(part, steps[:at], step)


def made_by_calls(code: CodeType) -> dict[str, str]:
    """Local variables that are never anything else than what the call of one global gave, and its name."""
    if any(step.opname == "STORE_DEREF" for part in codes.inner(code) for step in _all_steps(part)):
        return {}
    found, steps = dict[str, set[str]](), codes.steps_of(code)
    for at, step in enumerate(steps):
        if step.opname in ("STORE_FAST", "STORE_DEREF"):
            is_call = steps[at - 1].opname in ("CALL", "CALL_KW") and not step.is_jump_target
            made = _plain(code, steps[: at - 1], steps[at - 1]).callee if is_call else ""
            found.setdefault(step.argval, set()).add("" if "." in made else made)
    starred = bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    handed = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + starred]
    return {
        name: made for name, (made, *others) in found.items() if made and not others and name not in handed
    }


def _all_steps(code: CodeType) -> Iterator[dis.Instruction]:
    return (step for part in codes.walk(code) for step in codes.steps_of(part))


def _plain(code: CodeType, before: list[dis.Instruction], step: dis.Instruction) -> Call:
    names, count = tuple[str, ...](), step.arg or 0
    last = before[-1] if before else None
    if last is not None and last.opname == "KW_NAMES":
        names = code.co_consts[last.arg or 0]
    elif last is not None and step.opname == "CALL_KW" and type(last.argval) is tuple:
        names = last.argval
        before = before[:-1]
    return Call(callee(before, count), count - len(names), frozenset(names), False)


def _with_stars(code: CodeType, before: list[dis.Instruction], by_name: bool) -> Call:
    taken = code.co_argcount + code.co_kwonlyargcount
    own = code.co_varnames[taken : taken + 2] if code.co_flags & TAKES_MORE else ()
    at = _below(before, 1 + by_name)
    handed = before[at + 1 :] if at is not None else before
    passes_on = at is not None and all(
        step.opname in _BETWEEN or (loaded := _variable(step)) in own or loaded is None
        for step in _starred(handed)
    )
    names = frozenset({ANYTHING}) if by_name else frozenset[str]()
    explicit = {
        text
        for step in handed
        if step.opname == "LOAD_CONST"
        for text in (step.argval if type(step.argval) is tuple else (step.argval,))
        if type(text) is str
    }
    return Call(callee(before, 1 + by_name), ANY_NUMBER, names | explicit, passes_on)


def _starred(handed: Sequence[dis.Instruction]) -> list[dis.Instruction]:
    """What is handed over by stars: merged into a container, or as it is."""
    merged = [handed[i - 1] for i, step in enumerate(handed) if step.opname in _MERGES and i]
    return merged or list(handed)


def _variable(step: dis.Instruction) -> str | None:
    """None for a constant."""
    if step.opname == "LOAD_CONST":
        return None
    return step.argval if step.opname == "LOAD_FAST" else ""


def callee(before: Sequence[dis.Instruction], arguments: int) -> str:
    """What was put on the stack before so many arguments, as `Call` has it."""
    at = _below(before, arguments)
    return "" if at is None else _path(before[: at + 1])


def _below(before: Sequence[dis.Instruction], arguments: int) -> int | None:
    """Where that was put on the stack which lies below so many arguments; None where it depends on the way
    taken."""
    for at in range(len(before) - 1, -1, -1):
        step = before[at]
        if arguments <= 0:
            return at
        if step.opcode in codes.JUMPS or step.is_jump_target:
            return None
        arguments -= dis.stack_effect(step.opcode, step.arg if step.opcode >= dis.HAVE_ARGUMENT else None)
    return None


def _path(steps: Sequence[dis.Instruction]) -> str:
    names = list[str]()
    for step in reversed(steps):
        if step.opname == "LOAD_GLOBAL":
            return ".".join([step.argval, *names])
        if step.opname not in ("LOAD_ATTR", "LOAD_METHOD"):
            is_of_base = step.opname.startswith("LOAD_SUPER")
            return f".{step.argval if is_of_base and not names else names[-1]}" if is_of_base or names else ""
        names.insert(0, step.argval)
    return ""
