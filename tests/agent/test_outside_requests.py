"""Threads that serve no request, while functions change that call each other in another way from now on."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest
from hotpatch_agent.process import adopt

from hotpatch import engine, epochs
from hotpatch.engine.start import Start
from hotpatch.foreseen import Foresight
from tests.epochs.waiting import until
from tests.worker_adapter import Program

MODULES = ("outside_rates", "outside_quotes")
RATES = "def convert(amount{}):\n    return amount, {}\n"
QUOTES = """import outside_rates
def quote(amount, wait=None{}):
{}    return outside_rates.convert(amount{})
"""
WAITS = "    if wait is not None:\n        wait()\n"
TABLE = "TABLE = {{'version': {}}}\n"
"""No two versions of a table's contents stand side by side."""


def sources(new: bool, in_one_step: bool) -> dict[str, str]:
    more = TABLE.format(1 + new) if in_one_step else ""
    if new:
        texts = RATES.format(", currency", "currency"), QUOTES.format(', currency="USD"', WAITS, ", currency")
    else:
        texts = RATES.format("", '"EUR"'), QUOTES.format("", WAITS, "")
    return {name: f"{text}{more}" for name, text in zip(MODULES, texts, strict=True)}


class Service:
    """The program in this process, and its release."""

    def __init__(self, folder: Path, in_one_step: bool) -> None:
        roots = [folder / "old", folder / "new"]
        for root in roots:
            root.mkdir()
            for name, text in sources(root.name == "new", in_one_step).items():
                (root / f"{name}.py").write_text(text)
        start = Start(root=str(roots[0]), modules=MODULES)
        measurement = engine.measure(str(roots[0]), str(roots[1]), start, Foresight)
        self.release: Any = SimpleNamespace(
            measurement=measurement.dump(), transformers="", settings={}, version=1, digest="1", sources={}
        )
        self.program: Any = Program()
        self.program.root = str(roots[0])
        self.in_one_step = in_one_step
        self.quotes: Any = importlib.import_module("outside_quotes")

    def prepare(self) -> adopt.Prepared:
        former = self.program.former.get("1")
        again = adopt.again(self.program, former) if former is not None else None
        return again or adopt.prepare(self.program, self.release, None)

    def commit(self) -> None:
        prepared = self.prepare()
        assert (prepared.version is None) is self.in_one_step
        adopt.commit(self.program, prepared, None)
        epochs.tend()

    def take_back(self) -> None:
        adopt.take_back(self.program)
        epochs.tend()


@pytest.fixture(params=[False, True], ids=["side by side", "in one step"])
def service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Service]:
    monkeypatch.syspath_prepend(str(tmp_path / "old"))
    yield Service(tmp_path, request.param)
    for name in MODULES:
        sys.modules.pop(name, None)
    assert epochs.is_plain()


class Calling:
    """Threads that call all the time, and what came of it."""

    def __init__(self, quotes: Any, number: int) -> None:
        self.wrong: list[str] = []
        self.last: object = None
        self._quotes = quotes
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(number)]

    def _call(self) -> None:
        while not self._over.is_set():
            try:
                self.last = self._quotes.quote(5)
            except TypeError as error:
                self.wrong.append(str(error))

    def __enter__(self) -> Calling:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


COMMITS: Final = 16
SLIPS: Final = 2
"""Calls that may go wrong all the same: where more wants to run than there are processors, the moment may be
over before the store.  Without a look for one they are as many as the commits."""


def test_threads_do_not_make_a_call_in_the_way_of_one_version_that_another_takes(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a busy machine a moment without such a thread may be long in coming; past the limit it goes without.
    monkeypatch.setattr(adopt, "PATIENCE", 120.0)
    service.release.settings[adopt.BARRIER_MS] = "120000"
    with Calling(service.quotes, 2) as calling:
        for _ in range(COMMITS // 2):
            service.commit()
            until(lambda: calling.last == (5, "USD"), "the new version is called")
            service.take_back()
            until(lambda: calling.last == (5, "EUR"), "the old version is called")
    assert len(calling.wrong) <= SLIPS, calling.wrong


def test_a_thread_that_stays_in_the_way_is_not_waited_for(service: Service) -> None:
    begun, go = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        go.wait()

    failed: list[str] = []

    def call() -> None:
        try:
            service.quotes.quote(5, wait)
        except TypeError as error:
            failed.append(str(error))

    thread = threading.Thread(target=call)
    thread.start()
    begun.wait()
    try:
        service.commit()
        assert service.quotes.quote(5) == (5, "USD")
        (blocker,) = service.program.layers[-1].running.prepared.staged.on_old_code()
        assert blocker.qualname == "quote"
    finally:
        go.set()
        thread.join()
    assert failed == ["convert() missing 1 required positional argument: 'currency'"]
    service.take_back()
