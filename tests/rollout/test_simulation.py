"""Rollouts simulated: whatever is seen, asked and answered, and whenever the leader dies."""

from __future__ import annotations

import random

import pytest
from attrs import evolve
from hotpatch_agent.rollout.seen import Answer, Asked, Seen
from hotpatch_agent.rollout.states import ENDED, VERBS, Event, Station
from hotpatch_agent.rollout.steps import gate, step
from hotpatch_agent.rollout.strategy import GateSpec, Kind, OnWorse, Strategy

from tests.rollout.world import CANARY, PASSED, UNDECIDED, WORSE, World, instant

BLUE_GREEN = Strategy(kind=Kind.BLUE_GREEN, keep=600)
ROLLING = Strategy(kind=Kind.ROLLING, batch=2, healthy=10)


@pytest.mark.parametrize("seed", range(200))
def test_whatever_happens_and_whenever_the_leader_dies_it_ends_in_one_history(seed: int) -> None:
    """Random verdicts, verbs, workers, gates and clock; the leader dies before or after any record."""
    chance = random.Random(seed)
    strategy = chance.choice(
        [CANARY, ROLLING, BLUE_GREEN, Strategy(), evolve(CANARY, on_worse=OnWorse.FREEZE)]
    )
    if chance.random() < 0.5:
        points = chance.sample(["before", "more", "promotion", "after", "rollback"], 2)
        strategy = evolve(strategy, gates=tuple(GateSpec(point, url="http://x/") for point in points))
    world = World(strategy)
    for _ in range(250):
        before = world.progress
        question = gate(before)
        gates = {question.id: Answer(chance.random() < 0.9)} if question and chance.random() < 0.5 else {}
        world.seen = Seen(
            workers=chance.choice([1, 4, 4, 4, 5]),
            reached=chance.random() < 0.7,
            gates=gates,
            newer="a newer push" if chance.random() < 0.005 else "",
            lost="quarantined" if chance.random() < 0.003 else "",
        )
        verdict = chance.choice(
            [None, UNDECIDED, PASSED, PASSED, PASSED] + [WORSE] * (chance.random() < 0.05)
        )
        asked = (Asked("r", chance.choice(VERBS), "ann"),) if chance.random() < 0.03 else ()
        if chance.random() < 0.1:
            # The leader dies with its decision unwritten: the next one sees the same and decides the same.
            seen = evolve(world.seen, window=before.window, verdict=verdict, asked=asked)
            unwritten = step(before, seen, world.now)
            world.new_leader()
            assert world.progress == before
            assert step(world.progress, seen, world.now) == unwritten
        else:
            world.turn(verdict, *asked)
        after = world.progress
        if before.station is Station.ABORTED and after.station is not Station.ABORTED:
            assert world.events[-1] is Event.RETRY
        if after.station is Station.PROMOTING and before.station is not Station.PROMOTING:
            assert world.events[-1] in (Event.YES, Event.PROMOTE, Event.PROMOTE_FULL)
        if before.station is Station.WATCHING and after.station in (Station.OPENING, Station.CLOSING):
            asked_by_person = world.events[-1] in VERBS
            assert asked_by_person or not strategy.judged or verdict is PASSED
        world.time += chance.choice([0.0, 0.5, 20.0, 70.0])
    # Left alone, it comes to an end or waits for a person who paused.
    world.seen = Seen(workers=4, reached=True)
    for _ in range(100):
        question = gate(world.progress)
        if question is not None:
            world.seen = evolve(world.seen, gates={question.id: Answer(False)})
        world.wait(1_000, UNDECIDED)
    assert world.progress.station in (*ENDED, Station.PAUSED)


def test_a_leader_that_dies_after_each_record_changes_nothing_but_who_writes() -> None:
    """The same rollout, with a new leader folding the records anew after each of them: the same history."""
    world = World()
    world.settle()
    world.wait(61, PASSED)
    world.wait(61, PASSED)
    for cut in range(len(world.records)):
        other = World()
        other.new_leader()
        other.records, other.time = world.records[:cut], world.records[cut - 1][0].tick if cut else 0.0
        while len(other.records) < len(world.records):
            at, _ = world.records[len(other.records)]
            other.time = at.tick
            assert other.turn(PASSED if at.tick else None)
        assert [fact.event for _, fact in other.records] == world.events
    assert world.now == instant(122)
