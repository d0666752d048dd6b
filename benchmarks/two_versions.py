"""Two versions of some modules, as the list of ops that leads from one to the other.

    program = Program({"shop": OLD}, tmp_path)
    ops = program.ops({"shop": NEW})

A small builder for tests and benchmarks of `hotpatch.epochs`, so that these need no clean starts: same names
are the same definitions, functions keep their object, everything else that differs is a new value.  Each
version is really executed, in modules of its own that the running ones do not see.
"""

from __future__ import annotations

import builtins
import linecache
import sys
from pathlib import Path
from types import CellType, FunctionType, ModuleType
from typing import Any

from hotpatch.epochs import newest
from hotpatch.epochs.closures import fit
from hotpatch.ops import ABSENT, Op, SlotKind

SKIPPED = {"__builtins__", "__name__", "__spec__", "__loader__", "__package__", "__file__", "__cached__"}
SKIPPED_IN_CLASS = {"__dict__", "__weakref__", "__module__", "__firstlineno__", "__static_attributes__"}
FUNCTION_PARTS = ("__defaults__", "__kwdefaults__", "__doc__", "__annotations__")


class Program:
    """Modules that live in `sys.modules` until `close`."""

    def __init__(self, sources: dict[str, str], folder: Path) -> None:
        self.folder = folder
        self.modules = {name: ModuleType(name) for name in sources}
        sys.modules.update(self.modules)
        self._execute(sources, self.modules)

    def __getitem__(self, name: str) -> Any:
        return self.modules[name]

    def close(self) -> None:
        for name in self.modules:
            sys.modules.pop(name, None)

    def _execute(self, sources: dict[str, str], modules: dict[str, ModuleType]) -> None:
        importing = {**vars(builtins), "__import__": _importer(modules)}
        for name, source in sources.items():
            path = str(self.folder / f"{name}.py")
            lines = source.splitlines(keepends=True)
            linecache.cache[path] = (len(source), None, lines, path)
            if modules is not self.modules:
                vars(modules[name])["__builtins__"] = importing
            exec(compile(source, path, "exec", dont_inherit=True), vars(modules[name]))

    def ops(self, sources: dict[str, str]) -> tuple[Op, ...]:
        """The ops from what the newest version has to `sources`, in order of import."""
        return _Builder(self.modules, self.apart(sources)).ops()

    def apart(self, sources: dict[str, str]) -> dict[str, ModuleType]:
        """The modules that a process has which runs these sources and no others."""
        fresh = {name: ModuleType(name) for name in sources}
        self._execute(sources, fresh)
        return fresh


def _importer(modules: dict[str, ModuleType]) -> Any:
    def import_(name: str, *args: Any) -> Any:
        return modules[name] if name in modules else __import__(name, *args)

    return import_


class _Builder:
    def __init__(self, live: dict[str, ModuleType], fresh: dict[str, ModuleType]) -> None:
        self.live = live
        self.fresh = fresh
        self.found: list[Op] = []
        self.counterparts: dict[int, Any] = {id(fresh[name]): live[name] for name in fresh}

    def ops(self) -> tuple[Op, ...]:
        for name, fresh in self.fresh.items():
            self._pair(vars(self.live[name]), vars(fresh))
        for name, fresh in self.fresh.items():
            self._module(name, self.live[name], fresh)
        return tuple(self.found)

    def _pair(self, live: Any, fresh: Any) -> None:
        for key, new in list(fresh.items()):
            old = live.get(key, ABSENT)
            if (
                type(old) is type(new)
                and isinstance(new, (FunctionType, type))
                and id(new) not in self.counterparts
            ):
                self.counterparts[id(new)] = old
                if isinstance(new, type):
                    self._pair(vars(old), vars(new))

    def _module(self, name: str, live: ModuleType, fresh: ModuleType) -> None:
        for key in {**vars(live), **vars(fresh)}:
            if key in SKIPPED or "@" in key:
                continue
            old = newest(live, SlotKind.GLOBAL, key, vars(live).get(key, ABSENT))
            new = vars(fresh).get(key, ABSENT)
            self._slot(live, SlotKind.GLOBAL, key, old, new, f"{name}.{key}", vars(live))

    def _slot(
        self, owner: Any, kind: SlotKind, key: str, old: Any, new: Any, where: str, home: dict[str, Any]
    ) -> None:
        if self.counterparts.get(id(new)) is old and isinstance(old, FunctionType):
            if new.__module__ == home["__name__"]:
                self._function(old, new, where, home)
        elif self.counterparts.get(id(new)) is old and isinstance(old, type):
            if new.__module__ == home["__name__"]:
                self._class(old, new, where, home)
        elif isinstance(old, (staticmethod, classmethod)) and type(new) is type(old):
            self._function(old.__func__, new.__func__, where, home)  # type: ignore[arg-type]
        elif isinstance(old, property) and isinstance(new, property) and _parts(old) == _parts(new):
            for part in ("fget", "fset", "fdel"):
                if getattr(old, part) is not None:
                    self._function(getattr(old, part), getattr(new, part), f"{where}.{part}", home)
        elif not _equal(old, new):
            owner_class = owner if kind is SlotKind.CLASS else None
            self.found.append(Op(owner, kind, key, old, self._at_home(new, home, owner_class), where))

    def _class(self, old: type, new: type, where: str, home: dict[str, Any]) -> None:
        for key in {**vars(old), **vars(new)}:
            if key not in SKIPPED_IN_CLASS:
                before = newest(old, SlotKind.CLASS, key, vars(old).get(key, ABSENT))
                after = vars(new).get(key, ABSENT)
                self._slot(old, SlotKind.CLASS, key, before, after, f"{where}.{key}", home)

    def _function(self, old: FunctionType, new: FunctionType, where: str, home: dict[str, Any]) -> None:
        code = newest(old, SlotKind.CODE, None, old.__code__)
        if code != new.__code__ or code.co_consts != new.__code__.co_consts:
            moved = self._moved(new, home, None, old)
            self.found.append(Op(old, SlotKind.CODE, None, code, fit(old, moved), where))
        for one, other in zip(old.__closure__ or (), new.__closure__ or (), strict=False):
            if one is not other and all(_holds_function(cell) for cell in (one, other)):
                self._function(one.cell_contents, other.cell_contents, f"{where}.<closure>", home)
        for part in FUNCTION_PARTS:
            before = newest(old, SlotKind.FUNCTION, part, getattr(old, part))
            after = getattr(new, part)
            if before != after:
                self.found.append(Op(old, SlotKind.FUNCTION, part, before, after, where))

    def _at_home(self, value: Any, home: dict[str, Any], owner: type | None) -> Any:
        """The value, with functions of the fresh module made anew in the live one."""
        mapped = self.counterparts.get(id(value))
        if mapped is not None:
            return mapped
        if isinstance(value, FunctionType):
            return self._moved(value, home, owner, None)
        if isinstance(value, (staticmethod, classmethod)):
            return type(value)(self._moved(value.__func__, home, owner, None))  # type: ignore[arg-type]
        if isinstance(value, property):
            parts = (value.fget, value.fset, value.fdel)
            return property(*(part and self._moved(part, home, owner, None) for part in parts))  # type: ignore[arg-type]
        return value

    def _moved(
        self, fresh: FunctionType, home: dict[str, Any], owner: type | None, like: FunctionType | None
    ) -> FunctionType:
        if fresh.__globals__ is not vars(self.fresh.get(fresh.__module__, ModuleType("other"))):
            return fresh
        cells = []
        for name, cell in zip(fresh.__code__.co_freevars, fresh.__closure__ or (), strict=True):
            if like is not None and name in like.__code__.co_freevars:
                cell = (like.__closure__ or ())[like.__code__.co_freevars.index(name)]
            elif name == "__class__":
                cell = CellType(owner or self.counterparts[id(cell.cell_contents)])
            cells.append(cell)
        moved = FunctionType(fresh.__code__, home, fresh.__name__, fresh.__defaults__, tuple(cells) or None)
        moved.__kwdefaults__, moved.__doc__ = fresh.__kwdefaults__, fresh.__doc__
        moved.__annotations__, moved.__qualname__ = fresh.__annotations__, fresh.__qualname__
        moved.__module__ = fresh.__module__
        return moved


def _holds_function(cell: CellType) -> bool:
    try:
        return isinstance(cell.cell_contents, FunctionType)
    except ValueError:
        return False


def _parts(value: property) -> tuple[bool, ...]:
    return tuple(part is not None for part in (value.fget, value.fset, value.fdel))


def _equal(old: Any, new: Any) -> bool:
    return old is new or (type(old) is type(new) and bool(old == new))
