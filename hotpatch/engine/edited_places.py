"""The places that an edit is about, and those where the author chose what lives, as the proof names them."""

from __future__ import annotations

from . import order
from .staged import Staged

Place = str


def places_of_edit(staged: Staged) -> frozenset[Place]:
    """The places that the edit is about, named as `unlike` names them."""
    difference = staged.measurement.difference
    found: set[Place] = set()
    for pair in difference.visits:
        where = difference.new.path(pair[1])
        found |= {
            f"{where} {step!r}"
            for _, step, child in difference.edges.get(pair, ())
            if child in difference.replaced
        }
        for changes, sign in ((difference.added, "+"), (difference.removed, "-")):
            found |= {f"{sign}{where} {step!r}" for step, _ in changes.get(pair, ())}
        if pair in difference.reordered:
            found.add(f"{where} {order.STEP}")
    return frozenset(found)


def places_kept(staged: Staged) -> frozenset[Place]:
    """The places where the author chose what lives."""
    difference = staged.measurement.difference
    found: set[Place] = set()
    for pair in difference.visits if staged.kept else ():
        where, chosen = difference.new.path(pair[1]), difference.old.path(pair[0])
        if f"{chosen} {order.STEP}" in staged.kept:
            found.add(f"{where} {order.STEP}")
        steps = [step for _, step, _ in difference.edges.get(pair, ())]
        for changes in (difference.added, difference.removed):
            steps += [step for step, _ in changes.get(pair, ())]
        for step in steps:
            if f"{chosen}.{step[-1] if type(step) is tuple else step}" in staged.kept:
                found |= {f"{sign}{where} {step!r}" for sign in ("", "+", "-")}
    return frozenset(found)
