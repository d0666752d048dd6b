"""Whether a worker answers: requests that the operator has named, asked of its application in the worker
itself, before it accepts any from outside.

They are asked where the worker's requests run: on its event loop, in its hub, or on a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from hotpatch.native import original
from hotpatch.rehearsal import checks, probe
from hotpatch.release import Check
from hotpatch_agent.native import start_thread, under_gevent
from hotpatch_agent.process.doors import loop_of
from hotpatch_agent.process.worker_classes import lifespan_state

LIMIT: Final = 30.0
"""Seconds that an answer may take: the first one may well have to fill caches."""


def prove(wanted: Sequence[Check], app: Any, worker: Any, limit: float = LIMIT) -> None:
    """Asks one after another.  Raises CheckFailed at the first answer that is wrong, or doesn't come."""
    for check in wanted:
        checks.judge(check, lambda request: _ask(app, request, worker, limit))


def _ask(app: Any, request: probe.Request, worker: Any, limit: float) -> probe.Answer:
    loop = loop_of(worker)
    if loop is not None and probe.speaks_asgi(app):
        asked = probe.ask_asgi(app, request, dict(lifespan_state(worker)))
        try:
            return asyncio.run_coroutine_threadsafe(asked, loop).result(limit)
        except TimeoutError:
            raise TimeoutError(f"no answer within {limit:g} s") from None
    return _elsewhere(lambda: probe.ask(app, request, lifespan_state(worker)), loop, limit)


def _elsewhere(call: Callable[[], probe.Answer], hub: Any, limit: float) -> probe.Answer:
    """In a greenlet of the worker's hub, or on a thread: whoever never answers keeps nobody else."""
    over = original("_thread", "allocate_lock")()
    over.acquire()
    came: list[probe.Answer | BaseException] = []

    def run() -> None:
        try:
            came.append(call())
        except BaseException as error:  # noqa: BLE001  (raised where it is waited for)
            came.append(error)
        finally:
            over.release()

    if under_gevent():
        from gevent import spawn

        hub.run_callback_threadsafe(lambda: spawn(run))
    else:
        start_thread(run, "hotpatch-ready")
    if not over.acquire(timeout=limit):
        raise TimeoutError(f"no answer within {limit:g} s")
    if isinstance(came[0], BaseException):
        raise came[0]
    return came[0]
