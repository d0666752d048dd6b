"""The smallest program that tests push to, and what they do with it."""

from __future__ import annotations

from collections.abc import Mapping

from hotpatch_agent.status import Phase

from tests.agent.pushing import Pusher
from tests.agent.service import Service

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
        return slow(5)
    if environ["PATH_INFO"] == "/pid":
        return [str(os.getpid()).encode()]
    return [answer(environ["PATH_INFO"]).encode()]

def slow(seconds=1.5):
    BEGUN.append(seconds)
    yield answer("").encode()
    time.sleep(seconds)
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
    return Service(
        pusher.folder,
        files,
        home=pusher.make_home(),
        settings={"worker_class": worker_class, "workers": workers, "threads": 4, **settings},
    )


def bodies(service: Service, count: int, path: str = "/") -> list[str]:
    """So many answers, each on a connection of its own."""
    return [service.body(path) for _ in range(count)]


def rehearsing(pusher: Pusher) -> int | None:
    """The pid of the worker that rehearses just now."""
    for status in pusher.statuses():
        if status.adoption is not None and status.adoption.phase is Phase.REHEARSING:
            return status.pid
    return None
