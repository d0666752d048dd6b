"""While a change is worked out, only the youngest generation is collected; afterwards all is as it was."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from hotpatch import engine
from hotpatch.engine.collector import youngest_alone

LINES = 400


@pytest.fixture(autouse=True)
def as_python_starts() -> Iterator[None]:
    found = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*found)


def runs() -> list[int]:
    """How often each generation was collected so far."""
    return [generation["collections"] for generation in gc.get_stats()]


def thousands_of_lists() -> list[list[int]]:
    return [[i] for i in range(50_000)]


def test_as_many_objects_lead_to_collections_of_the_older_generations_elsewhere() -> None:
    before = runs()
    kept = thousands_of_lists()
    assert runs()[1] > before[1]
    assert kept


def test_the_older_generations_are_not_collected_inside() -> None:
    before = runs()
    with youngest_alone():
        kept = thousands_of_lists()
        assert runs()[1:] == before[1:]
    assert kept


def test_the_youngest_is_collected_inside() -> None:
    before = runs()
    with youngest_alone():
        kept = thousands_of_lists()
        assert runs()[0] > before[0]
    assert kept


def test_the_thresholds_are_back_afterwards_whatever_was_raised() -> None:
    gc.set_threshold(600, 7, 8)
    with pytest.raises(ZeroDivisionError), youngest_alone(), youngest_alone():
        raise ZeroDivisionError
    assert gc.get_threshold() == (600, 7, 8)


def test_thresholds_that_the_program_sets_inside_stay() -> None:
    with youngest_alone():
        gc.set_threshold(500, 5, 6)
    assert gc.get_threshold() == (500, 5, 6)


def goods(first: int) -> str:
    head = f"def price_0(amount):\n    total = {first}\n    return total + amount\n\n\n"
    rest = (f"def price_{i}(amount):\n    return [amount, {i}]\n\n\n" for i in range(1, LINES))
    return head + "".join(rest)


def test_a_large_edit_is_staged_and_committed_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in (("old", goods(1)), ("new", "\n" + goods(2))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "many_goods.py").write_text(text)
    start = engine.Start(root=str(tmp_path / "old"), modules=("many_goods",))
    wire = engine.measure(str(tmp_path / "old"), str(tmp_path / "new"), start).dump()
    monkeypatch.syspath_prepend(str(tmp_path / "old"))
    import many_goods  # type: ignore[import-not-found]

    gc.collect()
    before = runs()
    undo = engine.commit_quietly(engine.stage(engine.Measurement.load(wire), str(tmp_path / "old")))
    assert runs()[1:] == before[1:]
    assert many_goods.price_0(1) == 3
    undo.revert()
