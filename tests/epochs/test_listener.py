"""Whoever listens to an epoch is told of each of its requests, once, and of no other's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hotpatch import epochs
from hotpatch.epochs import control
from hotpatch.epochs.pins import answered, enter, leave


class Heard:
    def __init__(self) -> None:
        self.said: list[tuple[Any, ...]] = []
        self.lots: list[Any] = []

    def entered(self, request: Any, lot: Any) -> Any:
        self.said.append(("entered", request["n"]))
        self.lots.append(lot)
        return request["n"]

    def answered(self, request: Any, mark: Any, since: float, seconds: float, failed: bool) -> None:
        assert seconds >= 0
        self.said.append(("answered", request["n"], mark, failed))

    def failed(self, request: Any, mark: Any, since: float) -> None:
        self.said.append(("failed", request["n"], mark))


@pytest.fixture
def heard() -> Iterator[Heard]:
    listener = Heard()
    epochs.listen(epochs.current(), listener)
    yield listener
    epochs.listen(epochs.current(), None)


def test_a_request_is_told_at_its_entry_and_when_its_answer_begins(heard: Heard) -> None:
    pin = enter({"n": 1})
    answered(pin, failed=False)
    leave(pin)

    assert heard.said == [("entered", 1), ("answered", 1, 1, False)]


def test_an_answer_that_fails_after_it_had_begun_is_told_as_a_failure_once(heard: Heard) -> None:
    pin = enter({"n": 1})
    answered(pin, failed=False)
    answered(pin, failed=True)
    leave(pin, failed=True)

    assert heard.said[1:] == [("answered", 1, 1, False), ("failed", 1, 1)]


def test_a_request_that_fails_without_an_answer_is_told_as_failed(heard: Heard) -> None:
    leave(enter({"n": 1}), failed=True)

    assert heard.said[1:] == [("answered", 1, 1, True)]


def test_a_unit_that_is_no_request_is_not_told(heard: Heard) -> None:
    with epochs.pinned():
        pass

    assert heard.said == []


def test_a_request_that_came_before_the_listener_is_not_told(heard: Heard) -> None:
    epochs.listen(epochs.current(), None)
    pin = enter({"n": 1})
    epochs.listen(epochs.current(), heard)
    leave(pin)

    assert heard.said == []


def test_each_epoch_has_its_own_listener(heard: Heard) -> None:
    other, epoch = Heard(), control.next_epoch()
    epochs.listen(epoch, other)
    control.set_canary(epoch, lambda request: request["n"] > 1)
    try:
        leave(enter({"n": 1}))
        leave(enter({"n": 2}))
    finally:
        control.end_canary()

    assert [said[1] for said in heard.said] == [1, 1]
    assert [said[1] for said in other.said] == [2, 2]


def test_the_latest_latencies_of_an_epoch_can_be_read() -> None:
    control.set_default(control.next_epoch())
    assert epochs.recent(epochs.current()) == ()
    leave(enter({"n": 1}))

    assert len(epochs.recent(epochs.current())) == 1


def test_a_lot_is_drawn_once_a_request_and_told_to_whoever_listens(heard: Heard) -> None:
    drawn: list[int] = []
    other, epoch = Heard(), control.next_epoch()

    def lot(request: Any) -> int:
        drawn.append(request["n"])
        return int(request["n"]) % 2

    epochs.listen(epoch, other)
    control.set_canary(epoch, lambda drawn: drawn == 1, lot)
    try:
        for number in range(4):
            leave(enter({"n": number}))
    finally:
        control.end_canary()
        epochs.listen(epoch, None)
    assert drawn == [0, 1, 2, 3]
    assert [said[1] for said in other.said if said[0] == "entered"] == [1, 3]
    assert (heard.lots, other.lots) == ([0, 0], [1, 1])


def test_where_no_lots_are_drawn_there_is_none_to_tell(heard: Heard) -> None:
    leave(enter({"n": 1}))

    assert heard.lots == [None]
