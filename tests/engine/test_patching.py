"""The library call on small programs: what goes live, what is refused, and that undo is exact."""

from __future__ import annotations

import functools
import inspect
import os
import signal
import sys
import threading
import types
from collections.abc import Callable
from typing import Any, List, Optional  # noqa: UP035

import pytest

from hotpatch import engine, patching
from hotpatch.plan import Effect

from .conftest import Program


def test_a_changed_body_runs_through_every_reference(program: Program) -> None:
    basket = "\n\nclass Basket:\n    def total(self):\n        return price()"
    program.runs({"shop.py": "def price():\n    return 1" + basket})
    shop = program.module("shop")
    held, bound = shop.price, shop.Basket().total
    part = functools.partial(shop.price)
    outcome = program.patch({"shop.py": "def price():\n    return 2" + basket + " * 10\n"})
    assert outcome.effect is Effect.LIVE
    assert (held(), part(), bound(), shop.price is held) == (2, 2, 20, True)


def test_undo_restores_what_was_there(program: Program) -> None:
    program.runs({"shop.py": "LIMIT = 5\nNAMES = ['a', 'b']\n\ndef price(a):\n    return a\n"})
    shop = program.module("shop")
    code, order = shop.price.__code__, list(vars(shop))
    new = "NAMES = ['a', 'x', 'b']\nEXTRA = 1\n\ndef price(a, b=2, *, c=3):\n    return a + b + c\n"
    outcome = program.patch({"shop.py": new})
    assert outcome and (shop.price(1), shop.NAMES, hasattr(shop, "LIMIT")) == (6, ["a", "x", "b"], False)
    assert outcome.undo is not None
    outcome.undo.revert()
    assert shop.price.__code__ is code and shop.price.__defaults__ is None
    assert (shop.LIMIT, shop.NAMES, list(vars(shop))) == (5, ["a", "b"], order)


def test_a_constant_reaches_what_was_derived_from_it(program: Program) -> None:
    program.runs(
        {
            "base.py": "SIZE = 2\nTABLE = {'size': SIZE}\n\ndef f(x=SIZE):\n    return x\n",
            "user.py": "from base import SIZE, f\nDOUBLE = SIZE * 2\nclass C:\n    width = SIZE\n",
        }
    )
    base, user = program.module("base"), program.module("user")
    text = "SIZE = 3\nTABLE = {'size': SIZE}\n\ndef f(x=SIZE):\n    return x\n"
    assert program.patch({"base.py": text})
    assert (base.TABLE, user.SIZE, user.DOUBLE, user.C.width, user.f()) == ({"size": 3}, 3, 6, 3, 3)


def test_state_that_the_edit_does_not_touch_stays(program: Program) -> None:
    program.runs({"warm.py": "cache = {}\nhits = 0\n\ndef get(k):\n    return cache.get(k)\n"})
    warm = program.module("warm")
    warm.cache["a"] = 1
    warm.hits = 7
    cache = warm.cache
    assert program.patch({"warm.py": "cache = {}\nhits = 0\n\ndef get(k):\n    return cache.get(k, 0)\n"})
    assert (warm.cache is cache, warm.get("a"), warm.get("b"), warm.hits) == (True, 1, 0, 7)


def test_state_and_edit_in_one_place_are_refused_unless_the_author_chose(program: Program) -> None:
    program.runs({"flags.py": "LIMIT = 5\n"})
    flags = program.module("flags")
    flags.LIMIT = 7
    refused = program.patch({"flags.py": "LIMIT = 6\n"})
    assert refused.effect is Effect.RELOAD and "flags.LIMIT" in refused.reasons[0] and flags.LIMIT == 7
    assert program.patch({"flags.py": "LIMIT = 6\n"}, choices={"flags.LIMIT": "rebuild"})
    assert flags.LIMIT == 6


def test_sources_that_do_not_start_are_refused_and_nothing_changes(program: Program) -> None:
    program.runs({"shop.py": "def f():\n    return 1\n"})
    shop = program.module("shop")
    for text, word in (("def f(:\n", "SyntaxError"), ("import no_such_module\n", "no_such_module")):
        outcome = program.patch({"shop.py": text})
        assert outcome.effect is Effect.REFUSE and word in outcome.reasons[0]
    assert shop.f() == 1


def test_a_new_method_import_and_module_come_together(program: Program) -> None:
    program.runs({"pack/__init__.py": "", "pack/a.py": "class A:\n    def f(self):\n        return 1\n"})
    a = program.module("pack.a")
    held = a.A()
    new = "import json\nfrom pack import b\n\nclass A:\n    def f(self):\n        return self.g()\n"
    new += "    def g(self):\n        return json.dumps(b.VALUE)\n"
    outcome = program.patch({"pack/a.py": new, "pack/b.py": "VALUE = [1]\n"})
    assert outcome and held.f() == "[1]" and sys.modules["pack.b"].VALUE == [1]
    assert outcome.undo is not None
    outcome.undo.revert()
    assert held.f() == 1 and "pack.b" not in sys.modules


def test_an_unchanged_definition_is_not_executed_again(program: Program) -> None:
    text = "import builtins\nbuiltins.ran = getattr(builtins, 'ran', 0) + 1\n\ndef f():\n    return {}\n"
    program.runs({"once.py": text.format(1)})
    once = program.module("once")
    import builtins

    try:
        assert program.patch({"once.py": text.format(2)})
        assert (once.f(), builtins.ran) == (2, 1)  # type: ignore[attr-defined]
    finally:
        del builtins.ran  # type: ignore[attr-defined]


def test_a_decorator_is_not_called_again_and_its_registry_is_right(program: Program) -> None:
    head = "ROUTES = {}\n\ndef route(p):\n    def deco(f):\n"
    head += "        assert p not in ROUTES\n        ROUTES[p] = f\n"
    head += "        return f\n    return deco\n\n"
    program.runs({"web.py": head + "@route('/a')\ndef a():\n    return 'a'\n"})
    web = program.module("web")
    held = web.ROUTES["/a"]
    assert program.patch(
        {
            "web.py": head
            + "@route('/a')\ndef a():\n    return 'A'\n\n@route('/b')\ndef b():\n    return 'b'\n"
        }
    )
    assert (held(), web.ROUTES["/a"] is held, web.ROUTES["/b"]()) == ("A", True, "b")


def test_an_object_that_lacks_what_new_code_reads_is_named(program: Program) -> None:
    old = "class S:\n    def __init__(self):\n        self.a = 1\n    def f(self):\n        return self.a\n"
    program.runs({"s.py": old})
    s = program.module("s")
    held = s.S()
    new = old.replace("self.a = 1", "self.a = 1\n        self.b = int(2)").replace(
        "return self.a", "return self.b"
    )
    refused = program.patch({"s.py": new})
    assert refused.effect is Effect.RELOAD and "lack b" in refused.reasons[0] and held.f() == 1
    del held
    assert program.patch({"s.py": new}) and s.S().f() == 2


def test_an_object_made_at_start_gets_what_the_new_start_gives_it(program: Program) -> None:
    text = "class S:\n    def __init__(self):\n        self.a = 1{}\n\nTHE = S()\n"
    text += "def f():\n    return THE.a{}\n"
    program.runs({"conf.py": text.format("", "")})
    conf = program.module("conf")
    the = conf.THE
    the.a = 9
    assert program.patch({"conf.py": text.format("\n        self.b = 2", " + THE.b")})
    assert conf.THE is the and conf.f() == 11


def test_a_class_whose_only_base_was_object_gains_one_and_instances_follow(program: Program) -> None:
    program.runs({"m.py": "class A:\n    def f(self):\n        return 1\n"})
    m = program.module("m")
    held = m.A()
    held.x = 5
    new = "class Mixin:\n    def g(self):\n        return 2\n\n"
    new += "class A(Mixin):\n    def f(self):\n        return self.g()\n"
    outcome = program.patch({"m.py": new})
    assert outcome and isinstance(held, m.A) and (held.f(), held.x) == (2, 5)
    assert outcome.undo is not None
    outcome.undo.revert()
    assert isinstance(held, m.A) and held.f() == 1


def test_a_closure_handed_out_runs_the_new_body_on_its_own_variables(program: Program) -> None:
    program.runs({"c.py": "def make(n):\n    def inner():\n        return n\n    return inner\n"})
    held = program.module("c").make(4)
    assert program.patch(
        {"c.py": "def make(n):\n    def inner():\n        return n * 10\n    return inner\n"}
    )
    assert held() == 40


def test_cached_answers_of_old_code_are_forgotten(program: Program) -> None:
    text = (
        "import functools\n\ndef rate():\n    return {0}\n\n"
        "@functools.lru_cache\ndef price(n):\n    return n * rate()\n\n"
        "class C:\n    @functools.cached_property\n    def size(self):\n        return {0}\n"
    )
    program.runs({"k.py": text.format(1)})
    k = program.module("k")
    held = k.C()
    assert (k.price(3), held.size) == (3, 1)
    assert program.patch({"k.py": text.format(2)})
    assert (k.price(3), held.size) == (6, 2)


def test_a_lock_in_use_is_not_exchanged(program: Program) -> None:
    program.runs({"v.py": "import threading\nlock = threading.Lock()\n"})
    lock = program.module("v").lock
    lock.acquire()
    try:
        outcome = program.patch({"v.py": "import threading\nlock = threading.RLock()\n"})
        assert outcome.effect is Effect.RELOAD and "in use" in outcome.reasons[0]
        assert program.module("v").lock is lock
    finally:
        lock.release()


def test_a_thread_that_stays_in_a_loop_of_old_code_is_refused(program: Program) -> None:
    text = "import time\nstop = False\n\ndef run():\n    while True:\n        if stop:\n"
    text += "            return\n        time.sleep({})\n"
    program.runs({"loop.py": text.format(0.001)})
    loop = program.module("loop")
    thread = threading.Thread(target=loop.run, daemon=True)
    thread.start()
    try:
        outcome = program.patch({"loop.py": text.format(0.002)})
        assert outcome.effect is Effect.RELOAD and "loop" in " ".join(outcome.reasons)
    finally:
        loop.stop = True
        thread.join(10)


def test_a_process_in_which_a_look_at_the_stacks_takes_long_is_patched_all_the_same(program: Program) -> None:
    text = "class C:\n    __slots__ = ({})\n\ndef run(patch):\n" + "    C\n" * 3_000 + "    return patch()\n"
    program.runs({"s.py": text.format("'a',")})
    s = program.module("s")
    outcome = s.run(lambda: program.patch({"s.py": text.format("'a', 'b'")}))
    assert outcome, outcome.reasons
    assert s.C.__slots__ == ("a", "b")


def test_what_differs_between_two_starts_of_the_same_sources_is_left_alone(program: Program) -> None:
    text = "import os\nSECRET = os.urandom(8)\nKEYS = (SECRET, 1)\n\ndef f():\n    return {}\n"
    program.runs({"n.py": text.format(1)})
    n = program.module("n")
    secret, keys = n.SECRET, n.KEYS
    assert program.patch({"n.py": text.format(2)})
    assert n.SECRET is secret and n.KEYS is keys and n.f() == 2


def test_line_numbers_follow_the_file(program: Program) -> None:
    program.runs({"l.py": "def f():\n    raise KeyError\n"})
    held = program.module("l").f
    assert program.patch({"l.py": "import os\n\n\ndef f():\n    raise KeyError\n"})
    with pytest.raises(KeyError) as caught:
        held()
    assert caught.traceback[-1].lineno == 4
    assert held.__code__.co_firstlineno == 4 and held.__code__.co_filename == str(program.root / "l.py")


def test_signature_and_annotations_are_those_of_a_fresh_start(program: Program) -> None:
    program.runs({"a.py": "def f(x: int) -> int:\n    'Old.'\n    return x\n"})
    held = program.module("a").f
    assert program.patch({"a.py": "def f(x: str, *, y: 'int' = 1) -> str:\n    'New.'\n    return x * y\n"})
    assert str(inspect.signature(held)) == "(x: str, *, y: 'int' = 1) -> str" and held.__doc__ == "New."


def test_patches_follow_each_other_and_are_taken_back_last_first(program: Program) -> None:
    program.runs({"r.py": "def f():\n    return 0\n\nT = (f,)\n"})
    r = program.module("r")
    undos: list[Any] = []
    for number in (1, 2, 3):
        text = f"def f():\n    return {number}\n\ndef g{number}():\n    return 'g'\n\nT = (f, g{number})\n"
        outcome = program.patch({"r.py": text})
        assert outcome and outcome.undo is not None
        undos.append(outcome.undo)
        program.before.joinpath("r.py").write_text(text)
    assert r.f() == 3 and [name for name in vars(r) if name.startswith("g")] == ["g3"]
    for undo in reversed(undos):
        undo.revert()
    assert r.f() == 0 and len(r.T) == 1 and not [name for name in vars(r) if name.startswith("g")]


def test_a_module_that_is_loaded_here_alone_may_hold_the_same_values(program: Program) -> None:
    source = "from typing import Callable, Dict, List, Optional\n\ndef f(a: {} = {}): return a\n"
    program.runs({"m.py": source.format("Optional[List[str]]", "()")})
    m = program.module("m")
    other = types.ModuleType("loaded_here_alone")
    vars(other).update(empty=(), alias=Optional[List[str]])  # noqa: UP006,UP045
    sys.modules[other.__name__] = other
    try:
        outcome = program.patch({"m.py": source.format("Dict[str, int]", "(1,)")})
    finally:
        del sys.modules[other.__name__]
    assert outcome, outcome.reasons
    assert m.f() == (1,)


def test_a_plain_value_need_not_be_the_same_object(program: Program) -> None:
    other = "SIZE = 64 * 1024\nNAME = 'a' * 3\n"
    source = "def f(name='a' * 3, size=64 * 1024{}): return size\n"
    program.runs({"other.py": other, "m.py": source.format("")})
    program.module("other")
    m = program.module("m")
    outcome = program.patch({"m.py": source.format(", more=3")}, modules=["other", "m"])
    assert outcome, outcome.reasons
    assert m.f.__defaults__ == ("aaa", 65536, 3)


def test_a_list_that_grew_here_and_grows_in_the_sources_keeps_both(program: Program) -> None:
    program.runs({"m.py": "PLUGINS = ['a']\n"})
    m = program.module("m")
    m.PLUGINS.append("while it ran")
    outcome = program.patch({"m.py": "PLUGINS = ['a', 'b']\n"})
    assert outcome, outcome.reasons
    assert m.PLUGINS == ["a", "b", "while it ran"]


def test_a_stream_that_has_been_written_to_is_state(program: Program) -> None:
    program.runs({"m.py": "import io\nLOG = io.StringIO()\ndef note(x): LOG.write(x)\n"})
    m = program.module("m")
    m.note("a")
    outcome = program.patch({"m.py": "import io\nLOG = io.StringIO()\ndef note(x): LOG.write(x.upper())\n"})
    assert outcome, outcome.reasons
    m.note("b")
    assert m.LOG.getvalue() == "aB"


def test_a_module_that_is_taken_away_does_not_hold_the_classes_that_were_its_own(program: Program) -> None:
    base = "class Base{}:\n    def told(self): return '{}'\n"
    app = "from {} import Base\nclass App(Base): pass\nAPP = App()\n"
    program.runs({"old_base.py": base.format("", "old"), "app.py": app.format("old_base")})
    m = program.module("app")
    held = m.APP
    new = "class Root:\n    pass\n" + base.format("(Root)", "new")
    outcome = program.patch({"old_base.py": None, "new_base.py": new, "app.py": app.format("new_base")})
    assert outcome, outcome.reasons
    assert held is m.APP and held.told() == "new" and m.Base.__module__ == "new_base"


def test_a_class_that_an_earlier_release_took_away_is_in_nobodys_way(program: Program) -> None:
    base = "class Base{}:\n    def told(self): return '{}'\n"
    program.runs({"base.py": base.format("", 1), "more.py": "import base\nclass More(base.Base): pass\n"})
    program.module("more")
    m = program.module("base")
    first = program.patch({"more.py": None})
    assert first, first.reasons
    (program.before / "more.py").unlink()
    outcome = program.patch({"base.py": "class Root:\n    pass\n" + base.format("(Root)", 2)})
    assert outcome, outcome.reasons
    assert m.Base().told() == "2"
    assert outcome.undo is not None and first.undo is not None
    outcome.undo.revert()
    first.undo.revert()
    assert sys.modules["more"].More().told() == "1"


def test_a_package_gains_a_folder_that_is_no_package_of_its_own(program: Program) -> None:
    program.runs({"shop/__init__.py": "", "shop/app.py": "def f(): return 1\n"})
    app = program.module("shop.app")
    files = {"shop/app.py": "from .sub.base import g\ndef f(): return g()\n", "shop/sub/base.py": BASE}
    program._write(program.root, files)
    outcome = program.patch(files)
    assert outcome, outcome.reasons
    assert app.f() == 2 and sys.modules["shop"].sub.base.g() == 2
    assert outcome.undo is not None
    outcome.undo.revert()
    assert app.f() == 1 and not hasattr(sys.modules["shop"], "sub")


BASE = "def g(): return 2\n"


@pytest.mark.parametrize(
    ("instead", "seconds", "said"),
    [
        (lambda *_: os.kill(os.getpid(), signal.SIGKILL), 60.0, "the child ended with -9"),
        (lambda *_: signal.pause(), 0.2, "it took longer than 0.2 s"),
    ],
)
def test_a_proof_that_gives_no_answer_says_why(
    program: Program,
    monkeypatch: pytest.MonkeyPatch,
    instead: Callable[..., None],
    seconds: float,
    said: str,
) -> None:
    program.runs({"shop.py": "def price():\n    return 1"})
    shop = program.module("shop")
    measurement = program.measure({"shop.py": "def price():\n    return 2"})
    monkeypatch.setattr(engine, "prove", instead)
    outcome = patching.apply(measurement, str(program.root), seconds=seconds)
    assert outcome.effect is Effect.RELOAD
    assert outcome.reasons == (f"the proof in a forked child gave no answer: {said}",)
    assert shop.price() == 1


def test_a_program_that_was_loaded_from_elsewhere_is_not_said_to_be_patched(program: Program) -> None:
    program.runs({"elsewhere.py": "X = 1\n"})
    elsewhere = program.module("elsewhere")
    program.becomes({"elsewhere.py": "X = 2\n"})
    outcome = patching.patch(program.before, program.after)  # `root` is the folder of the new sources then
    assert not outcome and "say by `root` where they were" in outcome.reasons[0]
    assert elsewhere.X == 1


def test_a_program_whose_first_module_sets_up_the_others_starts_by_it(program: Program) -> None:
    """Python has it behind those that it imported."""
    files = {
        "entry.py": "import ready\nready.SET.append(1)\nimport table\n",
        "ready.py": "SET = []\n",
        "table.py": "import ready\nassert ready.SET, 'not set up'\nROWS = 1\n",
    }
    program.runs(files)
    program.module("entry")
    table = program.module("table")
    outcome = program.patch({"table.py": files["table.py"].replace("ROWS = 1", "ROWS = 2")})
    assert outcome, outcome.reasons
    assert table.ROWS == 2


def test_one_that_starts_in_no_order_says_what_would_help(program: Program) -> None:
    files = {
        "ready.py": "SET = []\n",
        "table.py": "import ready\nassert ready.SET, 'not set up'\nROWS = 1\n",
    }
    program.runs(files)
    program.module("ready").SET.append(1)
    program.module("table")
    outcome = program.patch({"table.py": files["table.py"].replace("ROWS = 1", "ROWS = 2")})
    assert not outcome
    assert "not set up" in outcome.reasons[0] and "say by `modules`" in outcome.reasons[0]
