"""What code does with attributes, told from its instructions."""

from __future__ import annotations

from types import CodeType

import pytest

from hotpatch.engine import arguments, attribute_use, codes, literals
from hotpatch.engine.keys import Keys


def method(body: str, kind: str = "def") -> CodeType:
    text = f"class C:\n    {kind} f(self, other):\n        {body}\n"
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
        ("y = [x for x in other]; self.x = 1; return self.x", set()),
        ("y = self.x = 1; return self.x", set()),
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


SET = {
    "self.a = self.b = 0": {"a": 0, "b": 0},
    "self.a, self.b = other, 'EUR'": {"b": "EUR"},
    "self.a, self.b, self.c, self.d = 1, 2, other, None": {"a": 1, "b": 2, "d": None},
    "self.a = (found := 4)": {"a": 4},
    "self.a = 1 if other else 2": {},
    "self.a = ...": {},
    "self.a = [x for x in other]; self.b = 1": {"b": 1},
    "for x in other: self.a = 1": {},
    "self.a = 1; self.a += 1": {},
    "self.a = 1; (lambda: setattr(self, 'b', 2)); other.b = 1": {"a": 1},
    "(self := other); self.a = 1": {},
    "other.self.a = 1": {},
    "with other: self.a = 1": {},
    "assert other; self.a = 1": {"a": 1},
}


@pytest.mark.parametrize("body", SET)
def test_constants_are_those_that_are_set_whichever_way_it_goes(body: str) -> None:
    found = literals.set_for_sure(method(body))
    constants = {name: to.value for name, to in found.items() if isinstance(to, literals.Constant)}
    assert constants == SET[body]


INITS = {
    "super().__init__(other)": (True, set()),
    "super(C, self).__init__(other)": (True, set()),
    "super(Base, self).__init__(other)": (False, set()),
    "Base.__init__(self); other.More.__init__(self)": (False, {"Base", "More"}),
    "if other: super().__init__(other)": (False, set()),
    "(lambda: self); super().__init__(other, **other)": (True, set()),
}


@pytest.mark.parametrize("body", INITS)
def test_an_init_is_called_where_every_way_leads_to_it(body: str) -> None:
    assert attribute_use.inits_called(method(body)) == INITS[body]


def test_arguments_are_told_by_name_and_by_place() -> None:
    code = method("return Item(other(1, 2), self.x(3, a=1), b=2) + More(**self.all, c=3)")
    assert arguments.keywords(code) == {"a", "b", "c"}
    assert Keys.of(code).calls == {("Item", 2)}


@pytest.mark.parametrize(
    "first", ["[x for x in other]", "1 if other else 2", "[y := x async for x in other]"]
)
def test_what_is_handed_over_is_told_whichever_way_it_is_made(first: str) -> None:
    code = method(f"return Item({first}, 2)", "async def")
    assert ("Item", 2) in Keys.of(code).calls
