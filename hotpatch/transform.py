"""State transformers: what the author of a release says of live state that has to take a new shape.

```python
from hotpatch.transform import attribute, place, shape

@attribute("shop.cart.Cart", "currency")       # objects that live gain an attribute
def currency(cart):
    return "EUR"

@shape("shop.cart.Line")                       # objects that live take another shape
def line(attributes):
    return {"cents": round(attributes.pop("price") * 100), **attributes}

@line.back                                     # and back, for those that are made or change meanwhile
def line_back(attributes):
    return {"price": attributes.pop("cents") / 100, **attributes}

@place("shop.rates.TABLE")                     # a variable of a module, by the name that a refusal gives
def table(value):
    return {code: (rate, "EUR") for code, rate in value.items()}
```

A transformer computes and changes nothing: it gets copies of attributes and of plain containers, and what
it returns becomes part of the edit, which goes in and is taken back as one.  It runs in the rehearsal, at
staging, and once more in the moment of the commit, with the old code still in place.  An attribute of very
many objects is made when it is first read (`lazy`), with the new code in place.
"""

from __future__ import annotations

import enum
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from attrs import define

FILE: Final = "<transformers>"
"""What tracebacks call the author's file."""


class Kind(enum.Enum):
    """What a transformer is about."""

    ATTRIBUTE = "attribute"
    """An attribute of the objects of a class that have none of that name: called with the object."""
    SHAPE = "shape"
    """All attributes of the objects of a class: called with a dict of them, gives a dict."""
    PLACE = "place"
    """What a name stands for: called with the value; with two parameters also with what the edit would make
    of it."""


@define(eq=False)
class Transformer:
    """One of them.  Calling it calls the author's function."""

    kind: Kind
    target: str
    """The dotted name of a class, or of a place: `shop.cart.Cart`."""
    name: str
    """The attribute's, for the first kind."""
    forward: Callable[..., Any]
    backward: Callable[[Any], Any] | None = None
    lazy: bool | None = None
    """Made on first read: always, never, or (None) where there are many."""

    def back(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Decorator: the way back, for state that was made, or has changed, since the release went in."""
        self.backward = function
        return function

    def __call__(self, *arguments: Any) -> Any:
        return self.forward(*arguments)

    def __str__(self) -> str:
        what = f"{self.target}.{self.name}" if self.name else self.target
        return f"the transformer {self.forward.__name__} of {what}"


Decorator = Callable[[Callable[..., Any]], Transformer]

_found: ContextVar[list[Transformer] | None] = ContextVar("hotpatch_transformers", default=None)


def attribute(target: str, name: str, *, lazy: bool | None = None) -> Decorator:
    """Objects of the class `target` (and of its subclasses) that have no attribute `name` get what the
    function makes of them."""
    return _decorator(Kind.ATTRIBUTE, target, name, lazy)


def shape(target: str) -> Decorator:
    """Objects of the class `target` (and of its subclasses) get the attributes that the function makes of
    those they have."""
    return _decorator(Kind.SHAPE, target)


def place(target: str) -> Decorator:
    """The name `target` comes to stand for what the function makes of what it stands for.  A list, dict or
    set that stays one keeps its identity: whoever holds it sees the new contents."""
    return _decorator(Kind.PLACE, target)


def _decorator(kind: Kind, target: str, name: str = "", lazy: bool | None = None) -> Decorator:
    def make(function: Callable[..., Any]) -> Transformer:
        made = Transformer(kind, target.replace(":", "."), name, function, None, lazy)
        if (found := _found.get()) is not None:
            found.append(made)
        return made

    return make


@contextmanager
def collecting() -> Iterator[list[Transformer]]:
    """Within it, the transformers that this thread's code makes go into the list."""
    found: list[Transformer] = []
    token = _found.set(found)
    try:
        yield found
    finally:
        _found.reset(token)


def told(error: BaseException) -> str:
    """The error in a line, with the place in the author's file."""
    said = "".join(traceback.format_exception_only(error)).strip()
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == FILE]
    return f"{said} (line {frames[-1].lineno}: {frames[-1].line})" if frames else said
