"""What code does with attributes: reads them, sets them, asks for them first; told from its instructions.

Instructions as CPython 3.11 to 3.13 have them: an attribute is set by STORE_ATTR, `self` is loaded by the
instruction before, and whatever names an attribute in another way reads it.
"""

from __future__ import annotations

import dis
import itertools
from collections.abc import Iterable, Iterator
from types import CodeType
from typing import Any, Final

from . import codes, instructions

_PLAIN: Final = (str, bytes, int, float, complex, bool, type(None), tuple, frozenset, CodeType)
"""Types of the constants that a compiler makes."""


def plain_steps(code: CodeType) -> Iterator[dis.Instruction]:
    """Its instructions, without constants that a compiler doesn't make: code that stands for an object, and
    passes calls on to it, has such a one, and it may have ways of its own to be compared."""
    for step in instructions.of(code):
        yield step if type(step.argval) in _PLAIN else step._replace(argval=None)


def needed(code: CodeType) -> set[str]:
    """Names of attributes that an object must have by the time that this runs, functions inside included:
    not those that the code only sets, that it sets before all else, or that it asks for and sets."""
    reads = {
        step.argval
        for part in codes.walk(code)
        for step in plain_steps(part)
        if step.opname != "STORE_ATTR" and _is_named(step, part)
    }
    return reads - set_where_missing(code) - (_set_first(code) & used_on_self_alone(code))


def _is_named(step: dis.Instruction, code: CodeType) -> bool:
    """Does it name what may be an attribute?  A variable of the function may be called the same."""
    return step.opcode not in _VARIABLES and step.argval in code.co_names


_VARIABLES: Final = frozenset({*dis.haslocal, *dis.hasfree})


def _set_first(code: CodeType) -> set[str]:
    """Attributes of its first argument that a method sets, whatever the way it goes, before it reads them.
    One inside of `try` may be passed over."""
    steps = list(plain_steps(code))
    if _catches_any(steps):
        return set()
    inside = instructions.comprehensions(steps)
    branch = (i for i, step in enumerate(steps) if step.opcode in codes.JUMPS and i not in inside)
    straight = steps[: next(branch, None)]
    mine = {step.offset for step in _stores_on_self(code, straight)}
    is_set: dict[Any, bool] = {}
    for step in straight:
        if step.offset in mine or (step.opname != "STORE_ATTR" and _is_named(step, code)):
            is_set.setdefault(step.argval, step.offset in mine)
    return {name for name, first in is_set.items() if first}


def stored_on_self(code: CodeType) -> set[str]:
    """Attributes that a method sets on its first argument."""
    return {step.argval for step in _stores_on_self(code, plain_steps(code))}


def stored(code: CodeType) -> set[str]:
    """Attributes that the code sets, or deletes, on whatever object; functions inside included."""
    return {
        step.argval
        for part in codes.walk(code)
        for step in plain_steps(part)
        if step.opname in ("STORE_ATTR", "DELETE_ATTR")
    }


def puts_into(code: CodeType) -> bool:
    """Does the code put items into something, take some out, or add something to it where it is?"""
    return any(
        step.opname in _ITEMS or (step.opname == "BINARY_OP" and step.argrepr.endswith("="))
        for part in codes.walk(code)
        for step in plain_steps(part)
    )


_ITEMS: Final = frozenset({"STORE_SUBSCR", "DELETE_SUBSCR", "STORE_SLICE"})


def run_for_sure(code: CodeType) -> set[int]:
    """Offsets of the instructions that run whenever the code comes to its end, whichever way it goes."""
    found, certain_from, steps = set[int](), 0, list(plain_steps(code))
    if _catches_any(steps):
        return found
    for step in steps:
        if step.opcode in codes.JUMPS and step.argval > step.offset:  # a loop may be left by one past its end
            certain_from = max(certain_from, step.argval)
        if step.offset >= certain_from:
            found.add(step.offset)
        if step.opname.startswith("RETURN") and step.opname != "RETURN_GENERATOR":
            break
    return found


def _catches_any(steps: Iterable[dis.Instruction]) -> bool:
    """Does something that is caught pass over a part of the code?  Not every handler catches: what puts the
    variables of a comprehension back has one, and every generator."""
    return any(step.opname == "PUSH_EXC_INFO" for step in steps)


def inits_called(code: CodeType) -> tuple[bool, set[str]]:
    """Of which classes does an `__init__` call that method, whichever way it goes?  Whether of the one that
    comes next, by `super()`; and the names of others."""
    mine = "__class__", code.co_qualname.rpartition(".")[0].rpartition(".")[2]
    steps, certain = codes.steps_of(code), run_for_sure(code)
    is_next, named = False, set[str]()
    for at, step in enumerate(steps):
        if step.argval != "__init__" or step.offset not in certain or at < 2:
            continue
        before, earlier = steps[at - 1], steps[max(at - 4, 0) : at - 1]
        if step.opname.startswith("LOAD_SUPER"):
            is_next = is_next or earlier[-1].argval in mine
        elif before.opname == "CALL":
            called = [s.argval for s in earlier]
            is_bare = not before.arg and called[-1] == "super"
            is_next = is_next or is_bare or (before.arg == 2 and called[:2] == ["super", mine[1]])
        elif before.opname.startswith("LOAD_") and type(before.argval) is str:
            named.add(before.argval)
    return is_next, named


def set_to_none(code: CodeType) -> set[str]:
    """Attributes that a method sets on its first argument to None, and to nothing else."""
    me, steps = code.co_varnames[:1], list(plain_steps(code))
    mine = {step.offset for step in _stores_on_self(code, steps)}
    is_none, found, others = False, set[str](), set[str]()
    for step in steps:
        if step.offset in mine:
            (found if is_none else others).add(step.argval)
        elif step.opname == "LOAD_CONST":
            is_none = step.argval is None
        elif step.opname != "COPY" and not (type(step.argval) is str and me and _loads(step, me[0])):
            is_none = False
    return found - others


def asked_whether_set(code: CodeType) -> set[str]:
    """Names of attributes that the code looks at for whether there is something: `if x.a`, `x.a or b`,
    `x.a is None`."""
    found = set[str]()
    for part in codes.walk(code):
        steps = list(plain_steps(part))
        for step, after, last in zip(steps, steps[1:], steps[2:], strict=False):
            is_none = after.opname == "LOAD_CONST" and after.argval is None and last.opname == "IS_OP"
            goes = after.opcode in codes.JUMPS or after.opname in _ASKS
            if step.opname == "LOAD_ATTR" and (is_none or goes):
                found.add(step.argval)
    return found


_ASKS: Final = frozenset({"COPY", "TO_BOOL", "UNARY_NOT"})


def given(code: CodeType) -> set[str]:
    """Attributes that code sets on what it may have made; not on what it was handed, nor where it adds to
    one, which has to be there."""
    return {name for name, _ in given_to(code)}


def given_to(code: CodeType) -> set[tuple[str, str | None]]:
    """The same, each with the local variable that holds what it is set on; None where that is not told."""
    bound = {step.argval for step in plain_steps(code) if step.opname.startswith("STORE_FAST")}
    handed = set(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]) - bound
    return {(name, variable) for name, variable in set_on(code) if variable not in handed}


def set_on(code: CodeType) -> set[tuple[str, str | None]]:
    """Attributes that code sets, but not where it adds to one, each with the local variable, handed or not,
    that holds what it is set on; None where that is not told."""
    return {
        (step.argval, local(last))
        for last, step in itertools.pairwise(plain_steps(code))
        if step.opname == "STORE_ATTR" and last.opname != "SWAP"
    }


def local(step: dis.Instruction) -> str | None:
    """The local variable that the step puts on top, if it does."""
    return _loaded(step) if step.opname.startswith(_LOCAL) else None


_LOCAL: Final = ("LOAD_FAST", "LOAD_DEREF")


def used_on_self_alone(code: CodeType) -> set[str]:
    """Names by which the code, or code inside it, speaks of nothing but attributes of its first argument."""
    me, of_self, of_others = code.co_varnames[:1] if code.co_argcount else (), set[str](), set[str]()
    for part in codes.walk(code):
        last, held = None, False  # `self` stays on the stack for the second half of `self.x += 1`
        for step in plain_steps(part):
            mine = part is code and last is not None and me and _loads(last, me[0])
            if step.opname == "COPY" and mine:
                held = True
            elif _is_named(step, part):
                again = held and last is not None and last.opname in ("COPY", "SWAP")
                is_attribute = step.opname.endswith(("_ATTR", "_METHOD"))
                (of_self if is_attribute and (mine or again) else of_others).add(step.argval)
            last = step
    return of_self - of_others


def set_where_missing(code: CodeType) -> set[str]:
    """Attributes of its first argument that a method asks for (`hasattr`, an AttributeError caught) and sets
    itself."""
    asked = {const for const in code.co_consts if type(const) is str} if "hasattr" in code.co_names else set()
    stored = stored_on_self(code)
    return stored if stored and _catches(code, "AttributeError") else stored & asked


def may_fill_dictionary(code: CodeType) -> bool:
    """Does the code take an object's `__dict__` for more than to read in it, or to hand it on?  What it does
    with what `vars` gives is taken from whether it fills anything."""
    steps = list(plain_steps(code))
    if "vars" in code.co_names and any(s.opname == "STORE_SUBSCR" or s.argval in _FILLING for s in steps):
        return True
    return any(
        taken.argval == "__dict__" and after.opname not in _HANDED_ON and after.argval not in _READING
        for taken, after in itertools.pairwise(steps)
    )


_HANDED_ON: Final = frozenset({"PRECALL", "CALL", "GET_ITER", "CONTAINS_OP", "RETURN_VALUE"})
_FILLING: Final = frozenset({"update", "setdefault"})
_READING: Final = frozenset({"get", "items", "keys", "values", "copy"})


def _catches(code: CodeType, name: str) -> bool:
    steps = itertools.pairwise(plain_steps(code))
    return any(a.argval == name and b.opname == "CHECK_EXC_MATCH" for a, b in steps)


def _stores_on_self(code: CodeType, steps: Iterable[dis.Instruction]) -> Iterator[dis.Instruction]:
    """Those of the steps that set an attribute of the first argument."""
    me, last = code.co_varnames[:1], None
    if not me or not code.co_argcount:
        return
    held = False  # `self` stays on the stack for the second half of `self.x += 1`
    for step in steps:
        if last is not None and step.opname == "COPY" and _loads(last, me[0]):
            held = True
        elif step.opname == "STORE_ATTR" and last is not None:
            if _loads(last, me[0]) or (held and last.opname in ("COPY", "SWAP")):
                yield step
            held = False
        last = step


def _loads(step: dis.Instruction, name: str) -> bool:
    return _loaded(step) == name


def _loaded(step: dis.Instruction) -> str | None:
    """The name of what the step leaves on top, if it has one."""
    is_load = step.opname.startswith("LOAD_") and step.opname != "LOAD_CONST"
    return step.argval if is_load and type(step.argval) is str else None
