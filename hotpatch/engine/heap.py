"""What only the heap knows: closures handed out earlier, and instances of a class that is built anew.

A scan of the heap takes time in proportion to everything that lives, in one piece, with the GIL held; it is
made once, and only if the edit needs it.
"""

from __future__ import annotations

import contextlib
import gc
import sys
import types
import typing
import weakref
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from typing import Any, Final

from hotpatch.errors import PatchRefused
from hotpatch.ops import Op, SlotKind

from . import closures, codes, inner_defaults
from .frozen import holders_of, thawed
from .graph import Graph
from .instances import functions_in, only_recorded
from .living import Living
from .match import Pair
from .reading import bases_of, class_dict, class_module, mro_of, qualname_of
from .recorded import Record, are_variables, is_record, recorded
from .view import View

Exchanged = Mapping[int, tuple[type, type]]
"""id of a class to itself and the one that takes its place, as a `Note`."""
Functions = Mapping[int, tuple[types.FunctionType, types.CodeType, types.CodeType]]


_OTHERS: Final = (types.ModuleType, types.FunctionType, types.CodeType, type)
"""They hold for the program's sake."""


class Exchange(Record):
    """Which code objects give way to which, those inside changed functions included."""

    def __init__(self, functions: Functions) -> None:
        differing: dict[int, tuple[types.CodeType, types.CodeType | None]] = {}
        self.followed: dict[int, tuple[types.CodeType, types.CodeType | None]] = {}
        """Those that every function on such code follows, not only the ones that are exchanged by name: a
        function that another decorator makes now says nothing of what the old decorator made elsewhere."""
        self.makers: dict[int, types.CodeType] = {}
        """id of the code of a function that another makes: the code of that one."""
        for f, old, new in functions.values():
            self.makers |= _makers(old) | _makers(new)
            for before, after in codes.pairs(old, new):
                if after is None or not codes.same(before, after) or self.makes_otherwise(before, after):
                    differing[id(before)] = before, after
                    if before is not old or (
                        old.co_qualname == new.co_qualname and not _still_made(f, old, functions)
                    ):
                        self.followed[id(before)] = before, after
        # Keyed by id: the record itself keeps the code alive.
        self.changed = {
            i: (before, after)
            for i, (before, after) in differing.items()
            if after is None or not codes.same_body(before, after)
        }
        """Without those that differ in line numbers alone."""

    def makes_otherwise(self, before: types.CodeType, after: types.CodeType) -> bool:
        """Does the new code give the function other defaults?"""
        made = self._made(before), self._made(after)
        return made[0] is not None and made[1] is not None and inner_defaults.differ(made[0], made[1])

    def defaults(
        self, f: types.FunctionType, before: types.CodeType, after: types.CodeType, view: View
    ) -> inner_defaults.Defaults:
        """What a closure comes to have.  Raises PatchRefused where nobody can tell."""
        made = self._made(before), self._made(after)
        if made[0] is None or made[1] is None:
            return inner_defaults.of(f, view)
        return inner_defaults.becoming(f, made[0], made[1], view)

    def _made(self, code: types.CodeType) -> inner_defaults.Made | None:
        maker = self.makers.get(id(code))
        return None if maker is None else (code, maker)


def _makers(code: types.CodeType) -> dict[int, types.CodeType]:
    return {id(part): around for around in codes.walk(code) for part in codes.inner(around)}


def _still_made(f: types.FunctionType, code: types.CodeType, functions: Functions) -> bool:
    """Does a function that stays as it is make functions on this code, as it made this one?"""
    around, _, inside = code.co_qualname.partition(".<locals>.")
    if not inside:
        return False
    first, *rest = around.split(".")
    place: Any = f.__globals__.get(first)
    for name in rest:
        place = class_dict(place).get(name) if issubclass(type(place), type) else None
    return any(
        id(maker) not in functions and any(part is code for part in codes.walk(maker.__code__))
        for maker in functions_in(place)
    )


def needs_scan(functions: Functions, exchange: Exchange) -> bool:
    """Can there be closures of changed functions?  Only where such a function makes functions, and those
    differ."""
    return any(
        codes.makes_functions(old)
        and any(
            before is not old
            and (after is None or not codes.same(before, after) or exchange.makes_otherwise(before, after))
            for before, after in codes.pairs(old, new)
        )
        for _, old, new in functions.values()
    )


def closures_made(
    exchange: Exchange, functions: Functions, objects: Living, view: View
) -> tuple[list[Op], list[types.FunctionType]]:
    """Closures made earlier run code of the functions that change: they get the new code, on their own
    variables.  And those whose code is gone: nobody may have them once the edit is done.

    Raises PatchRefused where they have not got what the new code needs.
    """
    ops, gone = list[Op](), list[types.FunctionType]()
    for f in objects.exactly(types.FunctionType):
        if id(f) in functions:
            continue
        found = exchange.followed.get(id(view.code(f)))
        if found is None or view.is_machinery(f):
            continue
        before, after = found
        if after is None:
            gone.append(f)
        elif not (before.co_freevars != after.co_freevars and codes.same_body(before, after)):
            ops += closures.follow(f, before, after, exchange.defaults(f, before, after, view), view)
    return ops, gone


def outlived(gone: Sequence[weakref.ref[types.FunctionType]], objects: Living, view: View) -> list[str]:
    """After the commit: closures whose code is gone, held by somebody besides the record of it.  What a
    decorator has made around one is asked about with it."""
    left = [f for f in [ref() for ref in gone] if f is not None]  # no name here may go on holding one
    if not left:
        return []
    names = dict.fromkeys(f.__code__.co_qualname for f in left)
    asked, parts = {id(f): f for f in left}, set[int]()
    known = set(asked)
    while known:
        around = [g for g in objects.exactly(types.FunctionType) if any(i in known for i, _ in _held_by(g))]
        parts |= {part for g in around for i, part in _held_by(g) if i in known}
        known = {id(g) for g in around} - asked.keys()
        asked |= {id(g): g for g in around}
        del around
    things = list(asked.values())
    if only_recorded(things, {*objects.own, id(left), id(asked), id(things)}, view, parts):
        return []
    return [f"closures of {', '.join(names)} are in use, and the new code is gone"]


def _held_by(function: types.FunctionType) -> Iterator[tuple[int, int]]:
    """ids of what this function has in its variables, or stands in front of, and of what it has that in."""
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # it is empty
            yield id(cell.cell_contents), id(cell)
    if (wrapped := function.__dict__.get("__wrapped__")) is not None:
        yield id(wrapped), id(function.__dict__)


def instances(
    exchanged: Mapping[int, tuple[type, type]],
    rigid: Collection[int],
    rebased: set[int],
    displaced: Mapping[int, Any],
    leaving: Container[int],
    objects: Living,
    view: View,
) -> list[Op]:
    """Instances follow a class that was built anew.  Raises PatchRefused where C won't let them and they
    were not built anew as well, and where a subclass made at run time holds on to the class.  `leaving` are
    ids of classes that the edit takes away: whether anybody has one still is asked after the commit."""
    ours = {id(made) for _, made in exchanged.values()}
    for live, _ in exchanged.values():
        sub: type
        for sub in type.__subclasses__(live):
            known = id(sub) in exchanged or id(sub) in ours or id(sub) in rebased or id(sub) in leaving
            if not known and not (_left_behind(sub) and not objects.exactly(sub)):
                raise PatchRefused(
                    f"{live.__qualname__} needs another class object, and has a subclass made at run time, "
                    f"{sub.__qualname__}"
                )
    return following(exchanged, rigid, objects, displaced, view)


def variables(exchanged: Exchanged, local: Container[str], view: View) -> list[Op]:
    """Modules outside of the program that took such a class by its name: a fresh start would give them the
    one that comes."""
    return [
        Op(module, SlotKind.GLOBAL, variable, value, exchanged[id(value)][1], f"{name}.{variable}")
        for name, module in sorted(view.modules().items())
        if name not in local and issubclass(type(module), types.ModuleType)
        for variable, value in list(vars(module).items())
        if id(value) in exchanged and exchanged[id(value)][0] is value
    ]


def following(
    exchanged: Mapping[int, tuple[type, type]],
    rigid: Collection[int],
    objects: Living,
    known: Container[int],
    view: View,
) -> list[Op]:
    """The steps by which objects follow their class, but for those whose ids are `known`.

    Raises PatchRefused where C won't let them.  What only the record of an earlier change holds stays what it
    is, for that change is taken back after this one.
    """
    ops, stuck = list[Op](), list[Any]()
    for obj in objects.of(lambda cls: id(cls) in exchanged):
        pair = exchanged.get(id(type(obj)))
        if pair is None or id(obj) in known:
            continue
        if id(type(obj)) in rigid:
            stuck.append(obj)
        else:
            ops.append(Op(obj, SlotKind.TYPE, None, pair[0], pair[1], f"instance of {pair[1].__qualname__}"))
    if stuck:
        with thawed():
            kept = recorded(stuck, objects.own, view)
        for obj in stuck:
            if id(obj) not in kept:
                name = qualname_of(exchanged[id(type(obj))][0])
                raise PatchRefused(
                    f"{name} gets another layout; objects of it made since the start can't follow"
                )
    return ops


def without_followers(ops: Sequence[Op]) -> tuple[Op, ...]:
    """The ops without those by which objects followed their class: held here, an object would live as long
    as the record of a change.  Who takes that back finds them anew.  One that is changed besides is held."""
    follow = [op.kind is SlotKind.TYPE or op.found_anew for op in ops]
    others = {id(op.owner) for op, follows in zip(ops, follow, strict=True) if not follows}
    return tuple(op for op, follows in zip(ops, follow, strict=True) if not follows or id(op.owner) in others)


def holders(
    gone: Mapping[int, tuple[Any, str]],
    ours: set[int],
    view: View,
    values: Collection[int] = (),
    loose: Collection[int] = (),
) -> list[str]:
    """After a commit: what still holds on to an object whose place another has taken.  `gone` maps ids to
    the object and its name; `ours` are the ids of the engine's own records, and `values` of what these hold.

    Old functions and their cells hold old classes; whether one can still be reached is the graph's to say:
    `loose` are the ids of those that can't.  What they alone hold (their annotations) goes with them.
    """
    found: dict[str, None] = {}
    records, dead = ours | {id(gone), *map(id, gone.values())}, {*gone, *loose}
    for obj, _ in gone.values():
        if issubclass(type(obj), type):
            dead |= {id(mro_of(obj)), id(bases_of(obj)), *map(id, gc.get_referents(class_dict(obj)))}
            left = [sub for sub in type.__subclasses__(obj) if _left_behind(sub)]
            records |= {id(part) for sub in left for part in (sub, mro_of(sub), bases_of(sub))}
    forget_aliases()
    suspects, names = list[Any](), list[str]()
    records.add(id(suspects))
    with thawed():
        for holder in holders_of([obj for obj, _ in gone.values()]):
            if id(holder) in records or id(holder) in dead or id(holder) in values or _passes(holder):
                continue
            for i in {id(part) for part in gc.get_referents(holder)} & gone.keys():
                if not view.keeps(holder, gone[i][0]):
                    suspects.append(holder)
                    names.append(gone[i][1])
        fine = _records_among(suspects, records, view, dead)
    for holder, name in zip(suspects, names, strict=True):
        if id(holder) not in fine:
            found[f"a {type(holder).__name__} holds the old {name}"] = None
    return list(found)


def _records_among(holders: Sequence[Any], passed: set[int], view: View, dead: set[int]) -> set[int]:
    """ids of those that are records of a change that can be taken back, or that only such records hold, or
    what is gone itself (`dead`): a class's `__orig_bases__`."""
    records = {id(holder) for holder in holders if is_record(holder)}
    others = [
        holder for holder in holders if id(holder) not in records and not issubclass(type(holder), _OTHERS)
    ]
    return records | recorded(others, passed, view, dead)


def forget_aliases() -> None:
    """`typing` keeps the aliases that it made lately, by the classes that they were asked for with: one that
    gave way is never asked for again (3.11 to 3.13)."""
    for forget in typing._cleanups:  # type: ignore[attr-defined]  # not in typeshed
        forget()


def _left_behind(cls: type) -> bool:
    """Is this a class of a module that an earlier release took away: there for its undo, or for old
    functions, whose variables that module's are?"""
    return class_module(cls) not in sys.modules


def _passes(holder: Any) -> bool:
    kind = type(holder)
    if kind is dict and type(holder.get("__name__")) is str and "__spec__" in holder:
        return not are_variables(holder, sys.modules)  # it is of a module that the edit took away
    if kind is tuple and holder and issubclass(type(holder[0]), type):
        return bool(holder is holder[0].__mro__)
    return kind in (
        types.FrameType,
        types.CellType,
        types.FunctionType,
        types.GetSetDescriptorType,
        types.MemberDescriptorType,
    )


def names_of(graph: Graph, pairs: frozenset[Pair]) -> frozenset[str]:
    return frozenset(
        node[3].qualname.rpartition(".")[2]
        for node in (graph.nodes[pair[1]] for pair in pairs)
        if node[0] == "function"
    )
