"""How long an object lives is the program's affair, whatever its class has become."""

from __future__ import annotations

import gc
import weakref

from .conftest import Program

MANY = 10_000
"""Objects: a process of the tests has more than that, and no list of the program has."""

OLD = """
class Till:
    def total(self): return 1
"""
NEW = """
class Counter:
    pass
class Till(Counter):
    def total(self): return 2
"""


def test_one_whose_class_was_exchanged_goes_when_the_program_lets_go_of_it(program: Program) -> None:
    program.runs({"shop.py": OLD})
    shop = program.module("shop")
    kept, dropped = shop.Till(), shop.Till()
    gone = weakref.ref(dropped)
    outcome = program.patch({"shop.py": NEW})
    assert outcome, outcome.reasons
    del dropped
    gc.collect()
    assert gone() is None
    made_since = shop.Till()
    assert outcome.undo is not None
    outcome.undo.revert()
    assert type(kept) is type(made_since) is shop.Till
    assert (kept.total(), made_since.total()) == (1, 1)


def test_no_list_of_all_objects_outlives_the_patch(program: Program) -> None:
    text = "class C:\n    __slots__ = ({})\nclass D(C):\n    pass\n"
    program.runs({"m.py": text.format("'a',")})
    program.module("m")
    gc.collect()
    gc.disable()
    try:
        before = {id(some) for some in gc.get_objects() if type(some) is list and len(some) > MANY}
        outcome = program.patch({"m.py": text.format("'a', 'b'")})
        assert outcome, outcome.reasons
        after = [some for some in gc.get_objects() if type(some) is list and len(some) > MANY]
        assert not [len(some) for some in after if id(some) not in before]
    finally:
        gc.enable()
