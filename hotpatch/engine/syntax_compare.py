"""Two versions of one module to its changes: units are paired, and pairs compared aspect by aspect.

Pairing goes by name and is strictly one to one; among units of the same name (overloads, a property and its
setter, branches of an `if`) those that are equal go first, then those with the same decorators, then the
rest in order.  Statements that bind nothing pair by equal text, then by what they call where that leaves
one on each side.

Order is no edit, except where it decides what a name ends up as or in which order effects happen.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterator, Sequence

from hotpatch.engine.syntax_changes import Act, Change
from hotpatch.engine.syntax_units import DEFINITIONS, NEVER_RUN, Kind, Module, Unit

Pair = tuple[Unit, Unit]


def compare(old: Module, new: Module) -> tuple[Change, ...]:
    """The changes that lead from `old` to `new`, in the order of the new source; what is gone comes at its
    old line.
    """
    pairs = pair(old.units, new.units)
    kept_old, kept_new = {id(a) for a, _ in pairs}, {id(b) for _, b in pairs}
    gone = [unit for unit in old.units if id(unit) not in kept_old]
    come = [unit for unit in new.units if id(unit) not in kept_new]
    remade = {b.name for a, b in pairs if a.sort is not b.sort}
    whole_old = {u.name for u in gone if u.sort in DEFINITIONS} | remade
    whole_new = {u.name for u in come if u.sort in DEFINITIONS} | remade
    whole_new -= {b.name for a, b in pairs if a.sort is b.sort}
    whole_old -= {a.name for a, b in pairs if a.sort is b.sort}

    def change(kind: Kind, act: Act, a: Unit | None, b: Unit | None) -> Change:
        unit = b or a
        assert unit is not None
        return Change(
            module=new.name,
            name=unit.name,
            kind=kind,
            act=act,
            old_line=a.first if a else None,
            new_line=b.first if b else None,
            label=unit.label,
            effects=unit.effects or (a.effects if a else ()),
            unit=unit,
        )

    found = [change(unit.sort, Act.REMOVED, unit, None) for unit in gone if not _within(unit, whole_old)]
    found += [change(unit.sort, Act.ADDED, None, unit) for unit in come if not _within(unit, whole_new)]
    heads = {id(unit) for unit in gone + come if unit.sort is Kind.CONDITION}
    heads |= {id(a) for a, b in pairs if a.sort is Kind.CONDITION and a.aspects != b.aspects}
    for a, b in pairs:
        if not _within(b, remade):
            found += [change(kind, Act.CHANGED, a, b) for kind in differing(a, b)]
            if a.guards != b.guards and not heads and a.owner == b.owner:
                found.append(change(Kind.CONDITION, Act.CHANGED, a, b))
    found += [change(Kind.ORDER, Act.MOVED, a, b) for a, b in reordered(pairs, old, new)]
    return tuple(sorted(found, key=lambda c: (c.line, c.old_line or 0, c.name, c.kind.value)))


def _within(unit: Unit, names: set[str]) -> bool:
    """Whether a unit stands in a definition that is itself new, gone or made in another way."""
    owner = unit.owner
    while owner:
        if owner in names:
            return True
        owner = owner.rpartition(".")[0]
    return False


def differing(old: Unit, new: Unit) -> Iterator[Kind]:
    """What differs between two units of the same name, most general first."""
    if old.sort is not new.sort:
        yield Kind.DEFINITION if {old.sort, new.sort} & DEFINITIONS else new.sort
        return
    kinds: list[Kind] = []
    signature = (Kind.SIGNATURE, "")
    parameters = [{p.lstrip("*") for p in u.aspects.get(signature, "").split(", ")} for u in (old, new)]
    both = (parameters[0] & parameters[1]) | {"", "return"}
    for key in [*new.aspects, *(key for key in old.aspects if key not in new.aspects)]:
        kind, part = key
        if old.aspects.get(key) == new.aspects.get(key) or kind in kinds:
            continue
        if signature in new.aspects and kind in (Kind.DEFAULT, Kind.ANNOTATION) and part not in both:
            continue  # the parameter itself is new or gone: that is the signature
        kinds.append(kind)
    yield from kinds


# -- pairing ---------------------------------------------------------------------------------


def pair(old: Sequence[Unit], new: Sequence[Unit]) -> list[Pair]:
    """Pairs of units that are the same thing in both versions, in the order of the new source."""
    left = {id(unit): unit for unit in old}
    right = {id(unit): unit for unit in new}
    pairs: list[Pair] = []

    def take(key: Callable[[Unit], Hashable | None], *, alone: bool = False) -> None:
        olds: dict[Hashable, list[Unit]] = {}
        news: dict[Hashable, list[Unit]] = {}
        for units, groups in ((left, olds), (right, news)):
            for unit in units.values():
                if (value := key(unit)) is not None:
                    groups.setdefault(value, []).append(unit)
        for value, group in news.items():
            others = olds.get(value, [])
            if alone and (len(group) > 1 or len(others) > 1):
                continue
            for a, b in zip(others, group, strict=False):
                pairs.append((a, b))
                del left[id(a)], right[id(b)]

    take(lambda u: (u.owner, u.name, u.sort, u.guards, _aspects(u)))
    take(lambda u: (u.owner, u.name, u.sort, _aspects(u)))
    take(lambda u: (u.name, u.sort, u.guards, u.aspects.get((Kind.DECORATOR, ""))) if _named(u) else None)
    take(lambda u: (u.name, u.sort, u.guards) if _named(u) else None)
    take(lambda u: (u.name, u.sort) if _named(u) else None)
    take(lambda u: (u.name,) if _named(u) else None)
    take(lambda u: (u.owner, u.sort, u.guards) if u.sort in NEVER_RUN else None)
    take(lambda u: (u.owner, u.sort, u.binds) if u.binds and not _named(u) else None)
    take(lambda u: (u.owner, u.sort, u.effects) if u.effects and not _named(u) else None, alone=True)
    return sorted(pairs, key=lambda both: both[1].first)


def _named(unit: Unit) -> bool:
    return unit.name != unit.owner


def _aspects(unit: Unit) -> Hashable:
    return frozenset(unit.aspects.items())


# -- order -----------------------------------------------------------------------------------


def reordered(pairs: list[Pair], old: Module, new: Module) -> list[Pair]:
    """Pairs whose place among the others changed, where that can matter to what a name is bound to or to
    effects.
    """
    olds = {id(unit): place for place, unit in enumerate(old.units)}
    news = {id(unit): place for place, unit in enumerate(new.units)}
    ranked = sorted(pairs, key=lambda both: news[id(both[1])])
    places = [olds[id(a)] for a, _ in ranked]
    still = _rising(places)
    found = []
    for here, both in enumerate(ranked):
        if here in still:
            continue
        crossed = (
            other
            for there, other in enumerate(ranked)
            if (there < here) != (places[there] < places[here]) and there != here
        )
        if any(_order_matters(both[1], other[1]) for other in crossed):
            found.append(both)
    return found


def _order_matters(one: Unit, other: Unit) -> bool:
    if one.effects and other.effects:
        return True
    if one.sort is Kind.CONDITION or other.sort is Kind.CONDITION:
        return False  # what stands in the branches is compared by itself
    reads = [{name.partition(".")[0] for name in unit.now.reads} for unit in (one, other)]
    return bool(one.binds & other.binds or one.binds & reads[1] or other.binds & reads[0])


def _rising(places: list[int]) -> set[int]:
    """Indexes of a longest rising subsequence: the pairs that can be said to have stayed where they were."""
    tails: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for index, place in enumerate(places):
        slot = bisect_left(tails, place)
        before.append(ends[slot - 1] if slot else -1)
        tails[slot : slot + 1] = [place]
        ends[slot : slot + 1] = [index]
    found: set[int] = set()
    at = ends[-1] if ends else -1
    while at >= 0:
        found.add(at)
        at = before[at]
    return found
