from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.two_versions import Program
from hotpatch.epochs import install, is_plain
from tests.epochs.requests import Open

Make = Callable[..., Program]

SIGNATURES = [
    "",
    "a",
    "a, b=1",
    "a, /, b",
    "a, /, b=2, *, c",
    "a, *, c=3",
    "*args",
    "a, *args, c=1, **kwargs",
    "**kwargs",
    "a=1, /, b=2, *args, c=3, d, **kwargs",
    "self, name, old, new, epoch, EPOCH=None, error=None",
]
CALLS: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((), {}),
    ((1,), {}),
    ((1, 2), {}),
    ((1, 2, 3, 4, 5), {}),
    ((), {"a": 1}),
    ((1,), {"a": 1}),
    ((1,), {"b": 2, "c": 3}),
    ((1,), {"c": 3, "d": 4, "e": 5}),
    ((), {"zzz": 1}),
]


def text(signature: str, mark: int) -> str:
    return f"def f({signature}):\n    return {mark}, sorted(locals().items())\n"


def outcome(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    try:
        return function(*args, **kwargs)
    except TypeError as error:
        frames = []
        trace = error.__traceback__
        while trace is not None:
            frames.append(trace.tb_frame.f_code.co_name)
            trace = trace.tb_next
        return str(error), frames


def outcomes(function: Callable[..., Any]) -> list[Any]:
    return [outcome(function, args, kwargs) for args, kwargs in CALLS]


@pytest.mark.parametrize("before", SIGNATURES)
def test_signature_matrix_error_texts(program: Make, before: str) -> None:
    """Every signature to every other: results, errors and tracebacks are those of the version alone."""
    for after in SIGNATURES:
        app = program(app=text(before, 1))
        alone = outcomes(app["app"].f)
        new_alone = outcomes(program(other=text(after, 2))["other"].f)
        old = Open()
        version = install(app.ops({"app": text(after, 2)}))
        assert old.run(outcomes, app["app"].f) == alone, after
        version.flip()
        new = Open()
        assert old.run(outcomes, app["app"].f) == alone, after
        assert new.run(outcomes, app["app"].f) == new_alone, after
        old.end()
        assert version.collapse()
        assert new.run(outcomes, app["app"].f) == new_alone, after
        new.end()


def test_default_changed_only(program: Make) -> None:
    app = program(app="def f(a, b=1, *, c=[]):\n    return a, b, c\n")
    old = Open()
    version = install(app.ops({"app": "def f(a, b=2, *, c=()):\n    return a, b, c\n"}))
    assert str(inspect.signature(app["app"].f)) == "(a, b=1, *, c=[])"
    version.flip()
    new = Open()
    assert str(inspect.signature(app["app"].f)) == "(a, b=2, *, c=())"
    assert old.run(app["app"].f, 0) == (0, 1, []) and new.run(app["app"].f, 0) == (0, 2, ())
    old.end()
    assert version.collapse()
    assert new.run(app["app"].f, 0) == (0, 2, ()) and app["app"].f.__defaults__ == (2,)
    assert "__signature__" not in vars(app["app"].f)
    back = version.rollback()
    assert app["app"].f(0) == (0, 1, []) and str(inspect.signature(app["app"].f)) == "(a, b=1, *, c=[])"
    new.end()
    assert back.collapse() and is_plain() and app["app"].f.__kwdefaults__ == {"c": []}


def test_a_mutable_default_is_the_same_object_for_both_versions(program: Make) -> None:
    """State is shared: a default that the release does not change keeps its identity."""
    app = program(app="def f(seen=[]):\n    seen.append(1)\n    return seen\n")
    default = app["app"].f.__defaults__[0]
    code = compile("def f(seen=[]):\n    seen.append(2)\n    return seen\n", "app.py", "exec").co_consts
    from types import CodeType

    from hotpatch.ops import Op, SlotKind

    new = next(const for const in code if isinstance(const, CodeType))
    old = Open()
    version = install([Op(app["app"].f, SlotKind.CODE, None, app["app"].f.__code__, new, "app.f")])
    version.flip()
    assert old.run(app["app"].f) is default and app["app"].f() is default
    assert default == [1, 2]
    old.end()
    assert version.collapse() and app["app"].f() is default


def test_the_applications_own_signature_attribute_stays(program: Make) -> None:
    app = program(app="def f(a):\n    return 1\n")
    own = inspect.Signature()
    app["app"].f.__signature__ = own
    version = install(app.ops({"app": "def f(a, b=1):\n    return 2\n"}))
    assert inspect.signature(app["app"].f) is own
    version.flip()
    assert version.collapse() and app["app"].f.__signature__ is own


def test_three_epochs_with_three_signatures(program: Make) -> None:
    app = program(app="def f(a):\n    return 'one', a\n")
    first = Open()
    install(app.ops({"app": "def f(a, b=2):\n    return 'two', a, b\n"})).flip()
    second = Open()
    ops = app.ops({"app": "def f(*, c=3):\n    return 'three', c\n"})
    version = install(ops)
    version.flip()
    third = Open()
    f = app["app"].f
    assert first.run(f, 1) == ("one", 1)
    assert second.run(f, 1) == ("two", 1, 2)
    assert third.run(f) == ("three", 3)
    first.end()
    second.end()
    third.end()
    assert version.collapse() and f() == ("three", 3) and f.__defaults__ is None
