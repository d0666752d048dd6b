"""A worker's part in a release that is taken out of service while it is at it."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from attrs import evolve
from hotpatch_agent.decision.duty import Duty, duty
from hotpatch_agent.decision.states import State
from hotpatch_agent.home import folder
from hotpatch_agent.home.shelf import Shelf
from hotpatch_agent.home.status import Phase, Status
from hotpatch_agent.process import adopt
from hotpatch_agent.worker.tasks import Tasks

from hotpatch import epochs
from tests.agent.rounds import COMMITTED, OFFERED, ONE

PROGRAM: Any = SimpleNamespace(
    running_digest=None, base_digest=None, layers=(), digests=(), stack=(), top=None, former={}
)


def attempted(home: Path, state: State, stands: bool) -> Status:
    """What becomes of a duty whose bundle is not there, if the ledger still asks for it or not."""
    made = folder.create(home, folder.Service("shop", "test", "app:app"))
    due = duty(state, ONE)

    def still(asked: Duty) -> bool:
        assert asked == due
        return stands

    tasks = Tasks(PROGRAM, None, Shelf(made), logging.getLogger(), still)
    return evolve(tasks.do(due, state, ONE, lambda status: None), epoch=ONE.epoch)


CASES = pytest.mark.parametrize(("state", "phase"), [(OFFERED, Phase.REFUSED), (COMMITTED, Phase.UNABLE)])


@CASES
def test_a_bundle_that_has_gone_is_told(tmp_path: Path, state: State, phase: Phase) -> None:
    adoption = attempted(tmp_path / "home", state, stands=True).adoption

    assert adoption is not None and adoption.phase is phase
    assert "is gone; push the release again" in adoption.reason


@CASES
def test_a_bundle_that_has_gone_with_its_release_is_nothing_to_be_told(
    tmp_path: Path, state: State, phase: Phase, caplog: pytest.LogCaptureFixture
) -> None:
    assert attempted(tmp_path / "home", state, stands=False) == ONE
    assert "is gone" not in caplog.text


def test_a_commit_that_is_called_off_at_the_last_moment_changes_nothing() -> None:
    flipped: list[int] = []
    version = SimpleNamespace(flip=lambda: flipped.append(1))
    prepared: Any = SimpleNamespace(version=version)
    with pytest.raises(adopt.CalledOff):
        adopt.commit(PROGRAM, prepared, None, stands=lambda: False)
    assert not flipped


@pytest.mark.parametrize("behind", [True, False], ids=["one was", "none was"])
def test_a_change_is_settled_later_if_a_request_was_on_old_code_when_it_was_made(
    behind: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(adopt, "show", lambda _program, _release: None)
    monkeypatch.setattr(adopt, "note_epoch", lambda _epoch, _version: None)
    monkeypatch.setattr(epochs, "is_behind", lambda: behind)
    program: Any = SimpleNamespace(root=tmp_path, push=lambda _layer: None)
    prepared: Any = SimpleNamespace(
        version=SimpleNamespace(flip=lambda _moment: None),
        staged=SimpleNamespace(ops=(), breaks=lambda _undone: frozenset()),
        handlers=(),
        release=SimpleNamespace(version=1),
    )
    running = adopt.commit(program, prepared, None)
    assert (running.round is not None) is behind
