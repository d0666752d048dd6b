"""The defaults of functions that functions make: what a closure that lives has to do with those of the new
code.

A closure got its defaults when it was made.  Where the instructions that make them are the same, its own are
right; where these are constants now, it gets those, for its code counts on them; else nobody can tell what it
would have been given.

Leaned on: 3.11 and 3.12 push defaults, keyword defaults, annotations and closure, in this order, then the
code, and MAKE_FUNCTION says by its bits which of them there are; 3.13 says that by SET_FUNCTION_ATTRIBUTE
behind it.
"""

from __future__ import annotations

import dis
from collections.abc import Mapping, Sequence
from types import CodeType, FunctionType
from typing import Any, Final

from hotpatch.errors import PatchRefused

from . import codes
from .reading import PLAIN, plain_same
from .view import View

NAMES: Final = ("__defaults__", "__kwdefaults__")
PARTS: Final = {1: "__defaults__", 2: "__kwdefaults__", 4: "__annotations__", 8: "__closure__"}
"""What the bits stand for."""
CONSTANT: Final = frozenset({"LOAD_CONST", "BUILD_TUPLE", "BUILD_MAP", "BUILD_CONST_KEY_MAP"})

Steps = Sequence[dis.Instruction]


Made = tuple[CodeType, CodeType]
"""The code of a function, and of the one that makes it."""
Defaults = Mapping[str, Any]
"""By `NAMES`."""


def differ(before: Made, after: Made) -> bool:
    old, new = _made_with(*before), _made_with(*after)
    return any(_form(old[part]) != _form(new[part]) for part in NAMES)


def of(function: FunctionType, view: View) -> Defaults:
    return {name: view.part(function, name) for name in NAMES}


def becoming(function: FunctionType, before: Made, after: Made, view: View) -> Defaults:
    """Of a closure that follows its code.

    Raises PatchRefused where the new defaults are no constants and are made otherwise than the old ones, or
    where the closure was given others since, and takes other parameters now.
    """
    old, new = _made_with(*before), _made_with(*after)
    name = before[0].co_qualname
    found = dict(of(function, view))
    for part in NAMES:
        if _form(old[part]) == _form(new[part]):
            continue
        was, becomes = _constant(old[part]), _constant(new[part])
        if becomes is _UNKNOWN:
            raise PatchRefused(f"closures of {name} are in use, and their defaults are made otherwise now")
        if was is _UNKNOWN or same(found[part], was):
            found[part] = becomes
        elif codes.parameters(before[0]) != codes.parameters(after[0]):
            raise PatchRefused(
                f"closures of {name} are in use, were given other defaults, and take other arguments now"
            )
    return found


def same(a: Any, b: Any) -> bool:
    """The program's `==` is not asked: what is no constant is the same only as itself."""
    if a is b or type(a) is not type(b):
        return a is b
    if type(a) is tuple:
        return len(a) == len(b) and all(map(same, a, b))
    if type(a) is dict:
        return a.keys() == b.keys() and all(same(a[name], b[name]) for name in a)
    if type(a) is frozenset:  # in code it has plain members alone
        return all(type(item) in PLAIN for item in b) and bool(a == b)
    return type(a) in PLAIN and plain_same(a, b)


def _made_with(code: CodeType, maker: CodeType) -> Mapping[str, Steps | None]:
    """By the name of the part: the instructions that make it, none where there is no such part; None where
    these are not in one line."""
    steps = codes.steps_of(maker)
    end = next((i for i, step in enumerate(steps) if step.argval is code), len(steps))
    bits = _bits(steps[end + 1 :])
    found: dict[str, Steps | None] = dict.fromkeys(PARTS.values(), ())
    for bit in sorted(bits, reverse=True):
        start = _start(steps, end)
        if start is None:
            return found | dict.fromkeys((PARTS[left] for left in bits if left <= bit), None)
        found[PARTS[bit]], end = steps[start:end], start
    return found


def _bits(behind: Steps) -> list[int]:
    if not behind or behind[0].opname != "MAKE_FUNCTION":
        return []
    arg = behind[0].arg or 0
    found = [bit for bit in PARTS if arg & bit]
    for step in behind[1:]:
        if step.opname != "SET_FUNCTION_ATTRIBUTE":
            break
        found.append(step.arg or 0)
    return found


def _start(steps: Steps, end: int) -> int | None:
    """Where the instructions begin that push the one value on top of the stack before `end`."""
    depth = 0
    for at in range(end - 1, -1, -1):
        step = steps[at]
        if step.opcode in codes.JUMPS or step.is_jump_target:
            return None
        depth += dis.stack_effect(step.opcode, step.arg)
        if depth == 1:
            return at
    return None


def _form(steps: Steps | None) -> object:
    """Equal for instructions that make the same, of the same; what is not in one line is like nothing."""
    if steps is None:
        return object()
    return [(step.opname, type(step.argval), _named(step.argval)) for step in steps]


def _named(value: Any) -> Any:
    """A lambda among the defaults is a closure itself, and follows its code."""
    return value.co_qualname if type(value) is CodeType else value


_UNKNOWN: Final = object()


def _constant(steps: Steps | None) -> Any:
    """What the instructions make, where they make it of constants alone."""
    if steps is None:
        return _UNKNOWN
    if not steps:
        return None
    stack = list[Any]()
    for step in steps:
        count = step.arg or 0
        if step.opname not in CONSTANT:
            return _UNKNOWN
        if step.opname == "LOAD_CONST":
            stack.append(step.argval)
        elif step.opname == "BUILD_TUPLE":
            stack[len(stack) - count :] = [tuple(stack[len(stack) - count :])]
        elif step.opname == "BUILD_MAP":
            items = stack[len(stack) - 2 * count :]
            stack[len(stack) - 2 * count :] = [dict(zip(items[::2], items[1::2], strict=True))]
        else:
            names = stack.pop()
            stack[len(stack) - count :] = [dict(zip(names, stack[len(stack) - count :], strict=True))]
    return stack[0] if len(stack) == 1 else _UNKNOWN
