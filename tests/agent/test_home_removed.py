"""The home folder goes while the service runs, and comes back: requests are answered, then all goes on."""

from __future__ import annotations

import shutil
from pathlib import Path

from hotpatch_agent.home import facts

from tests.agent.pushing import Pusher, settled
from tests.agent.service import wait_until
from tests.agent.shop import APP, THREE, TWO, bodies, make


def test_a_service_whose_home_is_removed_serves_on_and_takes_releases_once_it_is_back(
    tmp_path: Path,
) -> None:
    pusher = Pusher(tmp_path)
    with make(pusher) as service:
        settled(pusher, service, 2)
        pids = set(service.workers())
        assert isinstance(pusher.push(APP, TWO), facts.Settled)
        home, aside = tmp_path / "home", tmp_path / "aside"
        with service.load(clients=2) as load:
            shutil.copytree(home, aside)
            shutil.rmtree(home.rename(tmp_path / "gone"))
            load.settle(40)
            for lock in aside.rglob("*.lock"):
                lock.unlink()  # a copy of a lock is held by nobody
            for status in (aside / "workers").iterdir():
                status.unlink()
            aside.rename(home)
            back = wait_until(lambda: len(pusher.statuses()) == 2, "both workers say that they live")
            assert back
            assert isinstance(pusher.push(TWO, THREE), facts.Settled)
        assert load.failed == []
        assert set(bodies(service, 10)) == {"three"}
        assert set(service.workers()) == pids
