"""The ways to bring a fix to a gunicorn service that is running: ours, and the server's own."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from attrs import frozen
from hotpatch_agent.drill.processes import children
from hotpatch_agent.drill.service import LOOK_SECONDS, Service

LONGEST_SECONDS = 120.0


@frozen
class Way:
    """`carry_out(service)` returns when no old code can answer any more.  `on_disk`: whether the new sources
    are written over the old ones beforehand."""

    name: str
    on_disk: bool
    carry_out: Callable[[Service], None]


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + LONGEST_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not after {LONGEST_SECONDS:.0f} s")
        time.sleep(LOOK_SECONDS)


def gone(pids: set[int], parent: int) -> bool:
    return not pids & set(children(parent))


def hup(service: Service) -> None:
    """gunicorn's own reload: all new workers are started, all old ones asked to finish."""
    old = set(service.workers())
    os.kill(service.master, signal.SIGHUP)
    wait_until(lambda: gone(old, service.master), "the old workers are gone")
    service.wait_until_ready()


def term_one_at_a_time(service: Service) -> None:
    """Each old worker is asked to finish, and the next one when its successor answers."""
    for worker in service.workers():
        os.kill(worker, signal.SIGTERM)
        wait_until(lambda worker=worker: gone({worker}, service.master), "the old worker is gone")  # type: ignore[misc]
        service.wait_until_ready()


def usr2_then_term(service: Service) -> None:
    """A second master with workers of its own is started, and the first is ended when those answer."""
    old = set(service.workers())
    os.kill(service.master, signal.SIGUSR2)
    wait_until(lambda: bool(set(service.workers()) - old), "there is a second master")
    (second,) = set(service.workers()) - old
    wait_until(lambda: len(children(second)) == service.plan.workers, "it has its workers")
    answered: set[int] = set()

    def all_answer() -> bool:
        answered.add(int(service.ask_json("/healthz")["worker"]))
        return len(children(second)) == service.plan.workers and set(children(second)) <= answered

    wait_until(all_answer, "the new workers answer")
    os.kill(service.master, signal.SIGTERM)
    wait_until(lambda: gone(old, service.master), "the old workers are gone")


RELOADS = (
    Way("HUP", True, hup),
    Way("TERM one at a time", True, term_one_at_a_time),
    Way("USR2 then TERM", True, usr2_then_term),
)
