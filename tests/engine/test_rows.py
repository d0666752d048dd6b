"""Rows that live as old code made them are not handed to new code that reads more of them."""

from __future__ import annotations

import pytest

from hotpatch.engine.tuples import Lengths
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
    "tuples of a comprehension that a list takes in": (
        """
ROWS=[]
def add(x): ROWS.extend([(x,n) for n in 'a'])
def tell(): return [a for a,b in ROWS]
""",
        """
ROWS=[]
def add(x): ROWS.extend([(x,n,10) for n in 'a'])
def tell(): return [a for a,b,c in ROWS]
""",
    ),
    "tuples of a generator that a list takes in": (
        """
ROWS=[]
def add(x): ROWS.extend((x,n) for n in 'a')
def tell(): return [a for a,b in ROWS]
""",
        """
ROWS=[]
def add(x): ROWS.extend((x,n,10) for n in 'a')
def tell(): return [a for a,b,c in ROWS]
""",
    ),
    "what a comprehension makes, by name": (
        """
ROWS=[]
def add(x):
    global ROWS
    ROWS={n: (x,n) for n in 'a'}
def tell(): return [a for a,b in dict(ROWS).values()]
""",
        """
ROWS=[]
def add(x):
    global ROWS
    ROWS={n: (x,n,10) for n in 'a'}
def tell(): return [a for a,b,c in dict(ROWS).values()]
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
  c:list=field(default_factory=lambda: [0])
ROWS=[]
def add(x): ROWS.append(R(x))
def tell(): return [repr(r) for r in ROWS]
""",
    ),
    "lists of two numbers, one of which is added to": (
        """
class B:
  def __init__(self): self.c=[0,0]
  def hit(self): self.c[1]+=1; return len(self.c)
BS=[]
def add(x): BS.append(B())
def tell(): return [b.hit() for b in BS]
""",
        """
class B:
  def __init__(self): self.c=[0,0,0]
  def hit(self): self.c[2]+=1; return len(self.c)
BS=[]
def add(x): BS.append(B())
def tell(): return [b.hit() for b in BS]
""",
    ),
    "lists of three constants, one of which is set": (
        """
class B:
  def __init__(self): self.c=[0,0,0]
  def hit(self): self.c[1]=1; return len(self.c)
BS=[]
def add(x): BS.append(B())
def tell(): return [b.hit() for b in BS]
""",
        """
class B:
  def __init__(self): self.c=[0,0,0,0]
  def hit(self): self.c[3]=1; return len(self.c)
BS=[]
def add(x): BS.append(B())
def tell(): return [b.hit() for b in BS]
""",
    ),
    "lists that are there for who asks": (
        """
ROWS={}
def row(x): return ROWS.setdefault(x,[0,0])
def add(x): row(x)[1]+=1
def tell(): return [add(x) or 1 for x in ROWS]
""",
        """
ROWS={}
def row(x): return ROWS.setdefault(x,[0,0,0])
def add(x): row(x)[2]+=1
def tell(): return [add(x) or 1 for x in ROWS]
""",
    ),
    "lists that a defaultdict makes": (
        """
from collections import defaultdict
ROWS=defaultdict(lambda: [0,0])
def add(x): ROWS[x][1]+=1
def tell(): return [add(x) or 1 for x in ROWS]
""",
        """
from collections import defaultdict
ROWS=defaultdict(lambda: [0,0,0])
def add(x): ROWS[x][2]+=1
def tell(): return [add(x) or 1 for x in ROWS]
""",
    ),
    "tuples that wait in a queue": (
        """
import queue
Q=queue.Queue()
def add(x): Q.put((x,1))
def tell():
  a,b=Q.get()
  Q.put((a,b))
  return [a]
""",
        """
import queue
Q=queue.Queue()
def add(x): Q.put((x,1,2))
def tell():
  a,b,c=Q.get()
  Q.put((a,b,c))
  return [a]
""",
    ),
    "tuples that wait in a queue of asyncio": (
        """
import asyncio
Q=asyncio.Queue()
def add(x): Q.put_nowait((x,1))
def tell():
  a,b=Q.get_nowait()
  Q.put_nowait((a,b))
  return [a]
""",
        """
import asyncio
Q=asyncio.Queue()
def add(x): Q.put_nowait((x,1,2))
def tell():
  a,b,c=Q.get_nowait()
  Q.put_nowait((a,b,c))
  return [a]
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


def test_a_table_with_numbers_as_keys_is_no_row(program: Program) -> None:
    text = """
TABLES = []
def add(): TABLES.append({0: 0, 1: 0})
def hit(table): table[1] += 1
def tell(): return [hit(t) or 1 for t in TABLES]
"""
    program.runs({"m.py": text})
    m = program.module("m")
    m.add()
    outcome = program.patch({"m.py": text.replace("table[1] += 1", "table[2] = table.get(2, 0) + 1")})
    assert outcome, outcome.reasons
    assert m.tell() == [1]


def test_rows_whose_length_the_code_knows_are_read_from_it() -> None:
    text = """
def f(self, x, row):
    self.c = [0, 0, 0]
    x.append([1, 2, 3, 4])
    row[6] += 1
    row[8]
    row[10] = 1
    return {"a": x, "b": x}, f(x=1, row=2)
"""
    space: dict[str, object] = {}
    exec(text, space)
    lengths = Lengths.of(space["f"].__code__)  # type: ignore[attr-defined]
    assert lengths.named == {("c", (list, 3))}
    assert lengths.kept == {(list, 3), (list, 4), (tuple, 2)}
    assert lengths.read == {7, 9, 11}


def test_rows_of_another_class_by_the_same_name_are_no_reason(program: Program) -> None:
    old, new = ROWS["lists of two numbers, one of which is added to"]
    program.runs({"m.py": old, "other.py": "class Other:\n    def __init__(self): self.c = [0, 0]\n"})
    m, other = program.module("m"), program.module("other").Other()
    outcome = program.patch({"m.py": new})
    assert outcome, outcome.reasons
    m.add(1)
    assert (m.tell(), other.c) == ([3], [0, 0])
