"""Laws that hold for every program and every edit of it; Hypothesis makes both.

    patched equals fresh        through names and through references held before
    undo equals before          every name, every object, in every order
    unchanged is not executed   nothing runs again in the live process
    refused changes nothing
    two in a row equal one      old to middle to new is old to new

`HOTPATCH_LAW_EXAMPLES=500` tries that many random programs a law; without it a few, the same each time.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings

import hotpatch
from hotpatch.plan import Effect
from tests.engine import law_log
from tests.engine.programs import MODULES, Class, Data, Function, Maker, Program, histories, pairs

EXAMPLES = int(os.environ.get("HOTPATCH_LAW_EXAMPLES", "0"))
LAW = settings(
    max_examples=EXAMPLES or 5,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
pytestmark = [pytest.mark.timeout(7200), pytest.mark.slow]


class Process:
    """A program that runs in this process, and what is held of it from outside."""

    def __init__(self, root: Path, program: Program) -> None:
        self.root = root
        self.modules = {name: importlib.import_module(name) for name in MODULES}
        self.held = self._held(program)

    def _held(self, program: Program) -> dict[str, Any]:
        """References of every kind that survive an edit."""
        held: dict[str, Any] = {}
        for found in program.definitions:
            value = getattr(self.modules[found.module], found.name)
            if type(found) is Function:
                held[found.name] = value
            elif type(found) is Maker:
                held[found.name] = value
                held[f"{found.name} closure"] = value(5)
            elif type(found) in (Class, Data):
                held[found.name] = value
                held[f"{found.name} instance"] = value()
        return held

    def looks(self, program: Program) -> dict[str, int]:
        """All that the program comes to, by its names."""
        return {name: eval(text, dict(self.modules)) for name, text in program.values().items()}

    def snapshot(self) -> dict[str, Any]:
        """Every name of every module with the very object that it is bound to, in order; classes opened."""
        found: dict[str, Any] = {}
        for name, module in self.modules.items():
            for key, value in vars(module).items():
                if not key.startswith("__"):
                    found[f"{name}.{key}"] = value if type(value) in (int, str) else id(value)
                if isinstance(value, type) and value.__module__ in MODULES:
                    found[f"{name}.{key}.__dict__"] = [
                        (k, id(v)) for k, v in vars(value).items() if k[:2] != "__"
                    ]
                    found[f"{name}.{key}.__bases__"] = value.__bases__
                if callable(value) and hasattr(value, "__code__"):
                    found[f"{name}.{key} code"] = (id(value.__code__), value.__defaults__)
            found[f"{name}.REGISTRY"] = [(k, id(v)) for k, v in module.REGISTRY.items()]
        return found


@contextmanager
def running(program: Program) -> Iterator[Process]:
    """The program, started in this process; afterwards as if it had never been."""
    with tempfile.TemporaryDirectory() as folder:
        root = write(Path(folder, "live"), program)
        with imported_from(root):
            yield Process(root, program)


@contextmanager
def imported_from(root: Path) -> Iterator[None]:
    outer = {name: sys.modules.pop(name) for name in MODULES if name in sys.modules}
    sys.path.insert(0, str(root))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(root))
        for name in MODULES:
            sys.modules.pop(name, None)
        sys.modules.update(outer)


def write(root: Path, program: Program) -> Path:
    root.mkdir()
    for name, text in program.sources().items():
        (root / name).write_text(text)
    return root


def fresh(root: Path, program: Program) -> dict[str, int]:
    """What a fresh start of a program comes to."""
    with imported_from(root):
        return Process(root, program).looks(program)


def patched(process: Process, old: Path, new: Path) -> hotpatch.Outcome:
    outcome = hotpatch.patch(old, new, root=process.root, modules=MODULES)
    event(outcome.effect.value)
    return outcome


def live(process: Process, old: Path, new: Path, program: Program) -> hotpatch.Outcome:
    """Nobody has an object of a class that goes: where another comes with the edit, it is a reason."""
    process.held = {name: value for name, value in process.held.items() if name.split()[0] in program.names}
    outcome = patched(process, old, new)
    assert outcome.effect is Effect.LIVE, outcome.reasons
    return outcome


def folder(process: Process, name: str, program: Program) -> Path:
    return write(process.root.parent / name, program)


@LAW
@given(pairs())
def test_patched_equals_fresh(pair: tuple[Program, Program]) -> None:
    old, new = pair
    with running(old) as process:
        there = folder(process, "new", new)
        live(process, process.root, there, new)
        assert process.looks(new) == fresh(there, new)


@LAW
@given(pairs())
def test_what_was_held_runs_the_new_code(pair: tuple[Program, Program]) -> None:
    old, new = pair
    with running(old) as process:
        live(process, process.root, folder(process, "new", new), new)
        for found in new.definitions:
            if found.name not in old.names or type(old.named(found.name)) is not type(found):
                continue
            now, held = getattr(process.modules[found.module], found.name), process.held
            if type(found) is Function:
                assert held[found.name]() == now()
            elif type(found) is Maker:
                assert held[f"{found.name} closure"]() == now(5)()
            elif type(found) is Class:
                instance = held[f"{found.name} instance"]
                assert type(instance) is now
                assert [getattr(instance, m)() for m in dir(now) if m[0] == "m"] == [
                    getattr(now(), m)() for m in dir(now) if m[0] == "m"
                ]
            elif type(found) is Data:
                assert isinstance(held[f"{found.name} instance"], now)


@LAW
@given(pairs())
def test_undo_equals_before(pair: tuple[Program, Program]) -> None:
    old, new = pair
    with running(old) as process:
        before, looks = process.snapshot(), process.looks(old)
        outcome = live(process, process.root, folder(process, "new", new), new)
        assert outcome.undo is not None
        outcome.undo.revert()
        assert process.snapshot() == before
        assert list(process.snapshot()) == list(before), "in the same order"
        assert process.looks(old) == looks


@LAW
@given(pairs())
def test_nothing_that_is_unchanged_is_executed_and_state_stays(pair: tuple[Program, Program]) -> None:
    old, new = pair
    with running(old) as process:
        lawa = process.modules["lawa"]
        assert [lawa.tick() for _ in range(3)] == [1, 2, 3]
        registry = lawa.REGISTRY
        del law_log.executed[:]
        live(process, process.root, folder(process, "new", new), new)
        assert law_log.executed == []
        assert lawa.count == 3
        assert lawa.REGISTRY is registry


@LAW
@given(pairs())
def test_refused_changes_nothing(pair: tuple[Program, Program]) -> None:
    """A name that the program itself bound anew, and that the edit changes as well, can't be decided."""
    old, new = pair
    with running(old) as process:
        there = folder(process, "new", new)
        (there / "lawa.py").write_text((there / "lawa.py").read_text().replace("count = 0", "count = 1000"))
        process.modules["lawa"].tick()
        before, looks = process.snapshot(), process.looks(old)
        outcome = patched(process, process.root, there)
        assert outcome.effect is Effect.RELOAD
        assert process.snapshot() == before
        assert process.looks(old) == looks


@LAW
@given(histories())
def test_two_patches_in_a_row_equal_one(history: tuple[Program, Program, Program]) -> None:
    old, middle, new = history
    with running(old) as process:
        between, there = folder(process, "middle", middle), folder(process, "new", new)
        before = process.snapshot()
        first = live(process, process.root, between, middle)
        second = live(process, between, there, new)
        assert process.looks(new) == fresh(there, new)
        for outcome in (second, first):
            assert outcome.undo is not None
            outcome.undo.revert()
        assert process.snapshot() == before
    gc.collect()
