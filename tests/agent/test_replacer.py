"""The leader's hand on the master: one lever after another, and never one too many."""

from __future__ import annotations

import errno
import logging
from pathlib import Path

import pytest
from attrs import define, field
from hotpatch_agent.clock import Instant
from hotpatch_agent.decision.acts import Replace
from hotpatch_agent.decision.states import Replacement
from hotpatch_agent.home.disk import OsFiles
from hotpatch_agent.home.headcount import Headcount, note_wanted
from hotpatch_agent.home.status import Life, Status
from hotpatch_agent.leader.levers import Levers
from hotpatch_agent.leader.replace import PATIENCE, TAKEOVER, Replacer

from hotpatch.errors import DiskFull
from tests.agent.samples import at, status

BATCH = Replacement("2-1", 3, at(1.0), others=("3-1",))
ONE = Replacement("2-1", 3, at(1.0))
OLD = tuple(status(pid) for pid in (1, 2, 3))
NEW = tuple(status(pid, (1,), started=5.0) for pid in (7, 8))
STACKS = {(1,)}


@define
class Master(Levers):  # type: ignore[misc]
    """One that takes each order up when it is told to."""

    home: Path
    count: Headcount
    pulled: list[str] = field(factory=list)
    answers: bool = True
    seconds: float = 100.0

    def more(self) -> bool:
        self.pulled.append("more")
        return self.answers

    def less(self) -> bool:
        self.pulled.append("less")
        return self.answers

    def obeys(self) -> None:
        self.has_one(self.pulled[-1])

    def has_one(self, what: str) -> None:
        """A signal, whoever has sent it."""
        self.count.becomes(self.count.wanted.workers + (1 if what == "more" else -1))
        note_wanted(self.home, self.count.wanted)

    def starts_with(self, workers: int) -> None:
        self.count.begins_with(workers)
        note_wanted(self.home, self.count.wanted)

    def now(self) -> Instant:
        return at(self.seconds)


@pytest.fixture
def master(tmp_path: Path) -> Master:
    made = Master(tmp_path, Headcount(tmp_path, "1-1"))
    made.starts_with(3)
    return made


@pytest.fixture
def replacer(master: Master) -> Replacer:
    return leader(master)


def leader(master: Master, name: str = "1-1") -> Replacer:
    made = Replacer(master.home, master, logging.getLogger(), name, clock=master.now)
    made.begin()
    return made


def goes_on(replacer: Replacer, alive: tuple[Status, ...], leaver: str = "2-1", beside: int = 2) -> None:
    replacer.replace(Replace(leaver, beside), BATCH, alive, STACKS)


def brought(replacer: Replacer, master: Master, count: int = 1) -> None:
    """As many successors were asked for, and the master means to have them."""
    for _ in range(count):
        goes_on(replacer, OLD, beside=count)
        master.obeys()


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
    brought(replacer, master, 2)
    coming = status(8, (1,), Life.BOOTING, started=6.0)
    goes_on(replacer, (*OLD, NEW[0], coming))
    goes_on(replacer, (*OLD, NEW[0], status(8, (), started=6.0)))
    assert master.pulled[2:] == []
    goes_on(replacer, (*OLD, *NEW))
    assert master.pulled[2:] == ["less"]
    assert (master.home / "leaver").read_text() == "2\n"
    goes_on(replacer, (*OLD, *NEW))
    assert master.pulled[2:] == ["less"]
    master.obeys()
    goes_on(replacer, (*OLD, *NEW))
    assert master.pulled[2:] == ["less"]
    goes_on(replacer, (OLD[0], OLD[2], *NEW), "3-1", 1)
    assert master.pulled[2:] == ["less", "less"]
    assert (master.home / "leaver").read_text() == "3\n"


def test_successors_of_what_is_called_off_all_go(replacer: Replacer, master: Master) -> None:
    brought(replacer, master, 2)
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
    brought(replacer, master)
    back = Replacement("7-1", 3, at(9.0))
    replacer.replace(Replace("7-1"), back, (*OLD, NEW[0]), {()})
    assert master.pulled[1:] == ["less"]


def test_a_successor_that_serves_while_it_is_already_on_its_way_out_costs_no_second_worker(
    replacer: Replacer, master: Master
) -> None:
    """The master had started it anew at once where the one before it was not ready, and has been told to have
    one less; it is seen to serve before it goes."""
    brought(replacer, master)
    assert replacer.give_up((*OLD, NEW[0]))
    master.obeys()
    back = Replacement("7-1", 3, at(9.0))
    for _ in range(2):
        replacer.replace(Replace("7-1"), back, (*OLD, NEW[0]), {()})
    assert master.pulled == ["more", "less"]


def test_a_lever_whose_answer_was_lost_is_pulled_again_once_it_has_had_its_time(
    replacer: Replacer, master: Master
) -> None:
    master.answers = False
    goes_on(replacer, OLD)
    goes_on(replacer, OLD)
    assert master.pulled == ["more"]
    master.seconds += TAKEOVER
    goes_on(replacer, OLD)
    assert master.pulled == ["more", "more"]


def test_of_two_orders_of_which_one_was_thought_lost_none_counts_as_a_persons(
    replacer: Replacer, master: Master
) -> None:
    master.answers = False
    goes_on(replacer, OLD, beside=1)
    master.seconds += TAKEOVER
    goes_on(replacer, OLD, beside=1)
    master.obeys()
    master.obeys()
    assert master.count.wanted.people == 3


def test_none_is_asked_for_in_the_place_of_one_that_died_since_the_master_starts_it_anyhow(
    replacer: Replacer, master: Master
) -> None:
    brought(replacer, master)
    goes_on(replacer, OLD, beside=1)
    goes_on(replacer, OLD[:2], beside=1)
    assert master.pulled == ["more"]


@pytest.mark.parametrize("later", [0.0, 1000.0])
def test_what_a_leader_before_asked_for_goes_again_however_long_ago_that_was(
    replacer: Replacer, master: Master, later: float
) -> None:
    brought(replacer, master)
    master.seconds += later
    successor = leader(master)
    assert successor.give_up((OLD[0], OLD[2], *NEW))
    assert master.pulled == ["more", "less"]
    master.obeys()
    assert not successor.give_up((OLD[0], OLD[2], NEW[0]))


def test_what_a_leader_before_has_ordered_has_its_time_to_come(replacer: Replacer, master: Master) -> None:
    goes_on(replacer, OLD, beside=1)
    successor = leader(master)
    goes_on(successor, OLD, beside=1)
    assert master.pulled == ["more"]
    master.seconds += TAKEOVER
    goes_on(successor, OLD, beside=1)
    assert master.pulled == ["more", "more"]


@pytest.mark.parametrize("moment", ["before the order", "before it is taken up", "after that", "at the end"])
@pytest.mark.parametrize(("signal", "there_are"), [("more", 4), ("less", 2)])
def test_a_persons_signal_counts_at_every_moment_of_a_replacement(
    replacer: Replacer, master: Master, moment: str, signal: str, there_are: int
) -> None:
    def now(name: str) -> None:
        if name == moment:
            master.has_one(signal)

    now("before the order")
    goes_on(replacer, (*OLD, NEW[0])[:there_are], beside=1)
    ordered = list(master.pulled)
    now("before it is taken up")
    for order in ordered:
        master.has_one(order)
    now("after that")
    for _ in range(3):
        if not replacer.give_up((*OLD, *NEW)):
            break
        if len(master.pulled) > len(ordered):
            ordered.append(master.pulled[-1])
            master.obeys()
    now("at the end")
    assert not replacer.give_up((*OLD, *NEW))
    assert (master.count.wanted.workers, master.count.wanted.people) == (there_are, there_are)


def test_a_number_that_a_person_changes_just_after_a_replacement_is_nobodys_to_give_up(
    replacer: Replacer, master: Master
) -> None:
    brought(replacer, master)
    replacer.give_up((*OLD, NEW[0]))
    master.obeys()
    master.has_one("more")
    assert not leader(master).give_up((*OLD, NEW[0]))
    assert master.pulled == ["more", "less"]


def test_a_hup_leaves_nothing_to_give_up(replacer: Replacer, master: Master) -> None:
    brought(replacer, master)
    master.starts_with(3)
    assert not replacer.give_up(OLD)


def test_what_was_ordered_of_a_master_that_is_no_more_means_nothing(
    replacer: Replacer, master: Master
) -> None:
    brought(replacer, master)
    master.count = Headcount(master.home, "2-1")
    master.starts_with(3)
    assert not leader(master, "2-1").give_up(OLD)
    master.has_one("more")
    assert master.count.wanted.people == 4


def test_nothing_is_ordered_of_a_master_that_has_not_said_how_many_it_means_to_have(
    replacer: Replacer, master: Master
) -> None:
    stranger = leader(master, "9-9")
    goes_on(stranger, OLD)
    assert not stranger.give_up((*OLD, *NEW))
    assert master.pulled == []


def test_an_order_that_never_came_does_not_make_a_persons_signal_the_leaders(
    replacer: Replacer, master: Master
) -> None:
    goes_on(replacer, OLD, beside=1)
    assert replacer.give_up(OLD)
    master.seconds += PATIENCE
    assert not replacer.give_up(OLD)
    master.has_one("more")
    assert not replacer.give_up((*OLD, NEW[0]))


def test_one_too_many_that_an_earlier_replacement_has_left_goes_when_the_next_one_is_called_off(
    replacer: Replacer, master: Master
) -> None:
    brought(replacer, master)
    later = Replacement("3-1", 3, at(9.0))
    replacer.replace(Replace("3-1"), later, (*OLD, NEW[0]), {()})
    assert replacer.give_up((*OLD, NEW[0]))
    assert master.pulled == ["more", "less"]


def test_a_signal_for_one_more_that_is_handled_after_the_end_of_its_replacement_is_not_forgotten(
    replacer: Replacer, master: Master
) -> None:
    goes_on(replacer, OLD, beside=1)
    assert replacer.give_up(OLD)
    assert master.pulled == ["more"]
    master.obeys()
    assert replacer.give_up((*OLD, NEW[0]))
    assert master.pulled == ["more", "less"]


class Full(OsFiles):
    def create(self, path: str, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "full", path)


def test_a_number_that_could_not_be_noted_is_not_known_and_no_lever_is_pulled_by_it(
    replacer: Replacer, master: Master
) -> None:
    brought(replacer, master)
    master.count.becomes(3)
    with pytest.raises(DiskFull):
        note_wanted(master.home, master.count.wanted, Full())
    goes_on(replacer, (*OLD, NEW[0]), beside=1)
    assert replacer.give_up((*OLD, NEW[0])), "it looks again"
    assert master.pulled == ["more"]


def test_no_lever_is_pulled_that_could_not_be_noted(master: Master) -> None:
    replacer = Replacer(master.home, master, logging.getLogger(), "1-1", Full(), master.now)
    with pytest.raises(DiskFull):
        goes_on(replacer, OLD)
    assert master.pulled == []
