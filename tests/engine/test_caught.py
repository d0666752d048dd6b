"""What is read where a handler of another kind stands is not taken for caught."""

from __future__ import annotations

import dis

import pytest

from hotpatch.engine.caught import Caught

ALL = """
def f(x):
    try:
        with x.around:
            try: x.inner
            finally: x.at_last
    except (KeyError, ValueError) as why: x.handled
    except IndexError: x.otherwise
    else: x.after
    try: x.alone
    except TypeError: pass
    with x.by_itself: x.within
"""


@pytest.mark.parametrize("name", ["KeyError", "IndexError"])
def test_what_stands_inside_is_caught_however_deep(name: str) -> None:
    assert read_in(ALL, name) == {"around", "inner", "at_last"}


def test_what_no_handler_names_is_not() -> None:
    assert read_in(ALL, "TypeError") == {"alone"}
    assert not read_in(ALL, "AttributeError")


def test_a_handler_of_what_is_around_counts_for_handlers_inside() -> None:
    body = "try: x.a\n  except KeyError: x.b"
    nested = f"def f(x):\n try:\n  {body}\n except KeyError: x.c\n"
    assert read_in(nested, "KeyError") == {"a", "b"}


def test_a_handler_may_be_long() -> None:
    body = "\n  ".join(["x.b = x.c.d(x)"] * 200)
    text = f"def f(x):\n try: x.a\n except KeyError:\n  {body}\n except IndexError: x.e\n"
    assert read_in(text, "IndexError") == {"a"}


def read_in(text: str, name: str) -> set[str]:
    space: dict[str, object] = {}
    exec(text, space)
    code = space["f"].__code__  # type: ignore[attr-defined]
    caught = Caught(code, [name])
    return {s.argval for s in dis.get_instructions(code) if s.opname == "LOAD_ATTR" and s.offset in caught}
