"""A function with more than one body: dispatcher code that picks by the caller's epoch.

    f(...) -> dispatcher code in f.__code__ -> EPOCH.get().epoch >= N -> the new body, or an older choice

No lock, no look-up by name: the bodies are function objects among the dispatcher's constants.  Chains are
asked newest first; the function under each choice is a clone, the last of them holds the oldest body.

What is pure here: `Layers -> code`.  The one store that makes it count is `functions.set_code`.
"""

from __future__ import annotations

from types import CodeType, FunctionType
from typing import Any

from attrs import evolve, frozen

from hotpatch.epochs.cpython import KIND_FLAGS
from hotpatch.epochs.functions import Body, body_of, make_clone, set_code
from hotpatch.epochs.pins import EPOCH
from hotpatch.epochs.templates import (
    BASE_EXCEPTION,
    EPOCH_VAR,
    NEW,
    OLD,
    THRESHOLD,
    VARIADIC,
    choosing,
    forwarding,
    signature_of,
)


@frozen(eq=False)
class Layer:
    """A body, and the first epoch that runs it; the oldest layer's epoch does not matter."""

    epoch: int
    body: Body


Layers = tuple[Layer, ...]
"""Oldest first, at least one."""


def same_shape(layers: Layers) -> bool:
    """Whether one fixed signature serves all bodies: same parameters, the very same defaults."""
    first = layers[0].body
    signature = signature_of(first.code)
    return all(
        signature_of(layer.body.code) == signature and layer.body.same_defaults(first) for layer in layers[1:]
    )


def same_kind(one: CodeType, other: CodeType) -> bool:
    """Whether calls of both return the same kind of object: value, generator, coroutine."""
    return (one.co_flags ^ other.co_flags) & KIND_FLAGS == 0


def apply(function: FunctionType, layers: Layers) -> None:
    """Make `function` run `layers`: dispatcher code if there are several, the body itself if there is one.

    Each of the stores can be observed by calls from other threads, at any point between them:
    a variadic dispatcher does not look at the function's defaults, so they may be set under it, and a
    fixed one is only ever put in where the defaults are those of all its bodies already.
    """
    first = layers[0].body
    if len(layers) == 1:
        _set_defaults(function, first)
        set_code(function, first.code)
    elif same_shape(layers):
        _set_defaults(function, first)
        set_code(function, _chain(function, layers, fixed=True))
    else:
        set_code(function, _chain(function, layers, fixed=False))


def _set_defaults(function: FunctionType, body: Body) -> None:
    if not body_of(function).same_defaults(body):
        function.__defaults__ = body.defaults
        function.__kwdefaults__ = None if body.kwdefaults is None else dict(body.kwdefaults)


def _chain(function: FunctionType, layers: Layers, fixed: bool) -> CodeType:
    older = make_clone(function, layers[0].body)
    for layer in layers[1:-1]:
        code = dispatcher(layers[0].body.code, older, make_clone(function, layer.body), layer.epoch, fixed)
        # A variadic choice takes no defaults: what the caller left out is for each body to fill in.
        choice = evolve(layers[0].body, code=code) if fixed else Body(code, None, None)
        older = make_clone(function, choice)
    newest = layers[-1]
    return dispatcher(layers[0].body.code, older, make_clone(function, newest.body), newest.epoch, fixed)


def dispatcher(
    like: CodeType, older: FunctionType, newer: FunctionType, epoch: int, fixed: bool = True
) -> CodeType:
    """Code with the name, place, kind and free variables of `like`, that calls `newer` from `epoch` on."""
    template = choosing(signature_of(like) if fixed else VARIADIC, len(like.co_freevars))
    return _fill(template, like, {EPOCH_VAR: EPOCH, THRESHOLD: epoch, NEW: newer, OLD: older})


def chooses(code: CodeType) -> bool:
    """Is this a dispatcher's code?"""
    return any(const is EPOCH for const in code.co_consts)


def forwarder(like: CodeType, target: FunctionType) -> CodeType:
    """Code with the free variables of `like` and the signature of `target`, that calls `target`: for a body
    that needs other free variables than the function object has.  Costs some 20 ns a call."""
    template = forwarding(signature_of(target.__code__), len(like.co_freevars))
    code = _fill(template, like, {NEW: target})
    flags = template.co_flags | target.__code__.co_flags & KIND_FLAGS
    return code.replace(co_flags=flags, co_firstlineno=target.__code__.co_firstlineno)


def _fill(template: CodeType, like: CodeType, values: dict[str, Any]) -> CodeType:
    values = {**values, BASE_EXCEPTION: BaseException}
    return template.replace(
        co_consts=tuple(
            values.get(const, const) if isinstance(const, str) else const for const in template.co_consts
        ),
        co_name=like.co_name,
        co_qualname=like.co_qualname,
        co_filename=like.co_filename,
        co_firstlineno=like.co_firstlineno,
        co_freevars=like.co_freevars,
        co_flags=template.co_flags | like.co_flags & KIND_FLAGS,
    )
