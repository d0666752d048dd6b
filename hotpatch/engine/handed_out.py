"""Tables and lists of functions that objects got when they were made: `self.actions = {"pay": self._pay}`.

An object that lives has those that old code put there.  What new code puts there as well it lacks, and what
new code puts there no more it goes on calling.  No name tells, as an entry is looked up by what a request
says.  Held against the new code is a function, a class or a method of the object's own that code which makes
the object comes to put into an attribute, or puts there no longer, where an object that lives has the
attribute and what it holds is as the old code says.
"""

from __future__ import annotations

import collections
import dis
import functools
import gc
import itertools
import types
from collections.abc import Collection, Iterator
from typing import Any, Final

from . import codes, instructions
from .instances import Functions, methods_of, only_recorded
from .living import Living
from .making import MAKERS
from .parts_used import loads
from .reading import class_attribute, held_by_method, is_python_class, mro_of, qualname_of, raw_dict
from .view import View

_ENDS: Final = ("STORE_", "POP_TOP", "RETURN_", "RAISE_")
_DEPTH: Final = 4
_HOLDING: Final = (dict, list, tuple, set, frozenset, collections.deque, collections.defaultdict)
_BETWEEN: Final = (functools.partial, types.FunctionType, types.CellType)
_FUNCTIONS: Final = (types.FunctionType, type)

Handed = dict[str, set[str]]
"""By attribute, the names of what is put there: `.name` of the object's own, `name` of the module."""


def outdated(functions: Functions, objects: Living, passed: Collection[int], view: View) -> list[str]:
    """Sentences, one for each class and attribute.  To be asked after the commit; `objects` are all that the
    collector tracks, `passed` are ids of what holds them for the sake of this question."""
    if not any(_may_hand_out(old) or _may_hand_out(new) for _, old, new in functions.values()):
        return []
    changes = {
        i: found
        for i, cls in objects.classes.items()
        if is_python_class(cls) and (found := list(_changes(cls, functions)))
    }
    holding: dict[str, list[Any]] = {}
    for obj in objects.of(lambda cls: id(cls) in changes):
        space = raw_dict(obj) or {}
        for name, come, gone, stay in changes[id(type(obj))]:
            if name in space and _is_old(obj, space[name], come, gone, stay):
                told = f"objects of {qualname_of(type(obj))} that live have other functions in {name}"
                holding.setdefault(f"{told} than new code puts there", []).append(obj)
    ours = {*objects.own, id(holding), *map(id, holding.values()), *passed}
    return [told for told, some in holding.items() if not only_recorded(some, ours, view)]


def _may_hand_out(code: types.CodeType) -> bool:
    return any(step.opname == "STORE_ATTR" for step in codes.steps_of(code))


Named = list[tuple[str, Any]]


def _changes(cls: type, functions: Functions) -> Iterator[tuple[str, Named, set[str], Named]]:
    """Attributes, with what comes there, the names of what goes, and what stays."""
    makers = [f for base in mro_of(cls) for f in methods_of(base) if id(f) in functions]
    for f in makers:
        _, old, new = functions[id(f)]
        if f.__name__ not in MAKERS and not _is_called_by_maker(cls, f.__name__):
            continue
        before, after = _handed(old), _handed(new)
        for name in before.keys() & after.keys():
            come = _named(cls, f, after[name] - before[name])
            gone = {n.removeprefix(".") for n in before[name] - after[name]}
            if come or gone:
                yield name, come, gone, _named(cls, f, after[name] & before[name])


def _is_called_by_maker(cls: type, name: str) -> bool:
    makers = (class_attribute(cls, maker) for maker in MAKERS)
    return any(type(f) is types.FunctionType and name in f.__code__.co_names for f in makers)


def _handed(code: types.CodeType) -> Handed:
    """What the code stores on its first argument, by what it loads for that."""
    me = code.co_varnames[0] if code.co_argcount else ""
    found: Handed = {}
    loaded = set[str]()
    steps = codes.steps_of(code)
    inside = instructions.comprehensions(steps)
    for i, step in enumerate(steps):
        if step.opname == "STORE_ATTR" and loads(steps[i - 1], me):
            found.setdefault(step.argval, set()).update(loaded)
        else:
            loaded |= _loaded(step, steps[i - 1], me)
        if step.opname.startswith(_ENDS) and i not in inside:
            loaded = set()
    return found


def _loaded(step: dis.Instruction, last: dis.Instruction, me: str) -> set[str]:
    """What the step loads to hand it on; of what is called on the spot, all that this loads."""
    if type(step.argval) is types.CodeType:
        steps = codes.steps_of(step.argval) if step.argval.co_name in _ON_THE_SPOT else []
        return set[str]().union(*(_loaded(b, a, me) for a, b in itertools.pairwise(steps)))
    if step.argrepr != step.argval:  # the load of what is called shows a NULL
        return set()
    if step.opname == "LOAD_ATTR" and loads(last, me):
        return {f".{step.argval}"}
    return {step.argval} if step.opname == "LOAD_GLOBAL" else set()


_ON_THE_SPOT: Final = codes.COMPREHENSIONS | {"<genexpr>"}


def _named(cls: type, f: types.FunctionType, names: set[str]) -> Named:
    """Of these names, those of functions and classes."""
    found = []
    for name in sorted(names):
        own = name.startswith(".")
        value = held_by_method(class_attribute(cls, name[1:])) if own else f.__globals__.get(name)
        if issubclass(type(value), _FUNCTIONS) and (own or _is_pythons(value)):
            found.append((name, value))
    return found


def _is_pythons(value: Any) -> bool:
    return type(value) is types.FunctionType or is_python_class(value)


def _is_old(obj: Any, value: Any, come: Named, gone: set[str], stay: Named) -> bool:
    """Does it hold what goes, or lack what comes?  Where what stays can't be found in it either, it is no
    place to look."""
    held = list(_functions_in(value, obj, _DEPTH))
    ids = set(map(id, held))
    if any(id(f) not in ids for _, f in stay):
        return False
    lacks = any(id(f) not in ids for _, f in come)
    known = {id(f) for _, f in (*come, *stay)}
    has = any(_is_pythons(f) and f.__name__ in gone and id(f) not in known for f in held)
    return has or (lacks and bool(stay or held or (type(value) in _HOLDING and not value)))


def _functions_in(value: Any, obj: Any, depth: int) -> Iterator[Any]:
    kind = type(value)
    if kind is types.MethodType:
        if value.__self__ is obj:
            yield value.__func__
        return
    if issubclass(kind, _FUNCTIONS):
        yield value
    if depth and (kind in _HOLDING or kind in _BETWEEN):
        parts = [value.__closure__] if kind is types.FunctionType else gc.get_referents(value)
        for part in parts:
            yield from _functions_in(part, obj, depth - 1)
