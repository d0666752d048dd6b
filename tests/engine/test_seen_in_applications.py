"""What real applications did, made small: each test is the least program that shows it."""

from __future__ import annotations

import importlib.machinery
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from hotpatch import engine, patching
from hotpatch.errors import PatchRefused

NUMBERS = iter(range(1000))
Start = Callable[[str, str], tuple[ModuleType, Callable[[], patching.Outcome]]]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Imports a module from a text, and patches it to another."""
    root = tmp_path / "root"
    monkeypatch.syspath_prepend(str(root))
    loaded: list[str] = []

    def start(old: str, new: str) -> tuple[ModuleType, Callable[[], patching.Outcome]]:
        name = f"seen_{next(NUMBERS)}"
        for folder, text in (("before", old), ("after", new), ("root", old)):
            (tmp_path / folder).mkdir(exist_ok=True)
            (tmp_path / folder / f"{name}.py").write_text(textwrap.dedent(text))
        module = __import__(name)
        loaded.append(name)
        return module, lambda: patching.patch(
            tmp_path / "before", tmp_path / "after", root=root, modules=[name]
        )

    yield start
    for name in loaded:
        sys.modules.pop(name, None)


LAZY = """
from functools import cached_property

class App:
    def limit(self):
        return {limit}

    @cached_property
    def hooks(self):
        return []

APP = App()
APP.hooks.append("registered at start")
"""


def test_a_cached_property_that_only_moved_keeps_its_answer(program: Start) -> None:
    module, patch = program(LAZY.format(limit=1), LAZY.format(limit="1 +\\\n            1"))
    module.APP.hooks.append("registered later")
    outcome = patch()
    assert outcome, outcome.reasons
    assert module.APP.limit() == 2
    assert module.APP.hooks == ["registered at start", "registered later"]


COPIED = """
import copy

class Shop:
    name = "x"

    def limit(self):
        return {limit}

class Market(Shop):
    {more}

SHOP = Market()

def duplicate():
    return copy.copy(SHOP)
"""


def test_a_copy_made_of_an_instance_is_no_change_of_its_class(program: Start) -> None:
    module, patch = program(COPIED.format(limit=1, more="x = 1"), COPIED.format(limit=2, more="y = 1"))
    module.duplicate()
    assert "__slotnames__" in vars(module.Market)
    outcome = patch()
    assert outcome, outcome.reasons
    assert module.duplicate().limit() == 2


def compiled_module() -> Path:
    """An extension module that any CPython brings along as a file, and that imports under its own name."""
    found = [
        Path(spec.origin)
        for name in ("_zoneinfo", "_lsprof", "_queue", "_statistics")
        if (spec := importlib.machinery.PathFinder.find_spec(name)) and spec.origin
    ]
    if not found:
        pytest.skip("this interpreter has its extension modules built in")
    return found[0]


@pytest.mark.parametrize("change", ["another", "gone"])
def test_an_extension_module_that_changes_is_said_to_need_a_new_process(tmp_path: Path, change: str) -> None:
    library = compiled_module()
    name = library.name.partition(".")[0]
    for folder in ("old", "new"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "app.py").write_text(
            f"try:\n    import {name}\nexcept ImportError:\n    pass\ndef answer():\n    return 1\n"
        )
        shutil.copyfile(library, tmp_path / folder / library.name)
    start = engine.Start(root=str(tmp_path / "old"), modules=("app",))
    unchanged = engine.measure(str(tmp_path / "old"), str(tmp_path / "new"), start)
    assert not unchanged.problems
    if change == "gone":
        (tmp_path / "new" / library.name).unlink()
    else:
        with (tmp_path / "new" / library.name).open("ab") as file:
            file.write(b"x")
    measured = engine.measure(str(tmp_path / "old"), str(tmp_path / "new"), start)
    with pytest.raises(PatchRefused, match="extension module"):
        engine.stage(measured, str(tmp_path / "old"))


GENERIC = """
{imports}

class Attribute{base}:
    def __init__(self, name):
        self.name = name

    def __get__(self, obj, owner=None):
        return self if obj is None else obj.values[self.name]

class Config:
    debug = Attribute("debug")

    def __init__(self):
        self.values = dict(debug={value})

CONFIG = Config()
"""


def test_a_class_that_gives_way_to_another_is_held_by_nobody_but_the_proof(program: Start) -> None:
    old = GENERIC.format(imports="", base="", value=1)
    imports = "import typing\nT = typing.TypeVar('T')"
    new = GENERIC.format(imports=imports, base="(typing.Generic[T])", value=1)
    module, patch = program(old, new)
    outcome = patch()
    assert outcome, outcome.reasons
    assert module.CONFIG.debug == 1
    assert module.Attribute[int]
    assert isinstance(module.Config.__dict__["debug"], module.Attribute)


ROWS = """
{keeper}

def note(name):
    {put}

def table():
    return [{read}]
"""
AS_PAIRS = {"put": "ROWS.append((name, 1))", "read": "name * count for name, count in ROWS"}
HOLDER = "class Shelf:\n    def __init__(self):\n        self.rows = []\nSHELF = Shelf()"


@pytest.mark.parametrize(
    ("keeper", "old", "new"),
    [
        pytest.param(
            "ROWS = []",
            AS_PAIRS,
            {"put": "ROWS.append((name, 1, 2))", "read": "name * count for name, count, weight in ROWS"},
            id="a list of the module, unpacked",
        ),
        pytest.param(
            "ROWS = []",
            AS_PAIRS,
            {"put": "ROWS.append((name, 1, 2))", "read": "row[0] * row[2] for row in ROWS"},
            id="a list of the module, by index",
        ),
        pytest.param(
            "ROWS = {}",
            {"put": "ROWS[name] = name, 1", "read": "a * b for a, b in ROWS.values()"},
            {"put": "ROWS[name] = name, 1, 2", "read": "a * b for a, b, c in ROWS.values()"},
            id="a table of the module",
        ),
        pytest.param(
            HOLDER,
            {"put": "SHELF.rows.append((name, 1))", "read": "a * b for a, b in SHELF.rows"},
            {"put": "SHELF.rows.append((name, 1, 2))", "read": "a * b for a, b, c in SHELF.rows"},
            id="a list of an object",
        ),
    ],
)
def test_rows_that_live_with_fewer_items_than_new_code_unpacks_are_not_patched_over(
    program: Start, keeper: str, old: dict[str, str], new: dict[str, str]
) -> None:
    module, patch = program(ROWS.format(keeper=keeper, **old), ROWS.format(keeper=keeper, **new))
    module.note("ab")
    outcome = patch()
    assert outcome.effect.value == "reload"
    assert "rows of" in outcome.reasons[0]
    assert module.table() == ["ab"]


def test_rows_with_another_length_are_live_where_none_have_been_made_yet(program: Start) -> None:
    new = {"put": "ROWS.append((name, 1, 2))", "read": "name * weight for name, count, weight in ROWS"}
    module, patch = program(
        ROWS.format(keeper="ROWS = []", **AS_PAIRS), ROWS.format(keeper="ROWS = []", **new)
    )
    outcome = patch()
    assert outcome.effect.value == "live"
    module.note("ab")
    assert module.table() == ["abab"]


MIDDLE = """
class Base:
    __slots__ = ("__dict__", "marked")

    def tell(self):
        return "base"

{middle}
class Model({base}):
    def __init__(self, name):
        self.name = name

class Special(Model):
    pass

KEPT = [Model("kept"), Special("special")]
TABLE = {{"model": Model}}
"""
"""A base that adds a place for weak references comes between, so that C exchanges no bases (as pydantic's
models have it)."""
MIDDLE_CLASS = """
class Middle(Base):
    def tell(self):
        return "middle"
"""


def test_a_class_gets_a_base_of_another_layout_between_and_its_objects_follow(program: Start) -> None:
    module, patch = program(
        MIDDLE.format(middle="", base="Base"), MIDDLE.format(middle=MIDDLE_CLASS, base="Middle")
    )
    kept, special = module.KEPT
    later = module.Model("later")
    later.marked = 1
    outcome = patch()
    assert outcome, outcome.reasons
    assert [each.tell() for each in (kept, special, later)] == ["middle"] * 3
    assert (later.name, later.marked) == ("later", 1)
    assert [kept, special] == module.KEPT
    assert type(kept) is type(later) is module.Model is module.TABLE["model"]
    assert module.Special.__mro__[1:3] == (module.Model, module.Middle)
    assert outcome.undo is not None
    outcome.undo.revert()
    assert [each.tell() for each in (kept, special, later)] == ["base"] * 3
    assert type(kept) is module.Model is module.TABLE["model"]
