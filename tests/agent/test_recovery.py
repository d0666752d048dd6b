"""Whatever becomes of workers, their master or the machine: all end at the ledger's head."""

from __future__ import annotations

import os
import signal
import uuid

import pytest
from hotpatch_agent.clock import now
from hotpatch_agent.home import facts

from tests.agent.pushing import Pusher, settled
from tests.agent.service import wait_until
from tests.agent.shop import APP, THREE, TWO, bodies, make, take_over

CLASSES = ("gthread", "sync")


@pytest.mark.parametrize("worker_class", CLASSES)
def test_a_worker_that_the_arbiter_ends_for_its_silence(pusher: Pusher, worker_class: str) -> None:
    with make(pusher, worker_class, timeout=3) as service:
        settled(pusher, service, 2)
        pusher.push(APP, TWO, settings={"probation": "0"})
        silent = service.workers()[0]
        service.signal(signal.SIGSTOP, silent)
        wait_until(lambda: silent not in service.workers(), "the arbiter has ended it")
        assert [status.stack for status in settled(pusher, service, 2)] == [(1,), (1,)]
        assert not pusher.of_kind(facts.Crashed)
        assert set(bodies(service, 20)) == {"two"}


@pytest.mark.parametrize("worker_class", CLASSES)
def test_a_hup_more_and_fewer_workers(pusher: Pusher, worker_class: str) -> None:
    with make(pusher, worker_class) as service:
        settled(pusher, service, 2)
        pusher.push(APP, TWO)
        old = set(service.workers())
        service.signal(signal.SIGHUP)
        wait_until(lambda: len(service.workers()) == 2 and not old & set(service.workers()), "new workers")
        settled(pusher, service, 2)
        service.signal(signal.SIGTTIN)
        assert [status.stack for status in settled(pusher, service, 3)] == [(1,)] * 3
        service.signal(signal.SIGTTOU)
        settled(pusher, service, 2)
        assert set(bodies(service, 20)) == {"two"}
        assert isinstance(pusher.push(TWO, THREE), facts.Settled)


@pytest.mark.parametrize("worker_class", CLASSES)
def test_a_master_that_takes_over(pusher: Pusher, worker_class: str) -> None:
    pid = pusher.folder / "pid"
    with make(pusher, worker_class, pidfile=str(pid)) as service:
        settled(pusher, service, 2)
        pusher.push(APP, TWO)
        second = take_over(pusher, service)
        assert {status.stack for status in pusher.statuses()} == {(1,)}
        assert set(bodies(service, 20)) == {"two"}
        service.signal(signal.SIGTERM, int(second.read_text()))
        wait_until(lambda: not second.exists(), "it has gone")
        settled(pusher, service, 2)


@pytest.mark.parametrize("worker_class", CLASSES)
def test_the_machine_is_started_anew(pusher: Pusher, worker_class: str) -> None:
    boot = pusher.folder / "boot"
    boot.write_text(f"{uuid.uuid4()}\n")
    config = f"""
from pathlib import Path
from hotpatch_agent import clock
clock._BOOT_ID = Path({str(boot)!r})
from hotpatch_agent.gunicorn import *
"""
    service = make(pusher, worker_class)
    service.config = config
    with service:
        settled(pusher, service, 2)
        pusher.push(APP, TWO)
        os.killpg(service.master, signal.SIGKILL)  # all at once, in the release's probation
        wait_until(lambda: service.ended is not None and not pusher.statuses(), "nobody is left")
        assert len(list(pusher.home.workers.glob("*.json"))) == 2
        boot.write_text(f"{uuid.uuid4()}\n")
        assert boot.read_text().strip() != now().boot
        service.log.unlink()
        service.start()
        assert [status.stack for status in settled(pusher, service, 2)] == [(1,), (1,)]
        assert not pusher.of_kind(facts.Crashed)
        wait_until(lambda: len(list(pusher.home.workers.glob("*.json"))) == 2, "nothing is left of the dead")
        assert set(bodies(service, 20)) == {"two"}
        assert isinstance(pusher.push(TWO, THREE), facts.Settled)
        assert set(bodies(service, 20)) == {"three"}


def tenfold(number: int) -> dict[str, str]:
    return {**APP, "shop.py": APP["shop.py"].replace('"one"', f'"number {number}"')}


@pytest.mark.slow
@pytest.mark.parametrize("worker_class", CLASSES)
def test_a_worker_that_has_missed_ten_releases(pusher: Pusher, worker_class: str) -> None:
    with make(pusher, worker_class, preload_app=True, workers=1) as service:
        settled(pusher, service, 1)
        for number in range(10):
            old = APP if number == 0 else tenfold(number)
            assert isinstance(
                pusher.push(old, tenfold(number + 1), settings={"probation": "0"}), facts.Settled
            )
        victim = service.workers()[0]
        service.signal(signal.SIGKILL, victim)
        wait_until(lambda: victim not in service.workers(), "it has gone")
        (status,) = settled(pusher, service, 1)
        assert status.stack == tuple(range(1, 11))
        assert set(bodies(service, 10)) == {"number 10"}
        pusher.roll_back()
        assert set(bodies(service, 10)) == {"number 9"}
