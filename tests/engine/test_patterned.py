"""Records whose keys stand in a class, a template or a list are known again when that gains a key."""

from __future__ import annotations

import pytest

from hotpatch.plan import Effect

from .conftest import Program

MADE = """
from dataclasses import asdict, dataclass
from typing import NotRequired, TypedDict
{before}
MADE = []
def make(): MADE.append({record})
def tell(): return [{tell} for record in MADE]
"""
PATTERNS = {
    "a typed dict is called": (
        "class Pad(TypedDict):\n    nib: str\n{    ink: str}",
        "Pad(nib='a'{, ink='b'})",
    ),
    "a typed dict with keys that may be missing is called": (
        "class Pad(TypedDict):\n    nib: str\n    cap: NotRequired[str]\n{    ink: str}",
        "Pad(nib='a'{, ink='b'})",
    ),
    "a dataclass is told as a dictionary": (
        "@dataclass\nclass Pad:\n    nib: str\n{    ink: str = 'b'}",
        "asdict(Pad('a'))",
    ),
    "a model is told as a dictionary": (
        "from pydantic import BaseModel\nclass Pad(BaseModel):\n    nib: str\n{    ink: str = 'b'}",
        "Pad(nib='a').model_dump()",
    ),
    "a template is copied": ("BASE = {'nib': 1{, 'ink': 2}}", "BASE.copy()"),
    "a template is taken in": ("BASE = {'nib': 1{, 'ink': 2}}", "{**BASE, 'nib': 3}"),
    "a list names the keys": ("FIELDS = ['nib'{, 'ink'}]", "dict.fromkeys(FIELDS, 1)"),
    "a tuple names the keys": ("FIELDS = ('nib',{ 'ink'})", "{f: 1 for f in FIELDS}"),
    "the function names the keys": ("", "dict(zip(('nib',{ 'ink'}), (1, 2)))"),
}
WAYS = {
    "it asks whether the key is there": ("record['nib']", "record['ink'] if 'ink' in record else 1"),
    "it gets the key with a default": ("record['nib']", "record.get('ink', 1)"),
    "it reads what was there": ("record['nib']", "[record['nib']]"),
}


def source(pattern: str, tell: str, grown: bool) -> str:
    before, record = PATTERNS[pattern]
    for part in (
        "{    ink: str = 'b'}",
        "{    ink: str}",
        "{, ink='b'}",
        "{, 'ink': 2}",
        "{, 'ink'}",
        "{ 'ink'}",
    ):
        by = part[1:-1] if grown else ""
        before, record = before.replace(part, by), record.replace(part, by)
    return MADE.replace("{before}", before).replace("{record}", record).replace("{tell}", tell)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_records_that_live_and_lack_a_key_that_their_pattern_has_gained_are_the_reason(
    program: Program, pattern: str
) -> None:
    program.runs({"m.py": source(pattern, "record['nib']", grown=False)})
    m = program.module("m")
    m.make()
    before = m.tell()
    outcome = program.patch({"m.py": source(pattern, "record['ink']", grown=True)})
    assert outcome.effect is Effect.RELOAD and "lack ink, which new code reads" in outcome.reasons[0]
    assert m.tell() == before
    m.MADE.clear()


@pytest.mark.parametrize("pattern", PATTERNS)
def test_without_such_records_the_same_edit_is_live(program: Program, pattern: str) -> None:
    # Under keys of their own: other tests' records may live on in this process.
    old, new = (
        source(pattern, f"record['{key}']", grown=key == "ink").replace("nib", "nub").replace("ink", "onk")
        for key in ("nib", "ink")
    )
    program.runs({"m.py": old})
    m = program.module("m")
    outcome = program.patch({"m.py": new})
    assert outcome, outcome.reasons
    m.make()
    assert m.tell()


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("way", WAYS)
def test_records_that_lack_a_key_are_no_reason_if(program: Program, pattern: str, way: str) -> None:
    old, new = WAYS[way]
    program.runs({"m.py": source(pattern, old, grown=False)})
    m = program.module("m")
    m.make()
    outcome = program.patch({"m.py": source(pattern, new, grown=True)})
    assert outcome, outcome.reasons
    assert m.tell()


def test_what_an_object_with_the_fields_consists_of_is_no_record(program: Program) -> None:
    pattern = "a dataclass is told as a dictionary"
    more = "OBJECTS = []\ndef hold(): OBJECTS.append(Pad('a'))\n"
    old = (source(pattern, "record['nib']", grown=False) + more).replace("nib", "neb").replace("ink", "enk")
    new = (source(pattern, "record['ink']", grown=True) + more).replace("nib", "neb").replace("ink", "enk")
    program.runs({"m.py": old})
    m = program.module("m")
    m.hold()
    assert vars(m.OBJECTS[0]) == {"neb": "a"}
    outcome = program.patch({"m.py": new})
    assert outcome, outcome.reasons


def test_a_template_that_nobody_copies_is_none(program: Program) -> None:
    text = """
TABLE, MADE = {"mat": 1}, []
def make(): MADE.append({"mat": 2})
def tell(): return TABLE["mat"]
"""
    program.runs({"m.py": text})
    m = program.module("m")
    m.make()
    new = text.replace('{"mat": 1}', '{"mat": 1, "lid": 2}').replace('TABLE["mat"]', 'TABLE["lid"]')
    outcome = program.patch({"m.py": new})
    assert outcome, outcome.reasons
    assert m.tell() == 2


def test_what_a_class_is_declared_to_have_is_no_record(program: Program) -> None:
    text = """
import dataclasses
from typing import TypedDict
class Pad(TypedDict):
    neb: str
    {grown}
class Node:
    neb: str
@dataclasses.dataclass
class Field:
    neb: str
neb: str
def make(): return Pad(neb="a"{made})
def tell(record): return record[{read!r}]
"""
    program.runs({"m.py": text.format(grown="", made="", read="neb")})
    m = program.module("m")
    outcome = program.patch({"m.py": text.format(grown="enk: str", made=", enk='b'", read="enk")})
    assert outcome, outcome.reasons
    assert m.tell(m.make()) == "b"


OPTIONAL = """
from typing import TypedDict
class Pad(TypedDict, total=False):
    neb: str
    cap: str
    {grown}
ARGUMENTS, PADS = {{}}, []
def make(): return Pad(neb="a", cap="b"{made})
def tell(record): return record[{read!r}]
"""


@pytest.mark.parametrize("is_live", [True, False])
def test_a_table_with_one_of_several_keys_that_a_record_may_have_is_none(
    program: Program, is_live: bool
) -> None:
    program.runs({"m.py": OPTIONAL.format(grown="", made="", read="neb")})
    m = program.module("m")
    m.ARGUMENTS["neb"] = object()
    if not is_live:
        m.PADS.append(m.make())
    outcome = program.patch({"m.py": OPTIONAL.format(grown="enk: str", made=", enk='c'", read="enk")})
    assert bool(outcome) is is_live, outcome.reasons
    assert is_live or "records with the keys of Pad live and lack enk" in " ".join(outcome.reasons)
