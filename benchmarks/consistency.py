"""Does any request see a mixture of versions?  `python -m benchmarks.consistency --json`

One program of several modules whose callers and callees, constants, derived values, from-import copies,
classes and dataclass fields all change together with every release; threads, tasks, thread pools, streamed
bodies and long-lived streams hammer it while one release follows the other: commits, rollbacks, canaries by
sticky share, aborts.  Every request looks at many places and counts the versions it has seen.

Two controls do the same with the same code.  `swap` puts the edits in place one by one, and no request is
pinned; it must show mixtures, or the first figure says nothing.  `unpinned` flips whole versions, but pins no
request: what is left without pins.  A request of a control may also break (the new code of a function called
with the defaults of the old); those are counted apart, as `control_broken`.

Last line with --json: `requests`, `mixed`, `control_mixed`, `commits` and the figures behind them.
"""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import itertools
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

from attrs import define, field

from benchmarks.many_places import sources
from benchmarks.two_versions import Program
from hotpatch.epochs import install, pin_requests, sticky, tend
from hotpatch.ops import ABSENT, Op, SlotKind


def flat(value: Any) -> Iterator[int]:
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from flat(item)
    else:
        yield value


@define
class Tally:
    """What the requests came to.  Each thread has one of its own; they are added up at the end."""

    requests: int = 0
    looks: int = 0
    mixed: int = 0
    broken: int = 0
    samples: list[str] = field(factory=list)

    def add(self, what: str, seen: Counter[int]) -> None:
        self.requests += 1
        self.looks += seen.total()
        if len(seen) > 1 or -1 in seen:
            self.mixed += 1
            if len(self.samples) < 3:
                self.samples.append(f"{what}: {dict(seen)}")

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.requests + other.requests,
            self.looks + other.looks,
            self.mixed + other.mixed,
            self.broken + other.broken,
            [*self.samples, *other.samples][:3],
        )


def _answer(answer: Future[Any], look: Callable[[], Any]) -> None:
    try:
        answer.set_result(look())
    except Exception as error:  # noqa: BLE001 - it is the request's, which waits for it
        answer.set_exception(error)


class Hammer:
    """Threads that send requests until told to stop."""

    def __init__(self, program: Program, pinned: bool, seed: int = 1) -> None:
        self.service = program["service"]
        self.stop = threading.Event()
        self.tallies: list[Tally] = []
        self.errors: list[str] = []
        self.pinned = pinned
        self.seed = seed
        wrap: Callable[[Any], Any] = pin_requests if pinned else (lambda app: app)
        self.wsgi = wrap(self._wsgi_app)
        self.asgi = wrap(self._asgi_app)
        self.threads = [
            threading.Thread(target=self._run, args=(work, number), name=work.__name__)
            for number, work in enumerate((self._short, self._short, self._streams, self._tasks, self._long))
        ]

    def __enter__(self) -> Hammer:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join(60)
            if thread.is_alive():
                self.errors.append(f"{thread.name} has a request that does not end")
        if self.errors:
            raise RuntimeError(self.errors[0])

    @property
    def requests(self) -> int:
        return sum(tally.requests for tally in self.tallies)

    def total(self) -> Tally:
        return sum(self.tallies, Tally())

    def _run(self, work: Callable[[random.Random, Tally], None], number: int) -> None:
        tally, rng = Tally(), random.Random(self.seed * 100 + number)
        self.tallies.append(tally)
        while not self.stop.is_set():
            try:
                work(rng, tally)
            except Exception as error:  # noqa: BLE001 - whatever it is, the run has failed and says so
                if self.pinned:
                    self.errors.append(f"{work.__name__}: {error!r}")
                    return
                tally.requests += 1
                tally.broken += 1

    # -- the application under test: what it answers is what it saw ------------------------------

    def _wsgi_app(self, environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", [])
        if environ["PATH_INFO"] == "/stream":
            return self.service.numbers()
        looks = self.service.looks()
        seen = [looks[index]() for index in environ["looks"]]
        if environ["PATH_INFO"] == "/pool":
            with ThreadPoolExecutor(1) as pool:
                seen.append(pool.submit(looks[0]).result())
        elif environ["PATH_INFO"] == "/thread":
            answer: Future[Any] = Future()
            thread = threading.Thread(target=_answer, args=(answer, looks[0]))
            thread.start()
            thread.join()
            seen.append(answer.result(0))
        return [seen]

    async def _asgi_app(self, scope: Any, receive: Any, send: Any) -> None:
        seen = [await self.service.many()]
        looks = self.service.looks()
        seen += [looks[index]() for index in scope["looks"]]
        if scope["path"] == "/thread":
            seen.append(await asyncio.to_thread(looks[0]))
        await send({"type": "http.response.body", "body": seen})

    # -- requests -------------------------------------------------------------------------------

    def _environ(self, rng: random.Random, path: str, looks: int = 4) -> dict[str, Any]:
        user = str(rng.randrange(1000))
        indexes = [rng.randrange(16) for _ in range(looks)]
        return {"REQUEST_METHOD": "GET", "PATH_INFO": path, "HTTP_X_USER": user, "looks": indexes}

    def _short(self, rng: random.Random, tally: Tally) -> None:
        path = rng.choices(("/", "/pool", "/thread"), (1000, 1, 1))[0]
        body = self.wsgi(self._environ(rng, path), lambda status, headers: None)
        tally.add(f"wsgi {path}", Counter(flat(list(body))))

    def _streams(self, rng: random.Random, tally: Tally) -> None:
        body = self.wsgi(self._environ(rng, "/stream"), lambda status, headers: None)
        seen: Counter[int] = Counter()
        for item in body:
            seen.update(flat(item))
            if rng.random() < 0.002:
                time.sleep(0.002)
        getattr(body, "close", lambda: None)()
        tally.add("wsgi /stream", seen)

    def _long(self, rng: random.Random, tally: Tally) -> None:
        """A stream that stays open through several releases, and then goes on."""
        body = self.wsgi(self._environ(rng, "/stream"), lambda status, headers: None)
        seen: Counter[int] = Counter()
        for item in body:
            seen.update(flat(item))
            self.stop.wait(rng.random() * 0.02)
        getattr(body, "close", lambda: None)()
        tally.add("long wsgi /stream", seen)

    def _tasks(self, rng: random.Random, tally: Tally) -> None:
        asyncio.run(self._loop(rng, tally))

    async def _loop(self, rng: random.Random, tally: Tally) -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request"}

        async def request() -> None:
            path = "/thread" if rng.random() < 0.01 else "/"
            seen: Counter[int] = Counter()

            async def send(message: Any) -> None:
                seen.update(flat(message.get("body", ())))

            user = str(rng.randrange(1000)).encode()
            scope = {"type": "http", "path": path, "headers": [(b"x-user", user)]}
            await self.asgi({**scope, "looks": [rng.randrange(16) for _ in range(4)]}, receive, send)
            tally.add(f"asgi {path}", seen)

        while not self.stop.is_set():
            await asyncio.gather(*(request() for _ in range(20)))


def roll(
    program: Program, hammer: Hammer, enough: Callable[[Counter[str]], bool], pause: float
) -> Counter[str]:
    """Release after release until it is enough; returns how many of each step there were."""
    steps: Counter[str] = Counter()
    rng = random.Random(7)
    for number in itertools.count(2):
        if enough(steps) or hammer.errors:
            return steps
        version = install(program.ops(sources(number)))
        if rng.random() < 0.4:
            for share in (0.05, 0.25, 0.6):
                version.canary(sticky.share(share, sticky.header("x-user"), str(number)))
                steps["canary_steps"] += 1
                time.sleep(rng.random() * pause)
            if rng.random() < 0.4:
                version.withdraw()
                steps["aborts"] += 1
                continue
        version.flip()
        steps["commits"] += 1
        time.sleep(rng.random() * pause)
        if rng.random() < 0.3:
            version.rollback()
            steps["rollbacks"] += 1
            time.sleep(rng.random() * pause)
        if rng.random() < 0.8:
            tend()
    raise AssertionError("unreachable")


def swap(
    program: Program, hammer: Hammer, enough: Callable[[Counter[str]], bool], pause: float
) -> Counter[str]:
    """The control: the same edits, put in place one by one."""
    steps: Counter[str] = Counter()
    for number in itertools.count(2):
        if enough(steps) or hammer.errors:
            return steps
        for op in program.ops(sources(number)):
            _put(op)
        steps["commits"] += 1
        time.sleep(random.random() * pause)
    raise AssertionError("unreachable")


def _put(op: Op) -> None:
    if op.kind is SlotKind.CODE:
        op.owner.__code__ = op.after
    elif op.kind is SlotKind.FUNCTION:
        setattr(op.owner, op.key, op.after)
    elif op.after is ABSENT:
        delattr(op.owner, op.key)
    else:
        setattr(op.owner, op.key, op.after)


Mode = Literal["epochs", "swap", "unpinned"]


def run(mode: Mode, requests: int, commits: int, pause: float = 0.01) -> tuple[Tally, Counter[str]]:
    """One run until both numbers are reached."""
    with tempfile.TemporaryDirectory() as folder:
        program = Program(sources(1), Path(folder))
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-5)
        try:
            with Hammer(program, pinned=mode == "epochs") as hammer:

                def enough(steps: Counter[str]) -> bool:
                    return hammer.requests >= requests and steps["commits"] >= commits

                steps = (swap if mode == "swap" else roll)(program, hammer, enough, pause)
            tend()
            return hammer.total(), steps
        finally:
            sys.setswitchinterval(interval)
            program.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    parser.add_argument(
        "--requests", type=int, default=1_000_000, help="at least so many (default: %(default)s)"
    )
    parser.add_argument("--commits", type=int, default=1_000, help="at least so many (default: %(default)s)")
    arguments = parser.parse_args()
    faulthandler.enable()
    began = time.monotonic()
    fewer = arguments.requests // 20, arguments.commits // 10
    control, control_steps = run("swap", *fewer)
    unpinned, _ = run("unpinned", *fewer)
    tally, steps = run("epochs", arguments.requests, arguments.commits)
    figures = {
        "requests": tally.requests,
        "mixed": tally.mixed,
        "control_mixed": control.mixed,
        "commits": steps["commits"],
        "rollbacks": steps["rollbacks"],
        "canary_steps": steps["canary_steps"],
        "aborts": steps["aborts"],
        "looks": tally.looks,
        "control_requests": control.requests,
        "control_broken": control.broken,
        "control_commits": control_steps["commits"],
        "unpinned_requests": unpinned.requests,
        "unpinned_mixed": unpinned.mixed,
        "unpinned_broken": unpinned.broken,
        "python": sys.version.split()[0],
        "seconds": round(time.monotonic() - began, 1),
    }
    for name, value in figures.items():
        print(f"{name:18} {value:>14,}" if isinstance(value, int) else f"{name:18} {value:>14}")
    for sample in tally.samples:
        print("mixed:", sample)
    if arguments.json:
        print(json.dumps(figures))
    sys.exit(0 if tally.mixed == 0 and control.mixed > 0 else 1)


if __name__ == "__main__":
    main()
