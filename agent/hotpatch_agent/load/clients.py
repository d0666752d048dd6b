"""Clients that ask one request after another, and clients that listen to a stream."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Generator
from typing import Protocol

from attrs import frozen

from hotpatch_agent.load.account import Outcome, Sample, Stream
from hotpatch_agent.load.phases import Phase, Seen, judge
from hotpatch_agent.load.wire import Answer, Connection, DroppedError, Request

PAUSE_AFTER_DROP = 0.05
"""Seconds: a service that refuses connections is asked again, but not in a tight loop."""


@frozen
class Ask:
    """A request, what it is about, and who judges its answer: the judge names the version that gave it, or
    None if no version should have."""

    request: Request
    subject: str
    judge: Callable[[Answer], str | None]


Session = Generator[Ask, Answer | None, None]
"""What one user does: yields what to ask and is sent the answer, None for a dropped request."""


class Traffic(Protocol):
    def session(self, chance: random.Random) -> Session: ...


class Run:
    """What all clients of a run share; used by one event loop."""

    def __init__(self, host: str, port: int, pause: float, patience: float) -> None:
        self.host, self.port, self.pause, self.patience = host, port, pause, patience
        self.phases: list[Phase] = [Phase("start")]
        self.samples: list[Sample] = []
        self.streams: list[Stream] = []
        self.stopping = asyncio.Event()

    def connection(self) -> Connection:
        return Connection(self.host, self.port, self.patience)


def verdict(run: Run, ask: Ask, answer: Answer, first: int, seen: Seen) -> tuple[Outcome, str, str, Seen]:
    """Outcome, label and complaint of one answer; `first` is the phase in which it was asked for."""
    try:
        label = ask.judge(answer)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        return Outcome.WRONG, "", f"{ask.subject}: an answer that makes no sense: {error!r}", seen
    if label is None:
        outcome = Outcome.ERROR if answer.status >= 500 else Outcome.WRONG
        return outcome, "", f"{ask.subject}: status {answer.status}: {answer.body[:120]!r}", seen
    complaint, seen = judge(run.phases, first, len(run.phases) - 1, ask.subject, label, seen)
    return (Outcome.WRONG if complaint else Outcome.RIGHT), label, complaint or "", seen


async def client(run: Run, traffic: Traffic, seed: int) -> None:
    """Sessions without end over one connection, until the run stops; a request under way is finished."""
    chance = random.Random(seed)
    connection = run.connection()
    seen = Seen()
    opened = 0
    while not run.stopping.is_set():
        session = traffic.session(chance)
        answer: Answer | None = None
        try:
            ask = next(session)
            while not run.stopping.is_set():
                phase, began = len(run.phases) - 1, time.monotonic()
                try:
                    answer = await connection.ask(ask.request)
                except DroppedError as error:
                    answer = None
                    text = f"{ask.subject}: {error}"
                    ended, at = time.monotonic(), connection.worker
                    dropped = Sample(phase, began, ended, Outcome.DROPPED, ask.subject, "", at, text)
                    run.samples.append(dropped)
                    await asyncio.sleep(PAUSE_AFTER_DROP)
                else:
                    if connection.opened != opened:
                        # Another connection may reach another worker.
                        opened, seen = connection.opened, Seen()
                    ended = time.monotonic()
                    outcome, label, text, seen = verdict(run, ask, answer, phase, seen)
                    worker = answer.headers.get("x-worker", "")
                    run.samples.append(Sample(phase, began, ended, outcome, ask.subject, label, worker, text))
                if run.pause:
                    await asyncio.sleep(chance.uniform(0.5, 1.5) * run.pause)
                ask = session.send(answer)
        except StopIteration:
            continue
    connection.close()


async def listener(run: Run, path: str) -> None:
    """One stream, opened again whenever it is cut; its account goes to `run.streams` when the run stops."""
    events = 0
    cuts: list[str] = []
    silence, last = 0.0, time.monotonic()
    connection = run.connection()

    async def listen() -> None:
        nonlocal events, silence, last
        async for _ in connection.listen(Request("GET", path)):
            now = time.monotonic()
            silence, last, events = max(silence, now - last), now, events + 1

    stopping = asyncio.create_task(run.stopping.wait())
    while not run.stopping.is_set():
        listening = asyncio.create_task(listen())
        await asyncio.wait({listening, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not listening.done():
            listening.cancel()
            await asyncio.wait({listening})
        elif isinstance(listening.exception(), DroppedError):
            cuts.append(connection.worker)
            await asyncio.sleep(PAUSE_AFTER_DROP)
        else:
            await listening
    run.streams.append(Stream(events, tuple(cuts), max(silence, time.monotonic() - last)))
