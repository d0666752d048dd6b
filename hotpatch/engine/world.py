"""What belongs to the program, and names for everything that doesn't.

The program is its modules: those whose file lies under the root folder, installed packages below it aside.
All else is *outside*: it is not described but named, so that two processes can speak of the same thing.

Strings that contain the root's path are told with a token in its place, for the old sources, the new ones and
the ones that serve lie in three folders.  So are strings in which a class of the program is named by where it
lies, `f"{name}:{id(cls)}"`, as pydantic names schemas: it is another place in each process.
"""

from __future__ import annotations

import functools
import os
import re
import sys
import types
import typing
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from .reading import (
    MISSING,
    PLAIN,
    class_dict,
    class_module,
    is_python_class,
    qualname_of,
    raw_dict,
    resolve,
)
from .view import PLAIN_VIEW, View

absolute = os.path.abspath
"""Not `Path.resolve`: a root may be a symbolic link, and modules remember the link."""

TOKEN: Final = "\x00root\x00"
_PLACE: Final = re.compile(r":([1-9][0-9]{8,19})(?![0-9])")
_CLASS: Final = re.compile("\x00class ([^ ]+) ([^\x00]+)\x00")
OUTSIDE: Final = "<outside> "
OVERLOADS: Final = f"{OUTSIDE}typing:_overload_registry"
"""Where `typing.overload` keeps what it is given, for `get_overloads` (3.11 to 3.13)."""
CELL: Final = "#"
NOT_PROGRAMS: Final = frozenset({"__main__", "hotpatch", "hotpatch_agent", "_hotpatch_describers"})
SHARED: Final = frozenset(
    {tuple, frozenset, types.GenericAlias, types.UnionType}
    | {type(alias) for alias in (typing.Optional[int], typing.List[int], typing.Callable[[], int])}  # noqa: UP006,UP045
)
"""Types of which CPython or `typing` gives one object to all who ask for an equal one.  Such an object is
told by what it is: a module that happens to hold it too may be loaded in one process and not in another."""
INSTALLED: Final = ("site-packages", "dist-packages")


class World:
    """The modules of one process, told apart by `root`.  Made anew whenever modules may have come or gone."""

    def __init__(self, root: str, view: View = PLAIN_VIEW) -> None:
        self.root = absolute(root)
        self.view = view
        self.local: dict[str, types.ModuleType] = {}
        self.home_of: dict[int, str] = {}
        """id of a module's dictionary: the module's name."""
        self.opened: set[int] = set()
        """ids of outside objects that are described all the same, because they hold state of the program."""
        self._outside: dict[int, tuple[str, str]] | None = None
        below = self.root + os.sep
        for name, module in self._modules():
            self.home_of.setdefault(id(vars(module)), name)
            if _is_local(below, name, module):
                self.local[name] = module

    def _modules(self) -> Iterator[tuple[str, types.ModuleType]]:
        """Standard library first, short names first: the first name that an object has is the one it is
        told by.  Before all others `types`, which every process has loaded: it is made to name C's types, and
        others that do so (`hmac`) may be loaded in one process alone."""
        stdlib = sys.stdlib_module_names

        def place(named: tuple[str, types.ModuleType]) -> tuple[bool, bool, int, str]:
            name = named[0]
            return name != "types", name.partition(".")[0] not in stdlib, len(name), name

        yield from sorted(_loaded(self.view), key=place)

    # -- the root's path in strings ------------------------------------------------

    def tidy(self, text: str) -> str:
        text = text.replace(self.root, TOKEN) if self.root in text else text
        return _PLACE.sub(self._named, text) if ":" in text else text

    def untidy(self, text: str, find: Callable[[str, str], Any] = resolve) -> str:
        """`find` has the classes that no module leads to yet."""

        def placed(found: re.Match[str]) -> str:
            cls = find(found[1], found[2])
            return "0" if cls is MISSING else str(id(cls))

        text = text.replace(TOKEN, self.root) if TOKEN in text else text
        return _CLASS.sub(placed, text) if "\x00" in text else text

    def _named(self, found: re.Match[str]) -> str:
        name = self._classes.get(int(found[1]))
        return found[0] if name is None else f":\x00class {name[0]} {name[1]}\x00"

    @functools.cached_property
    def _classes(self) -> dict[int, tuple[str, str]]:
        """id of a class of the program: its module and its qualified name, by which it can be found again."""
        known: dict[int, tuple[str, str]] = {}
        todo = [value for module in self.local.values() for value in list(self.view.names(module).values())]
        while todo:
            cls = todo.pop()
            if not issubclass(type(cls), type) or id(cls) in known or not self.is_local(cls):
                continue
            name = class_module(cls), qualname_of(cls)
            if resolve(*name) is cls:
                known[id(cls)] = name
                todo += list(class_dict(cls).values())
        return known

    # -- names for what lies outside -------------------------------------------------

    @property
    def outside(self) -> dict[int, tuple[str, str]]:
        """id of a value in a module outside the program: (module, name).  Made on first use: it looks at
        every variable of every module but the engine's own, which no clean start has."""
        if self._outside is None:
            self._outside = {}
            for name, module in self._modules():
                if name not in self.local and name.partition(".")[0] not in NOT_PROGRAMS:
                    for key, value in list(vars(module).items()):
                        if type(value) not in PLAIN and type(value) not in SHARED:
                            self._outside.setdefault(id(value), (name, key))
        return self._outside

    def name_outside(self, obj: Any) -> tuple[str, str] | None:
        """(module, qualified name) of an object that lives in a module outside the program."""
        if id(obj) in self.opened:
            return None
        kind = type(obj)
        if kind is types.FunctionType or kind is types.BuiltinFunctionType or issubclass(kind, type):
            of_class = issubclass(kind, type)
            module = class_module(obj) if of_class else obj.__module__
            name = qualname_of(obj) if of_class else obj.__qualname__
            if (
                type(module) is str
                and type(name) is str
                and module not in self.local
                and module != "__main__"
                and resolve(module, name) is obj
            ):
                return module, name
        found = self.outside.get(id(obj))
        return found if found is not None and resolve(*found) is obj else None

    def open(self, names: Iterable[str]) -> dict[str, Any]:
        """Have these containers of outside modules described; returns those that exist here."""
        found = {name: find(name) for name in names}
        found = {name: obj for name, obj in found.items() if obj is not MISSING}
        self.opened |= {id(obj) for obj in found.values()}
        return found

    def is_local(self, obj: Any) -> bool:
        """Is this function or class written in the program?"""
        kind = type(obj)
        if kind is types.FunctionType:
            return self.home_of.get(id(obj.__globals__)) in self.local
        return issubclass(kind, type) and class_dict(obj).get("__module__", MISSING) in self.local


def local_modules(root: str, view: View = PLAIN_VIEW) -> dict[str, types.ModuleType]:
    """`World.local`, for who asks nothing else."""
    below = absolute(root) + os.sep
    return {name: module for name, module in _loaded(view) if _is_local(below, name, module)}


def _is_local(below: str, name: str, module: types.ModuleType) -> bool:
    file = vars(module).get("__file__")
    if type(file) is not str or not file.startswith(below) or name == "__main__":
        return False
    return not any(f"{os.sep}{name}{os.sep}" in file[len(below) - 1 :] for name in INSTALLED)


def _loaded(view: View) -> Iterator[tuple[str, types.ModuleType]]:
    for name, module in dict(view.modules()).items():
        if issubclass(type(module), types.ModuleType):
            yield name, module
        elif (behind := _behind(module, name)) is not None:
            yield name, behind


def _behind(found: Any, name: str) -> types.ModuleType | None:
    """The module that something stands in front of, in its place among the modules: to say, when a name is
    asked for, that it is deprecated."""
    space = raw_dict(found) if is_python_class(type(found)) else None
    for value in list((space or {}).values()):
        if issubclass(type(value), types.ModuleType) and vars(value).get("__name__") == name:
            module: types.ModuleType = value
            return module
    return None


def find(name: str) -> Any:
    """What a name of an outside container stands for in this process; MISSING if nothing."""
    module, _, rest = name.removeprefix(OUTSIDE).partition(":")
    rest, _, cell = rest.partition(CELL)
    found = resolve(module, rest)
    if not cell or found is MISSING:
        return found
    cells = getattr(found, "__closure__", None) or ()
    try:
        return cells[int(cell)].cell_contents
    except (IndexError, ValueError):
        return MISSING
