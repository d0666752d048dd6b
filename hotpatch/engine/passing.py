"""May anybody pass an argument that the `__init__` of a class comes to take?  Then objects that live would
have been made with another value than its default.

Code that stays as it is passes what it passed before, and old code refused the new argument.  So what counts
is calls that changed code comes to make, and calls by stars of what the edit may have put into a dictionary:
where these may come to the class, by whatever name it has, or by a function that hands on what it takes.
"""

from __future__ import annotations

import dis
import functools
import itertools
import types
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

from attrs import frozen

from hotpatch.ops import Op, SlotKind

from . import codes
from .calls import ANY_NUMBER, ANYTHING, TAKES_MORE, Call, calls
from .literals import parameters_of
from .living import Living
from .recorded import Record
from .ways import Ways

Changed = Sequence[tuple[types.FunctionType, types.CodeType | None, types.CodeType]]
"""With the code before and after."""
Made = tuple[types.FunctionType, Call]
_BY_STARS: Final = dis.opmap["CALL_FUNCTION_EX"]


@frozen
class Argument:
    """A parameter that has a default."""

    name: str
    place: int
    """How many others come before it; ANY_NUMBER where it is taken by its name alone."""

    def may_be_in(self, call: Call) -> bool:
        is_of_class = call.callee.endswith(".__init__") and not call.callee.startswith(".")
        return bool({self.name, ANYTHING} & call.names) or call.count - is_of_class > self.place


def new_argument(before: types.CodeType | None, after: types.CodeType, name: str) -> Argument | None:
    """None where old calls may have had it, or have other arguments now.  `before` and `after` are the code
    of the `__init__`, None for that of `object`."""
    placed, keyed, _ = parameters_of(after)
    were, named, more = ((), frozenset[str](), False) if before is None else parameters_of(before)
    has_all = placed[: len(were)] == were and named <= keyed | {*placed}
    if more or not has_all or name in named | {*were}:
        return None
    return Argument(name, placed.index(name) if name in placed else ANY_NUMBER)


class Passing(Record):
    def __init__(self, changed: Changed, ops: Sequence[Op], is_local: Callable[[Any], bool]) -> None:
        """`changed` are the functions that the edit changes or brings, `ops` all that it does."""
        self._changed, self._is_local = changed, is_local
        self._new = {id(f): new for f, _, new in changed}
        self._ops = [op for op in ops if op.kind in (SlotKind.GLOBAL, SlotKind.ITEM, SlotKind.CLASS)]
        self._data = [op for op in ops if op.kind is not SlotKind.FUNCTION and not _is_of_python(op.key)]
        self._come: list[Made] | None = None
        self._starred: list[Made] | None = None
        self._takers = list[types.FunctionType]()
        """Functions of the program that take arguments as they come."""

    def may_pass(self, argument: Argument, classes: Sequence[type], objects: Living) -> bool:
        """`classes` are the one that is called, and what takes its place; `objects` are all that live."""
        starred = self._by_stars(objects)
        ways = Ways(classes, starred, self._ops, self._is_local, self._takers)
        if any(argument.may_be_in(call) and ways.lead(call, f) for f, call in self._coming()):
            return True
        if any(ways.is_handed_on(old, new, f) for f, old, new in self._changed):
            return True
        if any(
            _binds(obj, argument)
            for obj in objects.exactly(functools.partial)
            if _is_partial_of(obj, classes)
        ):
            return True
        left_open = [(f, call) for f, call in starred if not call.passes_on or id(f) in self._new]
        if any(ways.is_direct(call, f) for f, call in left_open) and self._comes_longer(argument.place):
            return True
        by_name = (ways.lead(call, f) for f, call in left_open if ANYTHING in call.names)
        return any(by_name) and (self._is_said(argument.name) or self._is_kept(argument, ways))

    def _coming(self) -> list[Made]:
        """Calls that code comes to make, but for those that hand on what the function was called with."""
        if self._come is None:
            self._come = []
            for f, old, new in self._changed:
                were = Counter() if old is None else Counter(map(_loosely, calls(old)))
                for call in calls(new):
                    were[_loosely(call)] -= 1
                    if were[_loosely(call)] < 0 and not call.passes_on:
                        self._come.append((f, call))
        return self._come

    def _by_stars(self, objects: Living) -> list[Made]:
        """Those of the whole program."""
        if self._starred is None:
            self._starred = []
            for f in objects.exactly(types.FunctionType):
                if self._is_local(f):
                    code = self._new.get(id(f), f.__code__)
                    self._takers += [f] if code.co_flags & TAKES_MORE else []
                    if any(_BY_STARS in part.co_code[::2] for part in codes.walk(code)):
                        self._starred += [(f, call) for call in calls(code) if call.count == ANY_NUMBER]
        return self._starred

    def _is_said(self, name: str) -> bool:
        """May the edit put an item of this name into a dictionary?"""
        if any(
            (op.kind is SlotKind.ITEM and op.name == name) or _has_key(op.after, name) for op in self._ops
        ):
            return True
        return any(
            _said(new, name) > (0 if old is None else _said(old, name)) for _, old, new in self._changed
        )

    def _comes_longer(self, place: int) -> bool:
        """May the edit make a sequence that reaches to this place, or put an item into one?"""
        if any(type(op.owner) is list or _length(op.after) > place for op in self._data):
            return True
        lengths = (
            (_lengths(new, place), _lengths(old, place) if old else 0) for _, old, new in self._changed
        )
        return any(after > before for after, before in lengths)

    def _is_kept(self, argument: Argument, ways: Ways) -> bool:
        """Does code come to pass it to what takes arguments as they come, and may keep them?"""
        return any(argument.name in call.names and ways.takes_any(call, f) for f, call in self._coming())


def _is_of_python(key: Any) -> bool:
    """`__static_attributes__`, say, which code asks nobody to call by."""
    return type(key) is str and key.startswith("__") and key.endswith("__")


def _loosely(call: Call) -> tuple[str, int, frozenset[str]]:
    return call.callee, call.count, call.names


def _is_partial_of(obj: Any, classes: Sequence[type]) -> bool:
    return any(obj.func is cls for cls in classes)


def _binds(partial: functools.partial[Any], argument: Argument) -> bool:
    return argument.name in partial.keywords or len(partial.args) > argument.place


def _has_key(value: Any, name: str, depth: int = 4) -> bool:
    parts = value.values() if type(value) is dict else value if type(value) in (list, tuple) else ()
    is_there = type(value) is dict and name in value
    return is_there or (depth > 0 and any(_has_key(part, name, depth - 1) for part in parts))


def _length(value: Any, depth: int = 4) -> int:
    """Of a sequence, or of one that is in it."""
    if type(value) is dict:
        value = list(value.values()) if depth else ()
        return max((_length(part, depth - 1) for part in value), default=0)
    if type(value) not in (list, tuple):
        return 0
    return max([len(value), *(_length(part, depth - 1) for part in (value if depth else ()))])


def _lengths(code: types.CodeType, place: int) -> int:
    """How many sequences the code makes that reach there."""
    found = 0
    for part in codes.walk(code):
        for step, after in itertools.pairwise(codes.steps_of(part)):
            if step.opname in _MAKES:
                found += (step.arg or 0) > place
            elif step.opname == "LOAD_CONST" and after.opname != "CALL_KW":
                found += _length(step.argval) > place
            found += after.opname in _GROWS
    return found


_MAKES: Final = ("BUILD_TUPLE", "BUILD_LIST")
_GROWS: Final = frozenset({"LIST_APPEND", "LIST_EXTEND"})


def _said(code: types.CodeType, name: str) -> int:
    """How often the code has it as text, but for names of arguments; `dict(a=1)` says it as well."""
    found = sum(name in call.names and call.callee == "dict" for call in calls(code))
    for part in codes.walk(code):
        for step, after in itertools.pairwise(codes.steps_of(part)):
            if step.opname == "LOAD_CONST" and after.opname != "CALL_KW":
                value = step.argval
                found += name in value if type(value) is tuple else type(value) is str and value == name
    return found
