"""Any order of steps: what each request is answered is what a process answers that has only its version.

Beside every request runs its reference: the sources of its version, executed in modules of their own, asked
the same things in the same order.  So streams and closures are compared with all that they have been through.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from attrs import define, field
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from benchmarks.two_versions import Program
from hotpatch.engine.commit import Undo, commit
from hotpatch.epochs import Version, install, is_plain, one_step, pins, tend, version_in_effect
from tests.epochs.requests import Open

SOURCE: Final = """
import helper
from dataclasses import dataclass
from helper import STEP, shared
X = {v}
DERIVED = X * 10
@dataclass
class Row:
    name: str
    mark: int = {v}
    {field}
class C:
    k = {v}
    def __init__(self{extra}): self.made = {v}
    def method(self): return X, self.k, self.made, STEP, shared()
    @property
    def prop(self): return X, {v}
    def __getitem__(self, key): return key, {v}
    {only}
def call(a=0{extra}):
    c = C()
    return X, DERIVED, STEP, helper.STEP, helper.shared(), c.method(), c.prop, c[1], repr(Row("r")), {v}
def counter():
    n = 0
    def up():
        nonlocal n
        n += {v}
        return n, X
    return up
def stream():
    n = 0
    while True:
        n += 1
        yield n, X, call(), STEP
async def waits():
    import asyncio
    first = X, shared()
    await asyncio.sleep(0)
    return first, await asyncio.gather(later(), asyncio.create_task(later()))
async def later(): return STEP, call()
"""
HELPER: Final = "STEP = {v}\ndef shared(): return STEP, {v}\n"


def sources(v: int) -> dict[str, str]:
    parts = {
        "extra": ", *, extra=None" if v % 2 else "",
        "only": f"def only{v % 3}(self): return {v}",
        "field": f"more_{v % 2}: int = {v}",
    }
    return {"helper": HELPER.format(v=v), "app": SOURCE.format(v=v, **parts)}


@define(eq=False)
class Side:
    """A program as one request uses it: the live one in its epoch, or a reference."""

    app: ModuleType
    stream: Any = None
    method: Any = None
    counter: Any = None

    def start(self) -> None:
        self.stream, self.method, self.counter = self.app.stream(), self.app.C().method, self.app.counter()


Act = Callable[[Side], Any]


def in_thread(side: Side) -> Any:
    seen: list[Any] = []
    thread = threading.Thread(target=lambda: seen.append(side.app.call()))
    thread.start()
    thread.join()
    return seen


def in_pool(side: Side) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return list(pool.map(lambda a: (a, side.app.call(a)), range(2)))


ACTS: Final[dict[str, Act]] = {
    "call": lambda side: side.app.call(),
    "stream": lambda side: next(side.stream),
    "method": lambda side: side.method(),
    "counter": lambda side: side.counter(),
    "new closure": lambda side: side.app.counter()(),
    "names": lambda side: (side.app.X, side.app.helper.STEP, side.app.C.k, hasattr(side.app.C, "only1")),
    "thread": in_thread,
    "pool": in_pool,
    "tasks": lambda side: asyncio.run(side.app.waits()),
}


@define(eq=False)
class Request:
    open: Open
    version: int
    live: Side
    reference: Side
    left_behind: list[LeftBehind] = field(factory=list)

    def does(self, act: Act) -> None:
        assert self.open.run(act, self.live) == act(self.reference)


class LeftBehind:
    """A thread that a request has started and does not wait for."""

    def __init__(self, request: Request) -> None:
        self._go = threading.Event()
        self._seen: list[Any] = []
        self._thread = threading.Thread(target=self._work, args=(request.live.app,))
        request.open.run(self._thread.start)

    def _work(self, app: ModuleType) -> None:
        self._go.wait()
        self._seen.append(app.call())

    def ends(self) -> Any:
        self._go.set()
        self._thread.join()
        return self._seen[0]


@define
class Undoable:
    """Something that was committed, and what was there before."""

    before: int
    version: Version | None = None
    undo: Undo | None = None
    below: Version | None = None


class Epochs(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.program = Program(sources(1), Path(self.folder.name))
        self.references = {1: self.program.apart(sources(1))}
        self.number = 1
        self.default = 1
        self.requests: list[Request] = []
        self.undecided: tuple[Version, int] | None = None
        self.share = 0
        self.history: list[Undoable] = []

    # -- requests ---------------------------------------------------------------------------------

    @rule(user=st.integers(1, 10))
    def begin(self, user: int) -> None:
        canary = self.undecided is not None and user <= self.share
        version = self.undecided[1] if canary and self.undecided else self.default
        sides = Side(self.program["app"]), Side(self.references[version]["app"])
        request = Request(Open(user), version, *sides)
        request.does(Side.start)
        self.requests.append(request)

    @precondition(lambda self: self.requests)
    @rule(data=st.data(), act=st.sampled_from(list(ACTS)))
    def act(self, data: st.DataObject, act: str) -> None:
        data.draw(st.sampled_from(self.requests)).does(ACTS[act])

    @precondition(lambda self: self.requests)
    @rule(data=st.data())
    def leave_a_thread_behind(self, data: st.DataObject) -> None:
        request = data.draw(st.sampled_from(self.requests))
        request.left_behind.append(LeftBehind(request))

    @precondition(lambda self: self.requests)
    @rule(data=st.data())
    def a_thread_ends_before_its_request(self, data: st.DataObject) -> None:
        request = data.draw(st.sampled_from(self.requests))
        for left in request.left_behind:
            assert left.ends() == ACTS["call"](request.reference)
        request.left_behind.clear()

    @precondition(lambda self: self.requests)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        request = data.draw(st.sampled_from(self.requests))
        self.requests.remove(request)
        self._end(request)

    def _end(self, request: Request) -> None:
        request.open.end()
        for left in request.left_behind:
            assert left.ends() == self.reference.call(), "what is left behind follows the default"
        request.left_behind.clear()
        request.live.stream = request.live.method = request.live.counter = None  # hypothesis keeps requests

    # -- releases ---------------------------------------------------------------------------------

    @property
    def reference(self) -> ModuleType:
        return self.references[self.default]["app"]

    def _next(self) -> dict[str, str]:
        self.number += 1
        self.references[self.number] = self.program.apart(sources(self.number))
        return sources(self.number)

    @precondition(lambda self: self.undecided is None)
    @rule()
    def stage(self) -> None:
        self.undecided = install(self.program.ops(self._next())), self.number
        self.share = 0

    @precondition(lambda self: self.undecided is not None)
    @rule(share=st.integers(0, 10))
    def canary(self, share: int) -> None:
        assert self.undecided is not None
        self.undecided[0].canary(lambda user: user <= share)
        self.share = share

    @precondition(lambda self: self.undecided is not None)
    @rule()
    def flip(self) -> None:
        assert self.undecided is not None
        version, number = self.undecided
        version.flip()
        self.history.append(Undoable(self.default, version))
        self.undecided, self.default = None, number

    @precondition(lambda self: self.undecided is not None)
    @rule()
    def abort(self) -> None:
        assert self.undecided is not None
        self.undecided[0].withdraw()
        self.undecided = None

    @precondition(lambda self: self.undecided is None)
    @rule()
    def go_in_in_one_step(self) -> None:
        """As what has no parallel form does: only while no request is open, and then for all that follow."""
        below = version_in_effect()
        with one_step(0) as hold:
            assert hold.quiet == (not self.requests)
            if not hold.quiet:
                return
            undo = commit(self.program.ops(self._next()))
        self.history.append(Undoable(self.default, None, undo, below))
        self.default = self.number

    @precondition(lambda self: self.undecided is None and self.history)
    @rule()
    def rollback(self) -> None:
        last = self.history[-1]
        if last.version is not None:
            last.version.rollback()
        else:
            assert last.undo is not None
            with one_step(0, back_to=last.below) as hold:
                if not hold.quiet:
                    return
                last.undo.revert()
        self.history.pop()
        self.default = last.before

    @rule()
    def collapse(self) -> None:
        tend()

    # -- always -----------------------------------------------------------------------------------

    @invariant()
    def background_work_sees_the_default(self) -> None:
        assert self.program["app"].call() == self.reference.call()

    @invariant()
    def every_request_is_answered_as_by_its_version_alone(self) -> None:
        for request in self.requests:
            for act in ("call", "method"):
                request.does(ACTS[act])

    def teardown(self) -> None:
        for request in self.requests:
            self._end(request)
        if self.undecided is not None:
            self.undecided[0].withdraw()
        tend()
        try:
            assert is_plain() and not pins.open_pins
            assert self.program["app"].call() == self.reference.call()
            for name in ("app", "helper"):
                assert not [alias for alias in vars(self.program[name]) if "@" in alias]
        finally:
            self.program.close()
            self.folder.cleanup()


TestEpochs = Epochs.TestCase
TestEpochs.settings = settings(
    max_examples=30, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
