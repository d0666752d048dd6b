"""Rows that live as old code made them are not handed to new code that reads more of them."""

from __future__ import annotations

import pytest

from hotpatch.plan import Effect
from tests.engine.conftest import Program

ROWS = {
    "tuples in a list": (
        """
ROWS=[]
def add(x): ROWS.append((x,1))
def tell(): return [a for a,b in ROWS]
""",
        """
ROWS=[]
def add(x): ROWS.append((x,1,10))
def tell(): return [a for a,b,c in ROWS]
""",
    ),
    "lists in a list": (
        """
ROWS=[]
def add(x): ROWS.append([x,1])
def tell(): return [a for a,b in ROWS]
""",
        """
ROWS=[]
def add(x): ROWS.append([x,1,10])
def tell(): return [a for a,b,c in ROWS]
""",
    ),
    "lists, read by index": (
        """
ROWS=[]
def add(x): ROWS.append([x,1])
def tell(): return [r[1] for r in ROWS]
""",
        """
ROWS=[]
def add(x): ROWS.append([x,1,10])
def tell(): return [r[2] for r in ROWS]
""",
    ),
    "tuples in a dict": (
        """
ROWS={}
def add(x): ROWS[x]=(x,1)
def tell(): return [a for a,b in ROWS.values()]
""",
        """
ROWS={}
def add(x): ROWS[x]=(x,1,10)
def tell(): return [a for a,b,c in ROWS.values()]
""",
    ),
    "tuples that another function keeps": (
        """
ROWS=[]
def make(x): return (x,1)
def add(x): ROWS.append(make(x))
def tell(): return [a for a,b in ROWS]
""",
        """
ROWS=[]
def make(x): return (x,1,2)
def add(x): ROWS.append(make(x))
def tell(): return [a for a,b,c in ROWS]
""",
    ),
    "tuples in a deque that an object holds": (
        """
from collections import deque
class Q:
  def __init__(self): self.q=deque()
  def add(self,x): self.q.append((x,1))
  def tell(self): return [a for a,b in self.q]
QQ=Q()
def add(x): QQ.add(x)
def tell(): return QQ.tell()
""",
        """
from collections import deque
class Q:
  def __init__(self): self.q=deque()
  def add(self,x): self.q.append((x,1,3))
  def tell(self): return [a for a,b,c in self.q]
QQ=Q()
def add(x): QQ.add(x)
def tell(): return QQ.tell()
""",
    ),
    "a tuple that an object holds": (
        """
class S:
  def put(self,x): self.pos=(x,1)
  def tell(self):
    a,b=self.pos
    return a
S1=[]
def add(x):
  s = S()
  s.put(x)
  S1.append(s)
def tell(): return [s.tell() for s in S1]
""",
        """
class S:
  def put(self,x): self.pos=(x,1,2)
  def tell(self):
    a,b,c=self.pos
    return a
S1=[]
def add(x):
  s = S()
  s.put(x)
  S1.append(s)
def tell(): return [s.tell() for s in S1]
""",
    ),
    "a tuple that a variable holds": (
        """
LAST=None
def add(x):
  global LAST
  LAST=(x,1)
def tell():
  a,b=LAST
  return a
""",
        """
LAST=None
def add(x):
  global LAST
  LAST=(x,1,2)
def tell():
  a,b,c=LAST
  return a
""",
    ),
    "named tuples": (
        """
from collections import namedtuple
R=namedtuple('R','a b')
ROWS=[]
def add(x): ROWS.append(R(x,1))
def tell(): return [r.a for r in ROWS]
""",
        """
from collections import namedtuple
R=namedtuple('R','a b c')
ROWS=[]
def add(x): ROWS.append(R(x,1,2))
def tell(): return [r.c for r in ROWS]
""",
    ),
    "objects of a dataclass that gains a field made by a factory": (
        """
from dataclasses import dataclass,field
@dataclass
class R:
  a:int
ROWS=[]
def add(x): ROWS.append(R(x))
def tell(): return [repr(r) for r in ROWS]
""",
        """
from dataclasses import dataclass,field
@dataclass
class R:
  a:int
  c:list=field(default_factory=list)
ROWS=[]
def add(x): ROWS.append(R(x))
def tell(): return [repr(r) for r in ROWS]
""",
    ),
}
ONLY_RETURNED = """
def pair(x):
    return x, 1

def tell():
    a, b = pair(1)
    return a
"""


@pytest.mark.parametrize("name", ROWS)
def test_rows_that_live_and_lack_what_new_code_reads_are_the_reason(program: Program, name: str) -> None:
    old, new = ROWS[name]
    program.runs({"m.py": old})
    m = program.module("m")
    m.add(1)
    before = m.tell()
    assert program.patch({"m.py": new}).effect is Effect.RELOAD
    assert m.tell() == before


@pytest.mark.parametrize("name", sorted(ROWS.keys() - {"named tuples"}))  # whose class is another then
def test_without_rows_that_live_the_same_edit_is_live(program: Program, name: str) -> None:
    old, new = ROWS[name]
    program.runs({"m.py": old})
    m = program.module("m")
    outcome = program.patch({"m.py": new})
    assert outcome, outcome.reasons
    m.add(1)
    assert m.tell()


def test_a_tuple_that_is_only_returned_may_gain_an_item(program: Program) -> None:
    program.runs({"m.py": ONLY_RETURNED})
    m = program.module("m")
    m.tell()
    outcome = program.patch({"m.py": ONLY_RETURNED.replace("x, 1", "x, 1, 2").replace("a, b", "a, b, c")})
    assert outcome, outcome.reasons
    assert m.pair(3) == (3, 1, 2)
