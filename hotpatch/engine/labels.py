"""A short name by which to know a thing among its siblings, in another process as well."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

from . import codes


def label(thing: Any, expand: Callable[[Any], Any], depth: int = 0) -> Any:
    """Plain data.  `thing` is an object and `expand` that of its process, or an index and the look-up in
    a graph."""
    kind, head, kids, code = expand(thing)
    if kind == "plain":
        return type(head).__name__, head
    if kind == "class":
        return kind, head[:2]
    if kind == "function":
        return kind, head[0], head[2]
    if kind == "code":
        return kind, code.co_qualname if type(code) is types.CodeType else code.qualname
    if kind == "outside":
        return kind, head
    if depth > 2:
        return kind, None
    if kind == "address":
        return kind, *(label(child, expand, depth + 1) for _, child in kids)
    if kind in ("instance", "value"):
        parts = []
        for step, child in kids[1:]:
            if type(step) is tuple and step[0] == "key" and step[1] == "obj":
                continue
            shape = expand(child)
            if shape[0] == "plain" and type(shape[1]) in (int, str, bytes, bool):
                parts.append((step, type(shape[1]).__name__, shape[1]))
        return kind, label(kids[0][1], expand, depth + 1), *sorted(parts, key=repr)[:8]
    if kind in ("tuple", "frozenset", "method", "partial", "weakref", "reduced", "staticmethod", "bound"):
        return kind, head, *(label(child, expand, depth + 1) for _, child in kids[:8])
    return kind, head


def contents(thing: Any, expand: Callable[[Any], Any], depth: int = 3) -> Any:
    """Plain data that tells more than a label, to tell things of one label apart."""
    kind, _, kids, code = expand(thing)
    if kind == "function":
        body = codes.key_of(code).body if type(code) is types.CodeType else code.body
        kids = [kid for kid in kids if depth and (is_given(kid[0]))]
        return label(thing, expand), body, *((step, contents(kid, expand, depth - 1)) for step, kid in kids)
    if not depth or kind in ("plain", "class", "code", "outside"):
        return label(thing, expand)
    parts = [(step, contents(child, expand, depth - 1)) for step, child in kids if not _by_object(step)]
    return label(thing, expand), *sorted(parts[:MOST_PARTS], key=repr)


MOST_PARTS = 16


def is_given(step: Any) -> bool:
    """Of a function: is this what it takes where it is given nothing, or what it closes over?"""
    return step in ("defaults", "kwdefaults") or step[0] == "closure"


def _by_object(step: Any) -> bool:
    return type(step) is tuple and len(step) > 1 and step[1] == "obj"
