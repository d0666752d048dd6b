"""gunicorn's dirty workers come to what the service runs, one at a time, and lose nothing that was asked."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator

import psutil
import pytest
from hotpatch_agent.clock import now
from hotpatch_agent.decision.history import History
from hotpatch_agent.home import facts
from hotpatch_agent.home.shelf import Shelf
from hotpatch_agent.home.status import Status, read_roll
from hotpatch_agent.worker.dirty import _choose

from hotpatch.release import Release
from tests.agent.pushing import Pusher, settled
from tests.agent.rounds import lived
from tests.agent.service import Service, alive, wait_until
from tests.agent.shop import RELOAD, TWO

pytest.importorskip("gunicorn.dirty", reason="gunicorn 25 is the first that has dirty workers")

TASKS = {
    "tasks.py": """
import os
import time

from gunicorn.dirty import DirtyApp

import shop

class Tasks(DirtyApp):
    def init(self):
        while os.path.exists("hold"):
            open("held", "w").write(str(os.getpid()))
            time.sleep(0.02)

    def version(self):
        return shop.answer("/")

    def pid(self):
        return os.getpid()

    def slow(self):
        began = shop.answer("/")
        open("begun", "w").close()
        while not os.path.exists("end"):
            time.sleep(0.02)
        return began + "..." + shop.answer("/")
""",
    "app.py": """
import tasks
from gunicorn.dirty import get_dirty_client

def app(environ, start_response):
    action = environ["PATH_INFO"].strip("/") or "version"
    told = get_dirty_client().execute("tasks:Tasks", action)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(told).encode()]
""",
}
ONE = {**TASKS, "shop.py": 'VERSION = "one"\n\ndef answer(path):\n    return VERSION\n'}
NUMBER = itertools.count()


@contextlib.contextmanager
def service(pusher: Pusher, dirty_workers: int = 2) -> Iterator[Service]:
    """A service whose answers come from dirty workers.  gunicorn ends a dirty arbiter that it finds in a file
    named after `proc_name` in the folder for temporary files: each service has its own."""
    temporary = tempfile.mkdtemp(prefix="hp-")  # a socket's path must be short
    settings = {
        "worker_class": "gthread",
        "workers": 2,
        "threads": 4,
        "dirty_apps": ["tasks:Tasks"],
        "dirty_workers": dirty_workers,
        "proc_name": f"hp-{os.getpid()}-{next(NUMBER)}",
    }
    environ = {"TMPDIR": temporary}
    made = Service(pusher.folder, ONE, home=pusher.make_home(), settings=settings, environ=environ)
    try:
        with made:
            settled_with_arbiter(pusher, made)
            wait_until(lambda: len(serving(pusher)) == dirty_workers, "the dirty workers work")
            yield made
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def settled_with_arbiter(pusher: Pusher, made: Service) -> None:
    """Two workers serve, beside the dirty arbiter."""
    wait_until(
        lambda: len([one for one in pusher.statuses() if one.life.value == "serving"]) == 2, "two serve"
    )
    assert len(made.workers()) == 3


def dirty(pusher: Pusher) -> tuple[Status, ...]:
    return read_roll(pusher.home.dirty).alive if pusher.home.dirty.exists() else ()  # the first one makes it


def serving(pusher: Pusher) -> list[Status]:
    return [one for one in dirty(pusher) if one.life.value == "serving"]


def all_run(pusher: Pusher, stack: tuple[int, ...], workers: int = 2) -> None:
    wait_until(
        lambda: [one.stack for one in dirty(pusher)] == [stack] * workers,
        f"the dirty workers run {stack}, and no other is left",
    )


@pytest.mark.parametrize("change", [TWO, RELOAD], ids=["live", "reload"])
def test_a_release_and_the_way_back_reach_dirty_workers_and_drop_nothing(
    pusher: Pusher, change: dict[str, str]
) -> None:
    new = {**TASKS, "shop.py": change["shop.py"]}
    with service(pusher) as made:
        old = {one.pid for one in dirty(pusher)}
        with made.load(clients=4) as load:
            assert isinstance(pusher.push(ONE, new), facts.Settled)
            all_run(pusher, (1,))
            load.settle()
            pusher.roll_back()
            all_run(pusher, ())
            load.settle()
        assert load.failed == []
        assert not old & {one.pid for one in dirty(pusher)}
        assert load.bodies().keys() == {"one", "two" if change is TWO else "reloaded"}
        assert made.body() == "one"


@pytest.mark.parametrize("how", ["reload", "HUP"])
def test_sources_on_disk_reach_dirty_workers(pusher: Pusher, how: str) -> None:
    with service(pusher) as made:
        old = {one.pid for one in dirty(pusher)}
        made.write({"shop.py": TWO["shop.py"]})
        with made.load(clients=2) as load:
            if how == "reload":
                assert pusher.run("reload").returncode == 0
            else:
                made.signal(signal.SIGHUP)
            wait_until(lambda: len(serving(pusher)) == 2 and not old & pids(pusher), "both are new")
            load.settle()
        assert load.failed == []
        assert {made.body() for _ in range(10)} == {"two"}


def pids(pusher: Pusher) -> set[int]:
    return {one.pid for one in dirty(pusher)}


def test_what_a_dirty_worker_was_asked_before_is_answered(pusher: Pusher) -> None:
    with service(pusher, dirty_workers=1) as made:
        answers: list[str] = []
        asking = threading.Thread(target=lambda: answers.append(made.body("/slow")))
        asking.start()
        try:
            wait_until(lambda: (made.root / "begun").exists(), "it is being answered")
            pusher.push(ONE, {**TASKS, "shop.py": TWO["shop.py"]})
            wait_until(lambda: len(serving(pusher)) == 2, "a successor works beside it")
            # All threads of a worker share one connection to the arbiter: who asks now may wait in line.
            asking.join(1.0)
            assert len(serving(pusher)) == 2 and not answers
        finally:
            (made.root / "end").touch()
            asking.join()
        all_run(pusher, (1,), workers=1)
        assert answers == ["one...one"]


def test_a_dirty_worker_that_is_killed_comes_back_on_the_head(pusher: Pusher) -> None:
    with service(pusher) as made:
        pusher.push(ONE, {**TASKS, "shop.py": TWO["shop.py"]})
        all_run(pusher, (1,))
        victim = dirty(pusher)[0].pid
        made.signal(signal.SIGKILL, victim)
        wait_until(lambda: victim not in pids(pusher) and len(serving(pusher)) == 2, "another has its place")
        all_run(pusher, (1,))
        assert made.body() == "two"


def test_a_dirty_worker_that_is_asked_to_go_while_it_starts_goes(pusher: Pusher) -> None:
    with service(pusher, dirty_workers=1) as made:
        (made.root / "hold").touch()
        made.signal(signal.SIGKILL, dirty(pusher)[0].pid)
        held = made.root / "held"
        starting = psutil.Process(
            int(wait_until(lambda: held.exists() and held.read_text(), "another starts"))
        )
        starting.terminate()
        (made.root / "hold").unlink()
        wait_until(lambda: not alive(starting.pid), "it goes")


def test_dirty_workers_whose_arbiter_is_killed_go(pusher: Pusher) -> None:
    with service(pusher) as made:
        old = pids(pusher)
        made.signal(signal.SIGKILL, psutil.Process(min(old)).ppid())
        wait_until(lambda: not any(alive(pid) for pid in old), "they go")
        wait_until(lambda: len(serving(pusher)) == 2, "others work")


def test_a_release_that_no_dirty_worker_starts_on_leaves_the_old_ones_and_is_told(pusher: Pusher) -> None:
    broken = (
        "import sys\nif 'tasks' in sys.modules and 'app' not in sys.modules:\n    raise RuntimeError('no')\n"
    )
    with service(pusher) as made:
        old = pids(pusher)
        pusher.push(ONE, {**TASKS, "shop.py": TWO["shop.py"] + broken})
        wait_until(lambda: made.text().count("no successor of dirty worker") >= 2, "two did not start")
        assert old == pids(pusher)
        assert {made.body() for _ in range(10)} == {"one"}
        told = pusher.run("status", "--json")
        answer = json.loads(told.stdout.splitlines()[-1])
        assert told.returncode == 2
        assert "2 dirty workers not yet" in answer["message"]
        assert {one["pid"] for one in answer["dirty_workers"]} == old


def test_a_service_without_dirty_workers_has_no_word_of_them(pusher: Pusher) -> None:
    with Service(
        pusher.folder,
        {"app.py": "def app(e, s):\n    s('200 OK', [])\n    return [b'']\n"},
        home=pusher.make_home(),
    ) as made:
        settled(pusher, made, 1)
        answer = json.loads(pusher.run("status", "--json").stdout.splitlines()[-1])
        assert answer["dirty_workers"] == []


def test_a_release_that_is_quarantined_while_a_dirty_worker_chooses_is_no_reason_that_it_tells(
    pusher: Pusher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The leader takes the bundle of what is quarantined away at once."""
    pusher.make_home()
    pusher.home.dirty.mkdir()
    history = History(pusher.home.ledger)
    for fact in lived(1):
        history.append(fact, "1-1", now())
    committed = Shelf.committed

    def late(shelf: Shelf, digest: str, at: float) -> Release:
        history.append(facts.Quarantined(1, digest, "two workers died of it"), "1-1", now())
        return committed(shelf, digest, at)

    monkeypatch.setattr(Shelf, "committed", late)
    assert _choose(pusher.home, History(pusher.home.ledger)) == ((), None, "")
