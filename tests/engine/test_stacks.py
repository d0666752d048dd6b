"""What running frames hold can be asked, and nothing stays of the question."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from hotpatch.engine.frames import everywhere
from hotpatch.engine.frozen import holders_of
from hotpatch.engine.living import Living
from hotpatch.engine.quiet import suspended_in
from hotpatch.engine.stacks import known_to_frames, values_in, with_frames
from hotpatch.epochs import located


class Thing:
    pass


def test_what_a_variable_held_when_it_was_asked_goes_when_the_function_lets_go_of_it() -> None:
    thing = Thing()
    gone = weakref.ref(thing)
    assert gone() in values_in(sys._getframe())
    thing = None  # type: ignore[assignment]
    found = gone()
    assert found is None


ASKED: dict[str, Callable[[], Any]] = {
    "for what frames hold": known_to_frames,
    "for all frames": lambda: list(everywhere(())),
    "for requests": lambda: located(sys.maxsize, "/"),
    "for what holds a thing": lambda: holders_of([ASKED]),
}


@pytest.mark.parametrize("what", ASKED)
def test_what_asks_does_not_outlive_its_question(what: str) -> None:
    def asks() -> weakref.ref[Thing]:
        thing = Thing()
        ASKED[what]()
        return weakref.ref(thing)

    gc.collect()
    gc.disable()
    try:
        assert asks()() is None
    finally:
        gc.enable()


def test_what_somebody_has_of_a_functions_variables_stays_with_him() -> None:
    held = locals()
    thing = Thing()
    assert thing in values_in(sys._getframe())
    found = held if sys.version_info >= (3, 13) else held["thing"]
    assert found is (held if sys.version_info >= (3, 13) else thing)


def test_what_a_function_put_beside_its_variables_stays() -> None:
    exec("beside = 7")
    values_in(sys._getframe())
    found = locals().get("beside", 7)
    assert found == 7


class Touchy(type):
    def __eq__(cls, other: object) -> bool:
        raise AssertionError

    def __hash__(cls) -> int:
        raise AssertionError


def test_what_has_frames_is_found_without_a_question_to_the_programs_classes() -> None:
    generator = (i for i in range(2))
    objects = [Touchy("Thing", (), {})(), generator]
    assert with_frames(objects) == [generator]
    assert suspended_in(Living(objects)) == (generator,)
