"""Type variables, their like, and aliases: shaped, and made again.  Imports the standard library alone."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from .c_shapes import expand_c_object

if TYPE_CHECKING:
    from .build import Builder
    from .shape import Shape, Shapes, Step


def expand_type_parameter(shapes: Shapes, obj: Any) -> Shape:
    """Where the syntax declares one (3.12), what it is bound to and its default are evaluated when asked for,
    as those of an alias are."""
    try:
        kids = [(word, getattr(obj, f"__{word}__")) for word in _VALUES if _has(obj, word)]
        kids += [(("constraint", i), c) for i, c in enumerate(getattr(obj, "__constraints__", ()))]  # type: ignore[misc]
    except Exception:  # noqa: BLE001  it speaks of what is not there
        return "opaque", f"typing.{type(obj).__name__}", [], None
    said = tuple(word for word in _SAID if getattr(obj, f"__{word}__", False))
    return "typeparam", (type(obj).__name__, obj.__name__, obj.__module__, said), kids, None


_SAID: Final = ("covariant", "contravariant", "infer_variance")
_VALUES: Final = ("bound", "default")


def _has(obj: Any, word: str) -> bool:
    if word == "default":
        has = getattr(obj, "has_default", None)  # 3.13, and what brings defaults to versions before
        return has is not None and bool(has())
    return getattr(obj, f"__{word}__", None) is not None


def expand_type_alias(shapes: Shapes, obj: Any) -> Shape:
    """Of the `type` statement (3.12).  To ask for its value evaluates it, which an annotation's reader would
    do as well."""
    try:
        value = obj.__value__
    except Exception:  # noqa: BLE001  it speaks of what is not there
        return "opaque", "typing.TypeAliasType", [], None
    kids = [("value", value), *((("param", i), part) for i, part in enumerate(obj.__type_params__))]
    return "typealias", (obj.__name__, obj.__module__), kids, None


def expand_generic_alias(shapes: Shapes, obj: Any) -> Shape:
    """`*tuple[int]` says of itself that it comes out of an iterator, and not what that goes over."""
    if not obj.__unpacked__:
        return expand_c_object(shapes, obj, types.GenericAlias)
    return "unpacked", None, [("origin", obj.__origin__), ("args", obj.__args__)], None


ASKED: Final = frozenset({"typeparam", "typealias"})
"""Kinds of what has evaluated what it says by the time that it is told."""
EXPAND: Final[dict[type, Callable[[Any, Any], Any]]] = {
    types.GenericAlias: expand_generic_alias,
    typing.TypeVar: expand_type_parameter,
    **{
        getattr(typing, name): expand
        for name, expand in (
            ("TypeAliasType", expand_type_alias),
            ("TypeVarTuple", expand_type_parameter),
            ("ParamSpec", expand_type_parameter),
        )
        if hasattr(typing, name)
    },
}


def make_type_parameter(builder: Builder, n: int, head: Any, kids: Mapping[Step, int]) -> Any:
    kind, name, module, said = head
    constraints = [builder.make(child) for step, child in kids.items() if step[0] == "constraint"]
    values = {word: builder.make(kids[word]) for word in _VALUES if word in kids}
    if module == "typing":  # by a call it would have the module of who calls
        return _declared(kind, name, constraints, values)
    return _called_in(module, kind, name, *constraints, **values, **dict.fromkeys(said, True))


def _declared(kind: str, name: str, constraints: list[Any], values: Mapping[str, Any]) -> Any:
    """One that the syntax declares: a call makes others (a ParamSpec is bound to None by it)."""
    space = {**values, **{f"constraint{i}": one for i, one in enumerate(constraints)}}
    bound = f"({', '.join(name for name in space if name not in values)},)" if constraints else "bound"
    text = _STARS[kind] + name
    text += f": {bound}" if constraints or "bound" in values else ""
    exec(f"def declare[{text}{' = default' if 'default' in values else ''}](): pass", space)
    return space["declare"].__type_params__[0]


_STARS: Final = {"TypeVar": "", "TypeVarTuple": "*", "ParamSpec": "**"}


def make_type_alias(builder: Builder, n: int, head: Any, kids: Mapping[Step, int]) -> Any:
    params = tuple([builder.make(child) for step, child in kids.items() if step[0] == "param"])
    return _called_in(head[1], "TypeAliasType", head[0], builder.make(kids["value"]), type_params=params)


def _called_in(module: str, name: str, *args: Any, **words: Any) -> Any:
    """An object of `typing` that takes its module from whoever makes it."""
    space = {"__name__": module, "make": getattr(typing, name), "args": args, "words": words}
    return eval("make(*args, **words)", space)


MAKERS: Final[dict[str, Callable[[Any, int, Any, Any], Any]]] = {
    "typeparam": make_type_parameter,
    "typealias": make_type_alias,
    "unpacked": lambda builder, n, head, kids: next(
        iter(types.GenericAlias(builder.make(kids["origin"]), builder.make(kids["args"])))
    ),
}
