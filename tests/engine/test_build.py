"""New objects are made from what a clean start found; nothing of the program runs for it."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from hotpatch import engine
from hotpatch.plan import Effect

from .conftest import Program

NOTE = "RAN = []\ndef ran(*args, **kwargs):\n    RAN.append(args)\n"
HOOKS = {
    "__init_subclass__": (
        "class B:\n    def __init_subclass__(cls, **kw):\n        ran(cls)\n"
        "        cls.tag = sorted(kw.items())\n",
        "class N(B, a=1): pass\n",
        "N.tag == [('a', 1)]",
    ),
    "__set_name__": (
        "class D:\n    def __set_name__(self, owner, name):\n        ran(owner)\n        self.name = name\n"
        "    def __get__(self, obj, cls): return self.name\n",
        "class N:\n    field = D()\n",
        "N.field == 'field'",
    ),
    "a metaclass": (
        "class M(type):\n    def __new__(m, name, bases, space):\n        ran(name)\n"
        "        space['extra'] = 7\n        return super().__new__(m, name, bases, space)\n"
        "    def __init__(cls, *args): ran(cls)\n",
        "class N(metaclass=M): pass\n",
        "N.extra == 7 and type(N) is M",
    ),
    "a class decorator": (
        "def mark(cls):\n    ran(cls)\n    cls.marked = True\n    return cls\n",
        "@mark\nclass N: pass\n",
        "N.marked",
    ),
    "a function decorator": (
        "import functools\ndef twice(f):\n    ran(f)\n    @functools.wraps(f)\n"
        "    def call(*a): return 2 * f(*a)\n    return call\n",
        "@twice\ndef n(a): return a\n",
        "n(3) == 6 and n.__wrapped__(3) == 3",
    ),
    "__new__ and __init__": (
        "class T:\n    def __new__(cls, *a):\n        ran(cls)\n        return super().__new__(cls)\n"
        "    def __init__(self, a):\n        ran(self)\n        self.a = a\n",
        "N = T(5)\n",
        "type(N) is T and N.a == 5",
    ),
    "__setattr__ and __setitem__": (
        "class T(dict):\n    def __setattr__(self, n, v):\n        ran(n)\n"
        "        object.__setattr__(self, n, v)\n"
        "    def __setitem__(self, k, v):\n        ran(k)\n        dict.__setitem__(self, k, v)\n",
        "N = T()\nN.x = 1\nN['y'] = 2\n",
        "type(N) is T and N.x == 1 and dict(N) == {'y': 2}",
    ),
    "a module's own functions": ("def made(): ran(); return [1]\n", "N = made() + [2]\n", "N == [1, 2]"),
}  # fmt: skip


@pytest.mark.parametrize("hook", HOOKS)
def test_what_a_definition_would_call_is_not_called(program: Program, hook: str) -> None:
    head, added, holds = HOOKS[hook]
    program.runs({"m.py": NOTE + head})
    m = program.module("m")
    outcome = program.patch({"m.py": NOTE + head + added})
    assert [edit.name for edit in outcome.edits if edit.effect is not Effect.LIVE] in ([], ["RAN"])
    if not outcome:  # the record of the calls is state here, and a start with it is the edit's
        pytest.fail(str(outcome.reasons))
    assert eval(holds, vars(m)), holds
    assert len(m.RAN) <= 2  # as a list that is made anew, not by calls


KINDS = {
    "an enum": (
        "import enum\nclass N(enum.Enum):\n    A = 1\n    B = 2\n    def f(self): return self.value\n",
        lambda N: (N(1) is N.A, N["B"].f(), list(N), pickle.loads(pickle.dumps(N.A)) is N.A, N.A == N.A),
        lambda N: (True, 2, [N.A, N.B], True, True),
    ),
    "a flag": (
        "import enum\nclass N(enum.Flag):\n    A = enum.auto()\n    B = enum.auto()\n",
        lambda N: ((N.A | N.B) & N.B, N(3), N.A in (N.A | N.B)),
        lambda N: (N.B, N.A | N.B, True),
    ),
    "a dataclass": (
        "import dataclasses\n@dataclasses.dataclass(frozen=True, order=True)\nclass N:\n    a: int\n"
        "    b: list = dataclasses.field(default_factory=list)\n",
        lambda N: (N(1) == N(1), N(1) < N(2), N(1).b, repr(N(1))),
        lambda N: (True, True, [], "N(a=1, b=[])"),
    ),
    "a named tuple": (
        "import typing\nclass N(typing.NamedTuple):\n    a: int\n    b: str = 'x'\n"
        "    def f(self): return self.a\n",
        lambda N: (N(1), N(1).f(), N(1)._replace(b="y").b, N._fields, pickle.loads(pickle.dumps(N(1)))),
        lambda N: ((1, "x"), 1, "y", ("a", "b"), (1, "x")),
    ),
    "a class with slots and super": (
        "class B:\n    __slots__ = ('a',)\n    def __init__(self): self.a = 1\n"
        "class N(B):\n    __slots__ = ('b',)\n    def __init__(self):\n        super().__init__()\n"
        "        self.b = __class__\n",
        lambda N: (N().a, N().b is N, hasattr(N(), "__dict__")),
        lambda N: (1, True, False),
    ),
    "an abstract class": (
        "import abc\nclass B(abc.ABC):\n    @abc.abstractmethod\n    def f(self): ...\n"
        "class N(B):\n    def f(self): return 1\nB.register(int)\n",
        lambda N: (N().f(), isinstance(3, N.__mro__[1]), _raises(N.__mro__[1])),
        lambda N: (1, True, "TypeError"),
    ),
    "an exception": (
        "class N(ValueError):\n    def __init__(self, code):\n        super().__init__(code)\n"
        "        self.code = code\n",
        lambda N: (isinstance(N(3), ValueError), N(3).code, N(3).args),
        lambda N: (True, 3, (3,)),
    ),
    "a generic class": (
        "import typing\nT = typing.TypeVar('T')\nclass N(typing.Generic[T]):\n"
        "    def f(self, x: T) -> T: return x\n",
        lambda N: (N[int]().f(3), N.__orig_bases__[0].__args__[0].__name__, N[int].__args__),
        lambda N: (3, "T", (int,)),
    ),
    "properties and methods of every kind": (
        "class N:\n    @property\n    def p(self): return 1\n    @p.setter\n"
        "    def p(self, v): self.q = v\n"
        "    @classmethod\n    def c(cls): return cls\n    @staticmethod\n    def s(): return 2\n"
        "    async def a(self): return 3\n    def g(self): yield 4\n",
        lambda N: (N().p, N.c() is N, N.s(), list(N().g()), setattr(N(), "p", 5)),
        lambda N: (1, True, 2, [4], None),
    ),
    "a closure": (
        "def make():\n    n = 0\n    def up():\n        nonlocal n\n        n += 1\n        return n\n"
        "    return up\nN = make()\n",
        lambda N: (N(), N(), N.__qualname__),
        lambda N: (1, 2, "make.<locals>.up"),
    ),
    "a function that knows itself": (
        "def make():\n    def fac(n): return 1 if n < 2 else n * fac(n - 1)\n    return fac\nN = make()\n",
        lambda N: (N(4), N.__closure__[0].cell_contents is N),
        lambda N: (24, True),
    ),
    "a table that holds itself": (
        "N = {'a': 1}\nN['self'] = N\n",
        lambda N: (N["self"] is N, N["a"]),
        lambda N: (True, 1),
    ),
}  # fmt: skip


def _raises(make: Any) -> str:
    try:
        make()
    except Exception as error:  # noqa: BLE001
        return type(error).__name__
    return ""


@pytest.mark.parametrize("kind", KINDS)
def test_a_definition_that_comes_works_as_after_a_start(program: Program, kind: str) -> None:
    source, ask, wanted = KINDS[kind]
    program.runs({"m.py": "X = 1\n"})
    m = program.module("m")
    outcome = program.patch({"m.py": "X = 1\n" + source})
    assert outcome, outcome.reasons
    made = vars(m)["N"]
    assert ask(made) == wanted(made)


def test_what_exists_already_is_looked_up_not_built_twice(program: Program) -> None:
    program.runs({"m.py": "class C: pass\ndef f(): return 1\nHELD = [f, C]\n"})
    m = program.module("m")
    assert program.patch({"m.py": "class C: pass\ndef f(): return 1\nHELD = [f, C]\nN = (f, C, HELD)\n"})
    assert all(made is there for made, there in zip(vars(m)["N"], (m.f, m.C, m.HELD), strict=True))


def test_nothing_can_be_seen_before_the_commit(program: Program) -> None:
    program.runs({"m.py": "class B: pass\ndef f(): return 1\n"})
    m = program.module("m")
    before = dict(vars(m))
    found = program.measure({"m.py": "class B:\n    x = 1\nclass N(B): pass\ndef f(): return 2\n"})
    staged = engine.stage(found, str(program.root))
    assert staged.ops and vars(m) == before and m.f() == 1 and not hasattr(m.B, "x")


def test_a_class_of_another_package_that_is_registered_is_an_instance(program: Program) -> None:
    text = "import abc, decimal\nclass B(abc.ABC): pass\n"
    program.runs({"m.py": text})
    m = program.module("m")
    assert not isinstance(3, m.B)
    outcome = program.patch({"m.py": text + "B.register(int)\nB.register(decimal.Decimal)\n"})
    assert outcome, outcome.reasons
    assert isinstance(3, m.B) and issubclass(m.decimal.Decimal, m.B)
    assert outcome.undo is not None
    outcome.undo.revert()
    assert not isinstance(3, m.B) and not issubclass(m.decimal.Decimal, m.B)


def test_a_class_that_a_hook_knows_instead_is_registered_again_by_the_undo(program: Program) -> None:
    text = "import abc\nclass Duck:\n    def quack(self): pass\nclass B(abc.ABC):\n    {}\n"
    hook = "@classmethod\n    def __subclasshook__(cls, c): return hasattr(c, 'quack')"
    program.runs({"m.py": text.format("pass") + "B.register(Duck)\n"})
    m = program.module("m")
    outcome = program.patch({"m.py": text.format(hook)})
    assert outcome, outcome.reasons
    assert isinstance(m.Duck(), m.B)
    assert outcome.undo is not None
    outcome.undo.revert()
    assert isinstance(m.Duck(), m.B)


@pytest.mark.parametrize("future", ["", "from __future__ import annotations\n"])
def test_a_definition_whose_statement_has_to_run_is_compiled_as_its_module_is(
    program: Program, future: str
) -> None:
    """Nothing tells how an SSL context was made; the class that holds one is run as a whole."""
    held = (
        "class N:\n    context = ssl.create_default_context()\n    def f(self, a: int) -> str: return 'x'\n"
    )
    program.runs({"m.py": f"{future}import ssl\n"})
    m = program.module("m")
    outcome = program.patch({"m.py": f"{future}import ssl\n{held}"})
    assert outcome, outcome.reasons
    wanted = {"a": "int", "return": "str"} if future else {"a": int, "return": str}
    assert vars(m)["N"].f.__annotations__ == wanted


GENERIC_BASE = """
from typing import Generic, TypeVar
T = TypeVar("T")
class Base{base}:
    def __init__(self, text): self.text = text
    def told(self): return "{told} " + self.text
class Derived(Base{of}):
    pass
class Further(Derived):
    pass
"""


def test_a_class_and_those_derived_from_it_become_generic(program: Program) -> None:
    program.runs({"m.py": GENERIC_BASE.format(base="", of="", told="old")})
    m = program.module("m")
    outcome = program.patch({"m.py": GENERIC_BASE.format(base="(Generic[T])", of="[T]", told="new")})
    assert outcome, outcome.reasons
    assert m.Derived[int].__args__ == (int,)
    assert m.Further("x").told() == "new x" and issubclass(m.Further, m.Base)
    assert m.Further.__mro__ == (m.Further, m.Derived, m.Base, m.Generic, object)
