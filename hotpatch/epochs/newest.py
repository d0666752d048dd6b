"""The process as its newest version sees it: what stands in a slot, past dispatchers, aliases, descriptors.

For whoever compares the living process with sources while several versions run, or lays the next release on
top of them.  Answers the questions of the engine's `View`.  Where a slot has one value, the answer is what
stands there; a version that is staged or in canary counts as the newest.

Thread-safety: reads under the versions' lock, answer by answer.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final

from hotpatch.epochs import aliases
from hotpatch.epochs.change import Change, body_part
from hotpatch.epochs.functions import Body, clones
from hotpatch.epochs.history import Entry
from hotpatch.epochs.members import Member
from hotpatch.epochs.originals import original
from hotpatch.epochs.world import World
from hotpatch.ops import ABSENT, SlotKind

_attributes_of: Final = type.__dict__["__dict__"].__get__
_RECORDS: Final = (Change, Entry, Body)


class Newest:
    """A view of this process; good for as long as the process lives, not in its forked children."""

    def __init__(self, world: World, lock: AbstractContextManager[Any]) -> None:
        self._world = world
        self._lock = lock

    def modules(self) -> Mapping[str, Any]:
        with self._lock:
            imports = {name: slot.newest() for name, slot in self._world.imports.items()}
        if not imports:
            return sys.modules
        found = {**sys.modules, **imports}
        return {name: module for name, module in found.items() if module is not ABSENT}

    def names(self, module: ModuleType) -> Mapping[str, Any]:
        space = vars(module)
        hidden = aliases.names_in(space)
        with self._lock:
            split = {k: v.newest() for k, v in self._world.variables.get(id(space), {}).items()}
        if not hidden and not split:
            return space
        found = {**space, **split}
        return {k: v for k, v in found.items() if k not in hidden and v is not ABSENT}

    def name(self, module: ModuleType, name: str, otherwise: Any) -> Any:
        space = vars(module)
        with self._lock:
            variable = self._world.variables.get(id(space), {}).get(name)
            found = space.get(name, ABSENT) if variable is None else variable.newest()
        return otherwise if found is ABSENT or aliases.is_alias(space, name) else found

    def attributes(self, cls: type) -> Mapping[str, Any]:
        own: Mapping[str, Any] = _attributes_of(cls)
        seen = dict(own)
        if not any(issubclass(type(value), Member) for value in seen.values()):
            return own
        found = {k: v.newest() if issubclass(type(v), Member) else v for k, v in seen.items()}
        return {k: v for k, v in found.items() if v is not ABSENT}

    def code(self, function: FunctionType) -> CodeType:
        with self._lock:
            body = self._world.newest_body(function)
        return original(function.__code__) if body is None else body.code

    def written(self, code: CodeType) -> CodeType:
        return original(code)

    def part(self, function: FunctionType, attribute: str) -> Any:
        part = body_part(SlotKind.FUNCTION, attribute)
        if part is not None:
            with self._lock:
                body = self._world.newest_body(function)
            if body is not None:
                return getattr(body, part)
        return getattr(function, attribute, None)

    def own(self, function: FunctionType) -> Mapping[str, Any]:
        space = vars(function)
        with self._lock:
            if not self._world.shows_signature(function):
                return space
        return {name: value for name, value in space.items() if name != "__signature__"}

    def is_machinery(self, obj: Any) -> bool:
        return type(obj) is FunctionType and obj in clones

    def keeps(self, holder: Any, obj: Any) -> bool:
        if type(holder) in _RECORDS:
            return True
        if type(holder) is not dict:
            return False
        under = {name for name, value in holder.items() if value is obj}
        return bool(under) and under <= aliases.names_in(holder)
