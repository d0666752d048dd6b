"""One level of an object's shape: its kind, what is compared on the spot, and its children by step.

`Shapes.expand` is the heart of the engine: a clean process turns the whole program into a graph with it, and
the live process uses the very same function to walk its own objects along the same steps.  It runs no code of
the program.

A shape is `(kind, head, children, code)`.  `head` is plain data that is compared at once; children are
`(step, object)`, the step being the way to the child: `("name", "TIMEOUT")` in a module, `("attr", "x")` on a
class, function or instance, `("key", "str", "a")` in a mapping, an index in a sequence.
"""

from __future__ import annotations

import _abc  # type: ignore[import-not-found]
import ast
import collections
import contextvars
import functools
import gc
import logging
import operator
import sys
import types
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from importlib.machinery import FileFinder
from typing import Any, Final

from . import typing_forms
from .c_shapes import expand_c_object, expand_path, is_path
from .labels import contents, label
from .reading import (
    GIVEN,
    LRU,
    MAPPINGS,
    MISSING,
    PAYLOADS,
    PLAIN,
    SEQUENCES,
    anchor,
    base_of,
    bases_of,
    class_attribute,
    class_module,
    container_of,
    hides,
    is_python_class,
    laid_down,
    mro_of,
    plainest,
    qualname_of,
    raw_dict,
    sizes_of,
    slot_value,
    slots_of,
    solid_base,
)
from .world import World

Step = Any
Shape = tuple[str, Any, list[tuple[Step, Any]], types.CodeType | None]

MODULE_NOISE: Final = frozenset(
    {
        "__builtins__",
        "__spec__",
        "__loader__",
        "__file__",
        "__cached__",
        "__path__",
        "__warningregistry__",
    }
)
CLASS_NOISE: Final = frozenset({"__dict__", "__weakref__", "_abc_impl", "__slotnames__"})
"""The last is written down by `copy` and `pickle` when they first meet an instance."""
DESCRIPTORS: Final = (
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.GetSetDescriptorType,
    types.ClassMethodDescriptorType,
)
NOISE: Final = {id(FileFinder): frozenset({"_path_mtime", "_path_cache", "_relaxed_path_cache"})}
"""By the id of a class: what its objects note of folders, whoever imports something."""
_MRO: Final = type.__dict__["mro"]
BED: Final = 6
"""Where the layout of a class tells of its first base's."""
LAID_ON: Final = 7
"""Where it tells the name of the class on which the last part of it was laid down."""
FUNCTION_PARTS: Final = (
    ("defaults", "__defaults__"),
    ("kwdefaults", "__kwdefaults__"),
    ("doc", "__doc__"),
    ("annotations", "__annotations__"),
    ("module", "__module__"),
    ("type_params", "__type_params__"),
)


# C types that programs extend, and of what an instance consists, by the arguments of their __init__.
WRAPPING: Final[dict[type, tuple[tuple[str, str], ...]]] = {
    property: (("fget", "fget"), ("fset", "fset"), ("fdel", "fdel")),
    staticmethod: (("func", "__func__"),),
    classmethod: (("func", "__func__"),),
}


def expand_module(shapes: Shapes, obj: Any) -> Shape:
    name = shapes.world.home_of.get(id(vars(obj)), vars(obj).get("__name__", ""))
    if name not in shapes.world.local:
        return "outside-module", name, [], None
    kids = [(("name", k), v) for k, v in list(shapes.view.names(obj).items()) if k not in MODULE_NOISE]
    return "module", name, kids, None


def expand_namespace(shapes: Shapes, obj: dict[str, Any]) -> Shape | None:
    """The dict in which a module keeps its names (a closure over `globals()` holds it) is told by its module:
    its order tells no more than who imported what first.  None for any other dict."""
    name = shapes.world.home_of.get(id(obj))
    module = None if name is None else shapes.world.local.get(name, sys.modules.get(name))
    if not issubclass(type(module), types.ModuleType) or vars(module) is not obj:
        return None
    return "namespace", name, [("module", module)], None


def expand_dict(shapes: Shapes, obj: dict[Any, Any]) -> Shape:
    return expand_namespace(shapes, obj) or ("dict", None, shapes.pairs(list(obj.items())), None)


def expand_cell(shapes: Shapes, obj: Any) -> Shape:
    try:
        return "cell", True, [("contents", obj.cell_contents)], None
    except ValueError:
        return "cell", False, [], None


def expand_function(shapes: Shapes, f: Any) -> Shape:
    home = shapes.world.home_of.get(id(f.__globals__))
    kids: list[tuple[Step, Any]] = [] if home else [("globals", f.__globals__)]
    for step, attribute in FUNCTION_PARTS:
        value = shapes.view.part(f, attribute)
        if value is not None and (value or step not in ("annotations", "type_params")):
            kids.append((step, value))
    kids += [(("closure", i), cell) for i, cell in enumerate(f.__closure__ or ())]
    kids += [(("attr", k), v) for k, v in list(shapes.view.own(f).items())]
    return "function", (home, str.__str__(f.__name__), str.__str__(f.__qualname__)), kids, shapes.view.code(f)


def expand_class(shapes: Shapes, cls: Any) -> Shape:
    own = shapes.view.attributes(cls)
    module, name = own.get("__module__"), qualname_of(cls)
    if not is_python_class(cls):
        return "c-class", (class_module(cls), name), [], None
    members = tuple(sorted(k for k, v in own.items() if type(v) is types.MemberDescriptorType))
    basic, item, dictionary, weak = sizes_of(cls)
    below = base_of(cls)
    bed = None if below is None else (sizes_of(below), anchor(plainest(below)))
    laid_on = base_of(laid_down(cls)) or cls
    on = str(class_module(laid_on)), qualname_of(laid_on)
    layout = (basic, item, dictionary != 0, weak != 0, members, anchor(cls), bed, on)
    kids: list[tuple[Step, Any]] = [("meta", type(cls))]
    kids += [(("base", i), base) for i, base in enumerate(bases_of(cls))]
    kids += [(("attr", k), v) for k, v in list(own.items()) if k not in CLASS_NOISE and type(k) is str]
    if class_attribute(type(cls), "mro", shapes.view.attributes) is not _MRO:
        kids.append(("mro", mro_of(cls)))
    if type(own.get("_abc_impl")).__name__ == "_abc_data":
        virtual = [ref() for ref in _abc._get_dump(cls)[0]]
        kids += shapes.labelled("virtual", [c for c in virtual if c is not None])
    return "class", (module if type(module) is str else None, name, layout), kids, None


def expand_instance(shapes: Shapes, obj: Any, cls: type) -> Shape:
    base, members, kind, hidden = shapes.of_class(cls)
    if id(obj) in shapes.world.opened:
        kind = "instance"  # known by where it stands, whatever it says that it is equal to
    kids: list[tuple[Step, Any]] = [("class", cls)]
    if base in PAYLOADS:
        kids.append(("payload", PAYLOADS[base](obj)))
    elif base in SEQUENCES:
        kids += [(("item", i), v) for i, v in enumerate(base.__iter__(obj))]  # type: ignore[attr-defined]
    elif base in MAPPINGS:
        kids += shapes.pairs(list(base.items(obj)))  # type: ignore[attr-defined]
        if base is collections.defaultdict:
            kids.append(("factory", collections.defaultdict.__dict__["default_factory"].__get__(obj)))
    elif base in (set, frozenset):
        kids += shapes.labelled("item", list(base.__iter__(obj)))
    elif base in WRAPPING:
        kids += [(part, base.__dict__[attr].__get__(obj)) for part, attr in WRAPPING[base]]
    elif base in GIVEN:
        kids += [(part, read(obj)) for part, read in GIVEN[base]]
    elif issubclass(base, BaseException):
        kids.append(("args", BaseException.__dict__["args"].__get__(obj)))
    for i, (_, name, member) in enumerate(members):
        value = slot_value(member, obj)
        if value is not MISSING:
            kids.append((("slot", i, name), value))
    noise = NOISE.get(id(cls), ())
    kids += [(("attr", k), v) for k, v in list((raw_dict(obj) or {}).items()) if k not in noise]
    return kind, (base.__name__, hidden), kids, None


def _sequence(name: str) -> Callable[[Shapes, Any], Shape]:
    return lambda shapes, obj: (name, None, list(enumerate(obj)), None)


def _set(name: str) -> Callable[[Shapes, Any], Shape]:
    return lambda shapes, obj: (name, None, shapes.labelled("item", list(obj)), None)


def _method_like(name: str, *parts: tuple[str, str]) -> Callable[[Shapes, Any], Shape]:
    return lambda shapes, obj: (name, None, [(step, getattr(obj, attr)) for step, attr in parts], None)


def expand_lru(shapes: Shapes, obj: Any) -> Shape:
    space = vars(obj)
    sizes = obj.cache_parameters() if "cache_parameters" in space else {}
    kids = [(("attr", k), v) for k, v in space.items() if k not in ("__wrapped__", "cache_parameters")]
    return "lru_cache", tuple(sizes.values()), [("wrapped", space.get("__wrapped__")), *kids], None


def expand_weakref(shapes: Shapes, obj: Any) -> Shape:
    target, callback = obj(), obj.__callback__
    kids: list[tuple[Step, Any]] = [("target", target)] if target is not None else []
    return "weakref", target is None, [*kids, *([("callback", callback)] if kids and callback else ())], None


def expand_descriptor(shapes: Shapes, obj: Any) -> Shape:
    kind = "member" if type(obj) is types.MemberDescriptorType else "descriptor"
    return kind, obj.__name__, [("class", obj.__objclass__)], None


def expand_contextvar(shapes: Shapes, obj: Any) -> Shape:
    """Its default is what it answers in an empty context."""
    try:
        return "contextvar", obj.name, [("default", contextvars.Context().run(obj.get))], None
    except LookupError:
        return "contextvar", obj.name, [], None


def expand_logger(shapes: Shapes, obj: Any) -> Shape:
    """A logger is known by its name to a registry of the logging module: it is asked for, never built."""
    keep = ("level", "propagate", "disabled", "handlers", "filters")
    space = raw_dict(obj) or {}
    return "logger", space.get("name"), [(("attr", k), space[k]) for k in keep if k in space], None


def expand_defaultdict(shapes: Shapes, obj: Any) -> Shape:
    return "defaultdict", None, [("factory", obj.default_factory), *shapes.pairs(list(obj.items()))], None


DIRECT: Final[dict[type, Callable[[Any, Any], Shape]]] = {
    tuple: _sequence("tuple"),
    list: _sequence("list"),
    set: _set("set"),
    frozenset: _set("frozenset"),
    dict: expand_dict,
    collections.OrderedDict: lambda shapes, obj: ("ordereddict", None, shapes.pairs(list(obj.items())), None),
    collections.defaultdict: expand_defaultdict,
    collections.deque: lambda shapes, obj: ("deque", obj.maxlen, list(enumerate(obj)), None),
    types.FunctionType: expand_function,
    staticmethod: _method_like("staticmethod", ("func", "__func__")),
    classmethod: _method_like("classmethod", ("func", "__func__")),
    property: _method_like(
        "property", ("fget", "fget"), ("fset", "fset"), ("fdel", "fdel"), ("doc", "__doc__")
    ),
    types.MethodType: _method_like("method", ("func", "__func__"), ("self", "__self__")),
    functools.partial: _method_like("partial", ("func", "func"), ("args", "args"), ("keywords", "keywords")),
    LRU: expand_lru,
    types.MappingProxyType: lambda s, obj: (
        "mappingproxy",
        None,
        [("mapping", gc.get_referents(obj)[0])],
        None,
    ),
    types.MemberDescriptorType: expand_descriptor,
    **dict.fromkeys(DESCRIPTORS, expand_descriptor),
    types.BuiltinFunctionType: lambda s, obj: ("bound", obj.__name__, [("self", obj.__self__)], None),
    types.MethodWrapperType: lambda s, obj: ("bound", obj.__name__, [("self", obj.__self__)], None),
    weakref.ref: expand_weakref,
    object: lambda shapes, obj: ("object", None, [], None),
    **typing_forms.EXPAND,
    types.SimpleNamespace: lambda s, obj: expand_instance(s, obj, types.SimpleNamespace),
    logging.Logger: expand_logger,
    contextvars.ContextVar: expand_contextvar,
}


class Shapes:
    """Expands the objects of one process, as its `World` sees them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.view = world.view
        self._naming = False
        self._classes: dict[int, tuple[type, list[tuple[type, str, Any]], str, Any]] = {}
        """By id: a metaclass of the program's may have a hash of its own."""

    def of_class(self, cls: type) -> tuple[type, list[tuple[type, str, Any]], str, Any]:
        """What all its instances have in common: the C type below, their slots, what kind they are, and the
        C type that keeps something in them that nobody can tell.

        Those that are compared and hashed by an `__eq__` and a `__hash__` of their own are values: nobody
        counts on such an object being changed, and it may be shared and cached.
        """
        known = self._classes.get(id(cls))
        if known is None:
            find = self.view.attributes
            own = (class_attribute(cls, name, find) for name in ("__eq__", "__hash__"))
            kind = "value" if all(type(method) is types.FunctionType for method in own) else "instance"
            base, hidden = container_of(cls), None
            if hides(cls) and base not in WRAPPING and not issubclass(base, BaseException):
                hidden = "c-payload", class_module(solid_base(cls)), qualname_of(solid_base(cls))
            known = self._classes[id(cls)] = base, list(slots_of(cls)), kind, hidden
        return known

    def expand(self, obj: Any) -> Shape:
        kind = type(obj)
        if obj is NotImplemented:
            return "outside", ("builtins", "NotImplemented"), [], None
        if kind in PLAIN:
            return "plain", self.world.tidy(obj) if kind is str else obj, [], None
        if kind is types.CodeType:
            return "code", None, [], obj
        if kind is types.CellType:
            return expand_cell(self, obj)
        if issubclass(kind, types.ModuleType):
            return expand_module(self, obj)
        if not self.world.is_local(obj) and (outside := self.world.name_outside(obj)) is not None:
            return "outside", outside, [], None
        if (direct := DIRECT.get(kind)) is not None:
            return direct(self, obj)
        if issubclass(kind, type):
            return expand_class(self, obj)
        if is_path(kind):
            return expand_path(self, obj)
        if is_python_class(kind) and not (issubclass(kind, ast.AST) and class_module(kind) == "ast"):
            return expand_instance(self, obj, kind)
        return expand_c_object(self, obj, kind)

    # -- steps for keys and items that are not plain --------------------------------

    def pairs(self, items: list[tuple[Any, Any]]) -> list[tuple[Step, Any]]:
        kids: list[tuple[Step, Any]] = []
        for (name, key), (_, value) in zip(self._named(k for k, _ in items), items, strict=True):
            if name[0] == "obj":
                kids.append((("keyobj", *name), key))
            kids.append((("key", *name), value))
        return kids

    def labelled(self, prefix: str, items: Iterable[Any]) -> list[tuple[Step, Any]]:
        """Of what has no order of its own: things of one label are numbered by their contents."""
        named = list(self._named(items))
        alike = Counter(name[1] for name, _ in named if name[0] == "obj")
        if self._naming or len(alike) == sum(alike.values()):
            return [((prefix, *name), value) for name, value in named]
        found = []
        for name, value in named:
            several = name[0] == "obj" and alike[name[1]] > 1
            found.append((self._contents_of(value) if several else "", name, value))
        found.sort(key=operator.itemgetter(0))
        count = Counter[str]()
        kids: list[tuple[Step, Any]] = []
        for _, name, value in found:
            if name[0] == "obj":
                kids.append(((prefix, "obj", name[1], count[name[1]]), value))
                count[name[1]] += 1
            else:
                kids.append(((prefix, *name), value))
        return kids

    def _contents_of(self, item: Any) -> str:
        naming, self._naming = self._naming, True
        try:
            return repr(contents(item, self.expand))
        finally:
            self._naming = naming

    def _named(self, keys: Iterable[Any]) -> Iterator[tuple[tuple[Any, ...], Any]]:
        seen: dict[str, int] = {}
        for key in keys:
            kind = type(key)
            if kind in PLAIN:
                yield (kind.__name__, self.world.tidy(key) if kind is str else key), key
            else:
                text = self._text_of(key)
                seen[text] = number = seen.get(text, -1) + 1
                yield ("obj", text, number), key

    def _text_of(self, key: Any) -> str:
        """A key by its label.  Within a label nothing needs one, and a key may lead back to its own table."""
        if self._naming:
            return qualname_of(type(key))
        self._naming = True
        try:
            return repr(label(key, self.expand))
        finally:
            self._naming = False
