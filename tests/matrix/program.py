"""A program for every worker class, whose versions change the same things in several modules at once.

Callers and callees, constants and what derives from them, from-import copies, classes, a dataclass's field,
signatures: each place says which version it is of, and every answer is the list of what its request has seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from benchmarks.many_places import sources

VERSIONS: Final = (1, 2, 3, 4)
"""They follow one another in a ring, so that each step is measured once."""

SAID: Final = """
def said(*seen):
    return " ".join(map(str, flat(seen)))

def flat(value):
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from flat(item)
    else:
        yield value

def look():
    return [each() for each in service.looks()]
"""
WSGI: Final = '''
import threading
import time
from concurrent.futures import ThreadPoolExecutor
import service

def app(environ, start_response):
    answer = WAYS[environ["PATH_INFO"]]()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return answer

def page():
    """A request that straddles whatever happens in its middle."""
    first = look()
    time.sleep(0.005)
    return [said(first, look(), list(service.numbers())).encode()]

def stream(parts=8, pause=0.005):
    numbers = service.numbers()
    for _ in range(parts):
        yield (said(next(numbers), look()) + "\\n").encode()
        time.sleep(pause)

def events():
    for _ in range(20):
        yield from stream(pause=0.02)

def thread():
    seen = []
    def work():
        time.sleep(0.005)
        seen.append(look())
    started = threading.Thread(target=work)
    started.start()
    first = look()
    started.join()
    return [said(first, seen).encode()]

def pool():
    with ThreadPoolExecutor(2) as workers:
        seen = list(workers.map(lambda _: (time.sleep(0.002), look())[1], range(3)))
    return [said(seen, look()).encode()]

WAYS = {"/": page, "/stream": stream, "/events": events, "/thread": thread, "/pool": pool}
'''
ASGI: Final = """
import asyncio
import service

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        return await lifespan(receive, send)
    if scope["type"] == "websocket":
        return await chat(receive, send)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    async for part in WAYS[scope["path"]]():
        await send({"type": "http.response.body", "body": part.encode(), "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})

async def lifespan(receive, send):
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return

async def chat(receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] == "websocket.receive":
        first = look()
        await asyncio.sleep(0.002)
        await send({"type": "websocket.send", "text": said(first, await service.many())})

async def page():
    first = look()
    await asyncio.sleep(0.005)
    yield said(first, look(), list(service.numbers()))

async def stream(parts=8, pause=0.005):
    numbers = service.numbers()
    for _ in range(parts):
        yield said(next(numbers), look()) + "\\n"
        await asyncio.sleep(pause)

async def events():
    for _ in range(20):
        async for part in stream(pause=0.02):
            yield part

async def thread():
    seen = asyncio.to_thread(look)
    first = look()
    yield said(first, await seen, look())

async def tasks():
    started = [asyncio.create_task(service.many()) for _ in range(2)]
    first = look()
    async with asyncio.timeout(30):
        yield said(first, await asyncio.gather(*started), await service.many())

WAYS = {"/": page, "/stream": stream, "/events": events, "/thread": thread, "/tasks": tasks}
"""


@frozen
class WorkerClass:
    """One of gunicorn's worker classes, and what its clients ask for."""

    name: str
    setting: str
    app: str
    paths: tuple[str, ...]
    long: bool = True
    """Can a worker hold a stream open and serve others meanwhile?"""
    sockets: bool = False
    """Does it speak WebSocket?"""


_THREADED: Final = ("/", "/", "/stream", "/thread", "/pool")
_LOOPED: Final = ("/", "/", "/stream", "/thread", "/tasks")
CLASSES: Final[Mapping[str, WorkerClass]] = {
    one.name: one
    for one in (
        WorkerClass("sync", "sync", WSGI, _THREADED, long=False),
        WorkerClass("gthread", "gthread", WSGI, _THREADED),
        WorkerClass("gevent", "gevent", WSGI, _THREADED),
        WorkerClass("asgi", "asgi", ASGI, _LOOPED, sockets=True),
        WorkerClass("uvicorn", "uvicorn.workers.UvicornWorker", ASGI, _LOOPED, sockets=True),
    )
}


def files(of: WorkerClass, version: int) -> dict[str, str]:
    """The sources of this version; only the application's own file is the same in all."""
    parts = {f"{name}.py": text for name, text in sources(version).items()}
    return {**parts, "app.py": of.app + SAID}


def following(version: int) -> int:
    """The version that a release leads to from this one."""
    return VERSIONS[(VERSIONS.index(version) + 1) % len(VERSIONS)]
