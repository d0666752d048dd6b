"""Of what is another in each start: what the new sources bring, and what the process has and keeps.

`TOKEN = secrets.token_hex()` in both sources is state: the process keeps its own.  Where the old sources say
`TOKEN = None`, or nothing, it is part of the edit, and gets what the new start has, as an object would that
comes.  That is as good as what a fresh start would make, unless it says something of the process or the
machine that it was made in (`bound`), or is made of what the process keeps: of which two starts can't tell.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final

from attrs import frozen

from . import order
from .bound import has_pid, is_address, says_where, to_machine
from .effects import KEEP
from .graph import Graph, below, place
from .match import Match, is_sequence
from .measurement import Problem
from .noise import Noise, noise_between
from .shape import Step
from .start import Started
from .syntax_changes import Act, Change, Changes
from .syntax_follow import Place, dotted
from .syntax_trace import Trace
from .syntax_units import Kind

Spot = tuple[int, Step]


@frozen
class Restless:
    """Places of the new start, (node, step)."""

    come: frozenset[Spot] = frozenset()
    """The old start has the same there each time, or has no such place."""
    inside: frozenset[Spot] = frozenset()
    """In objects that come."""
    kept: frozenset[Spot] = frozenset()
    """Another in each start of the old sources as well."""

    def noise(self, noise: Noise) -> frozenset[Spot]:
        """What is no part of the edit."""
        return (noise.places - self.come) | self.kept


def told_apart(old: Started, new: Started, noise: Noise, again: Callable[[], Started]) -> Restless:
    """`again` starts the old sources once more, which is asked for where both starts have something there."""
    if not noise.places:
        return Restless()
    match = Match(old.graph, new.graph)
    both, added = dict(_in_both(match, noise)), dict(_added(match, noise))
    sequences = dict(_of_another_length(match, noise))
    state = frozenset[Spot]()
    if both or sequences or any(_is_item(step) for _, step in added):
        state = noise_between(old.graph, again().graph, old.host.memory).places
    of_state = {o for o, step in state if _is_item(step)}
    come = {spot for spot, before in both.items() if before not in state}
    come |= {spot for spot, o in added.items() if not (_is_item(spot[1]) and o in of_state)}
    come |= {(n, order.ITEMS) for n, o in sequences.items() if o not in of_state}
    loose = {(n, order.ITEMS) for n, o in sequences.items() if o in of_state}
    inside = {spot for spot in noise.values if spot[0] not in match.origin}
    return Restless(frozenset(come), frozenset(inside), (noise.values | loose) - come - inside)


def _of_another_length(match: Match, noise: Noise) -> Iterator[tuple[int, int]]:
    """Sequences with items that are others each time, new and old, of which there are not as many as before:
    by chance, it may be."""
    restless = {n for n, step in noise.places if is_sequence(step)}
    for changes in (match.added, match.removed):
        for (o, n), steps in changes.items():
            if n in restless and any(is_sequence(step) for step, _ in steps):
                yield n, o


def _in_both(match: Match, noise: Noise) -> Iterator[tuple[Spot, Spot]]:
    for (o, n), edges in match.edges.items():
        for before, after, child in edges:
            if child in match.replaced and (n, after) in noise.values:
                yield (n, after), (o, before)


def _added(match: Match, noise: Noise) -> Iterator[tuple[Spot, int]]:
    """Places that the old start does not have, each with the node of old that would have it."""
    for (o, n), added in match.added.items():
        yield from (((n, step), o) for step, _ in added if (n, step) in noise.places)


def _is_item(step: Step) -> bool:
    """Is this a place in a collection, which may be filled with others each time?"""
    return not (type(step) is tuple and step[0] in ("name", "attr"))


def problems(started: Started, again: Started, restless: Restless, noise: Noise) -> Iterator[Problem]:
    """Why what comes can't be taken from this start, of the new sources."""
    graph, host = started.graph, started.host
    kept = min((dotted(said(graph, s)) for s in restless.kept if not _says_where(started, s)), default="")
    for i, step in sorted(restless.come | restless.inside, key=str):
        module, name = said(graph, (i, step))
        where, value = dotted((module, name)), _plain(graph, i, step)
        if has_pid(value, host, noise.others.get((i, step)), again.host):
            why = f"{where} has the number of the process in it, and that of another process says nothing"
            yield Problem(module, name, why)
        elif is_address(value, host):
            yield Problem(
                module, name, f"{where} is an address in memory, and that of another process is none"
            )
        elif kept and not _of_a_library(graph, i):
            why = (
                f"{where} is another in each start, and may be made of {kept}, which stays as the process "
                f"has it: the bundle may say rebuild for {where}"
            )
            yield Problem(module, name, why, where, "rebuild")
        elif to_machine(value, host):
            why = f"{where} may be a time by a clock of the machine on which the release was built"
            yield Problem(module, name, why, unless=(started.boot,))


def places_kept(started: Started, restless: Restless) -> dict[Place, bool]:
    """What stays, by its place in the sources, and whether it is a variable with a plain value that says more
    than where something is."""
    graph = started.graph

    def is_value(spot: Spot) -> bool:
        return _plain(graph, *spot) is not None and not _says_where(started, spot)

    return {
        said(graph, spot): graph.kind(spot[0]) in ("module", "class") and is_value(spot)
        for spot in restless.kept
    }


def made_otherwise(
    changes: Changes, unexplained: Collection[Change], kept: Mapping[Place, bool]
) -> Iterator[Problem]:
    """Why what the process keeps is not what the new sources would make: its statement was changed, and no
    measured difference follows from that, or what a variable was made by."""
    if not kept:
        return
    trace = Trace(changes)
    for (module, name), plain in sorted(kept.items()):
        for change in trace.causes((module, name)):
            own = change.module == module and f"{name}.".startswith(f"{change.name}.") and change.name != ""
            if change.act is not Act.CHANGED or change.kind not in (_OWN if own else _MADE_BY):
                continue
            if own and change in unexplained:
                yield _kept_as_made(module, change.name, "the statement that sets it")
            elif not own and plain:
                yield _kept_as_made(module, name, f"{change.module}.{change.name}, by which it is made,")
            else:
                continue
            break


_OWN: Final = (Kind.CONSTANT, Kind.ATTRIBUTE)
_MADE_BY: Final = (Kind.BODY, Kind.DEFAULT, *_OWN)


def _kept_as_made(module: str, name: str, by: str) -> Problem:
    where = dotted((module, name))
    why = f"{where} is another in each start, and {by} was changed: the process has what the old one made: "
    return Problem(module, name, why + KEEP.format(where), where)


def said(graph: Graph, spot: Spot) -> tuple[str, str]:
    """(module, dotted name inside it) of a place."""
    module, name = place(graph, spot[0])
    return module, below(name, spot[1])


def _says_where(started: Started, spot: Spot) -> bool:
    return says_where(_plain(started.graph, *spot), started.host)


def _plain(graph: Graph, i: int, step: Step) -> object:
    """What stands there, if that is plain."""
    child = graph.kids(i).get(step)
    return graph.nodes[child][1] if child is not None and graph.kind(child) == "plain" else None


def _of_a_library(graph: Graph, i: int) -> bool:
    kind, _, kids, _ = graph.nodes[i]
    return kind in ("value", "reduced") or (
        kind == "instance" and bool(kids) and graph.kind(kids[0][1]) == "outside"
    )
