"""A class from its description, without running its statement.

`type.__new__` makes a near-empty class of the right metaclass, bases and slots; `type.__setattr__` puts on it
what the clean start found in its dictionary.  No decorator, no `__init_subclass__`, no `__set_name__` and no
metaclass method of the program is called.
"""

from __future__ import annotations

import _abc  # type: ignore[import-not-found]
import abc
import gc
import types
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from .build_outside import Unbuildable
from .reading import MISSING, base_of, class_dict, is_python_class, laid_down
from .recorded import Note
from .shape import CLASS_NOISE, Step

if TYPE_CHECKING:
    from .build import Builder

_TOUCHED: Final = "__hotpatch_touched__"
PLACED: Final = ("__dict__", "__weakref__")
"""Slots that stand for a place in the layout."""


class ClassMaker:
    """`exchanged` holds the classes that were built anew to take another's place: id of the live class to
    both."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self.exchanged: dict[int, tuple[type, type]] = {}
        self.rigid: set[int] = set()

    def make(self, n: int, head: Any, kids: Mapping[Step, int]) -> type:
        builder = self.builder
        module, qualname, layout = head
        members = layout[4]
        meta = builder.make(kids["meta"])
        bases = tuple(builder.make(child) for step, child in kids.items() if step[0] == "base")
        if n in builder.made:  # a base's method held it
            found: type = builder.made[n]
            return found
        attributes = {step[1]: child for step, child in kids.items() if step[0] == "attr"}
        space: dict[str, Any] = {"__module__": module, "__qualname__": qualname}
        if members or "__slots__" in attributes:
            space["__slots__"] = (*members, *self._placed(attributes))
        made = _bare_class(meta, qualname.rpartition(".")[2], bases, space)
        if made is None:
            raise Unbuildable(f"the class {qualname} can't be built: C refuses its bases or layout")
        builder.made[n] = made
        if issubclass(type(made), abc.ABCMeta):
            _abc._abc_init(made)
        named = frozenset(attributes)
        origin = builder.difference.origin.get(n)
        if origin is not None:
            self._carry_over(n, origin, made, attributes)
        for name, child in attributes.items():
            if name in members and builder.new.kind(child) == "member":
                continue
            if name != "__slots__" or not members:
                _put(made, name, builder.make(child))
        if "__slots__" in attributes and members:
            type.__setattr__(made, "__slots__", builder.make(attributes["__slots__"]))
        for name in ("__slots__", "__hash__"):
            if name not in named and name in class_dict(made):
                type.__delattr__(made, name)
        for step, child in kids.items():
            if step[0] == "virtual":
                _abc._abc_register(made, builder.make(child))
        if "__firstlineno__" in attributes:  # 3.13 drops it when __module__ is set
            type.__setattr__(made, "__firstlineno__", builder.make(attributes["__firstlineno__"]))
        return made

    def _placed(self, attributes: Mapping[str, int]) -> tuple[str, ...]:
        if "__slots__" not in attributes:
            return ()
        graph = self.builder.new
        node = graph.nodes[attributes["__slots__"]]
        names = [node[1]] if node[0] == "plain" else [graph.nodes[child][1] for _, child in node[2]]
        return tuple(name for name in PLACED if name in names)

    def _carry_over(self, n: int, o: int, made: type, attributes: dict[str, int]) -> None:
        """A class that had to be built anew keeps the state of the one whose place it takes."""
        builder = self.builder
        live = builder.locator.locate(o)
        if live is MISSING:
            return
        self.exchanged[id(live)] = Note(live, made)
        if (o, n) in builder.difference.rigid:
            self.rigid.add(id(live))
        old_kids = builder.difference.old.kids(o)
        for name, value in list(builder.world.view.attributes(live).items()):
            if name in CLASS_NOISE or builder.shapes.expand(value)[0] in ("member", "descriptor"):
                continue
            known = old_kids.get(("attr", name))
            if known is None:
                _put(made, name, value)
            elif name in attributes and (known, attributes[name]) not in builder.difference.replaced:
                del attributes[name]
                _put(made, name, value)


def _put(made: type, name: str, value: Any) -> None:
    """An attribute into the class's own dictionary.

    `type.__setattr__` hands what a metaclass has a data descriptor for to that (`__class__`, which every type
    has, or a metaclass's property of the name), where a class statement puts it into the dictionary.
    """
    meta: type = type(made)
    above = next((held[name] for c in meta.__mro__ if name in (held := class_dict(c))), None)
    if name in class_dict(type) or not hasattr(type(above), "__set__"):
        type.__setattr__(made, name, value)
        return
    gc.get_referents(class_dict(made))[0][name] = value
    type.__setattr__(made, _TOUCHED, None)  # what C remembers of the class is forgotten
    type.__delattr__(made, _TOUCHED)


def _bare_class(meta: type, name: str, bases: tuple[type, ...], space: dict[str, Any]) -> type | None:
    """The class with nothing on it.  Where a base has an `__init_subclass__`, a quiet base stands in front
    while the class is made, and goes again."""
    loud = any("__init_subclass__" in class_dict(c) for b in bases for c in b.__mro__ if c is not object)
    try:
        if not loud:
            bare: type = type.__new__(meta, name, bases, space)
            return bare
    except TypeError:
        return None
    for quiet in _quiet_bases(bases):
        try:
            made: type = type.__new__(meta, name, (quiet, *bases), dict(space))
            made.__bases__ = bases
        except TypeError:
            continue
        return made
    return None


def _quiet_bases(bases: tuple[type, ...]) -> Iterator[type]:
    """Classes whose `__init_subclass__` says nothing.  C lets bases be exchanged only where their layouts
    have one origin: so there is one beside each class on which a base's layout was laid down last."""
    silent: dict[str, Any] = {"__init_subclass__": classmethod(lambda cls, **k: None)}
    for slots in ({}, {"__slots__": ()}):
        yield type("quiet", (), {**silent, **slots})
    for base in bases:
        laid = laid_down(base)
        above = base_of(laid)
        if above is None or above is object or not is_python_class(laid):
            continue
        members = [k for k, v in class_dict(laid).items() if type(v) is types.MemberDescriptorType]
        space = {**silent, "__slots__": tuple(members)} if members else dict(silent)
        beside = _bare_class(type(laid), "quiet", (above,), space)
        if beside is not None:
            yield beside
