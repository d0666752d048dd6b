"""A ledger that can't be written for a while stops decisions, and nothing else; they go on by themselves."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hotpatch_agent.home import facts

from tests.agent.pushing import Pusher, settled
from tests.agent.service import wait_until
from tests.agent.shop import APP, THREE, TWO, bodies, make


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nothing in this folder can be written, not even by root; skips where mounting is not for us."""
    for command in (["mount", "--bind", folder, folder], ["mount", "-o", "remount,ro,bind", folder]):
        if os.geteuid() or subprocess.run(command, capture_output=True).returncode:
            pytest.skip("nothing can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.slow
def test_a_ledger_that_became_read_only_is_told_of_and_decides_again_once_it_can(pusher: Pusher) -> None:
    with make(pusher) as service:
        settled(pusher, service, 2)
        assert isinstance(pusher.push(APP, TWO), facts.Settled)
        file = pusher.folder / "three.bundle"
        file.write_bytes(pusher.bundle(TWO, THREE))
        with service.load(clients=2) as load:
            with read_only(pusher.home.ledger):
                pushed = subprocess.run(
                    pusher.command("push", str(file), "--wait", "1"),
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                )
                assert pushed.returncode != 0 and "read-only" in pushed.stdout, pushed.stdout + pushed.stderr
                pusher.offer(file.read_bytes())
                wait_until(lambda: any("read-only" in one.trouble for one in pusher.statuses()), "it is told")
                # Who leads when it can be written again is one that came while it couldn't.
                for victim in service.workers():
                    service.signal(signal.SIGTERM, victim)
                    wait_until(lambda v=victim: v not in service.workers(), "it has gone")  # type: ignore[misc]
                    settled(pusher, service, 2)
                assert set(bodies(service, 20)) == {"two"}
            wait_until(lambda: set(bodies(service, 10)) == {"three"}, "what was offered then is live")
            load.settle()
        assert load.failed == []
        wait_until(lambda: not any(one.trouble for one in pusher.statuses()), "the trouble is over")


@pytest.mark.slow
def test_a_master_that_starts_while_it_is_read_only_keeps_its_releases_and_says_so(pusher: Pusher) -> None:
    with make(pusher) as service:
        settled(pusher, service, 2)
        assert isinstance(pusher.push(APP, TWO), facts.Settled)
        service.stop()
        with read_only(pusher.home.ledger):
            service.log.unlink()  # it names the port of the first start
            service.start()
            settled(pusher, service, 2)
            assert set(bodies(service, 20)) == {"two"}
            pusher.offer(pusher.bundle(TWO, THREE))
            wait_until(lambda: any("read-only" in one.trouble for one in pusher.statuses()), "it is told")
            assert set(bodies(service, 20)) == {"two"}
        wait_until(lambda: set(bodies(service, 10)) == {"three"}, "what was offered then is live")
