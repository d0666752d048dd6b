"""The rollout and the service's own machine, each with a leader that dies between any two records."""

from __future__ import annotations

import random

import pytest
from attrs import evolve
from hotpatch_agent.rollout.compose import Due, due
from hotpatch_agent.rollout.seen import Asked, Record, Seen
from hotpatch_agent.rollout.states import RETURNING, VERBS, Station
from hotpatch_agent.rollout.steps import step, target
from hotpatch_agent.rollout.strategy import Kind, Strategy

from tests.rollout.world import CANARY, PASSED, UNDECIDED, WORSE, World


@pytest.mark.parametrize("committed", [True, False])
@pytest.mark.parametrize("station", Station)
def test_what_is_due_where(station: Station, committed: bool) -> None:
    expected = Due.NOTHING
    if committed and station in RETURNING:
        expected = Due.ROLL_BACK
    if not committed and station is Station.PROMOTING:
        expected = Due.COMMIT
    if not committed and station in (Station.ROLLED_BACK, Station.ABORTED, Station.SUPERSEDED):
        expected = Due.FAIL
    assert due(evolve(World().progress, station=station), committed) is expected


class Service:
    """The part of the service's machine that matters here: is the release on the head, has it ended, who runs
    it."""

    def __init__(self) -> None:
        self.committed = self.failed = False
        self.running = [False] * 4
        """Of each worker: does it run the new version for everybody?"""
        self.written: list[Due] = []

    def write(self, what: Due) -> None:
        self.written.append(what)
        self.committed = what is Due.COMMIT
        self.failed = self.failed or what in (Due.FAIL, Due.ROLL_BACK)

    def settled(self) -> bool:
        return all(one is self.committed for one in self.running)


@pytest.mark.parametrize("seed", range(150))
def test_the_two_machines_never_contradict_each_other(seed: int) -> None:
    chance = random.Random(seed)
    blue_green = Strategy(kind=Kind.BLUE_GREEN, keep=100)
    world, service = World(chance.choice([CANARY, Strategy(), blue_green])), Service()
    for _ in range(200):
        progress = world.progress
        wanted = due(progress, service.committed)
        if wanted is not Due.NOTHING and not service.failed and chance.random() < 0.7:
            service.write(wanted)  # else: the leader died before it; the next one finds the same due
        # Workers follow one by one, or not yet.
        for worker in range(4):
            if chance.random() < 0.5:
                service.running[worker] = service.committed
        verdict = chance.choice([None, UNDECIDED, PASSED, PASSED, *[WORSE] * (chance.random() < 0.03)])
        asked = (Asked("r", chance.choice(VERBS), "ann"),) if chance.random() < 0.03 else ()
        if progress.ended:
            break
        pending = due(progress, service.committed) is not Due.NOTHING
        reached = service.settled() and not pending and chance.random() < 0.8
        seen = Seen(4, reached, progress.window, verdict, asked=asked)
        for decision in step(progress, seen, world.now):
            if isinstance(decision, Record):
                world.records.append((world.now, decision.fact))
        world.new_leader()
        world.time += chance.choice([1.0, 30.0, 70.0])
        progress = world.progress
        if progress.station is Station.PROMOTED:
            assert service.committed and all(service.running)
        if target(progress, 4).whole and due(progress, service.committed) is Due.NOTHING:
            assert service.committed
        if progress.ended and progress.station is not Station.PROMOTED:
            assert not service.committed and not any(service.running)
    assert service.written.count(Due.COMMIT) <= 1
