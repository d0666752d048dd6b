"""Marks that decorators leave: `call.calls = 0` on the function that one makes, `cls.table = name` on the
class that it is given.  What was decorated while the program ran has the marks of then.

Where the code of a decorator leaves one mark more, and new code reads it, what it made or marked by the old
code, and a clean start did not, lacks it.
"""

from __future__ import annotations

import itertools
import types
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from attrs import frozen

from . import codes
from .attribute_use import local, plain_steps, set_on
from .instances import Functions, Lacking, only_recorded
from .living import Living
from .reading import MISSING, class_attribute, class_dict, is_python_class
from .view import View


@frozen
class _More:
    """What one decorator leaves more."""

    decorator: str
    names: frozenset[str]
    before: frozenset[str]
    """Marks by which to know what it was given."""
    made: frozenset[int]
    """ids of the code of functions that it makes and marks."""


def lacking(
    functions: Functions,
    asked: Lacking,
    objects: Living,
    passed: Collection[int],
    view: View,
    is_ours: Callable[[Any], bool],
) -> list[str]:
    """Sentences, one for each decorator and mark.  To be asked after the commit."""
    more = [each for f, old, new in functions.values() for each in _more(f, old, new, asked.read)]
    if not more:
        return []
    found: dict[tuple[str, str], list[Any]] = {}
    for obj, marks in _marked(objects):
        for each in more:
            made = type(obj) is types.FunctionType and id(obj.__code__) in each.made
            if made or (each.before and each.before <= marks.keys() and is_ours(obj)):
                for name in each.names - marks.keys():
                    if type(obj) is types.FunctionType or class_attribute(obj, name) is MISSING:
                        found.setdefault((each.decorator, name), []).append(obj)
    return [
        f"what {decorator} made or was given while the program ran lacks {name}, which new code reads"
        for (decorator, name), some in found.items()
        if not only_recorded(some, {*objects.own, *map(id, found.values()), *passed}, view)
    ]


def _marked(objects: Living) -> Iterator[tuple[Any, Mapping[str, Any]]]:
    for function in objects.exactly(types.FunctionType):
        yield function, function.__dict__
    for cls in objects.below(type):
        if is_python_class(cls):
            yield cls, class_dict(cls)


def _more(
    function: types.FunctionType, old: types.CodeType, new: types.CodeType, read: set[str]
) -> Iterator[_More]:
    before, after = _left(old), _left(new)
    handed = new.co_varnames[: new.co_argcount]
    own = handed[:1] if _is_method(function) else ()
    decorated = (_returned(new) & {*handed}) - {*own}
    for variable, names in after.items():
        known = before.get(variable, frozenset())
        made = frozenset(id(part) for part in codes.inner(new) if part.co_name == variable)
        given = known if variable in decorated else frozenset()
        if (came := (names - known) & read) and (made or given):
            yield _More(function.__qualname__, frozenset(came), frozenset(given), made)


def _is_method(function: types.FunctionType) -> bool:
    """By the function's name: the code of one that `dataclasses` made has another."""
    return "." in function.__qualname__.rpartition("<locals>.")[2]


def _left(code: types.CodeType) -> dict[str, frozenset[str]]:
    """Attributes that it sets on what a local variable holds, by that variable."""
    found: dict[str, frozenset[str]] = {}
    for name, variable in set_on(code):
        if variable is not None:
            found[variable] = found.get(variable, frozenset()) | {name}
    return found


def _returned(code: types.CodeType) -> set[str]:
    """Local variables that it returns, as a decorator does what it was given."""
    return {
        variable
        for last, step in itertools.pairwise(plain_steps(code))
        if step.opname == "RETURN_VALUE" and (variable := local(last)) is not None
    }
