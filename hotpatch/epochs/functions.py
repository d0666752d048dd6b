"""Function objects: a body to run, a clone that runs it, and the one store that gives a function other code.

A changed function keeps its object; what changes is its `Body`.  Clones are what a dispatcher calls: plain
functions of the same module with the same cells, one for each body.  They come out of MAKE_FUNCTION, since
CPython 3.13 never specialises calls to functions made by `types.FunctionType(...)`.
"""

from __future__ import annotations

import functools
import types
import weakref
from collections.abc import Mapping
from types import CodeType, FunctionType
from typing import Any

from attrs import evolve, frozen

from hotpatch.epochs.cpython import restore_version

Cells = tuple[types.CellType, ...]


@frozen(eq=False)
class Body:
    """What a call of a function runs: its code and what fills the parameters left out."""

    code: CodeType
    defaults: tuple[Any, ...] | None
    kwdefaults: Mapping[str, Any] | None

    def same(self, other: Body) -> bool:
        return self.code is other.code and self.same_defaults(other)

    def same_defaults(self, other: Body) -> bool:
        """The very same default values, one by one: equal ones may behave differently."""
        return _identities(self) == _identities(other)

    def with_code(self, code: CodeType) -> Body:
        return self if code is self.code else evolve(self, code=code)


def _identities(body: Body) -> tuple[Any, ...]:
    return (
        None if body.defaults is None else tuple(map(id, body.defaults)),
        None if body.kwdefaults is None else {name: id(value) for name, value in body.kwdefaults.items()},
    )


def body_of(function: FunctionType) -> Body:
    """The function's own body, as it is now."""
    kwdefaults = function.__kwdefaults__
    return Body(function.__code__, function.__defaults__, None if kwdefaults is None else dict(kwdefaults))


clones: weakref.WeakSet[FunctionType] = weakref.WeakSet()
"""Clones alive: whoever looks for a module's functions in the heap must not take them for such."""


def make_clone(function: FunctionType, body: Body) -> FunctionType:
    """A function that runs `body` in `function`'s module, with its cells, under its name."""
    clone = make_function(body, function.__globals__, function.__closure__)
    clone.__name__, clone.__qualname__ = function.__name__, function.__qualname__
    clones.add(clone)
    return clone


def make_function(body: Body, module: dict[str, Any], closure: Cells | None) -> FunctionType:
    """A function born of MAKE_FUNCTION.  `closure` has a cell for each of the code's free variables."""
    kwdefaults = dict(body.kwdefaults or {})
    code = _maker(len(body.defaults or ()), tuple(kwdefaults), len(body.code.co_freevars))
    consts = tuple(body.code if isinstance(const, CodeType) else const for const in code.co_consts)
    maker = FunctionType(code.replace(co_consts=consts), module, "make", None, closure or ())
    made: FunctionType = maker(body.defaults, kwdefaults)
    return made


@functools.lru_cache(maxsize=1024)
def _maker(defaults: int, kwnames: tuple[str, ...], free: int) -> CodeType:
    """Code that makes a function of this shape from (defaults, kwdefaults) and its own free variables."""
    parameters = [f"_p{i}=_d[{i}]" for i in range(defaults)]
    if kwnames:
        parameters += ["*", *(f"{name}=_k[{name!r}]" for name in kwnames)]
    cells = [f"_c{i}" for i in range(free)]
    source = (
        "def outer():\n"
        f"  {''.join(f'{cell} = ' for cell in cells)}0\n"
        "  def make(_d, _k):\n"
        f"    def inner({', '.join(parameters)}):\n"
        f"      {'; '.join(cells) or 'pass'}\n"
        "    return inner\n"
        "  return make\n"
    )
    code = compile(source, "<make function>", "exec", dont_inherit=True)
    for _ in range(2):  # module -> outer -> make
        code = next(const for const in code.co_consts if isinstance(const, CodeType))
    return code


def set_code(function: FunctionType, code: CodeType) -> None:
    """Give a function other code: one store, seen by the next call from anywhere.

    The code has as many free variables as before.  On 3.13 the function is then given the version of its
    code, so that calls to it specialise as if it had been born with it; where that can't be done they
    stay some 10 ns slower, and `cpython.missing_internals` says so.
    """
    function.__code__ = code
    if restore_version is not None:
        restore_version(
            function, make_function(body_of(function), function.__globals__, function.__closure__)
        )
