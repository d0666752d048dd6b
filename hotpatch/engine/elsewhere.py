"""What code does with an attribute elsewhere than where it is declared, or set by `__init__`.

Such an attribute may say what has happened since an object was made.  Changed code counts for all that it
does; unchanged code for what it does to other objects than its own, for changed code may call it now, and for
what it does with names that it is handed.
"""

from __future__ import annotations

import inspect
import types
import weakref
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final, NamedTuple

from . import arguments, attribute_use, codes, declared, making
from .instances import methods_of
from .keys import Keys
from .living import Living
from .making import MAKERS
from .reading import class_attribute, mro_of
from .recorded import Record

MUTATING: Final = frozenset(
    {"add", "append", "appendleft", "clear", "extend", "extendleft", "insert", "pop", "popleft", "popitem"}
    | {"remove", "reverse", "rotate", "setdefault", "update", "discard", "sort", "shuffle", "subtract"}
    | {"difference_update", "intersection_update", "symmetric_difference_update"}
    | {"heappush", "heappop", "heapify", "heapreplace", "heappushpop", "insort", "insort_left"}
    | {"insort_right", "__iadd__", "__ior__", "__iand__", "__isub__", "__ixor__", "__setitem__"}
)
COPYING: Final = frozenset({"replace", "evolve", "assoc", "_replace", "__replace__", "__class__", "type"})
"""By these code makes an object like another, and says by keywords what is different."""
BY_TEXT: Final = frozenset({"model_copy", "model_construct"})
"""By these it does so with names as text."""

Changed = Sequence[tuple[types.FunctionType, types.CodeType]]


class _Named(NamedTuple):
    """Functions, by their names, that do more to an object than the code says which calls them."""

    setters: set[str]
    """They set attributes by names that they are handed."""
    takers: set[str]
    """They take arguments as they come, and may hand them on."""
    fillers: set[str]
    """They put something into a container."""


class Elsewhere(Record):
    """To be told by `look` of which attributes it shall answer."""

    def __init__(self, changed: Changed, is_local: Callable[[Any], bool]) -> None:
        self._changed = [(f, code) for f, code in changed if not declared.is_generated(code)]
        self._is_local = is_local
        self._named = set[str]().union(*(codes.names_in(code) for _, code in self._changed))
        self._known, self._set, self._filled = set[str](), set[str](), set[str]()
        self._by_keyword = set[str]()
        """What is handed over by its name where objects are made, or to code that may hand it on."""
        self._passed: dict[str, list[weakref.ref[type]]] = {}
        """What is handed to a call of a class by its name, and these classes.  Held weakly, for this lives as
        long as an undo, and they may give way to others."""
        self._by_position: list[tuple[weakref.ref[type], int]] = []
        """Classes, and how many arguments they are called with."""

    def look(self, names: Collection[str], objects: Living) -> None:
        """`objects` are all that live."""
        if self._known >= set(names):
            return
        self._known |= set(names)
        changed = {id(f) for f, _ in self._changed}
        called = _Named(set(BY_TEXT), set(COPYING), set(MUTATING))
        for f in filter(self._is_local, objects.exactly(types.FunctionType)):
            code = f.__code__
            if id(f) not in changed and self._known & codes.names_in(code):
                self._set |= attribute_use.stored(code) - _on_its_own(code)
            if f.__name__ in self._named:
                called.setters.update([f.__name__] if _sets_by_text(code) else ())
                called.takers.update([f.__name__] if code.co_flags & inspect.CO_VARKEYWORDS else ())
                called.fillers.update([f.__name__] if _fills(code) else ())
        for f, code in self._changed:
            self._learn(f, code, called)

    def _learn(self, f: types.FunctionType, code: types.CodeType, called: _Named) -> None:
        named = codes.names_in(code)
        is_maker = code.co_name in MAKERS
        self._set |= attribute_use.stored(code) - (_on_its_own(code) if is_maker else set())
        if named & called.setters or _sets_by_text(code):
            self._set |= arguments.texts(code)
        keywords = arguments.keywords(code)
        if is_maker or named & called.takers or "cls" in code.co_varnames[:1]:
            self._by_keyword |= keywords
        for cls in making.classes_made(code, f.__globals__):
            for name in keywords:
                self._passed.setdefault(name, []).append(weakref.ref(cls))
        for name, count in Keys.of(code).calls:
            made: Any = f.__globals__.get(name)
            if issubclass(type(made), type):
                self._by_position.append((weakref.ref(made), count))
        if named & called.fillers or _fills(code):
            self._filled |= named

    def is_set(self, name: str, cls: type) -> bool:
        """Does code set it?"""
        return name in self._set or any(_is_set_by(name, base) for base in mro_of(cls))

    def is_passed(self, name: str, cls: type, init: types.CodeType | None) -> bool:
        """May code make an object of the class with another one?  `init` is the code of the `__init__` that
        the class comes to have."""
        if name in self._by_keyword:
            return True
        made = list(self._passed.get(name, ()))
        if init is not None and name in (taken := init.co_varnames[1 : init.co_argcount]):
            made += [other for other, count in self._by_position if count > taken.index(name)]
        alive = [other for ref in made if (other := ref()) is not None]
        return any(_is_below(cls, other) or _is_below(other, cls) for other in alive)

    def fills(self, name: str) -> bool:
        """Does code put something into a container of that name?"""
        return name in self._filled


def _is_below(cls: type, base: type) -> bool:
    return any(other is base for other in mro_of(cls))


def calls_itself(cls: type) -> bool:
    """Has the class's own class a way to make objects that sets attributes by their names?"""
    call = class_attribute(type(cls), "__call__")
    return type(call) is types.FunctionType and _sets_by_text(call.__code__)


def _on_its_own(code: types.CodeType) -> set[str]:
    """What a method sets on its own object, and code inside it does not."""
    if "." not in code.co_qualname:
        return set()
    inside = (attribute_use.stored(part) for part in codes.inner(code))
    return attribute_use.stored_on_self(code).difference(*inside)


def _is_set_by(name: str, cls: type) -> bool:
    """Does a method of the class set it, but for what makes its objects?"""
    methods = [f for f in methods_of(cls) if f.__name__ not in MAKERS and name in codes.names_in(f.__code__)]
    return any(name in attribute_use.stored(f.__code__) for f in methods)


def _fills(code: types.CodeType) -> bool:
    return bool(MUTATING & codes.names_in(code)) or attribute_use.puts_into(code)


def _sets_by_text(code: types.CodeType) -> bool:
    return any(map(making.sets_by_text, codes.walk(code)))
