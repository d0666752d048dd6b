"""Every decision, told to the log, to commands, to webhooks, and through apprise to anything it knows.

Each sink has a thread of its own and takes the records of the ledger in their order.  One that fails is tried
again, with growing pauses, for `PATIENCE` seconds; then it is passed over, with a line in the log, and the
next is told.  How far each has come is kept in one small file, so that a new leader goes on where the old one
was: an event may come twice, after a crash between telling and noting, and is never skipped but by patience.
The record's number (`seq`) tells a receiver what it has had.

Nothing of this is in the way of the service: `tell` appends to a queue and returns.  A queue holds `BACKLOG`
events; of more, the oldest go, and the log says how many.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from queue import Empty
from time import monotonic
from typing import Any, Final

from hotpatch.errors import DiskFull, NotWritable, StrategyInvalid
from hotpatch.native import original
from hotpatch_agent import wire
from hotpatch_agent.clock import Instant
from hotpatch_agent.home.disk import write_whole
from hotpatch_agent.native import start_thread
from hotpatch_agent.rollout import outside
from hotpatch_agent.rollout.progress import Moved, Progress
from hotpatch_agent.rollout.strategy import EventSpec

PATIENCE: Final = 600.0
"""Seconds for which one event is tried."""
FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 60.0
BACKLOG: Final = 1000

log = logging.getLogger("hotpatch.rollout")

Event = Mapping[str, Any]
"""`seq`, `time`, `service`, `environment`, `release`, `event`, `station`, `step`, `reason`, `by`,
`figures`."""


def described(seq: int, at: Instant, fact: Moved, after: Progress, identity: Mapping[str, str]) -> Event:
    """The event of a record: `seq` and `at` are the record's, `after` is where it led, `identity` is the
    service's `service` and `environment`."""
    return {
        **identity,
        "seq": seq,
        "time": at.text(),
        "release": fact.version,
        "event": fact.event.value,
        "station": after.station.value,
        "step": after.step,
        "attempt": after.attempt,
        "reason": fact.reason,
        "by": fact.by,
        "figures": dict(fact.figures),
    }


class Teller:
    """The leader's: begins with what the sinks have not been told yet.  One a process; not for a forked
    child."""

    def __init__(self, specs: Iterable[EventSpec], cursors: Path, patience: float = PATIENCE) -> None:
        specs = tuple(specs)
        for spec in specs:
            require_apprise(spec)
        self._cursors = _Cursors(cursors)
        self._sinks = [_Sink(spec, self._cursors, patience) for spec in specs]
        self._logged = 0

    def tell(self, events: Iterable[Event]) -> None:
        """Tell these, in the order of their `seq`; what a sink has had already is passed over."""
        for event in events:
            if event["seq"] > self._logged:
                self._logged = event["seq"]
                log.info("release %s: %s", event["release"], _line(event))
            for sink in self._sinks:
                sink.put(event)

    def told(self) -> int:
        """The number up to which every sink has been told: later ones must be given to the next leader's."""
        return min((sink.seq for sink in self._sinks), default=self._logged)

    def stop(self) -> None:
        """End the threads after what they are at; what is left is told by whoever leads next."""
        for sink in self._sinks:
            sink.stop()


def require_apprise(spec: EventSpec) -> None:
    """Raises StrategyInvalid if this spec needs the extra and it isn't installed."""
    if spec.apprise:
        try:
            import apprise  # noqa: F401
        except ImportError as error:
            raise StrategyInvalid(
                "an event goes through apprise, which is not installed; install hotpatch-runtime[events]"
            ) from error


class _Cursors:
    """How far each sink has come, in one file.  Several threads write: under a lock of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = original("_thread", "allocate_lock")()
        try:
            data = wire.parse(path.read_bytes())
            self._seqs = {str(key): int(value) for key, value in data.items()}
        except (OSError, wire.Malformed, AttributeError, TypeError, ValueError):
            self._seqs = {}  # never told anything, or nobody knows: telling twice is better than not at all

    def get(self, sink: str) -> int:
        return self._seqs.get(sink, 0)

    def set(self, sink: str, seq: int) -> None:
        with self._lock:
            self._seqs[sink] = seq
            try:
                write_whole(str(self._path), wire.canonical(self._seqs) + b"\n", "events")
            except (DiskFull, NotWritable, OSError) as error:
                log.warning("how far events were told can't be written down, some may come twice: %s", error)


class _Sink:
    def __init__(self, spec: EventSpec, cursors: _Cursors, patience: float) -> None:
        self._say: Callable[[Event], outside.Said] = _sayer(spec)
        self._name = spec.command[0] if spec.command else spec.url or spec.apprise.partition("://")[0]
        self._id = hashlib.sha256(wire.dump(spec)).hexdigest()[:16]
        self._cursors = cursors
        self._patience = patience
        self.seq = cursors.get(self._id)
        self._last = self.seq
        self._queue = _queue()
        self._dropped = 0
        self._end = _queue()
        """Gets something when the sink is to stop."""
        start_thread(self._work, "hotpatch-events")

    def put(self, event: Event) -> None:
        """The agent's thread alone calls this."""
        if event["seq"] <= self._last:
            return
        self._last = event["seq"]
        self._queue.put(event)
        if self._queue.qsize() > BACKLOG:
            with contextlib.suppress(Empty):  # the sink may have taken it in this moment
                self._queue.get_nowait()
                self._dropped += 1

    def stop(self) -> None:
        self._end.put(None)
        self._queue.put(None)

    def _work(self) -> None:
        dropped = 0
        while (event := self._queue.get()) is not None:
            if self._dropped > dropped:
                log.warning("%s is behind: %d events were dropped", self._name, self._dropped - dropped)
                dropped = self._dropped
            if not self._end.empty() or not self._deliver(event):
                return
            self.seq = event["seq"]
            self._cursors.set(self._id, self.seq)

    def _deliver(self, event: Event) -> bool:
        """Try until it is told or its time is over; False if we are to stop before that."""
        end, pause = monotonic() + self._patience, FIRST_PAUSE
        while True:
            said = self._say(event)
            if said.ok:
                return True
            if monotonic() + pause > end:
                log.warning("%s was not told of record %s: %s", self._name, event["seq"], said.told())
                return True
            try:
                self._end.get(timeout=pause)
            except Empty:
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                return False


def _queue() -> Any:
    """A queue between threads of the system, also where gevent has put its own in its place."""
    return original("queue", "SimpleQueue")()


def _sayer(spec: EventSpec) -> Callable[[Event], outside.Said]:
    if spec.command:
        return lambda event: outside.run(spec.command, event, spec.timeout)
    if spec.url:
        return lambda event: outside.fetch(spec.url, spec.timeout, event)
    return lambda event: _through_apprise(spec.apprise, event)


def _through_apprise(url: str, event: Event) -> outside.Said:
    import apprise

    told = apprise.Apprise()
    if not told.add(url):
        return outside.Said(False, None, "apprise does not understand the URL")
    title = f"{event['service']}: release {event['release']} {event['event']}"
    try:
        ok = bool(told.notify(body=_line(event), title=title))
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything; it is tried again
        return outside.Said(False, None, f"{type(error).__name__}: {error}")
    return outside.Said(ok, None, "" if ok else "apprise could not deliver it")


def _line(event: Event) -> str:
    """One line for people."""
    where = f" (step {event['step'] + 1})" if event.get("step", -1) >= 0 else ""
    by = f" by {event['by']}" if event.get("by") else ""
    reason = f": {event['reason']}" if event.get("reason") else ""
    return f"{event['event']}{by}, now {event['station']}{where}{reason}"
