"""Two sources to their changes, and measured differences to what they follow from."""

from __future__ import annotations

import argparse
import ast
import dataclasses
import functools
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given, settings

from hotpatch.engine import syntax_follow, syntax_read
from hotpatch.engine.explain import (
    Act,
    Change,
    Changes,
    Kind,
    Measured,
    cause,
    edits,
    explain,
    explained,
    notes,
    unexplained,
)
from hotpatch.errors import PatchInvalid
from hotpatch.plan import Edit, Effect, Grade, Plan
from tests.engine.programs import Program, pairs


def tree(files: Mapping[str, str]) -> dict[str, bytes]:
    return {name: dedent(text).encode() for name, text in files.items()}


def changes_of(old: str, new: str) -> Changes:
    return explain(tree({"m.py": old}), tree({"m.py": new}))


def said(changes: Changes) -> list[str]:
    return [f"{change.name or '-'}: {change.kind.value} {change.act.value}" for change in changes.statements]


ROWS = [
    ("body", "def f(): return 1", "def f(): return 2", ["f: body changed"]),
    ("parameter", "def f(a): pass", "def f(a, b=1): pass", ["f: signature changed"]),
    ("annotated parameter", "def f(a): pass", "def f(a, b: int): pass", ["f: signature changed"]),
    ("default", "def f(a=1): pass", "def f(a=2): pass", ["f: default changed"]),
    ("default gained", "def f(a): pass", "def f(a=2): pass", ["f: default changed"]),
    ("keyword default", "def f(*, a=1): pass", "def f(*, a=2): pass", ["f: default changed"]),
    ("two defaults", "def f(a=1, b=1): pass", "def f(a=2, b=2): pass", ["f: default changed"]),
    ("keyword only", "def f(a): pass", "def f(*, a): pass", ["f: signature changed"]),
    ("positional only", "def f(a): pass", "def f(a, /): pass", ["f: signature changed"]),
    ("decorator", "@a\ndef f(): pass", "@b\ndef f(): pass", ["f: decorator changed"]),
    ("annotation", "def f(a: int): pass", "def f(a: str): pass", ["f: annotation changed"]),
    ("returns", "def f(): pass", "def f() -> int: pass", ["f: annotation changed"]),
    ("docstring", 'def f(): "a"', 'def f(): "b"', ["f: docstring changed"]),
    ("async", "def f(): pass", "async def f(): pass", ["f: function kind changed"]),
    (
        "generator",
        "def f():\n    return [1]",
        "def f():\n    yield 1",
        ["f: body changed", "f: function kind changed"],
    ),
    (
        "a generator inside is not the function's kind",
        "def f():\n    def g():\n        return 1",
        "def f():\n    def g():\n        yield 1",
        ["f.<locals>.g: body changed", "f.<locals>.g: function kind changed"],
    ),
    (
        "nested function",
        "def f():\n    def g(): return 1\n    return g",
        "def f():\n    def g(): return 2\n    return g",
        ["f.<locals>.g: body changed"],
    ),
    (
        "nested function of a branch of a method",
        "class C:\n    def m(self):\n        if self:\n            def g(): return 1",
        "class C:\n    def m(self):\n        if self:\n            def g(): return 2",
        ["C.m.<locals>.g: body changed"],
    ),
    ("function added", "", "def f(): pass", ["f: function added"]),
    ("function removed", "def f(): pass", "", ["f: function removed"]),
    ("method added", "class C: pass", "class C:\n    def m(self): pass", ["C.m: method added"]),
    (
        "class added, its members not told one by one",
        "",
        "class C:\n    x = 1\n    def m(self): pass",
        ["C: class added"],
    ),
    ("class removed", "class C:\n    class D:\n        x = 1", "", ["C: class removed"]),
    ("base", "class C(A): pass", "class C(B): pass", ["C: base changed"]),
    ("metaclass", "class C(metaclass=A): pass", "class C(metaclass=B): pass", ["C: metaclass changed"]),
    ("class keyword", "class C(A, k=1): pass", "class C(A, k=2): pass", ["C: class keyword changed"]),
    ("class docstring", 'class C:\n    "a"', 'class C:\n    "b"', ["C: docstring changed"]),
    ("class decorator", "class C: pass", "@d\nclass C: pass", ["C: decorator changed"]),
    ("class attribute", "class C:\n    x = 1", "class C:\n    x = 2", ["C.x: class attribute changed"]),
    ("field", "class C:\n    x: int = 1", "class C:\n    x: str = 1", ["C.x: annotation changed"]),
    (
        "slots",
        "class C:\n    __slots__ = ()",
        "class C:\n    __slots__ = 'a'",
        ["C.__slots__: slots changed"],
    ),
    (
        "nested class",
        "class C:\n    class D:\n        x = 1",
        "class C:\n    class D:\n        x = 2",
        ["C.D.x: class attribute changed"],
    ),
    ("constant", "X = 1", "X = 2", ["X: constant changed"]),
    ("a number and a truth", "X = 1", "X = True", ["X: constant changed"]),
    ("annotated constant", "X: int = 1", "X: int = 2", ["X: constant changed"]),
    ("one of two names", "A, B = 1, 2", "A, B = 1, 3", ["B: constant changed"]),
    ("two names of one value", "A, B = f()", "A, B = g()", ["A: constant changed", "B: constant changed"]),
    ("import", "import a", "import a, b", ["b: import added"]),
    ("from-import", "from a import x", "from b import x", ["x: import changed"]),
    ("import under another name", "import a as x", "import b as x", ["x: import changed"]),
    ("star import", "from a import *", "from b import *", ["*: import changed"]),
    ("import instead of constant", "x = 1", "import x", ["x: import changed"]),
    ("future import", "", "from __future__ import annotations", ["annotations: future import added"]),
    ("__all__", "__all__ = ['a']", "__all__ = ['b']", ["__all__: __all__ changed"]),
    ("module docstring", '"a"', '"b"', ["-: docstring changed"]),
    ("function became class", "def f(): pass", "class f: pass", ["f: definition changed"]),
    ("class became constant", "class C:\n    x = 1", "C = 1", ["C: definition changed"]),
    ("condition", "if A:\n    x = 1", "if B:\n    x = 1", ["-: condition changed"]),
    (
        "branch",
        "if A:\n    x = 1\nelse:\n    x = 2",
        "if A:\n    x = 1\nelse:\n    x = 3",
        ["x: constant changed"],
    ),
    (
        "other branch",
        "if A:\n    x = 1\nelse:\n    pass",
        "if A:\n    pass\nelse:\n    x = 1",
        ["x: condition changed"],
    ),
    (
        "wrapped in try",
        "import a",
        "try:\n    import a\nexcept ImportError:\n    a = None",
        ["-: condition added", "a: constant added"],
    ),
    ("loop", "for i in A:\n    f(i)", "for i in B:\n    f(i)", ["-: condition changed"]),
    (
        "definition in try",
        "try:\n    def f(): return 1\nfinally:\n    pass",
        "try:\n    def f(): return 2\nfinally:\n    pass",
        ["f: body changed"],
    ),
    (
        "definition in with",
        "with a:\n    def f(): return 1",
        "with a:\n    def f(): return 2",
        ["f: body changed"],
    ),
    (
        "property and setter",
        "class C:\n    @property\n    def x(s): return 1\n    @x.setter\n    def x(s, v): pass",
        "class C:\n    @property\n    def x(s): return 1\n    @x.setter\n    def x(s, v): return 2",
        ["C.x: body changed"],
    ),
    (
        "overload added in front",
        "@r(int)\ndef _(x): return 1",
        "@r(str)\ndef _(x): return 2\n@r(int)\ndef _(x): return 1",
        ["_: function added"],
    ),
    ("call added", "", "register(f)", ["-: statement added"]),
    ("call changed", "register(f)", "register(g)", ["-: statement changed"]),
    ("order of bindings", "X = 1\nX = 2", "X = 2\nX = 1", ["X: order moved"]),
    (
        "script",
        "if __name__ == '__main__':\n    f()",
        "if __name__ == '__main__':\n    g()",
        ["-: script changed"],
    ),
    ("typing", "if TYPE_CHECKING:\n    import a", "if TYPE_CHECKING:\n    import b", ["-: typing changed"]),
]


@pytest.mark.parametrize(("old", "new", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_each_kind_of_change_is_told_by_its_name(old: str, new: str, expected: list[str]) -> None:
    assert sorted(said(changes_of(old, new))) == sorted(expected)


SAME = [
    ("comment", "def f(): return 1", "def f():  # now\n    return 1"),
    ("lines", "A = 1\ndef f(): pass", "A = 1\n\n\n\ndef f():\n    pass"),
    ("quotes and prefixes", "X = u'a' 'b'", 'X = "ab"'),
    ("parentheses", "X = 1 + 2", "X = (1 + 2)"),
    ("order of definitions", "def f(): pass\ndef g(): pass", "def g(): pass\ndef f(): pass"),
    ("order of constants", "A = 1\nB = 2", "B = 2\nA = 1"),
    ("joined imports", "import a\nimport b", "import b, a"),
    ("annotation of a local variable", "def f():\n    x: int = 1", "def f():\n    x: str = 1"),
    ("trailing semicolon", "A = 1; B = 2", "A = 1\nB = 2"),
    ("encoding", "# -*- coding: utf-8 -*-\nA = 1", "A = 1"),
]


@pytest.mark.parametrize(("old", "new"), [row[1:] for row in SAME], ids=[row[0] for row in SAME])
def test_what_means_the_same_is_no_change(old: str, new: str) -> None:
    assert changes_of(old, new).statements == ()


def test_lines_of_both_versions_are_told() -> None:
    (change,) = changes_of("def f():\n    return 1", "A = 1\n\n@d\ndef f():\n    return 1").statements[1:]
    assert (change.name, change.old_line, change.new_line) == ("f", 1, 3)


def test_changes_stand_in_source_order() -> None:
    changes = changes_of("def b(): pass\nX = 1\ndef a(): pass", "def b(): 1\nX = 2\ndef a(): 1")
    assert [change.name for change in changes.statements] == ["b", "X", "a"]


# -- effects ---------------------------------------------------------------------------------

EFFECTS = [
    ("atexit.register(f)", ["registers by atexit.register"]),
    ("f()", ["calls f"]),
    ("Thread(target=f).start()", ["starts Thread(target=f)"]),
    ("worker.start()", ["starts worker"]),
    ("app.add_url_rule('/')", ["registers by app.add_url_rule"]),
    ("del X", ["deletes X"]),
    ("del X['a']", ["deletes X['a']"]),
    ("X['a'] = 1", ["sets an item of X"]),
    ("X.y['a'] = 1", ["sets an item of X.y"]),
    ("sys.path = []", ["sets an attribute of sys.path"]),
    ("X += [1]", ["augments X"]),
    ("with f():\n    pass", ["enters f()"]),
    ("DEBUG and f()", ["calls f"]),
    ("X = 1", []),
    ("LOCK = Lock()", []),
    ("X = 1\nX += 1", []),
    ("def f(): g()", []),
    ("import a", []),
    ("if __name__ == '__main__':\n    f()", []),
]


@pytest.mark.parametrize(("source", "expected"), EFFECTS, ids=[row[0] for row in EFFECTS])
def test_statements_with_effects_are_marked(source: str, expected: list[str]) -> None:
    changes = changes_of("", source)
    assert [str(effect) for change in changes.effects for effect in change.effects] == expected


def test_an_effect_that_went_is_marked_as_well() -> None:
    (change,) = changes_of("register(f)", "").effects
    assert (change.act, str(change.effects[0])) == (Act.REMOVED, "registers by register")


# -- modules ---------------------------------------------------------------------------------


def test_modules_that_come_and_go() -> None:
    changes = explain(tree({"a.py": "x = 1", "b.py": "y = 2"}), tree({"a.py": "x = 1", "c/d.py": "z = 3"}))
    assert [(m.module, m.act) for m in changes.modules] == [("c.d", Act.ADDED), ("b", Act.REMOVED)]
    assert [(c.module, c.kind, c.act) for c in changes.statements] == [
        ("c.d", Kind.MODULE, Act.ADDED),
        ("b", Kind.MODULE, Act.REMOVED),
    ]


def test_a_module_that_became_a_package_is_compared_with_itself() -> None:
    changes = explain(tree({"a.py": "def f(): return 1"}), tree({"a/__init__.py": "def f(): return 2"}))
    assert [(m.module, m.act) for m in changes.modules] == [("a", Act.PACKAGE)]
    assert said(changes) == ["f: body changed"]


def test_a_package_that_became_a_module() -> None:
    changes = explain(tree({"a/__init__.py": "x = 1"}), tree({"a.py": "x = 1"}))
    assert [(m.module, m.act) for m in changes.modules] == [("a", Act.SINGLE)]
    assert changes.statements == ()


def test_a_module_that_moved_is_found_by_what_it_holds() -> None:
    before = "import a\ndef f(): return 1\ndef g(): return 2\nX = 3"
    after = "import b\ndef f(): return 1\ndef g(): return 2\nX = 4"
    changes = explain(tree({"a.py": "", "old.py": before}), tree({"a.py": "", "pkg/new.py": after}))
    assert [(m.module, m.act, m.was) for m in changes.modules] == [("pkg.new", Act.MOVED, "old")]
    assert "X: constant changed" in said(changes)


def test_empty_modules_are_never_taken_for_moved() -> None:
    changes = explain(tree({"a/__init__.py": ""}), tree({"b/__init__.py": ""}))
    assert {m.act for m in changes.modules} == {Act.ADDED, Act.REMOVED}


def test_an_added_module_tells_its_effects() -> None:
    changes = explain({}, tree({"a.py": "import atexit\natexit.register(print)"}))
    assert [str(e) for e in changes.statements[0].effects] == ["registers by atexit.register"]


def test_files_that_are_not_python_are_passed_over() -> None:
    assert explain({"a.txt": b"1"}, {"a.txt": b"2"}).statements == ()


@pytest.mark.parametrize(
    ("source", "line"),
    [("x = 1\ndef f(:\n", 2), ("x = 1\n\nreturn 3\n", 3), ("x = 1\nnonlocal x\n", 2), ("a = '\0'", 1)],
)
def test_a_source_that_does_not_compile_is_named_with_its_line(source: str, line: int) -> None:
    with pytest.raises(PatchInvalid, match=rf"pkg/m\.py, line {line}"):
        explain(tree({"pkg/m.py": "x = 1"}), {"pkg/m.py": source.encode()})


def test_an_unchanged_file_is_not_parsed() -> None:
    broken = {"template.py": b"{{ name }} = = 1"}
    assert explain(broken, broken | tree({"a.py": "x = 1"})).statements[0].module == "a"


# -- causes ----------------------------------------------------------------------------------


def caused(old: Mapping[str, str], new: Mapping[str, str], module: str, name: str) -> str | None:
    found = cause(explain(tree(old), tree(new)), (module, name))
    return f"{found.module}.{found.name}" if found else None


CAUSES = [
    ("constant from constant", {"m.py": "A = {}\nB = A + 1\nC = B * 2"}, "m", "C", "m.A"),
    ("default", {"m.py": "A = {}\ndef f(x=A): pass"}, "m", "f.__defaults__", "m.A"),
    ("decorator argument", {"m.py": "A = {}\n@retry(A)\ndef f(): pass"}, "m", "f", "m.A"),
    ("decorator", {"m.py": "def d(f): return {}\n@d\ndef g(): pass"}, "m", "g", "m.d"),
    ("base", {"m.py": "class A:\n    x = {}\nclass B(A): pass"}, "m", "B", "m.A.x"),
    ("what is called", {"m.py": "def f(): return {}\nX = f()"}, "m", "X", "m.f"),
    ("what is called by that", {"m.py": "def g(): return {}\ndef f(): return g()\nX = f()"}, "m", "X", "m.g"),
    ("from-import", {"a.py": "A = {}", "m.py": "from a import A as B"}, "m", "B", "a.A"),
    (
        "from-import of a derived value",
        {"a.py": "A = {}", "m.py": "from a import A\nX = A + 1"},
        "m",
        "X",
        "a.A",
    ),
    ("attribute of a module", {"a.py": "A = {}", "m.py": "import a\nX = a.A + 1"}, "m", "X", "a.A"),
    (
        "submodule",
        {"p/__init__.py": "", "p/a.py": "A = {}", "m.py": "import p.a\nX = p.a.A"},
        "m",
        "X",
        "p.a.A",
    ),
    ("relative import", {"p/__init__.py": "from .a import A", "p/a.py": "A = {}"}, "p", "A", "p.a.A"),
    (
        "relative from above",
        {"p/__init__.py": "", "p/a.py": "A = {}", "p/q/__init__.py": "", "p/q/m.py": "from ..a import A"},
        "p.q.m",
        "A",
        "p.a.A",
    ),
    ("star import", {"a.py": "A = {}", "m.py": "from a import *"}, "m", "A", "a.A"),
    (
        "star of star",
        {"a.py": "A = {}", "b.py": "from a import *", "m.py": "from b import *\nX = A"},
        "m",
        "X",
        "a.A",
    ),
    ("class attribute from constant", {"m.py": "A = {}\nclass C:\n    x = A"}, "m", "C.x", "m.A"),
    (
        "class attribute from class attribute",
        {"m.py": "class C:\n    a = {}\n    b = a"},
        "m",
        "C.b",
        "m.C.a",
    ),
    ("member of a class by name", {"m.py": "class C:\n    a = {}\n    b = 2\nX = C.a"}, "m", "X", "m.C.a"),
    (
        "instance made at start",
        {"m.py": "class C:\n    def __init__(self): self.x = {}\nAPP = C()"},
        "m",
        "APP.x",
        "m.C.__init__",
    ),
    ("condition", {"m.py": "A = {}\nif A:\n    X = 1\nelse:\n    X = 2"}, "m", "X", "m.A"),
    ("loop", {"m.py": "A = [{}]\nfor a in A:\n    X = a"}, "m", "X", "m.A"),
    ("comprehension", {"m.py": "A = [{}]\nX = [a for a in A]"}, "m", "X", "m.A"),
    (
        "registry by decorator",
        {"m.py": "R = []\ndef r(f):\n    R.append(f)\n    return f\n@r\ndef f(): return {}"},
        "m",
        "R",
        "m.f",
    ),
    (
        "registry elsewhere",
        {"a.py": "R = []\ndef r(f):\n    R.append(f)", "m.py": "from a import r\nX = {}\nr(X)"},
        "a",
        "R[0]",
        "m.X",
    ),
    (
        "generated method of a dataclass",
        {"m.py": "@dataclass\nclass C:\n    x: int = {}"},
        "m",
        "C.__init__",
        "m.C.x",
    ),
    ("annotations", {"m.py": "T = {}\ndef f(a: T): pass"}, "m", "f.__annotations__", "m.T"),
    ("private name, mangled", {"m.py": "class C:\n    __a = {}"}, "m", "C._C__a", "m.C.__a"),
    ("item, as a path", {"m.py": "A = {}\nB = [A]"}, "m", "B.[0]", "m.A"),
    ("hidden behind a temporary name", {"m.py": "_a = {}\nX = _a\ndel _a"}, "m", "X", "m._a"),
]


@pytest.mark.parametrize(
    ("files", "module", "name", "expected"), [row[1:] for row in CAUSES], ids=[row[0] for row in CAUSES]
)
def test_a_difference_follows_from_the_statement_that_changed(
    files: dict[str, str], module: str, name: str, expected: str
) -> None:
    old = {file: text.replace("{}", "1") for file, text in files.items()}
    new = {file: text.replace("{}", "2") for file, text in files.items()}
    assert caused(old, new, module, name) == expected


def test_a_difference_by_an_added_call_follows_from_the_call() -> None:
    old, new = "R = []\nR.append(1)\n", "R = []\nR.append(1)\nR.append(2)\n"
    found = cause(changes_of(old, new), ("m", "R"))
    assert found is not None
    assert found.label == "R.append(2)"


def test_a_difference_that_nothing_leads_to_has_no_cause() -> None:
    assert cause(changes_of("A = 1\nB = 2", "A = 2\nB = 2"), ("m", "B")) is None


# -- what is unexplained ---------------------------------------------------------------------


def left(changes: Changes, *differing: str) -> list[str]:
    return [change.label for change in unexplained(changes, [("m", name) for name in differing])]


def test_a_changed_statement_that_shows_nowhere_is_named() -> None:
    changes = changes_of("print(1)\nA = 1", "print(2)\nA = 2")
    assert left(changes, "A") == ["print(2)"]


def test_a_changed_value_of_equal_shape_is_named() -> None:
    changes = changes_of("L = Opaque(1)\nA = 1", "L = Opaque(2)\nA = 2")
    assert left(changes, "A") == ["L = Opaque(2)"]


def test_a_statement_whose_effect_was_measured_is_explained() -> None:
    changes = changes_of("R = {}\nR['a'] = 1", "R = {}\nR['a'] = 1\nR['b'] = 2")
    assert left(changes, "R['b']") == []


def test_a_registration_whose_registry_was_measured_is_explained() -> None:
    files = {"a.py": "R = []\ndef r(f):\n    R.append(f)\n    return f\n", "m.py": "from a import r\n"}
    changes = explain(tree(files), tree(files | {"m.py": files["m.py"] + "r(print)\n"}))
    assert unexplained(changes, [("a", "R")]) == ()
    assert len(unexplained(changes, [("a", "r")])) == 1


def test_a_temporary_name_is_explained_by_what_was_made_of_it() -> None:
    changes = changes_of("_a = 1\nX = _a\ndel _a", "_a = 2\nX = _a\ndel _a")
    assert left(changes, "X") == []


def test_a_nested_function_is_explained_by_the_outer() -> None:
    changes = changes_of("def f():\n    def g(): return 1", "def f():\n    def g(): return 2")
    assert left(changes, "f") == []


def test_annotations_are_explained_by_the_module_annotations() -> None:
    changes = changes_of("x: int = 1\nclass C:\n    y: int", "x: str = 1\nclass C:\n    y: str")
    assert left(changes, "__annotations__", "C.__annotations__") == []


def test_what_never_runs_in_a_service_needs_no_explanation() -> None:
    changes = changes_of("", "if __name__ == '__main__':\n    main()\nif TYPE_CHECKING:\n    import a\n")
    assert left(changes) == []


def test_an_added_module_that_nothing_imports_is_named() -> None:
    changes = explain({}, tree({"a.py": "x = 1"}))
    assert [change.kind for change in unexplained(changes, [])] == [Kind.MODULE]
    assert unexplained(changes, [("a", "")]) == ()
    assert unexplained(changes, [("a", "x")]) == ()


def test_notes_say_what_the_operator_should_know() -> None:
    (note,) = notes(changes_of("", "import m\natexit.register(f)\n"), [("m", "m")])
    assert note.startswith("m, line 2: `atexit.register(f)` was added and registers by atexit.register;")


# -- the plan --------------------------------------------------------------------------------


def test_edits_take_their_kinds_from_the_changes_and_their_order_from_the_source() -> None:
    old = "TIMEOUT = 1\nLIMIT = TIMEOUT * 2\ndef f(a=1): return 1\n"
    new = "TIMEOUT = 2\nLIMIT = TIMEOUT * 2\ndef f(a=2): return 2\n"
    measured = [Measured("m", "f"), Measured("m", "LIMIT"), Measured("m", "TIMEOUT", grade=Grade.CANARY)]
    found = edits(changes_of(old, new), measured)
    assert [(e.name, e.kind, e.line) for e in found] == [
        ("TIMEOUT", "constant", 1),
        ("LIMIT", "constant", 2),
        ("f", "body", 3),
        ("f", "default", 3),
    ]
    assert found[1].reason == "follows TIMEOUT"
    assert found[0].grade is Grade.CANARY


def test_a_derived_edit_in_another_module_names_the_module_it_follows() -> None:
    files = {"config.py": "TIMEOUT = 1\n", "web.py": "from config import TIMEOUT\n"}
    changes = explain(tree(files), tree(files | {"config.py": "TIMEOUT = 2\n"}))
    (edit,) = edits(changes, [Measured("web", "TIMEOUT")])
    assert (edit.kind, edit.reason, edit.line) == ("import", "follows config.TIMEOUT", 1)


def test_a_reason_that_is_given_is_kept_beside_the_cause() -> None:
    changes = changes_of("A = 1\nB = A", "A = 2\nB = A")
    (edit,) = edits(changes, [Measured("m", "B", Effect.RELOAD, "it has changed since the start")])
    assert (edit.effect, edit.reason) == (Effect.RELOAD, "it has changed since the start (follows A)")


def test_the_worst_effect_of_one_edit_wins() -> None:
    changes = changes_of("class C:\n    x = 1", "class C:\n    x = 2")
    measured = [Measured("m", "C.x"), Measured("m", "C.x.y", Effect.RELOAD, "no form"), Measured("m", "C.x")]
    (edit,) = edits(changes, measured)
    assert (edit.effect, edit.reason, edit.name) == (Effect.RELOAD, "no form", "C.x")


def test_added_and_removed_are_told_in_the_kind() -> None:
    changes = changes_of("def f(): pass\nX = 1", "X = 1\ndef g(): pass")
    found = edits(changes, [Measured("m", "f"), Measured("m", "g")])
    assert [(e.name, e.kind) for e in found] == [("f", "function removed"), ("g", "function added")]


def test_a_class_measured_whole_gets_the_edits_of_its_parts() -> None:
    changes = changes_of(
        "class C:\n    x = 1\n    def m(self): return 1", "class C:\n    x = 2\n    def m(self): return 2"
    )
    assert [e.name for e in edits(changes, [Measured("m", "C")])] == ["C.x", "C.m"]


def test_a_difference_without_a_cause_says_so() -> None:
    (edit,) = edits(changes_of("A = 1\nB = 1", "A = 2\nB = 1"), [Measured("m", "B")])
    assert "no changed statement leads to it" in edit.reason


def test_changes_are_values() -> None:
    one, other = changes_of("A = 1", "A = 2"), changes_of("A = 1", "A = 2")
    assert one == other
    assert isinstance(one.statements[0], Change)
    assert hash(one.statements) == hash(other.statements)


def test_a_measured_plan_is_told_by_what_led_to_it() -> None:
    changes = changes_of("A = 1\nB = A\nprint(1)\nO = 1", "A = 2\nB = A\nprint(2)\nO = 1")
    live, reload = Effect.LIVE, Effect.RELOAD
    plan = Plan(
        (
            Edit("m", "A", "value", live, "measured"),
            Edit("m", "B", "value", reload, "it is live state"),
            Edit("m", "O", "value", live, "measured"),
            Edit("", "routes[0]", "value", live, "of the application"),
        ),
        ("a note",),
    )
    told = explained(plan, changes)
    assert [(e.name, e.kind, e.effect, e.reason) for e in told.edits] == [
        ("A", "constant", live, "constant changed"),
        ("B", "value", reload, "it is live state (follows A)"),
        ("O", "value", live, "measured"),
        ("routes[0]", "value", live, "of the application"),
    ]
    assert told.notes[0] == "a note"
    assert "print(2)" in told.notes[1]


def test_a_branch_that_came_is_explained_by_what_it_binds() -> None:
    changes = changes_of("import a", "try:\n    import a\nexcept ImportError:\n    a = None")
    assert left(changes, "a") == []


def test_inner_functions_are_edits_beside_their_function() -> None:
    old, new = "def f(a):\n    def g(): return 1", "def f(a, b):\n    def g(): return 2"
    changes = changes_of(old, new)
    assert [(e.name, e.kind) for e in edits(changes, [Measured("m", "f")])] == [
        ("f", "signature"),
        ("f.<locals>.g", "body"),
    ]
    assert left(changes, "f") == []


# -- laws ------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", [argparse, dataclasses, functools, typing], ids=lambda m: m.__name__)
def test_a_real_module_written_in_another_layout_is_unchanged(module: types.ModuleType) -> None:
    source = Path(module.__file__ or "").read_bytes()
    other = ast.unparse(ast.parse(source)).encode()
    assert explain({"m.py": source}, {"m.py": other}).statements == ()


@settings(max_examples=60, derandomize=True, deadline=None)
@given(pairs())
def test_every_definition_that_differs_is_named_and_no_other(pair: tuple[Program, Program]) -> None:
    old, new = pair
    before, after = (tree(program.sources()) for program in pair)
    told = {c.name.partition(".")[0] for c in explain(before, after).statements if c.kind is not Kind.IMPORT}
    texts = [{d.name: (d.module, d.source(p)) for d in p.definitions} for p in (old, new)]
    assert told == {name for name in texts[0] | texts[1] if texts[0].get(name) != texts[1].get(name)}


@settings(max_examples=60, derandomize=True, deadline=None)
@given(pairs())
def test_changes_of_the_way_back_name_the_same_definitions(pair: tuple[Program, Program]) -> None:
    before, after = (tree(program.sources()) for program in pair)
    there, back = explain(before, after), explain(after, before)
    assert {(c.module, c.name) for c in there.statements} == {(c.module, c.name) for c in back.statements}


def test_a_source_is_read_once_whoever_asks_about_it(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[tuple[str, bytes]] = []
    parse = syntax_read.parse
    monkeypatch.setattr(
        syntax_read, "parse", lambda file, text: read.append((file, text)) or parse(file, text)
    )
    sources = {"a.py": b"import b\nX = b.Y\n", "b.py": b"Y = 1\n"}
    changes = explain(sources, {**sources, "a.py": b"import b\nX = b.Y + 1\n"})
    for version in (changes.old, changes.new):
        program = syntax_follow.Program(version, changes.read)
        assert program.module("a") and program.module("b")
    assert sorted(read) == sorted({*changes.old.items(), *changes.new.items()})
