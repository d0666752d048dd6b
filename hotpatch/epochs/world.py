"""All slots of this process that have more than one value at the moment, and what is done to all of them.

Empty most of the time.  Not thread-safe by itself: `versions.py` calls it under one lock.  Whatever it does
is a row of single stores; requests run between any two of them, and see what they would have seen before.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable
from types import FunctionType, ModuleType
from typing import Any

from hotpatch.epochs import history
from hotpatch.epochs.bodies import Bodies
from hotpatch.epochs.functions import Body
from hotpatch.epochs.history import History
from hotpatch.epochs.members import ClassAttribute
from hotpatch.epochs.modules import split
from hotpatch.epochs.variables import Variable
from hotpatch.ops import ABSENT


class Imported:
    """`sys.modules[name]` where only one of the versions has it: there while any live epoch needs it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.history: History[Any] = history.begun(sys.modules.get(name, ABSENT))

    def newest(self) -> Any:
        return self.history[-1].value

    def push(self, epoch: int, value: Any) -> None:
        self.history = history.pushed(self.history, epoch, value)
        if value is not ABSENT:
            sys.modules[self.name] = value

    def settle(self, live: Collection[int]) -> None:
        self.history = history.needed(self.history, live)
        present = [entry.value for entry in self.history if entry.value is not ABSENT]
        if not present:
            sys.modules.pop(self.name, None)

    @property
    def settled(self) -> bool:
        return len(self.history) == 1


class World:
    """The slots by owner.  A slot comes with the first release that changes it, and goes once settled."""

    def __init__(self) -> None:
        self.bodies: dict[int, Bodies] = {}
        self.variables: dict[int, dict[str, Variable]] = {}
        self.members: dict[tuple[int, str], ClassAttribute] = {}
        self.imports: dict[str, Imported] = {}

    @property
    def plain(self) -> bool:
        """No slot has more than one value: calls cost what they cost without hotpatch."""
        return not (self.bodies or self.variables or self.members or self.imports)

    def body(self, function: FunctionType) -> Bodies:
        return self.bodies.get(id(function)) or self.bodies.setdefault(id(function), Bodies(function))

    def variable(self, module: ModuleType, name: str) -> Variable:
        of_module = self.variables.setdefault(id(vars(module)), {})
        return of_module.get(name) or of_module.setdefault(name, Variable(module, name))

    def member(self, owner: type, name: str) -> ClassAttribute:
        key = id(owner), name
        return self.members.get(key) or self.members.setdefault(key, ClassAttribute(owner, name))

    def imported(self, name: str) -> Imported:
        return self.imports.get(name) or self.imports.setdefault(name, Imported(name))

    def split_names(self) -> dict[int, frozenset[str]]:
        """The globals with several values, by the id of their module's dict."""
        return {key: frozenset(of_module) for key, of_module in self.variables.items()}

    def split_modules(self) -> None:
        """Let the modules with such globals answer for them by epoch."""
        for of_module in self.variables.values():
            split(next(iter(of_module.values())).module, of_module.values())

    def readers(self, functions: Iterable[FunctionType]) -> None:
        """Take up those of `functions` that read a global with several values."""
        for function in functions:
            key = id(function.__globals__)
            if id(function) not in self.bodies and key in self.variables:
                slot = Bodies(function)
                if slot.mentions(frozenset(self.variables[key])):
                    self.bodies[id(function)] = slot

    def refresh(self, shown: int) -> None:
        """Let every function run what its history and the globals it reads say."""
        for slot in list(self.bodies.values()):
            slot.refresh(self.variables.get(id(slot.function.__globals__), {}), shown)
            if slot.settled and len(slot.history) == 1:
                del self.bodies[id(slot.function)]

    def settle(self, live: Collection[int], shown: int) -> None:
        """Collapse, squash and withdrawal in one: drop every value that no live epoch reads.

        Whoever is on a live epoch gets, before and after each of these stores, the same values; so they may
        come in any order.  The real names come first, because the plain code of functions reads them.
        """
        for of_module in self.variables.values():
            for variable in of_module.values():
                variable.settle(live)
        for slot in self.bodies.values():
            slot.settle(live)
        self._forget_settled_variables()
        self.refresh(shown)
        for key, member in list(self.members.items()):
            member.settle(live)
            if member.settled:
                del self.members[key]
        for name, imported in list(self.imports.items()):
            imported.settle(live)
            if imported.settled:
                del self.imports[name]

    def _forget_settled_variables(self) -> None:
        for key, of_module in list(self.variables.items()):
            left = {name: variable for name, variable in of_module.items() if not variable.settled}
            split(next(iter(of_module.values())).module, left.values())
            if left:
                self.variables[key] = left
            else:
                del self.variables[key]

    def show(self, epoch: int) -> None:
        for slot in self.bodies.values():
            slot.show(epoch)

    def shows_signature(self, function: FunctionType) -> bool:
        slot = self.bodies.get(id(function))
        return slot is not None and slot.shows_signature

    def newest_body(self, function: FunctionType) -> Body | None:
        slot = self.bodies.get(id(function))
        return None if slot is None else slot.newest()
