"""One of gunicorn's dirty workers, from its fork to its apps' `init`: on the ledger's head, like any worker.

It has no agent: it takes no part in decisions, nothing is patched in it while it lives, and when the head
moves it is replaced (`dirty_arbiter`).  Its status is in a folder of its own, so that the service's workers
are counted without it.  One that can't start on the head leaves word, and after the second such one the next
is started on the last release that does start, as others are.
"""

from __future__ import annotations

import asyncio
import os
import traceback
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from attrs import evolve, field, frozen

from hotpatch.errors import HotpatchError, LedgerDamaged, PatchInvalid
from hotpatch.release import Release, python_tag
from hotpatch_agent.clock import now
from hotpatch_agent.decision.history import History
from hotpatch_agent.home.folder import Home
from hotpatch_agent.home.shelf import Shelf
from hotpatch_agent.home.status import Adoption, Board, Life, Phase, Problem, Status, read_roll, worker_id
from hotpatch_agent.process.layers import layer
from hotpatch_agent.process.memory import used
from hotpatch_agent.process.program import Program
from hotpatch_agent.worker.choice import choose
from hotpatch_agent.worker.start import root_of

WORKER_CLASS: Final = "dirty"
LOOK: Final = 1.0
"""Seconds between a worker's looks whether its arbiter lives."""


@frozen
class _Place:
    """A dirty worker's place in the home folder; its lock is held for as long as this is."""

    board: Board
    status: Status
    program: Program
    problem: Problem | None = field(default=None)
    """Why it is not started on the head."""


_kept: list[_Place] = []
"""This process's own."""


def load(worker: Any, home: Home, plain: Callable[[Any], None]) -> None:
    """In place of `DirtyWorker.load_apps`: the apps as the head has them."""
    try:
        place = _take_place(home)
    except Exception as error:
        known = isinstance(error, HotpatchError | OSError)
        worker.log.error("hotpatch is off in this dirty worker: %s", error, exc_info=not known)
        plain(worker)
        return
    _kept.append(place)
    try:
        plain(worker)
    except BaseException as error:
        place.board.write(_failed(place.status, error))
        raise
    place.program.note_loaded()
    place.board.write(_serving(place))
    if place.problem is not None:
        worker.log.error("hotpatch: %s", _serving(place).note)


def heed_the_end(worker_class: Any) -> None:
    """A worker that is asked to go while it starts goes, and so does one whose arbiter is gone.

    gunicorn notes the signal and closes the worker's server, which is not there yet while the apps are
    loaded; it serves then, and outlives an arbiter that the master kills after waiting in vain.
    Leans on gunicorn 25 to 27: `_heartbeat_loop` is started once the server is there.
    """
    plain: Callable[[Any], Coroutine[Any, Any, None]] = worker_class._heartbeat_loop

    async def heartbeat(worker: Any) -> None:
        beat = asyncio.create_task(plain(worker))
        try:
            while worker.alive and os.getppid() == worker.ppid:
                await asyncio.sleep(LOOK)
            worker.alive = False
            worker._shutdown()
        finally:
            beat.cancel()

    worker_class._heartbeat_loop = heartbeat


def _take_place(home: Home) -> _Place:
    board = Board(home.dirty, worker_id())
    history = History(home.ledger)
    releases, problem, trouble = _choose(home, history)
    state = history.state
    program = Program.at(root_of(home))
    layers = layer(releases, program.base_digest)
    # The arbiter has imported the apps' modules to see how many workers each wants, and with `preload_app`
    # the master has imported everything: this worker imports them anew.
    program.forget_modules()
    program.start_on(layers.applied)
    top = layers.applied[-1] if layers.applied else None
    status = Status(
        worker=worker_id(),
        pid=os.getpid(),
        started=now(),
        worker_class=WORKER_CLASS,
        app=home.service.app,
        python=python_tag(),
        life=Life.BOOTING,
        stack=layers.stack,
        digest=top.digest if top else "",
        adoption=Adoption(state.errand, top.digest, top.version, Phase.COMMITTING, now()) if top else None,
        absorbs=(*layers.absorbed, *layers.strangers),
        absorbs_because=layers.because,
        seq=state.seq,
        trouble=trouble,
    )
    board.write(status)
    return _Place(board, status, program, problem)


def _choose(home: Home, history: History) -> tuple[Sequence[Release], Problem | None, str]:
    """What to start on, why it isn't the head, and what is wrong with the ledger.

    Chosen anew when the ledger has moved meanwhile: a bundle that is not there then is one of a release that
    has been taken out of service, and nothing that anybody has to hear of.
    """
    _read(history)
    while True:
        known = history.state.seq
        releases, problem = choose(history.state, read_roll(home.dirty), Shelf(home).committed)
        trouble = _read(history)
        if history.state.seq == known:
            return releases, problem, trouble


def _read(history: History) -> str:
    try:
        history.refresh()
    except LedgerDamaged as error:
        return str(error)
    return ""


def _failed(status: Status, error: BaseException) -> Status:
    said = "".join(traceback.format_exception_only(error)).strip().replace("\n", " ")
    problem = Problem.of(error if isinstance(error, HotpatchError) else PatchInvalid(said))
    adoption = status.adoption and evolve(status.adoption, problem=problem)
    return evolve(status, adoption=adoption, note=said)


def _serving(place: _Place) -> Status:
    status = place.status
    adoption = status.adoption and evolve(status.adoption, phase=Phase.LIVE, since=now())
    note = f"could not start on the head: {place.problem.text}" if place.problem else ""
    base = place.program.base()
    return evolve(status, life=Life.SERVING, adoption=adoption, note=note, base=base, memory=used())
