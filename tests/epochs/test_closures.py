from __future__ import annotations

import types
from typing import Any

from hotpatch.epochs import install
from hotpatch.epochs.closures import fit
from hotpatch.ops import Op, SlotKind
from tests.epochs.requests import Open


def closure(source: str, **cells: types.CellType) -> types.FunctionType:
    """The function `f` inside `make`, closing over these cells."""
    code = compile(source, "app.py", "exec", dont_inherit=True)
    for name in ("make", "f"):
        code = next(c for c in code.co_consts if isinstance(c, types.CodeType) and c.co_name == name)
    module: dict[str, Any] = {"__name__": "m", "__builtins__": __builtins__}
    return types.FunctionType(code, module, "f", (0,), tuple(cells[name] for name in code.co_freevars))


def make(variables: str, body: str) -> str:
    return f"def make({variables}):\n    def f(x=0):\n{body}\n    return f\n"


CELLS = {name: types.CellType(name) for name in ("a", "b", "c")}


def changed(old: str, new: str) -> tuple[types.FunctionType, types.CodeType]:
    function = closure(old, **CELLS)
    return function, fit(function, closure(new, **CELLS))


def check(old: str, new: str, before: Any, after: Any) -> None:
    function, code = changed(old, new)
    request = Open()
    version = install([Op(function, SlotKind.CODE, None, function.__code__, code, "f")])
    version.flip()
    assert request.run(function) == before and function() == after
    request.end()
    assert version.collapse() and function() == after
    back = version.rollback()
    assert back.collapse() and function() == before


def test_closure_gains_and_loses_variable() -> None:
    check(make("a, b", "        return a, b"), make("a, b, c", "        return a, c"), ("a", "b"), ("a", "c"))


def test_a_lost_variable_costs_nothing() -> None:
    function, code = changed(make("a, b", "        return a, b"), make("a, b", "        return b"))
    assert (
        code.co_freevars == ("a", "b")
        and code.co_name == "f"
        and types.FunctionType not in map(type, code.co_consts)
    )
    function.__code__ = code
    assert function() == "b"


def test_all_variables_lost() -> None:
    check(make("a, b", "        return a, b"), make("a", "        return 'none'"), ("a", "b"), "none")


def test_first_variable_gained() -> None:
    check(make("a", "        return 'none'"), make("a", "        return a"), "none", "a")


def test_variables_are_renumbered_in_nested_functions_and_stores() -> None:
    old = make("a, b, c", "        return a, b, c")
    new = make(
        "a, b, c",
        "        nonlocal c\n        y = x\n        keep, c = c, 'set'\n"
        "        try:\n            return (lambda: (b, c, y))()\n        finally:\n            c = keep",
    )
    check(old, new, ("a", "b", "c"), ("b", "set", 0))


def test_a_cell_of_another_enclosing_call_is_taken_along() -> None:
    """The new closure's variable has the old name but is another cell: the code must read that one."""
    function = closure(make("a", "        return a"), **CELLS)
    other = closure(make("a", "        return a, 2"), a=types.CellType("other"))
    function.__code__ = fit(function, other)
    assert function() == ("other", 2)


def test_a_forwarder_keeps_the_kind_and_signature() -> None:
    import asyncio
    import inspect

    old = "def make(a):\n    async def f(x, *, y=1): return x, y\n    return f\n"
    new = "def make(a):\n    async def f(x, *, y=1): return x, y, a\n    return f\n"
    function, code = changed(old, new)
    function.__defaults__, function.__kwdefaults__ = None, {"y": 1}
    function.__code__ = code
    assert inspect.iscoroutinefunction(function) and str(inspect.signature(function)) == "(x, *, y=1)"
    assert asyncio.run(function(0)) == (0, 1, "a")
