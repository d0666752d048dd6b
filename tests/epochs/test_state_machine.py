"""Any order of steps: each request's trace is that of a run on one version."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from typing import Any

from attrs import define, field
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from benchmarks.two_versions import Program
from hotpatch.epochs import Version, install, is_plain, pins, tend
from tests.epochs.requests import Open

SOURCE = """
import helper
from helper import STEP, shared
X = {v}
class C:
    k = {v}
    def __init__(self{extra}): self.made = {v}
    def method(self): return X, self.k, self.made, STEP, shared()
    {only}
def call(a=0{extra}): return X, STEP, helper.STEP, helper.shared(), C().method()
def stream():
    n = 0
    while True:
        yield X, call(), STEP
"""
HELPER = "STEP = {v}\ndef shared(): return STEP, {v}\n"


def sources(v: int) -> dict[str, str]:
    extra = ", *, extra=None" if v % 2 else ""
    only = f"def only{v % 3}(self): return {v}"
    return {"helper": HELPER.format(v=v), "app": SOURCE.format(v=v, extra=extra, only=only)}


def flat(value: Any) -> set[int]:
    return set().union(*map(flat, value)) if isinstance(value, tuple) else {value}


@define
class Request:
    open: Open
    expected: int
    streams: list[Any] = field(factory=list)
    methods: list[Any] = field(factory=list)


class Epochs(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.program = Program(sources(1), Path(self.folder.name))
        self.number = 1
        self.default = 1
        self.requests: list[Request] = []
        self.undecided: tuple[Version, int] | None = None
        self.share = 0
        self.history: list[tuple[Version, int]] = []

    def look(self, request: Request, function: Any, *args: Any) -> None:
        assert flat(request.open.run(function, *args)) == {request.expected}

    @rule(user=st.integers(1, 10))
    def begin(self, user: int) -> None:
        canary = self.undecided is not None and user <= self.share
        expected = self.undecided[1] if canary and self.undecided else self.default
        request = Request(Open(user), expected)
        request.methods.append(request.open.run(self.program["app"].C).method)
        self.requests.append(request)

    @precondition(lambda self: self.requests)
    @rule(data=st.data())
    def call(self, data: st.DataObject) -> None:
        request = data.draw(st.sampled_from(self.requests))
        self.look(request, self.program["app"].call)

    @precondition(lambda self: self.requests)
    @rule(data=st.data())
    def stream(self, data: st.DataObject) -> None:
        request = data.draw(st.sampled_from(self.requests))
        if not request.streams:
            request.streams.append(request.open.run(self.program["app"].stream))
        self.look(request, next, request.streams[0])

    @precondition(lambda self: self.requests)
    @rule(data=st.data())
    def spawn(self, data: st.DataObject) -> None:
        request = data.draw(st.sampled_from(self.requests))
        seen: list[Any] = []

        def start() -> None:
            thread = threading.Thread(target=lambda: seen.append(self.program["app"].call()))
            thread.start()
            thread.join()

        request.open.run(start)
        assert flat(tuple(seen)) == {request.expected}

    @precondition(lambda self: self.requests)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        request = data.draw(st.sampled_from(self.requests))
        self.requests.remove(request)
        request.open.end()
        request.streams.clear()  # hypothesis keeps what it has drawn

    @precondition(lambda self: self.undecided is None)
    @rule()
    def stage(self) -> None:
        self.number += 1
        self.undecided = install(self.program.ops(sources(self.number))), self.number
        self.share = 0

    @precondition(lambda self: self.undecided is not None)
    @rule(share=st.integers(1, 10))
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
        self.history.append((version, self.default))
        self.undecided, self.default = None, number

    @precondition(lambda self: self.undecided is not None)
    @rule()
    def abort(self) -> None:
        assert self.undecided is not None
        self.undecided[0].withdraw()
        self.undecided = None

    @precondition(lambda self: self.undecided is None and self.history)
    @rule()
    def rollback(self) -> None:
        version, before = self.history.pop()
        version.rollback()
        self.default = before

    @rule()
    def collapse(self) -> None:
        tend()

    @invariant()
    def background_work_sees_the_default(self) -> None:
        assert flat(self.program["app"].call()) == {self.default}

    @invariant()
    def every_request_sees_its_version(self) -> None:
        for request in self.requests:
            self.look(request, self.program["app"].call)
            for method in request.methods:
                # The instance was made on the request's version, and so says each part of the answer.
                self.look(request, method)

    def teardown(self) -> None:
        for request in self.requests:
            request.open.end()
        if self.undecided is not None:
            self.undecided[0].withdraw()
        tend()
        try:
            assert is_plain() and not pins.open_pins
            assert flat(self.program["app"].call()) == {self.default}
            for request in self.requests:
                request.streams.clear()
            for name in ("app", "helper"):
                assert not [alias for alias in vars(self.program[name]) if "@" in alias]
        finally:
            self.program.close()
            self.folder.cleanup()


TestEpochs = Epochs.TestCase
TestEpochs.settings = settings(
    max_examples=30, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
