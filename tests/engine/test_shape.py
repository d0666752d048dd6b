"""Describing a process runs none of its code."""

from __future__ import annotations

import json
import types

import pytest

from hotpatch.engine.prove import describe_live
from hotpatch.engine.world import World

from .conftest import Program

RECORD = (
    "TOUCHED = []\ndef note(*args, **kwargs):\n    TOUCHED.append(1)\n    raise RuntimeError('touched')\n"
)
TRAPS = {
    "an attribute that is not there": "class T:\n    __getattr__ = note\nX = T()",
    "every attribute": "class T:\n    __getattribute__ = note\nX = T()",
    "a property": "class T:\n    p = property(note)\nX = T()",
    "its class in disguise": "class T:\n    __class__ = property(note)\nX = T()",
    "its dictionary in disguise": "class T:\n    __dict__ = property(note)\nX = T()",
    "pickling": "class T:\n    __reduce__ = __reduce_ex__ = __getstate__ = note\nX = T()",
    "copying": "class T:\n    __copy__ = __deepcopy__ = note\nX = T()",
    "text": "class T:\n    __repr__ = __str__ = __format__ = note\nX = T()",
    "comparison": (
        "class T:\n    __eq__ = __ne__ = __lt__ = note\n    __hash__ = object.__hash__\nX = {T(): T()}"
    ),
    "truth and length": "class T:\n    __bool__ = __len__ = note\nX = T()",
    "items of a list of its own": "class T(list):\n    __iter__ = __getitem__ = __len__ = note\nX = T([1])",
    "items of a dict of its own": (
        "class T(dict):\n    __iter__ = __getitem__ = keys = items = values = note\nX = T(a=1)"
    ),
    "numbers of its own": "class T(int):\n    __int__ = __index__ = __repr__ = note\nX = T(3)",
    "texts of its own": "class T(str):\n    __str__ = __repr__ = __getitem__ = note\nX = T('a')",
    "a slot under a property": (
        "class B:\n    __slots__ = ('a',)\nclass T(B):\n    __slots__ = ()\n    a = property(note)\nX = T()"
    ),
    "a metaclass": (
        "class M(type):\n    def __getattribute__(cls, name):\n        note()\n"
        "    __instancecheck__ = __subclasscheck__ = __iter__ = note\nclass T(metaclass=M): pass\nX = T"
    ),
    "a metaclass that compares": (
        "class M(type):\n    __eq__ = note\n    __hash__ = type.__hash__\nclass T(metaclass=M): pass\nX = T()"
    ),
    "a metaclass that hides": (
        "class M(type):\n    __mro__ = __bases__ = __flags__ = __base__ = property(note)\n"
        "class T(metaclass=M): pass\nX = T()"
    ),
    "a descriptor": "class D:\n    __get__ = __set__ = note\nclass T:\n    d = D()\nX = T()",
    "an abstract class's registry": (
        "import abc\nclass T(abc.ABC):\n    __subclasshook__ = classmethod(note)\nX = T()"
    ),
    "a generator": "def g():\n    note()\n    yield\nX = g()",
    "a module that answers for its names": "__getattr__ = note\nX = 1",
}


@pytest.mark.parametrize("trap", TRAPS)
def test_describing_runs_no_code_of_the_program(program: Program, trap: str) -> None:
    program.runs({"traps.py": RECORD + TRAPS[trap] + "\n"})
    traps = program.module("traps")
    traps.TOUCHED.clear()  # what making them took
    graph = describe_live(str(program.root), None, ())
    assert traps.TOUCHED == []
    assert {"traps.X", "traps.T"} & set(map(graph.path, range(len(graph.nodes))))


@pytest.mark.parametrize("trap", TRAPS)
def test_patching_beside_them_runs_none_either(program: Program, trap: str) -> None:
    text = RECORD + TRAPS[trap] + "\n"
    program.runs({"traps.py": text})
    traps = program.module("traps")
    traps.TOUCHED.clear()
    outcome = program.patch({"traps.py": text + "def added():\n    return 1\n"})
    assert outcome, outcome.reasons
    assert traps.TOUCHED == [] and vars(traps)["added"]() == 1


def test_a_text_with_the_programs_folder_is_told_without_it(program: Program) -> None:
    program.runs({"a.py": "X = 1\n"})
    world = World(str(program.root))
    text = f"{program.root}/data"
    assert str(program.root) not in world.tidy(text) and world.untidy(world.tidy(text)) == text


def test_an_object_of_an_outside_module_goes_by_its_name(program: Program) -> None:
    program.runs({"a.py": "X = 1\n"})
    assert World(str(program.root)).name_outside(json.dumps) == ("json", "dumps")


def test_a_type_of_c_goes_by_its_name_in_types_whatever_else_names_it() -> None:
    import hmac

    assert hmac._functype is types.BuiltinFunctionType  # type: ignore[attr-defined]
    assert World("/nowhere").name_outside(types.BuiltinFunctionType) == ("types", "BuiltinFunctionType")
