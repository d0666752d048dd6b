"""From a match to the edit: which things change where they are, which give way to another, what must be
visited.

A tuple can't be changed in place, so if an item of it is replaced, so is the tuple, and whatever is fixed
around it; a list can, so there it ends.  The same for classes whose layout C won't change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

from attrs import field, frozen

from .awake import Told
from .c_shapes import MADE, MADE_TO_SAY
from .giving_way import giving_way
from .graph import HIDDEN, Graph
from .match import FIXED, Match, Pair, is_sequence
from .pairing import SHARED
from .shape import BED, LAID_ON, Step
from .stale import stale_caches


@frozen(eq=False)
class Difference:
    """The edit between two starts.  Graphs may be pruned to what the edit needs."""

    old: Graph = field(repr=False)
    new: Graph = field(repr=False)
    origin: Mapping[int, int] = field(repr=False)
    """Node of new: the node of old that is the same thing."""
    edges: Mapping[Pair, list[tuple[Step, Step, Pair]]] = field(repr=False)
    added: Mapping[Pair, list[tuple[Step, int]]] = field(repr=False)
    removed: Mapping[Pair, list[tuple[Step, int]]] = field(repr=False)
    replaced: frozenset[Pair]
    """Another object takes this one's place."""
    rebuilt: frozenset[Pair]
    """Of these, classes that are the same to the program but need another class object."""
    rigid: frozenset[Pair]
    """Of these, classes whose instances can't follow: C won't let them."""
    renamed: frozenset[Pair]
    moved: frozenset[Pair]
    """Functions of which only line numbers differ."""
    visits: tuple[Pair, ...]
    """Objects that change where they are, in the order in which they were found."""
    stale_caches: frozenset[Pair]
    """lru_caches whose function leads, by the names it uses, to something that changes."""
    stale_dispatch: frozenset[Pair]
    """Functions of `functools.singledispatch` near which something changes."""
    remade: frozenset[Pair] = frozenset()
    """Of the stale caches, those whose function makes its answers otherwise: not only what is done with them
    changes."""
    reordered: frozenset[Pair] = frozenset()
    """Mappings whose keys come in another order."""
    heirs: frozenset[Pair] = frozenset()
    """Of those replaced: functions that are gone, and what stands in their place, for a method in a base."""
    living: frozenset[Pair] = frozenset()
    """Of those replaced: the old thing lives on in another place, so nothing is lost where it gives way."""
    giving_way: frozenset[Pair] = frozenset()
    """Of those replaced: nobody may hold the old thing any more (`giving_way`)."""
    awake: Mapping[int, Mapping[Step, Told | None]] = field(factory=dict, repr=False)
    """Nodes of old that are evaluated when they are first asked for something: what is there then (`awake`).
    Others take their places, even where they look alike: what has been evaluated is not."""
    recalled: tuple[tuple[int, str, bool], ...] = ()
    """(node of old, name, False): what the object, or an object of the class, may have been asked for since,
    and was made of what changes.  With True: an object that a start itself has asked, so that the answer is
    measured."""
    filled: tuple[tuple[int, str, str, bool, bool], ...] = ()
    """(node of old, "attr" or "name", name, whether None stands there, whether the code says something else):
    what may have been filled since, and from what changes."""
    unmistakable: frozenset[int] = frozenset()
    """Nodes of old found under keys that are objects, which are known again though they have gained something
    (`gained`)."""

    @property
    def empty(self) -> bool:
        return not self.visits and not (self.new.roots.keys() ^ self.old.roots.keys())

    def same_thing(self, pair: Pair) -> bool:
        return self.origin.get(pair[1]) == pair[0]


FIXED_PARTS: Final = frozenset(
    {"class", "payload", "fget", "fset", "fdel", "func", "origin", "args", "target", "callback"}
)
"""Parts of an instance that are set when it is made, and never after."""


DEFINITIONS: Final = frozenset({("dataclasses", "Field")})
"""Classes outside of the program whose objects say what a definition is, and are no state of their own: where
one of them differs another takes its place, so that two versions can have one each."""


def derive(match: Match) -> Difference:
    parents: dict[Pair, list[Pair]] = defaultdict(list)
    for pair, edges in match.edges.items():
        for _, _, child in edges:
            parents[child].append(pair)
    replaced, different = set(match.replaced), set(match.different)
    replaced |= {pair for pair in (*match.added, *match.removed) if _has_other_items(match, pair)}
    other_parts = {*match.added, *match.removed, *match.reordered}
    replaced |= {pair for pair in other_parts if _made_to_say(match, pair)}
    rebuilt = {
        pair
        for pair in match.edges
        if match.old.kind(pair[0]) == "class" and pair not in replaced and not _can_stay(match, pair)
    }
    replaced |= rebuilt
    heirs = {pair for pair in match.handed & replaced if pair[0] not in match.partner}
    heirs |= set(_other_things(match, replaced))
    different |= heirs
    rigid = _spread(match, parents, replaced, rebuilt, different)
    stale = stale_caches(match, different, replaced) | match.unwrapped
    inside = {pair for pair in replaced if match.old.kind(pair[0]) != "function"}
    return Difference(
        old=match.old,
        new=match.new,
        origin=match.origin,
        edges=match.edges,
        added=match.added,
        removed=match.removed,
        replaced=frozenset(replaced),
        rebuilt=frozenset(rebuilt),
        rigid=frozenset(rigid),
        renamed=frozenset(match.renamed),
        moved=frozenset(match.moved),
        visits=tuple(sorted(different - inside)),
        stale_caches=frozenset(stale),
        stale_dispatch=_stale_dispatch(match, different | replaced),
        reordered=frozenset(match.reordered),
        heirs=frozenset(heirs),
        living=frozenset(pair for pair in replaced if _lives_on(match, replaced, pair)),
        giving_way=giving_way(match, replaced),
    )


def _other_things(match: Match, replaced: set[Pair]) -> Iterator[Pair]:
    """Functions that are gone, where every variable of theirs stands for one other thing that can be called
    now."""
    found: dict[int, set[int]] = defaultdict(set)
    for pair, edges in match.edges.items():
        if match.old.kind(pair[0]) != "module":
            continue
        for _, _, (o, n) in edges:
            if match.old.kind(o) == "function" and (o, n) in replaced and o not in match.partner:
                found[o].add(n)
    for o, news in found.items():
        if len(news) == 1 and match.new.kind(n := min(news)) in CALLED:
            yield o, n


CALLED: Final = frozenset(
    {
        "function",
        "class",
        "c-class",
        "outside",
        "instance",
        "value",
        "partial",
        "method",
        "bound",
        "lru_cache",
    }
)
"""Kinds of what may be called."""


def _lives_on(match: Match, replaced: set[Pair], pair: Pair) -> bool:
    o, n = pair
    same = match.partner.get(o, n)
    return match.old.kind(o) in SHARED and same != n and (o, same) not in replaced


def _spread(
    match: Match,
    parents: Mapping[Pair, list[Pair]],
    replaced: set[Pair],
    rebuilt: set[Pair],
    different: set[Pair],
) -> set[Pair]:
    """Carry every replacement up to the first thing around it that can be changed in place.  Returns the
    rebuilt classes whose instances can't follow."""
    above = _laid_on(match)
    on_it = _inverse(above)
    rigid = {pair for pair in rebuilt if not _instances_follow(match, pair, above, replaced)}
    todo = list(replaced)
    while todo:
        pair = todo.pop()
        for laid in on_it.get(pair, ()):
            if laid in rebuilt and laid not in rigid:
                rigid.add(laid)
                todo.append(laid)
        for part in _parts_said(match, pair):
            if part not in replaced:
                replaced.add(part)
                todo.append(part)
        for parent in parents.get(pair, ()):
            if parent in replaced:
                continue
            kind = match.old.kind(parent[0])
            if kind == "instance" and pair in rebuilt - rigid and _only_as_class(match, parent, pair):
                continue  # its class is exchanged under it
            if kind == "class" and _needs_another(match, parent, pair, rigid):
                rebuilt.add(parent)
                if not _instances_follow(match, parent, above, replaced):
                    rigid.add(parent)
                replaced.add(parent)
                todo.append(parent)
            elif (
                kind in FIXED
                or _said(match, parent)
                or (kind == "instance" and _fixed_part(match, parent, replaced))
            ):
                replaced.add(parent)
                todo.append(parent)
            else:
                different.add(parent)
    return rigid


def _parts_said(match: Match, pair: Pair) -> list[Pair]:
    """The containers in which a C object says what it is made of or what it was given: they go with it."""
    if match.old.kind(pair[0]) != "reduced" and not _said(match, pair):
        return []
    return [child for _, _, child in match.edges.get(pair, ()) if _said(match, child)]


def _said(match: Match, pair: Pair) -> bool:
    return _said_by(match, pair) is not None


def _said_by(match: Match, pair: Pair) -> Step | None:
    """The step from a C object to a container by which it says what it is made of, and in which this one
    stands, or which it is; None where there is none."""
    i, step = pair[0], None
    if match.new.kind(pair[1]) not in MADE_TO_SAY:
        return None
    while i >= 0 and match.old.kind(i) in MADE_TO_SAY:
        i, step = match.old.parents[i]
    return step if i >= 0 and match.old.kind(i) == "reduced" else None


def _made_to_say(match: Match, pair: Pair) -> bool:
    """Is this a container, or in one, that a C object makes whenever it is asked what it is made of?"""
    step = _said_by(match, pair)
    return step is not None and step[0] == MADE


def _needs_another(match: Match, cls: Pair, pair: Pair, rigid: set[Pair]) -> bool:
    """Must a class be built anew because its metaclass, or a base of another layout, is?"""
    return any(
        child == pair and (step == "meta" or (step[0] == "base" and pair in rigid))
        for step, _, child in match.edges[cls]
    )


def _instances_follow(match: Match, pair: Pair, above: Mapping[Pair, Pair], replaced: set[Pair]) -> bool:
    """C asks for one class that both were laid on, not for two alike."""
    (o, n), old, new = pair, match.old, match.new
    alike = _layout(old, o) == _layout(new, n) and _laid_on_name(old, o) == _laid_on_name(new, n)
    return alike and above.get(pair) not in replaced


def _laid_on_name(graph: Graph, i: int) -> tuple[str, str]:
    name: tuple[str, str] = graph.nodes[i][1][2][LAID_ON]
    return name


def _laid_on(match: Match) -> dict[Pair, Pair]:
    """For each class, the one of the program on which the last part of its layout was laid down."""
    old, found = match.old, {}
    for pair in match.edges:
        if old.kind(pair[0]) == "class":
            name = _laid_on_name(old, pair[0])
            above = next((o for o in _bases(old, pair[0]) if old.nodes[o][1][:2] == name), None)
            if above in match.partner:
                found[pair] = above, match.partner[above]
    return found


def _bases(graph: Graph, i: int) -> Iterator[int]:
    """The classes of the program that this one is derived from, the nearest first."""
    todo = [i]
    while todo:
        direct = [
            kid
            for step, kid in graph.nodes[todo.pop(0)][2]
            if step[0] == "base" and graph.kind(kid) == "class"
        ]
        yield from direct
        todo += direct


def _inverse(of: Mapping[Pair, Pair]) -> dict[Pair, list[Pair]]:
    found: dict[Pair, list[Pair]] = defaultdict(list)
    for pair, other in of.items():
        found[other].append(pair)
    return found


def _layout(graph: Graph, i: int) -> tuple[Any, ...]:
    """Of a class's objects, whatever the base is that it was laid on."""
    return tuple(graph.nodes[i][1][2][:BED])


def _only_as_class(match: Match, parent: Pair, pair: Pair) -> bool:
    return all(step == "class" for step, _, child in match.edges[parent] if child == pair)


def _fixed_part(match: Match, parent: Pair, replaced: set[Pair]) -> bool:
    """Is a part of this instance replaced that can't be set on it?"""
    tuple_like = _is_tuple_like(match, parent)
    defines = _class_of(match.old, parent[0]) in DEFINITIONS
    return any(
        child in replaced
        and (
            step in FIXED_PARTS
            or defines
            or (tuple_like and (is_sequence(step) or (type(step) is tuple and step[0] == "item")))
        )
        for step, _, child in match.edges[parent]
    )


def _is_tuple_like(match: Match, pair: Pair) -> bool:
    return match.old.nodes[pair[0]][1][0] in ("tuple", "frozenset")


def _has_other_items(match: Match, pair: Pair) -> bool:
    """Is this an object that extends a tuple, and that has more items than before, or fewer?"""
    if match.old.kind(pair[0]) != "instance" or not _is_tuple_like(match, pair):
        return False
    steps = [step for of in (match.added, match.removed) for step, _ in of.get(pair, ())]
    return any(type(step) is tuple and step[0] == "item" for step in steps)


def _class_of(graph: Graph, i: int) -> Any:
    """The name of an instance's class, where that is outside of the program."""
    of = next((child for step, child in graph.nodes[i][2] if step == "class"), None)
    return None if of is None or graph.kind(of) != "outside" else graph.nodes[of][1]


def _can_stay(match: Match, pair: Pair) -> bool:
    """Can the class object stay?  C forbids another layout, to exchange `object` as the only base, and to
    exchange the base that the layout was laid on for one of another layout."""
    a, b = match.old.nodes[pair[0]], match.new.nodes[pair[1]]
    bases = [
        [graph.nodes[child][1] for step, child in node[2] if step[0] == "base"]
        for graph, node in ((match.old, a), (match.new, b))
    ]
    bare = [("builtins", "object")]
    if _layout(match.old, pair[0]) != _layout(match.new, pair[1]):
        return False
    return bases[0] == bases[1] or (bare not in bases and a[1][2][BED] == b[1][2][BED])


def _stale_dispatch(match: Match, changed: set[Pair]) -> frozenset[Pair]:
    """`functools.singledispatch` has looked up classes in a registry: stale once something near it
    changes."""
    stale = set()
    for pair, edges in match.edges.items():
        kind, head, _, _ = match.old.nodes[pair[0]]
        dispatches = kind == "function" and head[0] == "functools"
        if dispatches and any(step == ("attr", "_clear_cache") for step, _, _ in edges):
            near = {pair}
            for _ in range(5):
                near |= {child for p in near for _, _, child in match.edges.get(p, ())}
            if near & changed:
                stale.add(pair)
    return frozenset(stale)


def hidden(graph: Graph, i: int) -> bool:
    return graph.module(i).startswith(HIDDEN)


def unchangeable(match: Match) -> Iterator[tuple[int, str]]:
    """Differences that have no live form, whatever the live process looks like: (node of old, why).

    Tuples of another length are told from the old ones, and looked for (`fields`)."""
    for pair in match.pairs:
        o, n = pair
        a, b = match.old.nodes[o], match.new.nodes[n]
        if a[0] == b[0] == "class" and match.partner.get(o) == n:
            for step, _, child in match.edges.get(pair, ()):
                old, new = match.old.nodes[child[0]], match.new.nodes[child[1]]
                if step == ("attr", "_fields") and child in match.replaced and len(old[2]) == len(new[2]):
                    yield o, "the fields of this tuple change, and tuples that exist have the old ones"
