from __future__ import annotations

import types
from typing import Any

import pytest

from hotpatch.epochs import names


def function(source: str, name: str = "f") -> types.CodeType:
    code = compile(source, "app.py", "exec", dont_inherit=True)
    return next(c for c in code.co_consts if isinstance(c, types.CodeType) and c.co_name == name)


def run(code: types.CodeType, module: dict[str, Any], *args: Any) -> Any:
    return types.FunctionType(code, module)(*args)


def test_a_global_is_read_under_its_alias() -> None:
    code = names.rename(function("def f():\n    return X\n"), {"X": "X@2"})
    assert code.co_names == ("X@2",)
    assert run(code, {"X": 1, "X@2": 2}) == 2


def test_the_same_code_if_it_reads_none_of_them() -> None:
    code = function("def f(o):\n    return o.X\n")
    assert names.rename(code, {"X": "X@2"}) is code


def test_nested_code_is_renamed_too() -> None:
    code = function("def f():\n    def g():\n        return [X for _ in 'a'], lambda: X\n    return g\n")
    made, inner = run(names.rename(code, {"X": "X@2"}), {"X": 1, "X@2": 2})()
    assert made == [2] and inner() == 2


def test_name_also_an_attribute() -> None:
    source = "def f(o):\n    return size(o.size), o.size, size(o), o.size()\n"

    class Sized:
        def size(self) -> str:
            return "attribute"

    code = names.rename(function(source), {"size": "size@2"})
    o = Sized()
    module = {"size": lambda x: "old", "size@2": lambda x: "new"}
    assert run(code, module, o) == ("new", o.size, "new", "attribute")


def test_name_also_an_attribute_of_an_import() -> None:
    code = names.rename(
        function("def f():\n    import json\n    return json.dumps(dumps)\n"), {"dumps": "dumps@2"}
    )
    assert run(code, {"dumps": 1, "dumps@2": 2}) == "2"


def many(n: int, tail: str) -> str:
    lines = "".join(f"    o.n{i}\n" for i in range(n))
    return f"class Any_:\n    def __getattr__(self, name): return 'attribute'\ndef f(o):\n{lines}{tail}"


def test_EXTENDED_ARG_by_replacing_the_name() -> None:
    code = function(many(300, "    return X\n"))
    assert code.co_names.index("X") > 255
    assert run(names.rename(code, {"X": "X@2"}), {"X": 1, "X@2": 2}, _Any()) == 2


def test_EXTENDED_ARG_where_the_name_is_also_an_attribute() -> None:
    code = function(many(300, "    return X, o.X\n"))
    assert run(names.rename(code, {"X": "X@2"}), {"X": 1, "X@2": 2}, _Any()) == (2, "attribute")


def test_no_room_for_a_second_place_is_said_and_not_guessed() -> None:
    source = "def f(o):\n    X, o.X\n" + "".join(f"    o.n{i}\n" for i in range(300))
    with pytest.raises(names.CannotRename, match="so many names"):
        names.rename(function(source), {"X": "X@2"})


class _Any:
    def __getattr__(self, name: str) -> str:
        return "attribute"


@pytest.mark.parametrize("statement", ["X = 1", "del X", "X += 1"])
def test_a_name_that_is_stored_is_live_state(statement: str) -> None:
    with pytest.raises(names.CannotRename, match="f stores X"):
        names.rename(function(f"def f():\n    global X\n    {statement}\n"), {"X": "X@2"})


def test_a_class_body_that_reads_the_global() -> None:
    code = function("def f():\n    class C:\n        y = X\n    return C.y\n")
    assert run(names.rename(code, {"X": "X@2"}), {"__name__": "m", "X": 1, "X@2": 2}) == 2


def test_a_class_body_that_only_stores_the_name_is_no_reader() -> None:
    code = function("def f():\n    class C:\n        X = 5\n    return C.X\n")
    assert names.rename(code, {"X": "X@2"}) is code


def test_a_class_body_that_does_both_cannot_be_told_apart() -> None:
    with pytest.raises(names.CannotRename):
        names.rename(function("def f():\n    class C:\n        X = X\n    return C.X\n"), {"X": "X@2"})


def test_every_opcode_with_a_name_is_known() -> None:
    """A new CPython with a new opcode on names has to be looked at before it is believed."""
    import dis

    plain = ["NAME", "GLOBAL", "ATTR"]
    known = {f"{verb}_{what}" for verb in ("LOAD", "STORE", "DELETE") for what in plain}
    known |= {"IMPORT_NAME", "IMPORT_FROM", "LOAD_METHOD", "LOAD_SUPER_ATTR", "LOAD_FROM_DICT_OR_GLOBALS"}
    known |= {"LOAD_SUPER_METHOD", "LOAD_ZERO_SUPER_METHOD", "LOAD_ZERO_SUPER_ATTR"}  # pseudo instructions
    known |= {"INSTRUMENTED_LOAD_SUPER_ATTR"}
    assert {dis.opname[code] for code in dis.hasname} <= known
