"""Code objects told apart."""

from __future__ import annotations

import gc
import weakref
from types import CodeType

from hotpatch.engine import codes


def code_of(source: str, file: str = "shop.py") -> CodeType:
    return next(c for c in compile(source, file, "exec").co_consts if isinstance(c, CodeType))


def test_another_folder_makes_no_difference() -> None:
    source = "def f(a):\n    return [a for a in range(a)], lambda: a\n"
    assert codes.same(code_of(source, "one/shop.py"), code_of(source, "two/shop.py"))


def test_code_that_moved_down_differs_in_lines_alone() -> None:
    source = "def f(a):\n    return lambda: a\n"
    here, below = code_of(source), code_of("\n\n" + source)
    assert not codes.same(here, below) and codes.same_body(here, below)
    assert codes.same(codes.shifted(here, 2), below)


def test_constants_that_compare_equal_are_told_apart() -> None:
    for one, other in (("1", "1.0"), ("True", "1"), ("0.0", "-0.0"), ("(1,)", "(True,)")):
        assert not codes.same_body(code_of(f"def f(): return {one}"), code_of(f"def f(): return {other}"))


def test_inner_code_counts() -> None:
    one, other = (code_of(f"def f():\n    return lambda: {n}\n") for n in (1, 2))
    assert not codes.same_body(one, other)


def test_a_lambda_put_in_front_of_another_shifts_nothing() -> None:
    old = code_of("def f():\n    return [lambda: 1]\n")
    new = code_of("def f():\n    return [lambda: 0, lambda: 1]\n")
    (inner,) = [pair for pair in codes.pairs(old, new) if pair[0] is not old]
    assert inner[1] is not None and codes.same_body(inner[0], inner[1])


def test_a_definition_that_goes_is_paired_with_none() -> None:
    old, new = code_of("def f():\n    def g(): pass\n    return g\n"), code_of("def f():\n    return 1\n")
    assert [after for before, after in codes.pairs(old, new) if before is not old] == [None]


def test_a_caller_of_the_old_signature_is_told() -> None:
    old = code_of("def f(a, b): pass")
    more, fewer, renamed = (code_of(f"def f({args}): pass") for args in ("a, b, c", "a", "a, c"))
    nothing: frozenset[str] = frozenset()
    assert codes.accepts_same_calls(old, more, 1, nothing)
    assert not codes.accepts_same_calls(old, more, 0, nothing)
    assert not codes.accepts_same_calls(old, fewer, 0, nothing)
    assert not codes.accepts_same_calls(old, renamed, 0, nothing)


def test_what_is_remembered_gives_the_same_answers() -> None:
    code = code_of("def f():\n    return lambda: (1, 'x')\n")
    plain = codes.key_of(code)
    with codes.remembering():
        assert codes.key_of(code) == plain == codes.key_of(code)


def test_nothing_is_held_once_remembering_is_over() -> None:
    code = code_of("def f(): return 1")
    with codes.remembering():
        codes.key_of(code)
    gone = weakref.ref(code)
    del code
    gc.collect()
    assert gone() is None
