"""The fold: the same records give the same state, and records that can't follow are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve
from hotpatch_agent import wire
from hotpatch_agent.decision.folding import REMEMBERED, fold, fold_all, snapshot
from hotpatch_agent.decision.history import History
from hotpatch_agent.decision.states import TRANSITIONS, Stage, State
from hotpatch_agent.home import facts
from hotpatch_agent.home.facts import KINDS, Fact, How
from hotpatch_agent.home.ledger import Record
from hotpatch_agent.home.status import Problem
from hotpatch_agent.home.terms import Terms
from hotpatch_agent.rollout.progress import Began, Locked, Moved, Unlocked, begin
from hotpatch_agent.rollout.states import VERBS, Event, Station, goes_to
from hotpatch_agent.rollout.strategy import Kind, Step, Strategy
from hypothesis import given, settings
from hypothesis import strategies as st

from hotpatch.errors import LedgerDamaged
from tests.agent.rounds import COMMITTED, IN_PLACE, LIVE, OFFERED, lived
from tests.agent.samples import at, digest, told

NO = Problem("CheckFailed", 21, "no")
BEGAN = Began(1, digest(1), Strategy(Kind.CANARY, steps=(Step(0.05), Step(0.5))), "0001.bundle")
STATES = {
    Stage.IDLE: IN_PLACE,
    Stage.OFFERED: OFFERED,
    Stage.REHEARSED: LIVE,
    Stage.COMMITTED: COMMITTED,
    Stage.REVERTING: told(*lived(1), *lived(2), facts.RolledBack(2, 1, "")),
}
FACTS: dict[type[Fact], Fact] = {
    facts.Offered: facts.Offered(1, digest(1), "x.bundle"),
    facts.Refused: facts.Refused("x.bundle", NO),
    facts.Rehearsed: facts.Rehearsed(1, digest(1), How.LIVE, "1-1"),
    facts.Committed: facts.Committed(1, digest(1), How.LIVE),
    facts.Settled: facts.Settled(1, digest(1), 2),
    facts.Failed: facts.Failed(1, digest(1), NO),
    facts.RolledBack: facts.RolledBack(1, 0, ""),
    facts.Quarantined: facts.Quarantined(1, digest(1), ""),
    facts.Blocked: facts.Blocked(1, "2-1", "wait", 15.0),
    facts.Finishing: facts.Finishing(1, "ann"),
    facts.Crashed: facts.Crashed(1, digest(1), "2-1", "live"),
    facts.Replacing: facts.Replacing("2-1", 2),
    facts.Replaced: facts.Replaced("2-1"),
    facts.Reloading: facts.Reloading("ann", "", "b.request"),
    facts.Reloaded: facts.Reloaded(2, 0.5),
    facts.Absorbed: facts.Absorbed((1,)),
    facts.Started: facts.Started("9-9"),
    facts.Repaired: facts.Repaired(3),
    Began: BEGAN,
    Moved: Moved(1, Event.ABORT, "by ann", "ann", "a.request"),
    Locked: Locked("ann", "the sale"),
    Unlocked: Unlocked("ann"),
}


@pytest.mark.parametrize("stage", list(Stage))
@pytest.mark.parametrize("kind", list(FACTS))
def test_each_record_leads_where_the_table_says_and_nowhere_else(stage: Stage, kind: type[Fact]) -> None:
    state, after = evolve(STATES[stage], progress=begin(BEGAN, at(0))), TRANSITIONS[stage].get(kind)
    assert state.stage is stage

    if after is None:
        with pytest.raises(LedgerDamaged, match=stage.value):
            told(FACTS[kind], state=state)
    else:
        assert told(FACTS[kind], state=state).stage is after


def test_every_kind_of_record_but_the_snapshot_is_in_the_table() -> None:
    named = {kind for row in TRANSITIONS.values() for kind in row}

    assert named == set(KINDS.values()) - {facts.Snapshot} == set(FACTS)


@pytest.mark.parametrize("kind", [facts.Rehearsed, facts.Committed, facts.Failed])
def test_a_record_about_another_release_than_the_one_in_progress_is_refused(kind: type[Fact]) -> None:
    state = OFFERED if kind is facts.Rehearsed else LIVE

    with pytest.raises(LedgerDamaged, match="not in progress"):
        told(evolve(FACTS[kind], version=2, digest=digest(2)), state=state)


def test_a_quarantine_of_what_is_not_on_the_head_is_refused_where_it_makes_no_sense() -> None:
    with pytest.raises(LedgerDamaged):
        told(facts.Quarantined(7, digest(7), ""), state=IN_PLACE)


def test_what_stood_on_a_quarantined_release_is_forgotten_also_if_it_was_rolled_back() -> None:
    state = told(*lived(1), *lived(2), facts.RolledBack(2, 1, ""), facts.Quarantined(1, digest(1), ""))

    assert state.known == ()


def test_every_beginning_is_an_errand_of_its_own() -> None:
    state = told(*lived(1))
    errands = [state.errand]
    for fact in (
        facts.RolledBack(1, 0, ""),
        facts.RolledBack(0, 1, ""),
        facts.Crashed(1, digest(1), "2-1", ""),
    ):
        state = told(fact, state=state)
        errands.append(state.errand)

    assert errands[0] < errands[1] < errands[2] == errands[3]


def test_a_rollout_moves_by_its_records_and_leaves_the_stage_alone() -> None:
    state = told(BEGAN, Moved(1, Event.NEXT, step=0), Moved(1, Event.YES), state=LIVE)

    assert state.stage is Stage.REHEARSED
    assert state.trying is state.underway is state.progress
    assert state.progress is not None
    assert (state.progress.station, state.progress.step, state.progress.round) == (Station.MOVING, 0, 0)


@pytest.mark.parametrize("end", [facts.Failed(1, digest(1), NO), facts.Quarantined(1, digest(1), "died")])
def test_what_ends_a_release_before_its_commit_ends_its_rollout(end: Fact) -> None:
    state = told(BEGAN, end, state=LIVE)

    assert state.underway is None
    assert state.progress is not None
    assert state.progress.station is Station.ROLLED_BACK
    assert state.progress.reason


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_that_was_written_down_is_answered(verb: Event) -> None:
    progress = begin(BEGAN, at(0))
    station = next(one for one in Station if goes_to(one, Station.WATCHING, verb) is not None)
    state = evolve(LIVE, progress=evolve(progress, station=station, back=Station.WATCHING))

    assert "a.request" in told(Moved(1, verb, request="a.request"), state=state).answered


def test_a_move_without_a_rollout_is_damage() -> None:
    with pytest.raises(LedgerDamaged, match="never began"):
        told(Moved(1, Event.NEXT), state=LIVE)


def test_the_deploy_lock_is_what_was_said_last() -> None:
    locked = told(Locked("ann", "the sale", "l.request"), state=IN_PLACE)

    assert (locked.lock, locked.answered[-1]) == (Locked("ann", "the sale", "l.request"), "l.request")
    assert told(Unlocked("ann"), state=locked).lock is None


def test_a_snapshot_carries_the_rollout_and_the_lock() -> None:
    state = told(
        BEGAN,
        Moved(1, Event.NEXT, step=0),
        Moved(1, Event.YES, borders={"": (1, 2, 3), "GET /": (4, 5, 6)}, figures={"new_errors": 2.5}),
        Locked("ann", "the sale"),
        state=LIVE,
    )

    written = wire.load(facts.Snapshot, wire.dump(snapshot(state)))

    assert told(written) == evolve(state, seq=1)


# -- histories as they come about --------------------------------------------------------------


@st.composite
def histories(draw: st.DrawFn) -> list[Fact]:
    """Facts that a service could have written, in an order that the table allows."""
    state, found, version = State(), [], 0
    for _ in range(draw(st.integers(0, 40))):
        options = _next(draw, state, version + 1)
        fact = draw(st.sampled_from(options))
        version = max(version, getattr(fact, "version", 0))
        state = told(fact, state=state)
        found.append(fact)
    return found


def _next(draw: st.DrawFn, state: State, fresh: int) -> list[Fact]:
    rollout, top = state.rollout, state.top
    here: list[Fact] = [facts.Refused(f"r{fresh}", NO), facts.Started("9-9"), facts.Replacing("2-1", 2)]
    if rollout is None:
        terms = Terms(permanent=draw(st.booleans()), cumulative=draw(st.booleans()))
        here += [facts.Offered(fresh, digest(fresh), f"{fresh}.bundle", "", terms)] * 3
        here += [facts.Absorbed((entry.version,)) for entry in state.head]
        here += [facts.Reloading("ann", "", f"l{fresh}"), facts.Reloaded(2)]
    elif rollout.stage is Stage.OFFERED:
        here += [facts.Rehearsed(rollout.version, rollout.digest, How.LIVE, "1-1")] * 3
    elif rollout.stage is Stage.REHEARSED:
        here += [Began(rollout.version, rollout.digest, BEGAN.strategy)] * 2
        here += [facts.Committed(rollout.version, rollout.digest, draw(st.sampled_from(How)))] * 3
    else:
        here += [facts.Settled(rollout.version, rollout.digest, 2)] * 3
    progress = state.progress
    if progress is not None:
        possible = [one for one in Event if goes_to(progress.station, progress.back, one) is not None]
        here += [Moved(progress.version, one, step=progress.step + 1) for one in possible]
    if rollout is not None and rollout.stage in (Stage.OFFERED, Stage.REHEARSED):
        here += [facts.Failed(rollout.version, rollout.digest, NO)]
        here += [facts.Quarantined(rollout.version, rollout.digest, "")]
    else:
        targets = [0, *(entry.version for entry in state.known)]
        here += [facts.RolledBack(top.version if top else 0, to, "") for to in targets]
        here += [facts.Quarantined(entry.version, entry.digest, "") for entry in state.head]
    return here


def check(state: State) -> None:
    """What is true of every state."""
    below = [0, *state.versions][:-1] if state.head else []
    assert [entry.below for entry in state.head] == below
    assert set(state.head) <= set(state.known)
    assert len({entry.version for entry in state.known}) == len(state.known)
    assert all(state.stack_under(entry.version) is not None for entry in state.known)
    assert all(entry.version <= state.floor for entry in state.known)
    assert not {entry.digest for entry in state.head} & set(state.quarantined)
    assert len(state.known) <= REMEMBERED + len(state.head)
    if state.stage is Stage.COMMITTED:
        assert state.rollout is not None
        assert state.head[-1].version == state.rollout.version


@given(histories())
@settings(max_examples=300, deadline=None)
def test_every_state_that_can_come_about_is_sound(history: list[Fact]) -> None:
    state = State()
    for fact in history:
        state = told(fact, state=state)
        check(state)


@given(histories())
@settings(max_examples=100, deadline=None)
def test_a_snapshot_stands_for_everything_before_it(history: list[Fact]) -> None:
    for cut in range(len(history) + 1):
        before = told(*history[:cut])
        summed = fold(State(), Record(before.seq + 1, at(0), "1-1", snapshot(before), "", ""))
        direct = told(*history[cut:], state=before)
        through = told(*history[cut:], state=summed)
        assert _without_numbers(through) == _without_numbers(direct)


def _without_numbers(state: State) -> State:
    return evolve(state, seq=0, errand=0)


@given(histories())
@settings(max_examples=50, deadline=None)
def test_a_fold_in_two_parts_is_the_fold_of_the_whole(history: list[Fact]) -> None:
    records = [Record(number, at(number), "1-1", fact, "", "") for number, fact in enumerate(history, 1)]
    for cut in range(len(records) + 1):
        assert fold_all(fold_all(State(), records[:cut]), records[cut:]) == fold_all(State(), records)


@given(history=histories())
@settings(max_examples=25, deadline=None)
def test_what_was_written_to_disk_folds_to_the_same_state(
    tmp_path_factory: pytest.TempPathFactory, history: list[Fact]
) -> None:
    folder: Path = tmp_path_factory.mktemp("ledger")
    writer = History(folder)
    writer.refresh()
    for number, fact in enumerate(history):
        writer.append(fact, "1-1", at(number))
    reader = History(folder)
    reader.refresh()

    assert reader.state == writer.state


@given(histories())
@settings(max_examples=50, deadline=None)
def test_a_state_comes_back_from_the_wire_as_it_was(history: list[Fact]) -> None:
    state = told(*history)

    assert wire.load(State, wire.dump(state)) == state


def test_a_fact_that_can_not_follow_never_reaches_the_disk(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.refresh()

    with pytest.raises(LedgerDamaged):
        history.append(FACTS[facts.Committed], "1-1", at(0))
    assert list(tmp_path.iterdir()) == []
