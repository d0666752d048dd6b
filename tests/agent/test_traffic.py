"""Whether requests are being served, as the agent's own work asks before it rests."""

from __future__ import annotations

import pytest
from hotpatch_agent.process import traffic
from hotpatch_agent.process.traffic import Traffic

from hotpatch import epochs
from tests.epochs.requests import Open


def test_a_request_in_flight_is_traffic() -> None:
    of_now = Traffic()
    of_now.is_on()
    request = Open()
    try:
        assert of_now.is_on()
    finally:
        request.end()


def test_a_request_that_came_and_went_between_two_looks_is_traffic(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = 0
    monkeypatch.setattr(epochs, "totals", lambda: epochs.Totals(requests=answered))
    of_now = Traffic()
    assert not of_now.is_on()
    answered += 1
    assert of_now.is_on()


def test_traffic_is_over_once_nothing_was_answered_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(epochs, "totals", lambda: epochs.Totals(requests=1))
    of_now = Traffic()
    assert of_now.is_on()
    monkeypatch.setattr(traffic, "OF_LATE", 0.0)
    assert not of_now.is_on()
