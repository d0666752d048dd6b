"""Schedules keep every promise, a seed is a schedule, and promises that are broken on purpose are noticed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from attrs import evolve
from hotpatch_agent import wire
from hotpatch_agent.clock import Instant
from hotpatch_agent.decision import (
    admission,
    crashes,
    decide,
    folding,
    history,
    reloading,
    replacing,
    rolling,
)
from hotpatch_agent.decision.observe import Rehearsal
from hotpatch_agent.decision.states import Stage, State
from hotpatch_agent.decision.two_sets import has_two
from hotpatch_agent.home import facts, ledger, status
from hotpatch_agent.home.facts import KINDS
from hotpatch_agent.home.status import Board, Status
from hotpatch_agent.leader.lead import Leader
from hotpatch_agent.leader.replace import Replacer
from hotpatch_agent.rollout import lock
from hotpatch_agent.rollout.states import ENDED, Station

from tests.simulation import quick
from tests.simulation.disk import ProcessFiles
from tests.simulation.scaling import EVENTS as SCALING
from tests.simulation.scaling import Scaling
from tests.simulation.service import kinds_of, run
from tests.simulation.two_sets import EVENTS as TWO_SETS
from tests.simulation.two_sets import TwoSets

CHUNK = 250
READ = quick.OPEN


@pytest.mark.parametrize("chunk", range(12))
def test_three_thousand_schedules_keep_every_promise(chunk: int) -> None:
    for seed in range(chunk * CHUNK, (chunk + 1) * CHUNK):
        try:
            run(seed)
        except Exception as error:
            raise AssertionError(f"python -m tests.simulation --replay {seed}") from error


@pytest.mark.parametrize("chunk", range(4))
def test_a_thousand_schedules_with_two_sets_of_workers_keep_every_promise(chunk: int) -> None:
    for seed in range(chunk * CHUNK, (chunk + 1) * CHUNK):
        try:
            run(seed, TWO_SETS, TwoSets)
        except Exception as error:
            raise AssertionError(f"python -m tests.simulation --kind two-sets --replay {seed}") from error


@pytest.mark.parametrize("chunk", range(4))
def test_a_thousand_schedules_of_a_service_that_is_scaled_keep_every_promise(chunk: int) -> None:
    for seed in range(chunk * CHUNK, (chunk + 1) * CHUNK):
        try:
            run(seed, SCALING, Scaling)
        except Exception as error:
            raise AssertionError(f"python -m tests.simulation --kind scaling --replay {seed}") from error


def test_schedules_with_two_sets_come_upon_every_way_in_which_they_end() -> None:
    seen: set[Station] = set()
    for seed in range(200):
        states = run(seed, TWO_SETS, TwoSets).watcher.states
        seen |= {state.progress.station for state in states if state.progress and has_two(state.progress)}
        if seen >= {*ENDED, Station.KEEPING}:
            return
    assert seen >= {*ENDED, Station.KEEPING}


@pytest.mark.parametrize("seed", [1490, 12385, 16424, 18511, 49759, 521768, 902256])
def test_schedules_that_found_a_fault_once_keep_every_promise(seed: int) -> None:
    run(seed)


def test_the_same_seed_is_the_same_schedule() -> None:
    for seed in (7, 8, 9):
        one, other = run(seed), run(seed)

        assert [record.digest for record in one.watcher.chain] == [
            record.digest for record in other.watcher.chain
        ]
        assert one.machine.tick == other.machine.tick


def test_a_schedule_leaves_the_agent_of_its_process_as_it_was() -> None:
    def parts() -> list[object]:
        return [status.wire, status.read_roll, ledger._seal, wire.canonical, history.fold, folding.evolve]  # type: ignore[attr-defined]

    before = parts()
    run(7)
    assert parts() == before


def test_schedules_come_upon_every_kind_of_record() -> None:
    seen: set[str] = set()
    for seed in range(600):
        seen |= set(kinds_of(run(seed)))
        if seen == set(KINDS):
            return
    assert seen == set(KINDS)


def test_schedules_come_upon_every_way_in_which_a_rollout_ends() -> None:
    seen: set[Station] = set()
    for seed in range(600):
        states = run(seed).watcher.states
        seen |= {state.progress.station for state in states if state.progress and state.progress.ended}
        if seen == set(ENDED):
            return
    assert seen == set(ENDED)


# -- promises broken on purpose ----------------------------------------------------------------


def no_sync(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ProcessFiles, "sync", lambda files, path: None)


def the_newest_record_wins(patch: pytest.MonkeyPatch) -> None:
    def link(files: ProcessFiles, source: str, target: str) -> None:
        names, name = files._disk.place(target)
        names[name] = files._disk.node(source)

    patch.setattr(ProcessFiles, "link", link)


def an_offer_without_its_bundle(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Leader, "_keep", lambda *_: None)


def a_verdict_that_is_not_heard(patch: pytest.MonkeyPatch) -> None:
    heard = Rehearsal.__init__

    def deaf(self: Rehearsal, errand: int, how: object, problem: object = None, **more: object) -> None:
        from hotpatch_agent.home.facts import How

        heard(self, errand, How.LIVE)

    patch.setattr(Rehearsal, "__init__", deaf)


def answered_files_that_stay(patch: pytest.MonkeyPatch) -> None:
    without(patch, admission.tidy)


def deaths_that_nobody_counts(patch: pytest.MonkeyPatch) -> None:
    without(patch, crashes.deaths)


def a_release_that_never_lapses(patch: pytest.MonkeyPatch) -> None:
    without(patch, decide.overdue)


def workers_that_are_never_replaced(patch: pytest.MonkeyPatch) -> None:
    without(patch, decide.replace)


def files_that_are_answered_twice(patch: pytest.MonkeyPatch) -> None:
    without(patch, admission.tidy)
    patch.setattr("hotpatch_agent.decision.folding.ANSWERS", 1)


def a_status_that_is_not_written(patch: pytest.MonkeyPatch) -> None:
    first = Board.write

    def once(board: Board, status: Status) -> bool:
        return board._last is None and first(board, status)

    patch.setattr(Board, "write", once)


def a_reload_that_is_over_before_the_last_worker_is_new(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reloading, "is_outdated", lambda view, status: False)


def a_lock_that_everybody_passes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lock, "admit", lambda *_: lock.Admission(lock.Course.GO))


def blockers_that_are_named_again_and_again(patch: pytest.MonkeyPatch) -> None:
    blocked = folding._CHANGES[facts.Blocked]

    def forgetful(state: State, fact: facts.Blocked, at: Instant) -> State:
        after = blocked(state, fact, at)
        assert after.transition is not None
        return evolve(after, transition=evolve(after.transition, blocked=()))

    patch.setattr(folding, "_CHANGES", {**folding._CHANGES, facts.Blocked: forgetful})


def a_rollout_that_takes_nothing_back(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rolling, "_owed", lambda view, progress: None)


def records_that_are_read_without_their_author(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(quick, "OPEN", lambda line: evolve(READ(line), who=""))


def statuses_that_are_read_without_their_python(patch: pytest.MonkeyPatch) -> None:
    read = wire.load

    def load(kind: type, line: bytes) -> object:
        found = read(kind, line)
        return evolve(found, python="") if isinstance(found, Status) else found

    patch.setattr(wire, "load", load)


def half_written_names_that_nobody_sweeps(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("hotpatch_agent.leader.lead.sweep", lambda folder, files: None)


def successors_that_nobody_gives_up(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Replacer, "give_up", lambda *_: False)


def orders_that_nobody_notes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("hotpatch_agent.leader.replace.note_orders", lambda *_: None)


def test_workers_that_wait_for_ever_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replacing, "_left_over", lambda view: [])
    with pytest.raises(AssertionError):
        for seed in range(1000):
            run(seed, TWO_SETS, TwoSets)


def without(patch: pytest.MonkeyPatch, rule: decide.Rule) -> None:
    rules = {stage: tuple(one for one in decide.RULES[stage] if one is not rule) for stage in Stage}
    patch.setattr(decide, "RULES", rules)


@pytest.mark.parametrize(
    "fault",
    [
        no_sync,
        the_newest_record_wins,
        an_offer_without_its_bundle,
        a_verdict_that_is_not_heard,
        answered_files_that_stay,
        deaths_that_nobody_counts,
        a_release_that_never_lapses,
        workers_that_are_never_replaced,
        files_that_are_answered_twice,
        a_status_that_is_not_written,
        a_reload_that_is_over_before_the_last_worker_is_new,
        a_lock_that_everybody_passes,
        blockers_that_are_named_again_and_again,
        a_rollout_that_takes_nothing_back,
        half_written_names_that_nobody_sweeps,
        successors_that_nobody_gives_up,
        orders_that_nobody_notes,
        records_that_are_read_without_their_author,
        statuses_that_are_read_without_their_python,
    ],
)
def test_a_fault_put_into_the_agent_is_noticed(
    monkeypatch: pytest.MonkeyPatch, fault: Callable[[pytest.MonkeyPatch], None]
) -> None:
    fault(monkeypatch)

    with pytest.raises(Exception) as noticed:
        for seed in range(1000):
            run(seed)
    assert noticed.value is not None
