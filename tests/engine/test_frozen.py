"""What `gc.freeze()` has set aside is seen, and a heap that nobody froze is not frozen by a look."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from hotpatch.engine.frozen import FROZEN_BY_PYTHON, all_objects
from tests.engine.conftest import Program


class Thing:
    pass


@pytest.fixture
def thing() -> Iterator[Thing]:
    yield Thing()
    gc.unfreeze()


def test_a_look_leaves_the_heap_as_it_was(thing: Thing) -> None:
    before = gc.get_freeze_count()
    assert before < FROZEN_BY_PYTHON
    assert any(obj is thing for obj in all_objects())
    assert gc.get_freeze_count() == before


def test_a_frozen_heap_is_seen_and_frozen_again(thing: Thing) -> None:
    gc.freeze()
    assert any(obj is thing for obj in all_objects())
    assert gc.get_freeze_count() > FROZEN_BY_PYTHON


def test_a_patch_does_not_freeze_the_heap(program: Program) -> None:
    program.runs({"m.py": "class A:\n    pass\nclass C:\n    pass\n"})
    m = program.module("m")
    held = m.C()
    before = gc.get_freeze_count()
    outcome = program.patch({"m.py": "class A:\n    pass\nclass C(A):\n    pass\n"})
    assert outcome, outcome.reasons
    assert isinstance(held, m.A)
    assert gc.get_freeze_count() == before


def test_a_function_that_only_a_library_holds_is_found_in_a_frozen_heap(
    program: Program, thing: Thing
) -> None:
    program.runs({"m.py": "import atexit\ndef set_up():\n    atexit.register(lambda: 1)\nset_up()\n"})
    program.module("m")
    gc.freeze()
    text = (program.root / "m.py").read_text()
    outcome = program.patch({"m.py": text.replace("lambda: 1", "lambda: 2")})
    assert outcome, outcome.reasons
