"""Records, dictionaries with fixed keys, that live as old code made them are not handed to new code that
reads more of them; a dictionary that is only alike is no reason."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hotpatch.engine.keys import Keys
from hotpatch.engine.symbols import Record
from hotpatch.plan import Effect
from tests.engine.conftest import Program

LACKING = {
    "made in one piece": (
        """
SESSIONS = {}
def login(user):
    SESSIONS[user] = {"user": user, "since": 1}
def tell(): return [s["user"] for s in SESSIONS.values()]
""",
        """
SESSIONS = {}
def login(user):
    SESSIONS[user] = {"user": user, "since": 1, "lang": "en"}
def tell(): return [s["lang"] for s in SESSIONS.values()]
""",
    ),
    "made in one piece, and amended by another function": (
        """
SESSIONS = {}
def login(user):
    SESSIONS[user] = {"user": user, "since": 1}
    seen(user)
def seen(user): SESSIONS[user]["seen"] = 2
def tell(): return [s["user"] for s in SESSIONS.values()]
""",
        """
SESSIONS = {}
def login(user):
    SESSIONS[user] = {"user": user, "since": 1, "lang": "en"}
    seen(user)
def seen(user): SESSIONS[user]["seen"] = 2
def tell(): return [s["lang"] for s in SESSIONS.values()]
""",
    ),
    "read where the absence of another key is handled": (
        """
SESSIONS = {}
def login(user):
    SESSIONS[user] = {"user": user, "since": 1}
def tell(): return [one(u) for u in (*SESSIONS, "nobody")]
def one(u):
    try:
        return SESSIONS[u]["since"]
    except KeyError:
        return [s["user"] for s in SESSIONS.values()]
""",
        """
SESSIONS = {}
def login(user):
    SESSIONS[user] = {"user": user, "since": 1, "lang": "en"}
def tell(): return [one(u) for u in (*SESSIONS, "nobody")]
def one(u):
    try:
        return SESSIONS[u]["since"]
    except KeyError:
        return [s["lang"] for s in SESSIONS.values()]
""",
    ),
    "made key by key": (
        """
SESSIONS = {}
def login(user):
    session = {}
    session["user"] = user
    SESSIONS[user] = session
def tell(): return [s["user"] for s in SESSIONS.values()]
""",
        """
SESSIONS = {}
def login(user):
    session = {}
    session["user"] = user
    session["lang"] = "en"
    SESSIONS[user] = session
def tell(): return [s["lang"] for s in SESSIONS.values()]
""",
    ),
    "made by a call of dict": (
        """
SESSIONS = {}
def login(user): SESSIONS[user] = dict(user=user)
def tell(): return [s["user"] for s in SESSIONS.values()]
""",
        """
SESSIONS = {}
def login(user): SESSIONS[user] = dict(user=user, lang="en")
def tell(): return [s["lang"] for s in SESSIONS.values()]
""",
    ),
    "that took in the keys of another": (
        """
SESSIONS, BASE = {}, {"theme": "dark"}
def login(user): SESSIONS[user] = {**BASE, "user": user, "since": 1}
def tell(): return [s["user"] for s in SESSIONS.values()]
""",
        """
SESSIONS, BASE = {}, {"theme": "dark"}
def login(user): SESSIONS[user] = {**BASE, "user": user, "since": 1, "lang": "en"}
def tell(): return [s["lang"] for s in SESSIONS.values()]
""",
    ),
    "that an object holds by name, with whatever keys besides": (
        """
class Session:
    def __init__(self, **more): self.info = {"user": 1, **more}
    def tell(self): return self.info["user"]
S = []
def login(user): S.append(Session(theme=2))
def tell(): return [s.tell() for s in S]
""",
        """
class Session:
    def __init__(self, **more): self.info = {"user": 1, "lang": 2, **more}
    def tell(self): return self.info["lang"]
S = []
def login(user): S.append(Session(theme=2))
def tell(): return [s.tell() for s in S]
""",
    ),
    "that a function is given": (
        """
SESSIONS = {}
def fill(session, user): session["user"] = user
def login(user): fill(SESSIONS.setdefault(user, {}), user)
def tell(): return [s["user"] for s in SESSIONS.values()]
""",
        """
SESSIONS = {}
def fill(session, user):
    session["user"] = user
    session["lang"] = "en"
def login(user): fill(SESSIONS.setdefault(user, {}), user)
def tell(): return [s["lang"] for s in SESSIONS.values()]
""",
    ),
    "made with a key that a wholly different record had before": (
        """
SESSIONS, OTHERS = {}, {}
def login(user): SESSIONS[user] = {"user": user, "since": 1}
def other(): OTHERS[1] = {"lang": 1, "code": 2}
def tell(): return [s["user"] for s in SESSIONS.values()]
""",
        """
SESSIONS, OTHERS = {}, {}
def login(user): SESSIONS[user] = {"user": user, "since": 1, "lang": 3}
def other(): OTHERS[1] = {"lang": 1, "code": 3}
def tell(): return [s["lang"] for s in SESSIONS.values()]
""",
    ),
    "put where something else was put before": (
        """
import collections
QUEUE = collections.deque()
def login(user): QUEUE.append(user)
def tell(): return [user for user in QUEUE]
""",
        """
import collections
QUEUE = collections.deque()
def login(user): QUEUE.append({"user": user})
def tell(): return [user["user"] for user in QUEUE]
""",
    ),
    "with one key in another's stead": (
        """
SESSIONS = {}
def login(user): SESSIONS[user] = {"user": user, "role": 1}
def tell(): return [s["role"] for s in SESSIONS.values()]
""",
        """
SESSIONS = {}
def login(user): SESSIONS[user] = {"user": user, "roles": [1]}
def tell(): return [s["roles"] for s in SESSIONS.values()]
""",
    ),
    "of the lesser of two kinds that both gain a key": (
        """
SESSIONS, BASE = {}, {}
def login(user):
    if BASE:
        SESSIONS[user] = {"user": user, "since": 1}
    else:
        SESSIONS[user] = {"user": user}
def tell(): return [s["user"] for s in SESSIONS.values()]
""",
        """
SESSIONS, BASE = {}, {}
def login(user):
    if BASE:
        SESSIONS[user] = {"user": user, "since": 1, "lang": 2}
    else:
        SESSIONS[user] = {"user": user, "lang": 2}
def tell(): return [s["lang"] for s in SESSIONS.values()]
""",
    ),
    "of one of two kinds, which is made no more": (
        """
SESSIONS, BASE = {}, {}
def login(user):
    if BASE:
        SESSIONS[user] = {"user": user, "lang": 1}
    else:
        SESSIONS[user] = {"user": user}
def tell(): return [s["user"] for s in SESSIONS.values()]
""",
        """
SESSIONS, BASE = {}, {}
def login(user): SESSIONS[user] = {"user": user, "lang": 1}
def tell(): return [s["lang"] for s in SESSIONS.values()]
""",
    ),
}

OLD_OPTIONS = """
class Narrow:
    def __init__(self): self.options = self.defaults()
    def defaults(self): return {"signature": True}
    def check(self): return self.options["signature"]

class Wide:
    def __init__(self): self.options = self.defaults()
    def defaults(self): return {"signature": True, "expires": True}
    def check(self): return self.options["signature"] and self.options["expires"]

WIDE, MADE = Wide(), []
def login(user): MADE.append(Narrow())
def tell(): return WIDE.check(), MADE
"""
UNLIKE = {
    "has only some of the keys that the function's own have": (
        OLD_OPTIONS,
        OLD_OPTIONS.replace('"expires": True}', '"expires": True, "subject": True}').replace(
            'and self.options["expires"]', 'and self.options["expires"] and self.options["subject"]'
        ),
    ),
    "is alike what the function stores into something else": (
        """
RECORDS = []
def login(user): RECORDS.append({"name": user})
def index(page):
    page.attrib["name"] = 1
    return [{"level": 1, "name": 2}]
def tell(): return RECORDS, {}
""",
        """
RECORDS = []
def login(user): RECORDS.append({"name": user})
def index(page):
    page.attrib["name"] = 1
    return [{"level": 1, "name": 2, "label": 3}]
def label(page): return page.attrib["label"]
def tell(): return RECORDS, {}
""",
    ),
    "lacks a key that is read only where it is there": (
        """
RECORDS = []
def login(user): RECORDS.append({"name": user, "age": 1})
def tell(): return [r["name"] for r in RECORDS]
""",
        """
RECORDS = []
def login(user): RECORDS.append({"name": user, "age": 1, "label": 3})
def tell(): return [r["label"] if "label" in r else r["name"] for r in RECORDS]
""",
    ),
    "gives a key that is only raised, and so was there": (
        """
RECORDS = []
def login(user): RECORDS.append({"extra": user})
def told(record):
    record["extra"] = 2
    return record
def tell(): return [told(r)["extra"] for r in RECORDS]
""",
        """
RECORDS = []
def login(user): RECORDS.append({"extra": user})
def told(record):
    record["extra"] = 2
    if "version" in record:
        raised(record)
    return record
def raised(record): record["version"] += 1
def tell(): return [told(r)["extra"] for r in RECORDS]
""",
    ),
    "lacks a key whose absence is caught": (
        """
RECORDS = []
def login(user): RECORDS.append({"name": user, "age": 1})
def tell(): return [one(r) for r in RECORDS]
def one(r): return r["name"]
""",
        """
RECORDS = []
def login(user): RECORDS.append({"name": user, "age": 1, "label": 3})
def tell(): return [one(r) for r in RECORDS]
def one(r):
    try:
        return r["label"]
    except KeyError:
        return r["name"]
""",
    ),
    "lacks a key that is only read from what the reader made itself": (
        """
RECORDS = []
def login(user): RECORDS.append({"name": user, "age": 1})
def tell(): return [r["name"] for r in RECORDS]
""",
        """
RECORDS = []
def login(user):
    record = {"name": user, "age": 1, "label": 3}
    assert record["label"] == 3
    RECORDS.append(record)
def tell(): return [r["name"] for r in RECORDS]
""",
    ),
    "lacks a key that the edit itself gives it": (
        """
def options(): return {"user": 1, "since": 2}
class Page:
    def __init__(self): self.options = options()
    def tell(self): return self.options["user"]
PAGE = Page()
def login(user): pass
def tell(): return PAGE.tell()
""",
        """
def options(): return {"user": 1, "since": 2, "lang": 3}
class Page:
    def __init__(self): self.options = options()
    def tell(self): return self.options["lang"]
PAGE = Page()
def login(user): pass
def tell(): return PAGE.tell()
""",
    ),
    "gave way to another with an object that is a value, and only the undo holds it": (
        """
class Field:
    def __init__(self, number, meta): self.number, self.meta = number, meta
    def __eq__(self, other): return self.number == other.number
    def __hash__(self): return self.number
def field(): return Field(1, {"user": 1, "since": 2})
FIELDS = (field(),)
def login(user): pass
def tell(): return FIELDS[0].meta["user"]
""",
        """
class Field:
    def __init__(self, number, meta): self.number, self.meta = number, meta
    def __eq__(self, other): return self.number == other.number
    def __hash__(self): return self.number
def field(): return Field(2, {"user": 1, "since": 2, "lang": 3})
FIELDS = (field(),)
def login(user): pass
def tell(): return FIELDS[0].meta["lang"]
""",
    ),
    "is of another kind of the same function's, which another kind took over a key from": (
        """
SESSIONS, SEEN = {}, []
def login(user):
    SEEN.append({"user": user})
    SESSIONS[user] = {"user": user, "since": 1, "lang": 2}
def tell(): return [s["user"] for s in SEEN]
""",
        """
SESSIONS, SEEN = {}, []
def login(user):
    limits = {"long": 1}
    SEEN.append({"user": user})
    SESSIONS[user] = {"user": user, "since": 1, "lang": 2, "long": limits}
def tell(): return [s["user"] for s in SEEN] + [s["lang"] for s in SESSIONS.values()]
""",
    ),
}


@pytest.mark.parametrize("name", LACKING)
def test_records_that_live_and_lack_what_new_code_reads_are_the_reason(program: Program, name: str) -> None:
    old, new = LACKING[name]
    program.runs({"m.py": old})
    m = program.module("m")
    m.login("ada")
    before = m.tell()
    outcome = program.patch({"m.py": new})
    assert outcome.effect is Effect.RELOAD
    assert "live and lack" in outcome.reasons[0] or "reads as records" in outcome.reasons[0]
    assert m.tell() == before


@pytest.mark.parametrize("name", LACKING)
def test_without_records_that_live_the_same_edit_is_live(program: Program, name: str) -> None:
    # Under a key of its own: other tests' records may live on in this process.
    old, new = (text.replace('"user"', '"visitor"').replace("user=", "visitor=") for text in LACKING[name])
    program.runs({"m.py": old})
    m = program.module("m")
    outcome = program.patch({"m.py": new})
    assert outcome, outcome.reasons
    m.login("ada")
    assert m.tell()


@pytest.mark.parametrize("name", UNLIKE)
def test_a_dictionary_is_no_reason_that(program: Program, name: str) -> None:
    old, new = UNLIKE[name]
    program.runs({"m.py": old})
    m = program.module("m")
    m.login("ada")
    m.tell()
    outcome = program.patch({"m.py": new})
    assert outcome, outcome.reasons
    m.login("bob")
    assert m.tell()


def in_one_piece(x, other):
    return {"a": x if other else 2, "b": [i + 1 for i in x]}


def in_many_pieces(x, other):
    return {
        "k1": 1, "k2": 2, "k3": 3, "k4": 4, "k5": 5, "k6": 6, "k7": 7, "k8": 8, "k9": 9,
        "l1": 1, "l2": 2, "l3": 3, "l4": 4, "l5": 5, "l6": 6, "l7": 7, "l8": 8, "l9": x,
    }  # fmt: skip


def with_stars(x, other):
    return {**other, "a": x, **{"b": 2}}  # noqa: PIE800


def by_call(x, other):
    return dict(a=x, b=other)  # noqa: C408


def amended(x, other):
    made = {"a": x}
    made["b"] = 1
    made["b"] += 1
    made["z"] += 1
    made.update(c=1)
    made.update({"d": 2})
    made.setdefault("e", 3)
    return made


def named(x, other):
    x.info = {"a": 1}
    x.info["b"] = 2


def given(x, other):
    x["a"] = other.thing["b"] = 1


KNOWN: dict[Callable[..., object], list[Record]] = {
    in_one_piece: [Record(frozenset("ab"), frozenset(), None, False)],
    in_many_pieces: [
        Record(frozenset(f"{c}{n}" for c in "kl" for n in range(1, 10)), frozenset(), None, False)
    ],
    with_stars: [Record(frozenset("ab"), frozenset(), None, True)],
    by_call: [Record(frozenset("ab"), frozenset(), None, False)],
    amended: [Record(frozenset("a"), frozenset("bcde"), None, False)],
    named: [Record(frozenset("a"), frozenset("b"), "info", False)],
    given: [
        Record(frozenset(), frozenset("a"), None, False),
        Record(frozenset(), frozenset("b"), "thing", False),
    ],
}


@pytest.mark.parametrize("function", KNOWN, ids=lambda f: f.__name__)
def test_what_a_function_makes_is_read_from_its_code(function: Callable[..., object]) -> None:
    assert list(Keys.of(function.__code__).records) == KNOWN[function]  # type: ignore[attr-defined]
