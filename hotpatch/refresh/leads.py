"""Which functions lead, by the names that they use, to code that changes.

A cache in front of a function that didn't change itself may still hold answers that changed code gave.  Names
are followed from the function's code: globals to what they are bound to, functions and classes of the
program into their own code, attributes of unknown objects by name alone.  The answer errs on the side of
yes: a cache emptied for nothing costs time, one kept wrongly gives wrong answers.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

from hotpatch.engine.codes import walk
from hotpatch.engine.reading import enclosed
from hotpatch.refresh.update import Update, unwrapped

_CALLED_ANYHOW = frozenset({"__init__", "__new__", "__call__", "__post_init__", "__get__"})


class Leads:
    """Answers for one update; remembers what it has followed."""

    def __init__(self, update: Update) -> None:
        self._update = update
        self._spaces = {id(vars(module)): name for name, module in update.program.items()}
        self._variables = {name: update.view.names(module) for name, module in update.program.items()}
        self._members = frozenset(name.rpartition(".")[2] for _, name in update.names if "." in name)
        self._innocent: set[int] = set()

    def to_change(self, value: object) -> bool:
        """Whether calling this function, method, class or wrapper may run changed code or read a changed
        name.
        """
        seen: dict[int, Any] = {}
        todo: list[Any] = list(_callables(value))
        while todo:
            found = todo.pop()
            if id(found) in seen or id(found) in self._innocent:
                continue
            seen[id(found)] = found
            if id(found) in self._update.functions or id(found) in self._update.classes:
                return True
            if type(found) is types.FunctionType:
                if self._reads_change(found):
                    return True
                todo += self._used(found)
            else:
                own = self._update.view.attributes(found)
                todo += [part for name in _CALLED_ANYHOW for part in _callables(own.get(name))]
        self._innocent |= seen.keys()
        return False

    def _reads_change(self, function: types.FunctionType) -> bool:
        if any(id(cell) in self._update.owners for cell in function.__closure__ or ()):
            return True
        module = self._spaces.get(id(function.__globals__))
        if module is None:
            return False
        names = self._names(function)
        if names & self._members or any((module, name) in self._update.names for name in names):
            return True
        space = self._variables[module]
        used = (space.get(name) for name in names)
        modules = {vars(value)["__name__"] for value in used if _is_module(value)}
        return any(other in modules and name in names for other, name in self._update.names)

    def _used(self, function: types.FunctionType) -> Iterator[object]:
        """What the function's names are bound to, as far as it is the program's."""
        module = self._spaces.get(id(function.__globals__))
        if module is None:
            return
        names = self._names(function)
        for part in enclosed(function):
            yield from _callables(part)
        for name in names:
            value: Any = self._variables[module].get(name)
            yield from _callables(value)
            if _is_module(value):
                space = self._update.view.names(value)
                for attribute in names & space.keys():
                    yield from _callables(space[attribute])
            elif issubclass(type(value), type):
                own = self._update.view.attributes(value)
                for attribute in names & own.keys():
                    yield from _callables(own[attribute])

    def _names(self, function: types.FunctionType) -> frozenset[str]:
        code = self._update.view.code(function)
        return frozenset(name for part in walk(code) for name in part.co_names)


def _is_module(value: object) -> bool:
    return issubclass(type(value), types.ModuleType)  # not isinstance: it would wake a lazy proxy


def _callables(value: object) -> Iterator[object]:
    """The functions and classes that a value is or wraps."""
    for part in unwrapped(value):
        if type(part) is types.FunctionType or issubclass(type(part), type):
            yield part
