"""The proof: after the commit, the process is what a fresh start of the new sources would be, live state
aside.

The live process is described before and after the commit and laid over the two clean starts.  A place
where it is unlike the new start is excused only if it is state: it was as unlike the old start, the edit
does not touch it, and the commit left its value alone.  Values are compared, not places.

Made for a forked child in which nothing else runs: describing walks the whole program.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

from attrs import frozen

from hotpatch.ops import SlotKind

from . import (
    asked_by_name,
    bound_arguments,
    codes,
    factories,
    fields,
    handed_out,
    hashed,
    heap,
    hidden,
    in_front,
    kept_under,
    kinds,
    local_classes,
    marks,
    order,
    ordering,
    orphans,
    parts_lacking,
    patterned,
    put_otherwise,
    rebound,
    records,
    restated,
    shadowed,
    strays,
    tuples,
    went,
)
from .collector import unheard, youngest_alone
from .commit import apply
from .decoding import decoded_once
from .edited_places import Place, places_kept, places_of_edit
from .frozen import all_objects
from .gained import by_object
from .graph import APP, Describer, Graph
from .instances import Lacking
from .living import Living, living
from .match import Match, Pair, is_sequence
from .memo import answers_of_modules, copies
from .merge_objects import FIELDS
from .reading import class_dict, qualname_of
from .recorded import Note
from .staged import Staged
from .view import PLAIN_VIEW, View
from .world import World

Value = Any


def describe_live(
    root: str, app: Any, opened: Sequence[str], view: View = PLAIN_VIEW, unseen: Collection[int] = ()
) -> Graph:
    """This process as a graph; the graph holds on to the objects, so that their ids say which is which."""
    describer = Describer(World(root, view), with_blobs=False, unseen=unseen)
    graph = describer.run({} if app is None else {APP: app}, opened)
    graph.objects = describer.objects
    return graph


def prove(staged: Staged, remade: Collection[str] = ()) -> tuple[str, ...]:
    """What is unlike a fresh start, by name; empty if nothing is.  `remade` are attributes of classes that
    refresh handlers have made anew from what is compared.

    To be called after the commit of `staged.ops`, where nothing else runs: they are taken back for a moment,
    to see what was state before.
    """
    # What is described stays to the end, or is collected where that is asked for.
    with youngest_alone(), unheard():
        apply(staged.ops, forward=False)
        try:
            before = describe_live(staged.root, staged.app, staged.measurement.opened, staged.view)
        finally:
            apply(staged.ops, forward=True)
        loose = went.overloads(staged) | _taken_away(staged, {id(before.objects)})
        lost = went.methods_of_the_gone(staged) | loose
        after = describe_live(staged.root, staged.app, staged.measurement.opened, staged.view, lost)
        findings = compare(staged, before, after, remade)
        unlinked = _unlinked(before, after)
        del before, after
        gc.collect()  # what staging and describing held on to is no holder of the program's
        if staged.carry is not None:
            findings += tuple(staged.carry.rehearse())
        return findings + of_the_heap(staged, unlinked, loose)


def compare(staged: Staged, before: Graph, after: Graph, remade: Collection[str] = ()) -> tuple[str, ...]:
    proof = staged.measurement.proof
    graphs = (before, after, proof.old, proof.new)
    before, after, old, new = (graph.without(remade) for graph in graphs)
    were = Match(before, old, here=True)
    state = unlike(were)
    match = Match(after, new, proof.noise, here=True)
    if _items_come_and_go(match):
        known = _known_again(were, Match(old, new, proof.noise), after)
        match = Match(after, new, proof.noise, here=True, known=known)
    left = unlike(match, carried(staged, match))
    edited, kept = places_of_edit(staged), places_kept(staged)
    copied = copies(staged.measurement.difference, match)
    by_owner = {(was.owner, was.step): was for was in state.values() if was.owner}

    former = staged.successors.former()

    def was_so(place: Place, now: Unlike) -> bool:
        was = state.get(place), by_owner.get((now.owner, now.step))
        same = (now.value, former.get(now.value) if type(now.value) is int else now.value)
        return any(one is not None and one.value in same for one in was)

    put_in_front = in_front.since_the_start(were) - {id(op.owner) for op in staged.ops}
    wrong = [
        place
        for place, now in left.items()
        if not (place in kept or now.owner in put_in_front) and (place in edited or not was_so(place, now))
    ]
    findings = [f"{place} is unlike a fresh start" for place in sorted(wrong)]
    findings += copied
    findings += answers_of_modules(staged.functions, match)
    findings += local_classes.outdated(staged.functions, _proven(match) | _gone(staged).keys(), all_objects)
    findings += hidden.outdated(after, proof.new, proof.old)
    reached = {id(obj) for obj in after.objects or ()}
    findings += [
        f"the old {name} can still be reached" for i, (_, name) in _gone(staged).items() if i in reached
    ]
    return tuple(findings)


def of_the_heap(staged: Staged, unlinked: Mapping[int, Note], loose: Collection[int]) -> tuple[str, ...]:
    """Objects that live and lack what the new code reads; containers that hold on to a class that is gone.
    `loose` are ids of what went with the edit, and holds nothing back."""
    left_out = _parts_of_the_dead(staged, unlinked) | staged.built
    heap.forget_aliases()  # before a look at what lives keeps them
    objects = living()
    is_ours = World(staged.root).is_local
    with decoded_once(), codes.remembering():
        findings = _of_objects(staged, objects, left_out, is_ours)
    if any(op.kind is SlotKind.BASES for op in staged.ops):
        # They may have been taken back for a moment: then each class below has its bases listed anew, and
        # nothing holds the list from before but those who looked at what lives.
        del objects
        objects = living()
    findings += heap.outlived(staged.gone, objects, staged.view)
    gone, ours, values = _gone(staged), _own_records(staged), _values(staged)
    findings += strays.held(staged, objects, {*objects.own, id(gone), *ours}, values, is_ours)
    del objects  # it holds classes, and is no holder of the program's
    if gone:
        findings += heap.holders(gone, ours, staged.view, values, loose)
    findings += rebound.held(staged.ops, staged.functions, ours | values, staged.view)
    return tuple(findings)


def _of_objects(
    staged: Staged, objects: Living, left_out: Collection[int], is_ours: Callable[[Any], bool]
) -> list[str]:
    """Whether new code finds what it counts on in all that lives; of `left_out` it meets nothing.
    Code that has only moved in its file is not new."""
    functions = {i: each for i, each in staged.functions.items() if not codes.same_body(*each[1:])}
    asked = Lacking(functions, staged.ops, is_ours, staged.functions)
    changing, staying = staged.exchanged, objects
    if changing or left_out:
        staying = objects.without(changing, left_out)
    findings = asked.find(staying, objects.own, staged.view)
    carried_classes = {} if staged.carry is None else staged.carry.of_class
    findings += marks.lacking(functions, asked, staying, objects.own, staged.view, is_ours)
    findings += restated.outdated(functions, staying, objects.own, staged.view, staged.kept, carried_classes)
    findings += records.lacking(functions, asked.brought, objects, is_ours)
    findings += patterned.lacking(functions, staged.ops, asked.brought, objects, is_ours)
    findings += kinds.outdated(functions, asked, objects)
    findings += parts_lacking.lacking(functions, staged.ops, asked, staying, objects.own, staged.view)
    findings += handed_out.outdated(functions, staying, objects.own, staged.view)
    findings += orphans.left(functions, staged.ops, staying, objects.own, staged.view, is_ours)
    del staying
    findings += tuples.outgrown(functions, asked.brought, objects)
    findings += put_otherwise.outdated(functions, asked.brought, objects)
    findings += factories.outgrown(functions, staged.ops, objects)
    findings += fields.outlived(staged.ops, objects, staged.view)
    findings += shadowed.in_front(staged.ops, objects)
    findings += shadowed.behind(staged.ops, objects)
    findings += kept_under.lost(functions, staged.ops, objects, is_ours)
    findings += bound_arguments.refused(functions, staged.ops, objects, staged.built, staged.view)
    findings += bound_arguments.outdated(staged.ops, objects)
    turn = partial(apply, staged.ops)
    findings += hashed.lost(functions, staged.ops, objects, turn)
    findings += ordering.lost(functions, staged.ops, objects, is_ours, turn)
    findings += asked_by_name.gone(functions, staged.ops, objects, objects.own, staged.view)
    return findings


def _proven(match: Match) -> set[int]:
    """ids of classes that a fresh start has as well: what differs in them has been told."""
    objects = match.old.objects
    if objects is None:
        return set()
    return {id(objects[o]) for o in match.partner if match.old.kind(o) == "class"}


def _gone(staged: Staged) -> dict[int, tuple[Any, str]]:
    """Objects that nothing should hold any more."""
    gone: dict[int, tuple[Any, str]] = {
        i: (live, qualname_of(live)) for i, (live, _) in staged.exchanged.items()
    }
    gone |= {i: (obj, f"{type(obj).__qualname__} object") for i, (obj, _) in staged.displaced.items()}
    return gone


def _taken_away(staged: Staged, passed: set[int]) -> set[int]:
    gone = _gone(staged)
    if not gone:
        return set()
    gc.collect()  # of garbage that holds on to each other nobody can tell that it is held by nothing
    return went.taken_away(staged, gone, _own_records(staged) | _values(staged) | passed)


def _unlinked(before: Graph, after: Graph) -> dict[int, Note]:
    """Classes that the program led to and does not any more: id to class and name."""
    still = {id(obj) for obj in after.objects or ()}
    return {
        id(obj): Note(obj, qualname_of(obj))
        for i, obj in enumerate(before.objects or ())
        if before.kind(i) == "class" and id(obj) not in still
    }


def _items_come_and_go(match: Match) -> bool:
    """Of a sequence that has items on both sides: where one side has none, none is taken for another."""

    def has_items(graph: Graph, i: int) -> bool:
        return any(map(is_sequence, graph.kids(i)))

    return any(
        has_items(match.old, o) and has_items(match.new, n)
        for changes in (match.added, match.removed)
        for (o, n), steps in changes.items()
        if any(is_sequence(step) for step, _ in steps)
    )


def _known_again(were: Match, edit: Match, after: Graph) -> dict[int, int]:
    """Nodes of the live process after the commit, and of the new start, that are the same: the object was
    there before, as what the edit says has become that.  By likeness an item that has changed since the start
    is not known again among others that come and go."""
    at = {id(obj): i for i, obj in enumerate(after.objects or ())}
    known = {}
    for live, o in were.partner.items():
        i, n = at.get(id((were.old.objects or ())[live])), edit.partner.get(o)
        if i is not None and n is not None and (o, n) not in edit.replaced:
            known[i] = n
    return known


def _parts_of_the_dead(staged: Staged, unlinked: Mapping[int, Note]) -> set[int]:
    """ids of what stands in the dictionaries of classes that the edit takes away (descriptors, say), and that
    nothing but its record holds: no new code will meet it."""
    if any(id(sub) not in unlinked for cls, _ in unlinked.values() for sub in type.__subclasses__(cls)):
        return set()
    if unlinked and heap.holders(unlinked, _own_records(staged), staged.view, _values(staged)):
        return set()
    return {id(part) for cls, _ in unlinked.values() for part in class_dict(cls).values()}


Passes = Callable[[Pair, Any], bool]


def carried(staged: Staged, match: Match) -> Passes:
    """Which places (a pair, a step) are as the author's transformers made them."""
    if (carry := staged.carry) is None or (objects := match.old.objects) is None:
        return lambda pair, step: False
    ways = {t.target for t in carry.places}
    for pair in (*match.edges, *match.added, *match.removed):
        _, names = carry.touched.get(id(objects[pair[0]]), (None, frozenset()))
        path = match.new.path(pair[1])
        ways |= {path} if names is None else {f"{path}.{name}" for name in names}
    below = tuple(f"{way}." for way in ways)

    def passes(pair: Pair, step: Any) -> bool:
        place = f"{match.new.path(pair[1])}.{step[-1] if type(step) is tuple else step}"
        return place in ways or place.startswith(below)

    return passes


@frozen
class Unlike:
    """What stands in a place where the live process differs."""

    value: Value
    owner: int
    """The live object whose place it is, by identity: its name may be another after the commit."""
    step: Any


def unlike(match: Match, passes: Passes = lambda pair, step: False) -> dict[Place, Unlike]:
    """Where the first graph (the live one) differs in itself from the second, and what it has there."""
    found: dict[Place, Unlike] = {}

    def note(sign: str, pair: Pair, step: Any, node: int | None, live: Any = None) -> None:
        """`live` is what the first graph calls the step, where it may call it otherwise."""
        value = None if node is None else _told(match.old, pair[0], node)
        if sign == "-" and is_sequence(step):
            step = f"item {value!r}"  # what came before it may have moved it
        objects = match.old.objects
        owner = 0 if objects is None else id(objects[pair[0]])
        known = step if sign == "+" else _one_key(match, pair, live or step)
        found[f"{sign}{match.new.path(pair[1])} {step!r}"] = Unlike(value, owner, (sign, known))

    for pair, edges in match.edges.items():
        for live, step, child in edges:
            own = child in match.replaced or (child in match.different and _own_difference(match, child))
            if own and not passes(pair, step):
                note("", pair, step, child[0], live if by_object(live) else None)
    for pair in match.reordered:
        if not passes(pair, order.STEP):
            owner = 0 if match.old.objects is None else id(match.old.objects[pair[0]])
            now = order.Order(match.old.kids(pair[0]))
            found[f"{match.new.path(pair[1])} {order.STEP}"] = Unlike(now, owner, order.STEP)
    for changes, sign in ((match.added, "+"), (match.removed, "-")):
        for pair, steps in changes.items():
            for step, node in steps:
                if not passes(pair, step):
                    note(sign, pair, step, None if sign == "+" else node)
    for name, o in match.old.roots.items():
        n = match.new.roots.get(name)
        if n is not None and (o, n) in match.replaced:
            found[name] = Unlike(_told(match.old, -1, o), 0, name)
    return found


def _one_key(match: Match, pair: Pair, step: Any) -> Any:
    """A key that is an object is known by itself: what it is called may change with it."""
    if match.old.objects is None or not by_object(step):
        return step
    node = match.old.kids(pair[0]).get(step if step[0] == "item" else ("keyobj", *step[1:]))
    return step if node is None else (step[0], id(match.old.objects[node]))


def _own_difference(match: Match, pair: Pair) -> bool:
    a, b = match.old.nodes[pair[0]], match.new.nodes[pair[1]]
    if a[0] == "function":
        return bool(a[1] != b[1] or a[3].exact != b[3].exact)
    return bool(a[0] in ("class", "cell") and a[1] != b[1])


def _told(graph: Graph, parent: int, i: int) -> Value:
    """What the live process has there, so that before and after can be told apart: which object it is."""
    kind, head, kids, _ = graph.nodes[i]
    if kind == "plain":
        return type(head).__name__, repr(head)
    if graph.objects is None or _made_for_the_look(graph, parent):
        return kind, repr(head), len(kids)
    return id(graph.objects[i])


def _made_for_the_look(graph: Graph, i: int) -> bool:
    """Is this a part of what a C object says of itself when asked, another object each time?"""
    while i >= 0 and graph.kind(i) in ("tuple", "dict", "list"):
        i = graph.parents[i][0]
    return i >= 0 and graph.kind(i) == "reduced"


def _own_records(staged: Staged) -> set[int]:
    """What staging itself keeps of the objects, and nobody else."""
    ours = {id(staged.exchanged), id(staged.displaced)}
    for ops in (staged.ops, staged.base):
        ours |= {id(ops), *map(id, ops)}
    return ours


def _values(staged: Staged) -> set[int]:
    """What its ops hold of what stood in a place before, and comes to stand there."""
    values = set[int]()
    for op in staged.ops:
        kinds = (list, tuple, dict) if op.name == FIELDS[1] else (list, tuple)
        values |= {id(value) for value in (op.before, op.after) if type(value) in kinds}
    return values
