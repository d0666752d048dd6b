"""New objects from their descriptions; nothing of the program is executed.

Things that exist already are looked up, never built twice: a new function closes over the live cells, a new
tuple holds the live functions.  Decorators, metaclasses and `__set_name__` don't run again; what they left
behind was measured, and is set as it was found.  Everything is built off to the side: until the commit nobody
can see it.
"""

from __future__ import annotations

import collections
import contextvars
import functools
import importlib
import importlib.util
import logging
import queue
import threading
import types
import weakref
from collections.abc import Callable, Mapping
from typing import Any, Final

from . import codes, typing_forms
from .build_class import ClassMaker
from .build_instance import fill_mapping, make_instance, make_reduced
from .build_outside import Unbuildable, import_here, make_c_class, make_outside, make_outside_module
from .difference import Difference
from .locate import Locator
from .match import is_sequence
from .reading import MISSING, class_attribute, class_dict, is_python_class
from .shape import FUNCTION_PARTS, Shapes, Step
from .texts import Texts
from .world import World

FRESH: Final[dict[str, Callable[[], Any]]] = {
    "_thread.lock": threading.Lock,
    "_thread.RLock": threading.RLock,
    "_thread._local": threading.local,
    "_queue.SimpleQueue": queue.SimpleQueue,
}
"""Opaque objects that are all alike when new."""


class Builder:
    """Builds nodes of the new graph in this process.  One for each staging."""

    def __init__(
        self,
        difference: Difference,
        world: World,
        shapes: Shapes,
        locator: Locator,
        files: Mapping[str, str],
        source_root: str,
    ) -> None:
        self.difference, self.world, self.shapes, self.locator = difference, world, shapes, locator
        self.new, self.files, self.source_root = difference.new, files, source_root
        self.made: dict[int, Any] = {}
        self.built: set[int] = set()
        """ids of those of `made` that did not live before: they are as a start makes them."""
        self.texts = Texts(self.new, world, self.make)
        self.new_modules: dict[str, types.ModuleType] = {}
        self.unloaded = frozenset(
            name for name in difference.old.roots if not name.startswith("<") and name not in world.local
        )
        """Modules of the program that this process has not loaded: what they hold is no concern of it."""
        self.classes = ClassMaker(self)
        self._open_cells: list[tuple[types.CellType, int]] = []
        self.make_named: Callable[[int, types.ModuleType, str], Any] = lambda n, module, name: self.make(n)

    def make(self, n: int) -> Any:
        if n in self.made:
            return self.made[n]
        o = self.difference.origin.get(n)
        if o is not None and (o, n) not in self.difference.replaced:
            live = self.locator.locate(o)
            if live is not MISSING:
                self.made[n] = live
                return live
        if n not in self.new:
            where = self.new.path(n) if o is None else self.difference.old.path(o)
            raise Unbuildable(f"{where} is not in the live process as it was started")
        kind, head, _, _ = self.new.nodes[n]
        maker = MAKERS.get(kind)
        if maker is None:
            raise Unbuildable(f"a {kind} ({head}) can't be built: {self.new.path(n)}")
        try:
            made = maker(self, n, head, self.new.kids(n))
        except Unbuildable:
            raise
        except Exception as error:
            raise Unbuildable(
                f"{self.new.path(n)} can't be built from its description: {type(error).__name__}: {error}"
            ) from error
        made = self.made.setdefault(n, made)  # what it is made of may lead back to it, and have made it
        self.built.add(id(made))
        return made

    def code(self, n: int) -> types.CodeType:
        """The new code, as compiled from the live folder."""
        code = self.new.nodes[n][3]
        if not code.blob:
            raise Unbuildable(
                f"{code.qualname} only moved in its file, and is other code in the live process"
            )
        return codes.relocated(code.load(), self.source_root, self.world.root)

    def key(self, step: Step, kids: Mapping[Step, int]) -> Any:
        """The key of a mapping, or the item of a set, that a step speaks of."""
        if step[1] == "obj":
            return self.make(kids[("keyobj", *step[1:])])
        if step[1] == "address":
            raise Unbuildable(f"a key that says where an object lies can't be built: {step[2]}")
        return self.texts.here(step[2]) if type(step[2]) is str else step[2]


def items(kids: Mapping[Step, int]) -> list[int]:
    return [child for step, child in kids.items() if is_sequence(step)]


def make_module(builder: Builder, n: int, head: Any, kids: Mapping[Step, int]) -> Any:
    """A module that is new: its object, with every variable built.  It is put into `sys.modules` by the
    commit."""
    if head in builder.world.local:
        return builder.world.local[head]
    if head in builder.unloaded:
        raise Unbuildable(f"it holds the module {head}, which this process has not loaded")
    file = builder.files.get(head)
    if file is None:
        raise Unbuildable(f"no file is known for the module {head}")
    package = [file.rsplit("/", 1)[0]] if file.endswith("/__init__.py") else None
    spec = importlib.util.spec_from_file_location(head, file, submodule_search_locations=package)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    builder.made[n] = builder.new_modules[head] = module
    builder.world.home_of[id(vars(module))] = head
    space = vars(module)
    space.setdefault("__builtins__", __builtins__)
    for step, child in kids.items():
        space[step[1]] = builder.make_named(child, module, step[1])
    return module


def make_cell(builder: Builder, n: int, head: Any, kids: Mapping[Step, int]) -> Any:
    made = builder.made[n] = types.CellType()
    if head:
        made.cell_contents = builder.make(kids["contents"])
    return made


def make_function(builder: Builder, n: int, head: Any, kids: Mapping[Step, int]) -> Any:
    home, name, qualname = head
    code = builder.code(n)
    space = _globals_of(builder, n, home, kids)
    if n in builder.made:
        return builder.made[n]
    closure = tuple(_cell(builder, kids["closure", i]) for i in range(len(code.co_freevars)))
    made = builder.made[n] = types.FunctionType(code, space, name, None, closure)
    made.__qualname__ = qualname
    for step, attribute in FUNCTION_PARTS:
        if step in kids:
            setattr(made, attribute, builder.make(kids[step]))
        elif step in ("doc", "module"):
            setattr(made, attribute, None)
    for step, child in kids.items():
        if step[0] == "attr":
            vars(made)[step[1]] = builder.make(child)
    _fill_open_cells(builder)
    return made


def _globals_of(builder: Builder, n: int, home: str | None, kids: Mapping[Step, int]) -> dict[str, Any]:
    if home is None:
        space = builder.make(kids["globals"])
        assert type(space) is dict
        return space
    if home in builder.world.local:
        return vars(builder.world.local[home])
    if home in builder.new_modules:
        return vars(builder.new_modules[home])
    if home in builder.unloaded:
        raise Unbuildable(f"it holds a function of {home}, which this process has not loaded")
    if home in builder.new.roots:
        builder.make(builder.new.roots[home])
        return vars(builder.new_modules[home])
    return vars(import_here(home))


def _cell(builder: Builder, n: int) -> Any:
    """Cells are handed out empty and filled when the function stands: a function may close over itself."""
    o = builder.difference.origin.get(n)
    if n in builder.made or (
        o is not None
        and (o, n) not in builder.difference.replaced
        and builder.locator.locate(o) is not MISSING
    ):
        return builder.make(n)
    made = builder.made[n] = types.CellType()
    builder._open_cells.append((made, n))
    return made


def _fill_open_cells(builder: Builder) -> None:
    pending, builder._open_cells = builder._open_cells, []
    for cell, n in pending:
        if builder.new.nodes[n][1]:
            cell.cell_contents = builder.make(builder.new.kids(n)["contents"])


def make_list(builder: Builder, n: int, head: Any, kids: Mapping[Step, int]) -> Any:
    made: list[Any] = []
    builder.made[n] = made
    made.extend(builder.make(child) for child in kids.values())
    return made


def make_deque(builder: Builder, n: int, head: Any, kids: Mapping[Step, int]) -> Any:
    made: collections.deque[Any] = collections.deque(maxlen=head)
    builder.made[n] = made
    made.extend(builder.make(child) for child in kids.values())
    return made


def make_set(builder: Builder, n: int, head: Any, kids: Mapping[Step, int]) -> Any:
    made: set[Any] = set()
    builder.made[n] = made
    made.update(builder.make(child) for child in kids.values())
    return made


def make_mapping(builder: Builder, n: int, head: Any, kids: Mapping[Step, int]) -> Any:
    kind = builder.new.kind(n)
    made: Any = {
        "dict": dict,
        "ordereddict": collections.OrderedDict,
        "defaultdict": collections.defaultdict,
    }[kind]()
    builder.made[n] = made
    if "factory" in kids:
        made.default_factory = builder.make(kids["factory"])
    fill_mapping(builder, made, type(made).__setitem__, kids)
    return made


def make_lru(builder: Builder, n: int, head: Any, kids: Mapping[Step, int]) -> Any:
    made = functools.lru_cache(*head)(builder.make(kids["wrapped"]))
    for step, child in kids.items():
        if step[0] == "attr":
            vars(made)[step[1]] = builder.make(child)
    return made


def make_weakref(builder: Builder, n: int, head: Any, kids: Mapping[Step, int]) -> Any:
    if head:
        raise Unbuildable(f"a dead weak reference can't be built: {builder.new.path(n)}")
    target = builder.make(kids["target"])
    return weakref.ref(target, builder.make(kids["callback"])) if "callback" in kids else weakref.ref(target)


def make_opaque(builder: Builder, n: int, head: Any, kids: Mapping[Step, int]) -> Any:
    if head not in FRESH:
        raise Unbuildable(f"an object of type {head} can't be built: {builder.new.path(n)}")
    return FRESH[head]()


def make_logger(builder: Builder, n: int, head: Any, kids: Mapping[Step, int]) -> Any:
    made = logging.getLogger(head)
    builder.made[n] = made
    fresh = {"level": 0, "propagate": True, "disabled": False}
    for step, child in kids.items():
        value = builder.make(child)
        if step[1] in fresh and vars(made).get(step[1]) == fresh[step[1]] != value:
            vars(made)[step[1]] = value
        elif step[1] in ("handlers", "filters") and value and not vars(made).get(step[1]):
            raise Unbuildable(f"the new logger {head} has {step[1]}")
    return made


def make_contextvar(builder: Builder, n: int, head: Any, kids: Mapping[Step, int]) -> Any:
    if "default" not in kids:
        return contextvars.ContextVar(head)
    default = builder.make(kids["default"])
    return contextvars.ContextVar(head, default=default)


def make_member(builder: Builder, n: int, head: Any, kids: Mapping[Step, int]) -> Any:
    return class_dict(builder.make(kids["class"]))[head]


def make_bound(builder: Builder, n: int, head: Any, kids: Mapping[Step, int]) -> Any:
    owner = builder.make(kids["self"])
    kind = owner if issubclass(type(owner), type) else type(owner)
    found = class_attribute(kind, head)
    if found is MISSING or is_python_class(type(found)):
        raise Unbuildable(f"the method {head} can't be bound again: {builder.new.path(n)}")
    if type(found) is types.BuiltinFunctionType:  # `object.__new__`: bound as it stands in the dictionary
        return found
    return found.__get__(None, owner) if owner is kind else found.__get__(owner, kind)


Maker = Callable[[Builder, int, Any, Mapping[Step, int]], Any]

MAKERS: Final[dict[str, Maker]] = {
    "plain": lambda b, n, head, kids: b.texts.same(b.texts.here(head)) if type(head) is str else head,
    "outside": make_outside,
    "outside-module": lambda b, n, head, kids: make_outside_module(b, head),
    "c-class": make_c_class,
    "module": make_module,
    "namespace": lambda b, n, head, kids: vars(b.make(kids["module"])),
    "code": lambda b, n, head, kids: b.code(n),
    "address": lambda b, n, head, kids: id(b.make(kids["of"])),
    "tuple": lambda b, n, head, kids: tuple([b.make(child) for child in kids.values()]),
    "frozenset": lambda b, n, head, kids: frozenset([b.make(child) for child in kids.values()]),
    "list": make_list,
    "deque": make_deque,
    "set": make_set,
    "dict": make_mapping,
    "ordereddict": make_mapping,
    "defaultdict": make_mapping,
    "cell": make_cell,
    "function": make_function,
    "class": lambda b, n, head, kids: b.classes.make(n, head, kids),
    "staticmethod": lambda b, n, head, kids: staticmethod(b.make(kids["func"])),
    "classmethod": lambda b, n, head, kids: classmethod(b.make(kids["func"])),
    "property": lambda b, n, head, kids: property(
        *(b.make(kids[k]) for k in ("fget", "fset", "fdel", "doc"))
    ),
    "method": lambda b, n, head, kids: types.MethodType(b.make(kids["func"]), b.make(kids["self"])),
    "partial": lambda b, n, head, kids: functools.partial(
        b.make(kids["func"]), *b.make(kids["args"]), **b.make(kids["keywords"])
    ),
    "lru_cache": make_lru,
    "mappingproxy": lambda b, n, head, kids: types.MappingProxyType(b.make(kids["mapping"])),
    "member": make_member,
    "descriptor": make_member,
    "bound": make_bound,
    "weakref": make_weakref,
    "object": lambda b, n, head, kids: object(),
    "opaque": make_opaque,
    "logger": make_logger,
    "reduced": make_reduced,
    "instance": make_instance,
    "value": make_instance,
    **typing_forms.MAKERS,
    "contextvar": make_contextvar,
}
