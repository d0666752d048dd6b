"""Closures that live get the new code, on their own variables and with the defaults that go with it."""

from __future__ import annotations

import types
from collections.abc import Iterator

from hotpatch.errors import PatchRefused
from hotpatch.ops import Op, SlotKind

from . import codes, inner_defaults
from .view import View


def follow(
    f: types.FunctionType,
    before: types.CodeType,
    after: types.CodeType,
    defaults: inner_defaults.Defaults,
    view: View,
) -> Iterator[Op]:
    """The steps; `defaults` are those that go with the code `after`.  Raises PatchRefused where the closure
    lacks a variable."""
    where = f"closure {before.co_qualname}"
    if not set(after.co_freevars) <= set(before.co_freevars):
        raise PatchRefused(
            f"closures of {before.co_qualname} are in use, and its new code needs other variables"
        )
    if before.co_freevars == after.co_freevars:
        yield Op(f, SlotKind.CODE, "__code__", before, after, where)
    else:  # C keeps the number of a function's variables: it forwards to one that has those which are left
        cells = dict(zip(before.co_freevars, f.__closure__ or (), strict=True))
        left = tuple(cells[name] for name in after.co_freevars)
        made = types.FunctionType(after, f.__globals__, f.__name__, defaults["__defaults__"], left)
        made.__kwdefaults__ = defaults["__kwdefaults__"]
        yield Op(f, SlotKind.CODE, "__code__", before, codes.forwarding(before, made), where, made)
        defaults = dict.fromkeys(inner_defaults.NAMES)
    for name, had in inner_defaults.of(f, view).items():
        if not inner_defaults.same(had, defaults[name]):
            yield Op(f, SlotKind.FUNCTION, name, had, defaults[name], f"{where} {name}")
