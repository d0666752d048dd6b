"""What code does with attributes, told from its instructions."""

from __future__ import annotations

from types import CodeType

import pytest

from hotpatch.engine import attribute_use, codes


def method(body: str) -> CodeType:
    text = f"class C:\n    def f(self, other):\n        {body}\n"
    return next(part for part in codes.walk(compile(text, "x.py", "exec")) if part.co_name == "f")


def test_a_constant_is_no_first_argument_whatever_it_is() -> None:
    code = method("return [(), ('self',), 'self', self.items, self.more + ()]")
    assert attribute_use.used_on_self_alone(code) == {"items", "more"}


class Odd:
    """Of the kind that stands for a function that has become an object."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise AssertionError("code of the program was run")


def test_constants_of_any_kind_are_not_asked() -> None:
    code = method("self.x, 'here'; other.y = 1; self.z = 2; self.z")
    odd = code.replace(co_consts=tuple(Odd() if const == "here" else const for const in code.co_consts))
    assert attribute_use.needed(odd) == {"x"}
    assert attribute_use.used_on_self_alone(odd) == {"x", "z"}


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("return self.x", {"x"}),
        ("self.x = 1", set()),
        ("self.x = self.y", {"y"}),
        ("self.x += 1", {"x"}),
        ("del self.x", {"x"}),
        ("self.x = 1; return self.x", set()),
        ("self.x = self.x or 1; return self.x", {"x"}),
        ("self.x = 1; return other.x", {"x"}),
        ("other.x = 1; return self.x", {"x"}),
        ("return other and self.x", {"x"}),
        ("self.x = 1; return lambda: self.x", {"x"}),
        ("return [self.x for _ in other]", {"x"}),
        ("self.x = self.y = 1; return self.y", set()),
        ("self.x, self.y = other; return self.y", set()),
    ],
)
def test_needed_is_what_is_read_and_not_set_before(body: str, names: set[str]) -> None:
    assert attribute_use.needed(method(body)) == names


def test_given_is_what_is_set_and_not_what_is_added_to() -> None:
    code = method("made = other(); made.count += 1; self.core.left -= made.x; made.a, self.b = made.c, 2")
    assert attribute_use.given(code) == {"a"}


def test_what_a_function_was_handed_it_has_not_made() -> None:
    assert attribute_use.given(method("other.a = 1; self.b = 2")) == set()
    assert attribute_use.given(method("other = other(); other.a = 1")) == {"a"}
