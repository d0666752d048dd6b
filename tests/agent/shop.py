"""The smallest program that tests push to, and what they do with it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from hotpatch_agent.home.status import Phase

from tests.agent.pushing import Pusher, settled
from tests.agent.service import Service, wait_until

APP = {
    "app.py": """
import os
import time
from shop import answer

BEGUN = []

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/slow":
        return slow()
    if environ["PATH_INFO"] == "/begun":
        return [str(len(BEGUN)).encode()]
    if environ["PATH_INFO"] == "/long":
        return until_told()
    if environ["PATH_INFO"] == "/pid":
        return [str(os.getpid()).encode()]
    return [answer(environ["PATH_INFO"]).encode()]

def slow():
    yield answer("").encode()
    time.sleep(1.5)
    yield b"..." + answer("").encode()

def until_told():
    BEGUN.append(1)
    yield answer("").encode()
    while not os.path.exists("end"):
        time.sleep(0.02)
    yield b"..." + answer("").encode()
""",
    "shop.py": """
VERSION = "one"

def answer(path):
    return VERSION
""",
}
TWO = {**APP, "shop.py": APP["shop.py"].replace('"one"', '"two"')}
THREE = {**APP, "shop.py": APP["shop.py"].replace('"one"', '"three"')}
RELOAD = {
    **APP,
    "shop.py": """
import os

os.environ["SHOP_VERSION"] = "reloaded"

def answer(path):
    return os.environ["SHOP_VERSION"]
""",
}
"""A change that no process can take live: its start changes the process."""
BOX = {**APP, "shop.py": "class Box:\n    pass\n\nBOX = Box()\n\ndef answer(path):\n    return 'one'\n"}
IN_ONE_STEP = {
    **BOX,
    "shop.py": """class Box:
    def __str__(self):
        return 'two'

BOX = Box()

def answer(path):
    return str(BOX)
""",
}
"""A special method comes to a class: no request may straddle that."""


def make(
    pusher: Pusher,
    worker_class: str = "gthread",
    workers: int = 2,
    files: Mapping[str, str] = APP,
    **settings: object,
) -> Service:
    """A service of this program, with a home, not started yet."""
    chosen = {"worker_class": worker_class, "workers": workers, "threads": threads(worker_class), **settings}
    return Service(pusher.folder, files, home=pusher.make_home(), settings=chosen)


def threads(worker_class: str) -> int:
    """How many a worker gets: gunicorn makes of a sync worker with several a gthread one."""
    return 1 if worker_class == "sync" else 4


def deploy_two(pusher: Pusher, service: Service) -> None:
    """Version two is put on the disk of two workers and loaded by `hotpatch reload`, under load: it drops
    nothing, and nobody is left who was there before."""
    old = set(service.workers())
    service.write({"shop.py": TWO["shop.py"]})
    with service.load(clients=4) as load:
        assert pusher.reload() == 0
        load.settle()
    assert load.failed == []
    settled(pusher, service, 2)
    assert not old & set(service.workers())
    assert set(bodies(service, 20)) == {"two"}


def take_over(pusher: Pusher, service: Service) -> Path:
    """`USR2` to the master of two workers, whose pid file is `pid` in the pusher's folder: there is a second
    one with as many.  Its pid file."""
    service.signal(signal.SIGUSR2)
    second = pusher.folder / "pid.2"
    wait_until(second.exists, "a second master")
    wait_until(lambda: len(pusher.statuses()) == 4, "its workers")
    return second


def bodies(service: Service, count: int, path: str = "/") -> list[str]:
    """So many answers, each on a connection of its own."""
    return [service.body(path) for _ in range(count)]


def rehearsing(pusher: Pusher) -> int | None:
    """The pid of the worker that rehearses just now."""
    for status in pusher.statuses():
        if status.adoption is not None and status.adoption.phase is Phase.REHEARSING:
            return status.pid
    return None


@contextmanager
def stream(service: Service) -> Iterator[list[str]]:
    """A request that has begun its answer and ends it when the block is left; what it was answered."""
    answers: list[str] = []
    thread = threading.Thread(target=lambda: answers.append(service.body("/long")))
    thread.start()
    try:
        wait_until(lambda: "1" in bodies(service, 10, "/begun"), "the stream has begun")
        yield answers
    finally:
        (service.root / "end").touch()
        thread.join()
