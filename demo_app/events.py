"""What happens in the shop, told to whoever listens: a hub in each worker, and the stream `/events`."""

from __future__ import annotations

import itertools
import json
import os
import queue
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from flask import Blueprint, Response

from demo_app.shop import shop
from demo_app.version import answering_release

HEARTBEAT_SECONDS = 1.0
REMEMBERED = 12

routes = Blueprint("events", __name__)


@dataclass(frozen=True)
class Event:
    number: int
    kind: str
    data: dict[str, object]

    def encoded(self) -> str:
        return f"id: {self.number}\nevent: {self.kind}\ndata: {json.dumps(self.data)}\n\n"


class Hub:
    """Events go to every subscriber of this process.  Takes no lock: set and deque are changed by single
    operations, and `SimpleQueue` may be left in any state by a fork, for a child has no subscribers."""

    def __init__(self) -> None:
        self._subscribers: set[queue.SimpleQueue[Event]] = set()
        self._numbers = itertools.count(1)
        self._recent: deque[Event] = deque(maxlen=REMEMBERED)

    def publish(self, kind: str, **data: object) -> None:
        event = Event(next(self._numbers), kind, data)
        self._recent.append(event)
        self._send(event)

    def publish_now(self, kind: str, **data: object) -> None:
        """As `publish`, for what is stale a moment later: who subscribes afterwards never sees it."""
        self._send(Event(next(self._numbers), kind, data))

    def _send(self, event: Event) -> None:
        for subscriber in tuple(self._subscribers):
            subscriber.put(event)

    def subscribe(self) -> queue.SimpleQueue[Event]:
        inbox: queue.SimpleQueue[Event] = queue.SimpleQueue()
        for event in tuple(self._recent):
            inbox.put(event)
        self._subscribers.add(inbox)
        return inbox

    def unsubscribe(self, inbox: queue.SimpleQueue[Event]) -> None:
        self._subscribers.discard(inbox)

    @property
    def listeners(self) -> int:
        return len(self._subscribers)


def told(kind: str, data: dict[str, object]) -> str:
    """An event of one stream alone: it has no number."""
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n"


def stream(hub: Hub, seconds: float, clock: float) -> Iterator[str]:
    """The text of one stream; `seconds` 0 is without end.  A heartbeat goes out whenever nothing happens.

    With each pulse it says which release it runs on itself: the one that it began on, however long ago.
    """
    ends = clock + seconds if seconds else float("inf")
    inbox = hub.subscribe()
    try:
        yield f"retry: 500\n{told('hello', {'worker': os.getpid(), 'release': answering_release()})}"
        while time.monotonic() < ends:
            try:
                event = inbox.get(timeout=HEARTBEAT_SECONDS)
                yield event.encoded()
                if event.kind == "pulse":
                    yield told("stream", {"release": answering_release()})
            except queue.Empty:
                yield ": still here\n\n"
    finally:
        hub.unsubscribe(inbox)


@routes.get("/events")
def events() -> Response:
    body = stream(shop().hub, shop().settings.stream_seconds, time.monotonic())
    return Response(body, mimetype="text/event-stream", headers={"Cache-Control": "no-store"})
