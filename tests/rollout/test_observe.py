"""Workers' counts, checks and gates, seen through real meters, servers and commands."""

from __future__ import annotations

import random
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hotpatch_agent.rollout import sketch
from hotpatch_agent.rollout.counters import WHOLE, Measured, Meter
from hotpatch_agent.rollout.judge import Outcome
from hotpatch_agent.rollout.observe import Look, Observer, comparison, new_borders
from hotpatch_agent.rollout.picking import picker
from hotpatch_agent.rollout.progress import Progress
from hotpatch_agent.rollout.seen import Asked, Record, Seen
from hotpatch_agent.rollout.states import Event, Station
from hotpatch_agent.rollout.steps import gate, step, target
from hotpatch_agent.rollout.strategy import By, CheckSpec, GateSpec, Kind, Step, Strategy

from tests.rollout.servers import serving, until
from tests.rollout.world import World

KEYED = Strategy(kind=Kind.CANARY, key="cookie:session", steps=(Step(0.2, 60, 600), Step(0.5, 60, 600)))
SALT = "digest"


class Worker:
    """What a worker does for a rollout: pick, answer, count; the answers are made up, nothing else is."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.window = ""

    def follow(self, progress: Progress) -> None:
        """Take up the round that the ledger speaks of."""
        if self.window == progress.window:
            return
        self.window = progress.window
        keyed = bool(progress.strategy.key)
        self.new = Meter(self.window, keyed, new_borders(progress))
        self.old = Meter(self.window, keyed, progress.borders)
        self.pick = picker(progress.strategy, target(progress, 2), SALT)
        self.bucket = self.pick.lot or (lambda request: None)

    def serve(self, requests: int, bad: float = 0.01, slow: float = 1.0, usual: float = 0.018) -> None:
        for _ in range(requests):
            request = {"REQUEST_METHOD": "GET", "HTTP_COOKIE": f"session={self.chance.randrange(20_000)}"}
            new = self.pick(request)
            seconds = usual * self.chance.lognormvariate(0, 0.5) * (slow if new else 1.0)
            bucket = self.bucket(request)
            failed = self.chance.random() < (bad if new else 0.01)
            meter = self.new if new else self.old
            meter.enter(bucket)
            meter.note("GET /", bucket, meter.began, seconds, failed)

    @property
    def measured(self) -> Measured:
        return Measured(self.new.read(), self.old.read())


class Service:
    """A rollout's ledger, two workers, and a leader's Observer."""

    def __init__(self, strategy: Strategy = KEYED) -> None:
        self.world = World(strategy)
        self.workers = [Worker(seed) for seed in (1, 2)]
        self.observer = Observer({"service": "shop"}, clock=lambda: self.world.time)
        self.seen = Seen(2, True)

    def turn(self, requests: int = 0, asked: tuple[Asked, ...] = (), **behaviour: float) -> Station:
        """Serve, look, decide until nothing more is to be decided."""
        for _ in range(20):
            progress = self.world.progress
            for worker in self.workers:
                worker.follow(progress)
                worker.serve(requests, **behaviour)
            requests = 0
            look = Look([worker.measured for worker in self.workers], True, asked)
            self.seen = self.observer.look(progress, look)
            asked = ()
            decisions = step(progress, self.seen, self.world.now)
            if not decisions:
                break
            for decision in decisions:
                assert isinstance(decision, Record)
                self.world.records.append((self.world.now, decision.fact))
        return self.world.progress.station


def test_an_equal_release_goes_through_all_steps_by_its_own_figures() -> None:
    service = Service()
    service.turn(requests=500)
    for _ in range(80):
        service.world.time += 30
        if service.turn(requests=500) is Station.PROMOTED:
            break
    assert service.world.progress.station is Station.PROMOTED
    assert all("no worse" in fact.reason for _, fact in service.world.records if fact.event is Event.LAST)


def test_microseconds_more_are_no_fault_whatever_their_share() -> None:
    service = Service()
    for _ in range(80):
        service.world.time += 30
        if service.turn(requests=500, usual=2e-5, slow=2.0) is Station.PROMOTED:
            break
    assert service.world.progress.station is Station.PROMOTED


@pytest.mark.parametrize(("behaviour", "cause"), [({"bad": 0.1}, "errors"), ({"slow": 2.0}, "slower")])
def test_a_worse_release_is_rolled_back_with_the_figures(behaviour: dict[str, float], cause: str) -> None:
    service = Service()
    # Before the first step the old version answers alone: that is where the borders come from.
    progress = service.world.progress
    for worker in service.workers:
        worker.follow(progress)
        worker.serve(500)
    service.turn()
    for _ in range(40):
        service.world.time += 1
        if service.turn(requests=500, **behaviour) is Station.ROLLED_BACK:
            break
    assert service.world.progress.station is Station.ROLLED_BACK
    worse = next(fact for _, fact in service.world.records if fact.event is Event.WORSE)
    assert cause in worse.reason
    assert worse.figures["new_requests"] > 0


def test_without_traffic_it_is_held_and_says_so() -> None:
    service = Service()
    service.turn()
    service.world.time += 601
    assert service.turn() is Station.HELD
    assert "no request has reached the new version" in service.world.progress.reason


def test_without_a_past_speed_is_not_judged_and_nothing_passes() -> None:
    service = Service()
    service.turn()
    assert service.world.progress.borders == {}
    for _ in range(8):
        service.turn(requests=1_000)
    verdict = service.seen.verdict
    assert verdict is not None
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "is not known" in verdict.reason


def test_the_next_round_goes_by_the_speed_of_the_round_before() -> None:
    service = Service()
    service.turn()
    service.turn(requests=300)
    service.world.time += 601
    assert service.turn() is Station.HELD
    service.turn(asked=(Asked("r", Event.RESUME, "ann"),))
    borders = service.world.progress.borders[WHOLE]
    assert sketch.value_of(borders[0]) == pytest.approx(0.018, rel=0.3)
    assert borders[0] < borders[1] < borders[2]


def test_a_new_leader_comes_to_the_same_verdict_from_the_workers_counts() -> None:
    service = Service()
    service.turn()
    service.turn(requests=400)
    mine = service.seen.verdict
    assert mine is not None and mine.cause == "undecided"
    service.observer = Observer({}, clock=lambda: service.world.time)
    service.turn()
    assert service.seen.verdict == mine


@pytest.mark.parametrize(
    ("strategy", "share", "keyed"),
    [
        (KEYED, 0.2, True),
        (evolve(KEYED, key=""), 0.2, False),
        (evolve(KEYED, by=By.WORKERS), None, False),
        (Strategy(kind=Kind.ROLLING), None, False),
    ],
)
def test_the_share_is_known_only_where_the_lots_are_ours(
    strategy: Strategy, share: float | None, keyed: bool
) -> None:
    service = Service(strategy)
    service.turn()
    how = comparison(service.world.progress, 2)
    assert how.share == (None if share is None else pytest.approx(share, abs=1e-4))
    assert how.keyed is keyed


def test_a_gate_is_a_real_command_whose_no_holds_the_rollout(tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    text = f"import sys; open({str(told)!r}, 'w').write(sys.stdin.read()); print('not now'); sys.exit(1)"
    spec = GateSpec("more", command=(sys.executable, "-c", text), timeout=60)
    service = Service(evolve(KEYED, gates=(spec,)))
    until(lambda: service.turn() is Station.HELD, 60)
    assert "not now" in service.world.progress.reason
    assert '"at": "more"' in told.read_text()
    assert '"service": "shop"' in told.read_text()


def test_a_question_is_put_to_a_gate_once() -> None:
    with serving() as site:
        service = Service(evolve(KEYED, gates=(GateSpec("before", url=site.url, timeout=30),)))
        until(lambda: service.turn() is Station.WATCHING)
    assert len(site.asked) == 1


def checked(site_url: str, **more: Any) -> Service:
    spec = CheckSpec("probe", "http", url=site_url, every=10.0, timeout=30.0, **more)
    return Service(evolve(KEYED, checks=(spec,)))


def test_a_critical_probe_that_fails_rolls_back() -> None:
    with serving(status=500) as site:
        service = checked(site.url)
        until(lambda: service.turn() is Station.ROLLED_BACK)
    assert any("answered 500, not 200" in fact.reason for _, fact in service.world.records)


def test_a_check_is_run_again_in_its_time_and_what_it_says_last_counts() -> None:
    with serving() as site:
        service = checked(site.url)
        until(lambda: (service.turn(), service.seen.checks)[1])
        service.turn()
        assert len(site.asked) == 1
        site.status = 500
        service.world.time += 11
        until(lambda: service.turn() is Station.ROLLED_BACK)
    assert len(site.asked) == 2


def test_smoke_traffic_is_made_only_where_asked_for_and_needed() -> None:
    with serving() as site:
        silent, asked = Service(), Service(evolve(KEYED, smoke=site.url))
        silent.turn()
        assert not site.asked
        asked.turn()
        until(lambda: len(site.asked) >= 2)
        until(lambda: all(one.name != "hotpatch-errand" for one in threading.enumerate()))
    assert all(method == "GET" for method, _, _ in site.asked)


def test_nothing_is_asked_of_gates_where_there_are_none() -> None:
    service = Service()
    assert gate(service.world.progress) is None
    service.turn()
    assert service.seen.gates == {}
