"""Attributes that are asked for by their names as text: by `getattr`, in a format, by `attrgetter`, from a
list of names that the program goes through, in a pattern of `match`."""

from __future__ import annotations

import dis
import itertools
import operator
import re
from collections.abc import Iterable, Iterator, Sequence
from types import CodeType, FunctionType
from typing import Any, Final

from hotpatch.ops import Op

from . import codes
from .attribute_use import plain_steps

_ASKING: Final = {"getattr": 2, "attrgetter": 1}
"""With how many arguments: a third one is the answer where there is no such attribute."""
_IN_A_FORMAT: Final = re.compile(r"\{\w*\.(\w+)")
_LISTS: Final = (tuple, list)


def asked_for(code: CodeType) -> set[str]:
    """By this code, functions inside included, where the name is written there."""
    found = set[str]()
    for part in codes.walk(code):
        counts = {count for name, count in _ASKING.items() if name in part.co_names}
        for last, step in itertools.pairwise(_plain(part)) if counts else ():
            if step.opname == "CALL" and step.arg in counts and _is_text(last):
                found.add(last.argval)
        if "format" in part.co_names or "format_map" in part.co_names:
            for text in filter(lambda const: type(const) is str, part.co_consts):
                found |= {*_IN_A_FORMAT.findall(text)}
    return found


def _is_text(step: dis.Instruction) -> bool:
    return step.opname == "LOAD_CONST" and type(step.argval) is str


def come_by(ops: Sequence[Op], functions: Iterable[FunctionType]) -> set[str]:
    """Names that come to what asks for attributes by them, and to lists that a function asks by."""
    found, lists = set[str](), dict[str, set[str]]()
    for op in ops:
        if came := set(_names(op.after)) - set(_names(op.before)):
            if op.name == "__match_args__" or type(op.after) is operator.attrgetter:
                found |= came
            else:
                lists.setdefault(op.where.rpartition(".")[2], set()).update(came)
    for function in functions if lists else ():
        if _asks_by_what_it_finds(function.__code__):
            for name in lists.keys() & codes.names_in(function.__code__):
                found |= lists[name]
    return found


def _asks_by_what_it_finds(code: CodeType) -> bool:
    return any(
        step.opname == "CALL" and step.arg == _ASKING["getattr"] and _is_read(last)
        for part in codes.walk(code)
        if "getattr" in part.co_names
        for last, step in itertools.pairwise(_plain(part))
    )


def _is_read(step: dis.Instruction) -> bool:
    return step.opname.startswith(("LOAD_FAST", "LOAD_DEREF", "LOAD_NAME", "LOAD_GLOBAL"))


def _plain(code: CodeType) -> list[dis.Instruction]:
    return [step for step in plain_steps(code) if step.opname != "PRECALL"]


def _names(value: Any) -> Iterator[str]:
    if type(value) is operator.attrgetter:
        for path in value.__reduce__()[1]:
            yield from path.split(".")
    elif type(value) in _LISTS:
        yield from (text for text in value if type(text) is str and text.isidentifier())
