"""What `keys` knows of what lies on the stack of code: constants, names, dictionaries and tuples that are
made on the spot."""

from __future__ import annotations

import types
from typing import Any, Final

from attrs import define, field, frozen

CALL: Final = "call "
ROW: Final = "row "


@frozen
class Record:
    """A kind of dictionary that a function makes or amends."""

    certain: frozenset[str]
    """Keys that it is made with."""
    possible: frozenset[str]
    """Keys stored into it afterwards."""
    place: str | None
    """The attribute or the global that it goes by, if the function says so."""
    open: bool
    """It takes in whatever keys another has (`{**other}`)."""

    @property
    def keys(self) -> frozenset[str]:
        return self.certain | self.possible


@define(eq=False)
class Made:
    """A dictionary that the function makes, or one that it is given and stores into."""

    certain: set[str]
    possible: set[str]
    place: str | None = None
    open: bool = False
    items: list[Symbol] = field(factory=list)
    """What stands under its keys."""

    def record(self) -> Record:
        return Record(frozenset(self.certain), frozenset(self.possible), self.place, self.open)

    def take(self, other: Symbol) -> None:
        """`update`, and the two stars of a display."""
        if type(other) is Made and not other.open:
            self.possible |= other.certain | other.possible
        else:
            self.open = True


@define(eq=False)
class Gathered:
    """A list or a set that the function makes, or what a comprehension or a generator's expression gives."""

    items: list[Symbol]
    place: str | None = None


@frozen
class Inner:
    """A function that the function makes."""

    code: types.CodeType


@frozen
class Const:
    value: Any


@frozen
class Name:
    name: str
    lasting: bool
    """A global's or an attribute's name; not a local variable's."""
    owner: Symbol = None


@frozen
class Sum:
    """What `+=` and its like make."""


@frozen
class Built:
    """A tuple of so many items, or what a call of a global gives."""

    what: str | int


Symbol = Made | Gathered | Inner | Const | Name | Sum | Built | None


def told(symbol: Symbol) -> str:
    """What it is, as far as that can be told: a record, a row and its length, a call and what is called."""
    if type(symbol) is Built:
        return f"{ROW}{symbol.what}" if type(symbol.what) is int else f"{CALL}{symbol.what}"
    if type(symbol) is Const and type(symbol.value) is tuple:
        return f"{ROW}{len(symbol.value)}"
    return "record" if type(symbol) is Made else ""


def items_of(symbol: Symbol) -> list[Symbol]:
    """What it holds; one unknown thing, where that is not known."""
    if type(symbol) is Const and type(symbol.value) in (tuple, frozenset):
        return [Const(value) for value in symbol.value]
    return symbol.items if isinstance(symbol, Made | Gathered) else [None]


def key_of(symbol: Symbol) -> str | None:
    """The text that it is."""
    return symbol.value if type(symbol) is Const and type(symbol.value) is str else None
