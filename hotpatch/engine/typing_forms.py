"""Type variables, their like, and aliases: shaped, and made again.  Imports the standard library alone."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from .reading import is_python_class

if TYPE_CHECKING:
    from .build import Builder
    from .shape import Shape, Shapes, Step


def expand_typevar(shapes: Shapes, obj: Any) -> Shape:
    kids = [("bound", obj.__bound__), ("module", obj.__module__)]
    kids += [(("constraint", i), c) for i, c in enumerate(obj.__constraints__)]  # type: ignore[misc]
    return "typevar", (obj.__name__, obj.__covariant__, obj.__contravariant__), list(kids), None


def expand_type_alias(shapes: Shapes, obj: Any) -> Shape:
    """Of the `type` statement (3.12).  To ask for its value evaluates it, which an annotation's reader would
    do as well."""
    try:
        value = obj.__value__
    except Exception:  # noqa: BLE001  it speaks of what is not there
        return "opaque", "typing.TypeAliasType", [], None
    kids = [("value", value), *((("param", i), part) for i, part in enumerate(obj.__type_params__))]
    return "typealias", (obj.__name__, obj.__module__), kids, None


def expand_type_params(shapes: Shapes, obj: Any) -> Shape:
    return "typeparams", (type(obj).__name__, obj.__name__, obj.__module__), [], None


EXPAND: Final[dict[type, Callable[[Any, Any], Any]]] = {
    typing.TypeVar: expand_typevar,
    **{
        getattr(typing, name): expand
        for name, expand in (
            ("TypeAliasType", expand_type_alias),
            ("TypeVarTuple", expand_type_params),
            ("ParamSpec", expand_type_params),
        )
        if hasattr(typing, name) and not is_python_class(getattr(typing, name))
    },
}


def make_typevar(builder: Builder, n: int, head: Any, kids: Mapping[Step, int]) -> Any:
    constraints = [builder.make(child) for step, child in kids.items() if step[0] == "constraint"]
    bound = builder.make(kids["bound"])
    made: Any = typing.TypeVar(head[0], *constraints, bound=bound, covariant=head[1], contravariant=head[2])  # type: ignore[misc]
    made.__module__ = builder.make(kids["module"])
    return made


def make_type_alias(builder: Builder, n: int, head: Any, kids: Mapping[Step, int]) -> Any:
    params = tuple([builder.make(child) for step, child in kids.items() if step[0] == "param"])
    return _called_in(head[1], "TypeAliasType", head[0], builder.make(kids["value"]), type_params=params)


def _called_in(module: str, name: str, *args: Any, **words: Any) -> Any:
    """An object of `typing` that takes its module from whoever makes it."""
    space = {"__name__": module, "make": getattr(typing, name), "args": args, "words": words}
    return eval("make(*args, **words)", space)


MAKERS: Final[dict[str, Callable[[Any, int, Any, Any], Any]]] = {
    "typevar": make_typevar,
    "typealias": make_type_alias,
    "typeparams": lambda builder, n, head, kids: _called_in(head[2], head[0], head[1]),
}
