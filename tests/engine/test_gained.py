"""Keys that are objects, and that have gained something since the start."""

from __future__ import annotations

import argparse
import importlib
import optparse
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from hotpatch import patching
from hotpatch.engine import gained
from hotpatch.engine.labels import label as label_of
from hotpatch.engine.shape import Shapes
from hotpatch.engine.world import World

PROGRAM = """
class Kind:
    def __init__(self, name):
        self.name = name

    def text(self):
        if "kept" not in self.__dict__:
            self.kept = "<" + self.name + ">"
        return self.kept

TEA, CUP, POT = Kind("tea"), Kind("cup"), Kind("pot")

def price(kind):
    return {price}

def found(kind):
    return TABLE[kind, "price"]

TABLE = {{}}
TABLE[TEA, "price"] = price(TEA), "tea"
TABLE[CUP, "price"] = price(CUP), "cup"
{more}
"""


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, Path, Path]]:
    monkeypatch.syspath_prepend(str(tmp_path / "root"))
    for name in ("root", "before", "after"):
        (tmp_path / name).mkdir()
    yield tmp_path / "root", tmp_path / "before", tmp_path / "after"
    sys.modules.pop("keyed_shop", None)


def start(folders: tuple[Path, Path, Path], old: str, new: str) -> ModuleType:
    for folder, text in zip(folders, (old, old, new), strict=True):
        (folder / "keyed_shop.py").write_text(text)
    return importlib.import_module("keyed_shop")


def patch(folders: tuple[Path, Path, Path]) -> patching.Outcome:
    root, before, after = folders
    return patching.patch(before, after, root=root, modules=["keyed_shop"])


def test_values_under_keys_that_have_gained_an_attribute_follow(folders: tuple[Path, Path, Path]) -> None:
    module = start(folders, PROGRAM.format(price=1, more=""), PROGRAM.format(price=2, more=""))
    assert module.TEA.text() == "<tea>"
    outcome = patch(folders)
    assert outcome, outcome.reasons
    assert (module.found(module.TEA), module.found(module.CUP)) == ((2, "tea"), (2, "cup"))
    assert len(module.TABLE) == 2
    assert outcome.undo is not None
    outcome.undo.revert()
    assert (module.found(module.TEA), module.found(module.CUP)) == ((1, "tea"), (1, "cup"))


def test_a_key_that_the_new_start_knows_by_more_is_the_same_key(folders: tuple[Path, Path, Path]) -> None:
    module = start(folders, PROGRAM.format(price=1, more=""), PROGRAM.format(price=2, more="TEA.text()"))
    outcome = patch(folders)
    assert outcome, outcome.reasons
    assert (module.found(module.TEA), module.found(module.CUP)) == ((2, "tea"), (2, "cup"))
    assert (len(module.TABLE), vars(module.TEA)) == (2, {"name": "tea", "kept": "<tea>"})


def test_a_key_that_the_old_start_knew_by_more_is_the_same_key(folders: tuple[Path, Path, Path]) -> None:
    module = start(folders, PROGRAM.format(price=1, more="TEA.text()"), PROGRAM.format(price=2, more=""))
    outcome = patch(folders)
    assert outcome, outcome.reasons
    assert (module.found(module.TEA), module.found(module.CUP)) == ((2, "tea"), (2, "cup"))
    assert len(module.TABLE) == 2


def test_a_key_that_has_gained_an_attribute_is_taken_out(folders: tuple[Path, Path, Path]) -> None:
    more = 'TABLE[POT, "price"] = 3, "pot"'
    module = start(folders, PROGRAM.format(price=1, more=more), PROGRAM.format(price=1, more=""))
    assert module.POT.text() == "<pot>"
    outcome = patch(folders)
    assert outcome, outcome.reasons
    assert list(module.TABLE) == [(module.TEA, "price"), (module.CUP, "price")]


def test_a_key_that_another_may_have_come_to_look_like_is_not_guessed(
    folders: tuple[Path, Path, Path],
) -> None:
    """`BARE` takes the name of `TEA`, which has left the table: nothing tells the two apart."""
    more = 'BARE = Kind.__new__(Kind)\nTABLE[BARE, "price"] = 9, "bare"'
    module = start(folders, PROGRAM.format(price=1, more=more), PROGRAM.format(price=2, more=more))
    module.BARE.name = "tea"
    module.BARE.text()
    del module.TABLE[module.TEA, "price"]
    outcome = patch(folders)
    assert not outcome
    assert module.TABLE[module.BARE, "price"] == (9, "bare")


def label(*parts: tuple[str, object]) -> str:
    return repr(
        ("tuple", None, ("instance", ("outside", None), *[(("attr", n), "str", v) for n, v in parts]))
    )


def test_a_label_covers_one_that_says_less() -> None:
    one, more = label(("name", "a")), label(("kept", "x"), ("name", "a"))
    assert gained.covers(more, one)
    assert not gained.covers(one, more)
    assert not gained.covers(label(("name", "b"), ("kept", "x")), one)
    assert not gained.covers("('str', 'a')", "('bytes', 'a')")


def test_of_two_keys_that_cover_it_neither_is_taken() -> None:
    step = ("key", "obj", label(("name", "a")), 0)
    both = [("key", "obj", label(("name", "a"), ("kept", kept)), 0) for kept in "xy"]
    assert gained.found_again(step, both[:1]) == both[0]
    assert gained.found_again(step, both) is None


def test_a_key_is_unmistakable_where_all_others_say_something_else() -> None:
    a, b, bare = (("key", "obj", text, 0) for text in (label(("name", "a")), label(("name", "b")), label()))
    assert gained.unmistakable(a, [a, b])
    assert not gained.unmistakable(a, [a, b, bare])


def test_objects_of_different_classes_are_told_apart_however_deep_in_a_key() -> None:
    shapes = Shapes(World("/nowhere"))
    deep = [((argparse.Namespace(a=1),),), ((optparse.Values({"b": 1}),),)]
    first, second = (("key", "obj", repr(label_of(each, shapes.expand)), 0) for each in deep)
    assert gained.unmistakable(first, [first, second])
