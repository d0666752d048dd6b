"""A release is staged, and goes live, while units of work still run on the two versions before it.

Three versions of one program (`layers.py`); every probe asks one kind of name, of each version at once.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import define, evolve

from hotpatch import epochs
from hotpatch.engine import Measurement, Staged, Start, commit, measure, prove, stage
from hotpatch.epochs import Version, install, is_plain, one_step, tend
from hotpatch.errors import PatchRefused
from hotpatch.ops import SlotKind
from tests.epochs.layers import EXPECTED, version, with_a_length
from tests.epochs.requests import Open

MODULES = ("prices", "shop", "probes")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Measurement, ...]:
    """The ways from version 0 to 1, from 1 to 2, and from 1 to what has no parallel form."""
    folder = tmp_path_factory.mktemp("versions")
    trees = [version(0), version(1), version(2), with_a_length()]
    roots = [folder / str(number) for number in range(len(trees))]
    for root, files in zip(roots, trees, strict=True):
        root.mkdir()
        for name, text in files.items():
            (root / name).write_text(text)
    ways = [(roots[0], roots[1]), (roots[1], roots[2]), (roots[1], roots[3])]
    return tuple(measure(str(old), str(new), Start(root=str(old), modules=MODULES)) for old, new in ways)


@define(eq=False)
class Live:
    """The program in this process, and how it goes from version to version."""

    root: Path
    ways: tuple[Measurement, ...]
    staged: Staged | None = None

    def stage(self, way: int) -> Staged:
        self.staged = stage(self.ways[way], str(self.root), view=epochs.view())
        return self.staged

    def release(self, way: int) -> Version:
        ops = self.stage(way).ops
        parallel = [evolve(op, key=None) if op.kind is SlotKind.CODE else op for op in ops]
        return epochs.install(parallel)

    def ask(self, probe: str) -> Any:
        found = getattr(sys.modules["probes"], probe)()
        return asyncio.run(found) if inspect.iscoroutine(found) else found


@pytest.fixture
def live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measured: tuple[Measurement, ...]
) -> Iterator[Live]:
    for name, text in version(0).items():
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    importlib.import_module("probes")
    yield Live(tmp_path, measured)
    for name in (*MODULES, "catalogue"):
        sys.modules.pop(name, None)


@pytest.fixture
def streams(live: Live) -> Iterator[tuple[Open, Open]]:
    """Version 2 is the default; one unit is still on version 0, another on version 1."""
    on_0 = Open()
    live.release(0).flip()
    tend()
    on_1 = Open()
    live.release(1).flip()
    tend()
    yield on_0, on_1
    for each in (on_0, on_1):
        each.end()


@pytest.mark.parametrize("probe", EXPECTED)
def test_every_unit_sees_its_own_version(live: Live, streams: tuple[Open, Open], probe: str) -> None:
    asks: list[Callable[[], Any]] = [
        lambda: streams[0].run(live.ask, probe),
        lambda: streams[1].run(live.ask, probe),
        lambda: live.ask(probe),
    ]
    for _ in range(2):
        assert tuple(ask() for ask in asks) == EXPECTED[probe]


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("probe", EXPECTED)
def test_when_one_unit_ends_the_others_stay_where_they_are(
    live: Live, streams: tuple[Open, Open], probe: str, first: int
) -> None:
    streams[first].end()
    tend()
    other = 1 - first
    assert streams[other].run(live.ask, probe) == EXPECTED[probe][other]
    assert live.ask(probe) == EXPECTED[probe][2]


def test_when_all_have_ended_the_process_is_what_a_fresh_start_is(
    live: Live, streams: tuple[Open, Open]
) -> None:
    for each in streams:
        each.end()
    tend()
    assert is_plain()
    assert {probe: live.ask(probe) for probe in EXPECTED} == {
        probe: answers[2] for probe, answers in EXPECTED.items()
    }
    assert live.staged is not None
    assert [name for name in vars(sys.modules["prices"]) if "@" in name] == []
    assert prove(live.staged) == ()


def test_a_release_on_top_can_be_rolled_back_while_both_units_go_on(live: Live) -> None:
    on_0 = Open()
    live.release(0).flip()
    on_1 = Open()
    second = live.release(1)
    second.flip()
    second.rollback()
    tend()
    for probe, answers in EXPECTED.items():
        assert live.ask(probe) == on_1.run(live.ask, probe) == answers[1]
        assert on_0.run(live.ask, probe) == answers[0]
    on_0.end()
    on_1.end()
    tend()
    assert is_plain()


def test_what_has_no_parallel_form_is_staged_beside_a_stream_and_goes_in_after_it(
    live: Live,
) -> None:
    on_0 = Open()
    first = live.release(0)
    first.flip()
    staged = live.stage(2)
    with pytest.raises(PatchRefused, match="__len__"):
        install(staged.ops)
    with one_step(0) as hold:
        assert not hold.quiet
    assert on_0.run(live.ask, "constants") == (0, 0)
    on_0.end()
    with one_step(1) as hold:
        assert hold.quiet
        undo = commit(staged.ops, view=epochs.view())
    assert len(sys.modules["prices"].Basket()) == 2
    assert [live.ask(probe) for probe in EXPECTED] == [answers[2] for answers in EXPECTED.values()]
    assert prove(staged) == ()
    with one_step(1, back_to=first):
        undo.revert()
    assert [live.ask(probe) for probe in EXPECTED] == [answers[1] for answers in EXPECTED.values()]
    first.rollback()
    tend()
    assert is_plain()
    assert [live.ask(probe) for probe in EXPECTED] == [answers[0] for answers in EXPECTED.values()]


def test_a_closure_that_an_old_version_made_follows_later_releases(live: Live) -> None:
    on_0 = Open()
    live.release(0).flip()
    made = sys.modules["prices"].counter(5)
    on_0.end()
    tend()
    assert made() == (1, 1, 5)
    live.release(1).flip()
    tend()
    assert is_plain() and made() == (2, 2, 5)
