"""The leader's hand on the master: one lever after another, and never one too many."""

from __future__ import annotations

import errno
import logging
from pathlib import Path

import pytest
from attrs import define, field
from hotpatch_agent.decision.acts import Replace
from hotpatch_agent.decision.states import Replacement, State
from hotpatch_agent.home.disk import OsFiles
from hotpatch_agent.home.status import Life, Status
from hotpatch_agent.leader import replace
from hotpatch_agent.leader.levers import Levers
from hotpatch_agent.leader.replace import Replacer, note_wanted, wanted

from hotpatch.errors import DiskFull
from tests.agent.samples import at, status

BATCH = Replacement("2-1", 3, at(1.0), others=("3-1",))
OLD = tuple(status(pid) for pid in (1, 2, 3))
NEW = tuple(status(pid, (1,), started=5.0) for pid in (7, 8))
STACKS = {(1,)}


@define
class Master(Levers):  # type: ignore[misc]
    """One that takes each order up when it is told to."""

    home: Path
    pulled: list[str] = field(factory=list)
    answers: bool = True

    def more(self) -> bool:
        self.pulled.append("more")
        return self.answers

    def less(self) -> bool:
        self.pulled.append("less")
        return self.answers

    def obeys(self) -> None:
        note_wanted(self.home, wanted(self.home) + (1 if self.pulled[-1] == "more" else -1))


@pytest.fixture
def master(tmp_path: Path) -> Master:
    note_wanted(tmp_path, 3)
    return Master(tmp_path)


@pytest.fixture
def replacer(master: Master) -> Replacer:
    return Replacer(master.home, master, logging.getLogger())


def goes_on(replacer: Replacer, alive: tuple[Status, ...], leaver: str = "2-1", beside: int = 2) -> None:
    replacer.replace(Replace(leaver, 3, beside), BATCH, alive, STACKS, mine=True)


def test_as_many_successors_are_asked_for_as_are_replaced(replacer: Replacer, master: Master) -> None:
    goes_on(replacer, OLD)
    goes_on(replacer, OLD)
    assert master.pulled == ["more"]
    master.obeys()
    goes_on(replacer, OLD)
    master.obeys()
    goes_on(replacer, OLD)
    goes_on(replacer, (*OLD, NEW[0]))
    assert master.pulled == ["more", "more"]


def test_none_is_asked_to_go_before_all_successors_serve(replacer: Replacer, master: Master) -> None:
    note_wanted(master.home, 5)
    coming = status(8, (1,), Life.BOOTING, started=6.0)
    goes_on(replacer, (*OLD, NEW[0], coming))
    goes_on(replacer, (*OLD, NEW[0], status(8, (), started=6.0)))
    assert master.pulled == []
    goes_on(replacer, (*OLD, *NEW))
    assert master.pulled == ["less"]
    assert (master.home / "leaver").read_text() == "2\n"
    goes_on(replacer, (*OLD, *NEW))
    assert master.pulled == ["less"]
    master.obeys()
    goes_on(replacer, (OLD[0], OLD[2], *NEW), "3-1", 1)
    assert master.pulled == ["less", "less"]
    assert (master.home / "leaver").read_text() == "3\n"


def test_successors_of_what_is_called_off_all_go(replacer: Replacer, master: Master) -> None:
    for _ in range(2):
        goes_on(replacer, OLD)
        master.obeys()
    assert replacer.give_up((*OLD, *NEW))
    assert replacer.give_up((*OLD, *NEW))
    assert master.pulled[2:] == ["less"]
    master.obeys()
    assert replacer.give_up((*OLD, *NEW))
    master.obeys()
    assert not replacer.give_up(OLD)
    assert master.pulled[2:] == ["less", "less"]


def test_a_successor_that_serves_on_what_is_taken_back_goes_without_one_of_its_own(
    replacer: Replacer, master: Master
) -> None:
    note_wanted(master.home, 4)
    back = Replacement("7-1", 3, at(9.0))
    replacer.replace(Replace("7-1", 3), back, (*OLD, NEW[0]), {()}, mine=True)
    assert master.pulled == ["less"]


def test_a_successor_that_serves_while_it_is_already_on_its_way_out_costs_no_second_worker(
    replacer: Replacer, master: Master
) -> None:
    """The master had started it anew at once where the one before it was not ready, and has been told to have
    one less; it is seen to serve before it goes."""
    goes_on(replacer, OLD, beside=1)
    master.obeys()
    assert replacer.give_up((*OLD, NEW[0]))
    master.obeys()
    back = Replacement("7-1", 3, at(9.0))
    for _ in range(2):
        replacer.replace(Replace("7-1", 3), back, (*OLD, NEW[0]), {()}, mine=True)
    assert master.pulled == ["more", "less"]
    assert wanted(master.home) == 3


def test_a_lever_whose_answer_was_lost_is_pulled_again_once_it_has_had_its_time(
    replacer: Replacer, master: Master, monkeypatch: pytest.MonkeyPatch
) -> None:
    master.answers = False
    goes_on(replacer, OLD)
    goes_on(replacer, OLD)
    assert master.pulled == ["more"]
    monkeypatch.setattr(replace, "TAKEOVER", 0.0)
    later = Replacement("2-1", 3, at(2.0), others=("3-1",))
    for _ in range(2):
        replacer.replace(Replace("2-1", 3, 2), later, OLD, STACKS, mine=True)
    assert master.pulled == ["more", "more", "more"]


ONE = Replacement("2-1", 3, at(1.0))


def test_none_is_asked_for_in_the_place_of_one_that_died_since_the_master_starts_it_anyhow(
    replacer: Replacer, master: Master
) -> None:
    note_wanted(master.home, 4)
    replacer.replace(Replace("2-1", 3), ONE, OLD, STACKS, mine=True)
    replacer.replace(Replace("2-1", 3), ONE, OLD[:2], STACKS, mine=True)
    assert master.pulled == []


def test_what_a_leader_before_asked_for_goes_again_though_its_replacement_ended_by_itself(
    replacer: Replacer, master: Master, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replace, "TAKEOVER", 0.0)
    note_wanted(master.home, 4)
    replacer.begin(State(replacement=ONE), at(2.0))
    assert replacer.give_up((OLD[0], OLD[2], *NEW))
    assert master.pulled == ["less"]
    master.obeys()
    assert not replacer.give_up((OLD[0], OLD[2], NEW[0]))


def test_a_replacement_that_is_over_for_long_is_nobodys_to_give_up(
    replacer: Replacer, master: Master
) -> None:
    note_wanted(master.home, 4)
    replacer.begin(State(former=ONE), at(100.0))
    assert not replacer.give_up((*OLD, NEW[0]))
    assert master.pulled == []


def test_one_too_many_that_an_earlier_replacement_has_left_goes_when_the_next_one_is_called_off(
    replacer: Replacer, master: Master
) -> None:
    goes_on(replacer, OLD, beside=1)
    master.obeys()
    later = Replacement("3-1", 3, at(9.0))
    replacer.replace(Replace("3-1", 3), later, (*OLD, NEW[0]), {()}, mine=True)
    assert replacer.give_up((*OLD, NEW[0]))
    assert master.pulled == ["more", "less"]


def test_a_signal_for_one_more_that_is_handled_after_the_order_for_one_less_is_not_forgotten(
    master: Master,
) -> None:
    ticks = [0.0]
    replacer = Replacer(master.home, master, logging.getLogger(), clock=lambda: ticks[0])
    goes_on(replacer, OLD)
    master.obeys()
    goes_on(replacer, OLD)
    assert replacer.give_up(OLD)
    master.obeys()
    assert replacer.give_up(OLD)
    note_wanted(master.home, 4)
    assert replacer.give_up((*OLD, NEW[0]))
    ticks[0] += replace.PATIENCE
    assert replacer.give_up((*OLD, NEW[0]))
    assert master.pulled == ["more", "more", "less", "less"]


class Full(OsFiles):
    def create(self, path: str, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "full", path)


def test_a_number_that_could_not_be_noted_is_not_known_and_no_lever_is_pulled_twice_by_it(
    replacer: Replacer, master: Master, monkeypatch: pytest.MonkeyPatch
) -> None:
    note_wanted(master.home, 4)
    replacer.replace(Replace("2-1", 3), ONE, (*OLD, NEW[0]), STACKS, mine=True)
    with pytest.raises(DiskFull):
        note_wanted(master.home, 3, Full())
    assert wanted(master.home) == 0
    monkeypatch.setattr(replace, "PATIENCE", 0.0)
    replacer.replace(Replace("2-1", 3), ONE, (*OLD, NEW[0]), STACKS, mine=True)
    assert master.pulled == ["less"]
