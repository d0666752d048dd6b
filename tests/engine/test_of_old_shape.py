"""Objects, classes and answers that old code made in a shape that new code does not count on are found before
the commit."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from hotpatch.plan import Effect
from tests.engine.conftest import Program

CART = """
{}
class Cart:
    def __init__(self, items): self.items = items{}
    {}
class Basket(Cart): pass
"""
OWN = CART.format("", "; self.total = sum(items)", "")
METHODS = {
    "a method": CART.format("", "", "def total(self): return sum(self.items)"),
    "a cached property": CART.format(
        "from functools import cached_property",
        "",
        "@cached_property\n    def total(self): return 2 * sum(self.items)",
    ),
}


@pytest.mark.parametrize("what", METHODS)
def test_an_attribute_of_objects_that_live_hides_no_method(program: Program, what: str) -> None:
    program.runs({"carts.py": OWN})
    basket = program.module("carts").Basket([1, 2])
    outcome = program.patch({"carts.py": METHODS[what]})
    assert outcome.effect is Effect.RELOAD
    assert "Basket that live have total of their own" in outcome.reasons[0]
    assert basket.total == 3


def test_a_default_for_what_every_object_sets_hides_nothing(program: Program) -> None:
    program.runs({"carts.py": OWN})
    basket = program.module("carts").Basket([1, 2])
    outcome = program.patch({"carts.py": OWN.replace("\n    \nclass", "\n    def total(self): pass\nclass")})
    assert outcome, outcome.reasons
    assert basket.total == 3


BUS = """
SUBSCRIBED = []
class Bus:
    {}
def fire(text): return [f(text) for f in SUBSCRIBED]
"""
BOUND, STATIC = "def on(self, text): return text", "@staticmethod\n    def on(text): return text * 2"


def test_a_method_that_turns_static_is_not_held_as_it_was_bound(program: Program) -> None:
    program.runs({"buses.py": BUS.format(BOUND)})
    buses = program.module("buses")
    buses.SUBSCRIBED.append(buses.Bus().on)
    outcome = program.patch({"buses.py": BUS.format(STATIC)})
    assert outcome.effect is Effect.RELOAD
    assert outcome.reasons == ("a method holds the old buses.Bus.on",)
    assert buses.fire("a") == ["a"]


def test_a_method_that_nobody_holds_turns_static(program: Program) -> None:
    program.runs({"buses.py": BUS.format(BOUND)})
    bus = program.module("buses").Bus()
    outcome = program.patch({"buses.py": BUS.format(STATIC)})
    assert outcome, outcome.reasons
    assert bus.on("a") == "aa"


MADE = """
def make(name):
    class Made:
        label = name
        {}
    return Made
"""


def test_a_class_made_while_the_program_ran_gains_no_method(program: Program) -> None:
    program.runs({"making.py": MADE.format("def go(self): return self.label")})
    made = program.module("making").make("a")()
    more = "def go(self): return self.more()\n        def more(self): return self.label * 2"
    outcome = program.patch({"making.py": MADE.format(more)})
    assert outcome.effect is Effect.RELOAD
    assert outcome.reasons == (
        "classes make.<locals>.Made that were made at run time live, and their body changes",
    )
    assert made.go() == "a"


def test_a_class_made_while_the_program_ran_gets_the_code_of_its_methods(program: Program) -> None:
    program.runs({"making.py": MADE.format("def go(self): return self.label")})
    made = program.module("making").make("a")()
    outcome = program.patch({"making.py": "\n\n" + MADE.format("def go(self): return self.label * 2")})
    assert outcome, outcome.reasons
    assert made.go() == "aa"


ANSWERING = """
def __getattr__(name):
    if not name.startswith("v_"): raise AttributeError(name)
    globals()[name] = answer = {}
    return answer
"""


def test_what_a_module_kept_of_its_old_answers_is_found(program: Program) -> None:
    program.runs({"answering.py": ANSWERING.format("name.lower()")})
    answering = program.module("answering")
    assert answering.v_A == "v_a"
    outcome = program.patch({"answering.py": ANSWERING.format("name.upper()")})
    assert outcome.effect is Effect.RELOAD
    assert outcome.reasons == ("answering.v_A is kept from an answer of the module's old __getattr__",)


def test_what_a_module_fetched_for_its_answers_is_the_same(program: Program) -> None:
    program.runs({"answering.py": "import json\n" + ANSWERING.format("json")})
    answering = program.module("answering")
    fetched = answering.v_json
    outcome = program.patch({"answering.py": "import json\n" + ANSWERING.format("json if name else None")})
    assert outcome, outcome.reasons
    assert answering.v_json is fetched


def test_an_iterator_over_other_things_is_named(program: Program) -> None:
    source = "import itertools\nTURNS = itertools.cycle({})\n"
    program.runs({"turns.py": source.format("['c']")})
    program.module("turns")
    outcome = program.patch({"turns.py": source.format("['a', 'b']")})
    assert outcome.effect is Effect.RELOAD
    assert "does not tell whether it is another" in outcome.reasons[0]


SEND = """
from functools import partial
JOBS = []
def send(to, *, {0}=1): return to, {0}
def plan(to): JOBS.append(partial(send, to, {0}=3))
"""


def test_arguments_that_a_partial_has_bound_are_taken_by_the_new_code(program: Program) -> None:
    program.runs({"sending.py": SEND.format("retries")})
    sending = program.module("sending")
    sending.plan("a")
    outcome = program.patch({"sending.py": SEND.format("attempts")})
    assert outcome.effect is Effect.RELOAD
    assert outcome.reasons == ("a partial calls send with arguments that its new code does not take",)
    assert sending.JOBS[0]() == ("a", 3)


def test_work_that_waits_for_an_executor_is_taken_by_the_new_code(program: Program) -> None:
    program.runs({"working.py": "def work(a): return a\n"})
    work = program.module("working").work
    with ThreadPoolExecutor(1) as pool:
        gate = threading.Event()
        pool.submit(gate.wait)
        waiting = pool.submit(work, 1)
        outcome = program.patch({"working.py": "def work(a, b): return a + b\n"})
        gate.set()
    assert outcome.effect is Effect.RELOAD
    assert "a _WorkItem calls work with arguments that its new code does not take" in outcome.reasons
    assert waiting.result() == 1


NAMED = """
class named(property):
    def __init__(self, get):
        property.__init__(self, get)
        {}
    def __get__(self, obj, kind=None): return obj and property.__get__(self, obj, kind){}
"""
BASKET = "from names import named\nclass {}:\n    @named\n    def total(self): return 'old'\n"
NEW_NAMED = NAMED.format("self.name = get.__name__", " + self.name")


def test_what_stands_in_a_class_that_goes_need_not_have_what_new_code_reads(program: Program) -> None:
    files = {"names.py": NAMED.format("pass", ""), "gone.py": BASKET.format("Gone")}
    program.runs({**files, "shop.py": BASKET.format("Basket") + "import gone\n"})
    shop = program.module("shop")
    basket = shop.Basket()
    changed = {"names.py": NEW_NAMED, "gone.py": None, "shop.py": BASKET.format("Basket")}
    outcome = program.patch(changed)
    assert outcome, outcome.reasons
    assert basket.total == "oldtotal"
    assert outcome.undo is not None
    outcome.undo.revert()
    assert basket.total == shop.gone.Gone().total == "old"


@pytest.mark.parametrize("held", ["Gone", "Gone()", "type('Sub', (Gone,), {})()"])
def test_a_class_that_goes_and_is_still_held_has_to(program: Program, held: str) -> None:
    files = {"names.py": NAMED.format("pass", ""), "gone.py": BASKET.format("Gone")}
    program.runs({**files, "shop.py": BASKET.format("Basket") + "import gone\n"})
    gone = program.module("shop").gone
    kept = [eval(held, vars(gone))]
    changed = {"names.py": NEW_NAMED, "gone.py": None, "shop.py": BASKET.format("Basket")}
    outcome = program.patch(changed)
    assert outcome.effect is Effect.RELOAD
    assert "named that live lack name" in outcome.reasons[0]
    assert kept


IN_FRONT = """
class App:
    def answer(self, text): return "app " + text
    def __call__(self, text): return self.answer(text)
{cls}
def create():
    app = App()
{use}    return app

APP = create()
"""
SHOUTS = """
class Shouts:
    def __init__(self, inner): self.inner = inner
    def __call__(self, text): return self.inner(text) + "!"
"""


def test_an_object_that_comes_with_the_new_code_lacks_nothing(program: Program) -> None:
    program.runs({"m.py": IN_FRONT.format(cls="", use="")})
    m = program.module("m")
    assert m.APP("x") == "app x"
    new = IN_FRONT.format(cls=SHOUTS, use="    app.answer = Shouts(app.answer)\n")
    outcome = program.patch({"m.py": new})
    assert outcome, outcome.reasons
    assert m.APP("x") == "app x!"
    assert outcome.undo is not None
    outcome.undo.revert()
    assert m.APP("x") == "app x"


BALANCE = "class Account:\n    def __init__(self, n): self.n = n\n"
PLAIN_PROPERTY = (
    "class Account:\n    {more}\n    def __init__(self, n): self.n = n\n    @property\n"
    "    def n(self): return {get}\n    @n.setter\n    def n(self, n): {set}\n"
)
DESCRIPTOR = (
    "class Positive:\n    def __get__(self, one, cls=None): return getattr(one, '_kept', 0)\n"
    "    def __set__(self, one, n): one._kept = n\n"
    "class Account:\n    n = Positive()\n    def __init__(self, n): self.n = n\n"
)
LOSING = {
    "a property with a default": PLAIN_PROPERTY.format(more="_n = 0", get="self._n", set="self._n = n"),
    "a descriptor with a default": DESCRIPTOR,
}


@pytest.mark.parametrize("what", LOSING)
def test_what_an_object_has_is_not_lost_behind_what_its_class_answers_now(
    program: Program, what: str
) -> None:
    program.runs({"m.py": BALANCE})
    account = program.module("m").Account(100)
    outcome = program.patch({"m.py": LOSING[what]})
    assert outcome.effect is Effect.RELOAD
    assert outcome.reasons[0] == (
        "objects of Account that live have n of their own, which their class answers otherwise now"
    )
    assert account.n == 100


@pytest.mark.parametrize("what", LOSING)
def test_without_such_an_object_a_class_may_answer_otherwise(program: Program, what: str) -> None:
    program.runs({"m.py": BALANCE})
    m = program.module("m")
    outcome = program.patch({"m.py": LOSING[what]})
    assert outcome, outcome.reasons
    assert m.Account(7).n == 7


SHADOWED = (
    "class Default:\n    def __init__(self, n): self.n = n\n"
    "    def __get__(self, one, cls=None): return {get}\n"
    "    {set}\n"
    "class Account:\n    n = Default(0)\n"
)


@pytest.mark.parametrize("name", ["__set__", "__delete__"])
def test_what_an_object_has_is_not_lost_behind_a_descriptor_that_begins_to_go_first(
    program: Program, name: str
) -> None:
    program.runs({"m.py": SHADOWED.format(get="self.n", set="limit = 1")})
    account = program.module("m").Account()
    account.n = 100
    setting = f"def {name}(self, one, *value): raise AttributeError"
    outcome = program.patch({"m.py": SHADOWED.format(get="self.n", set=setting)})
    assert outcome.effect is Effect.RELOAD
    assert outcome.reasons[0] == (
        "objects of Account that live have n of their own, which their class answers otherwise now"
    )
    assert account.n == 100


def test_a_descriptor_that_goes_first_and_asks_the_objects_dictionary_loses_nothing(program: Program) -> None:
    program.runs({"m.py": SHADOWED.format(get="self.n", set="limit = 1")})
    account = program.module("m").Account()
    account.n = 100
    setting = "def __set__(self, one, value): one.__dict__['n'] = value"
    outcome = program.patch(
        {"m.py": SHADOWED.format(get="one.__dict__.get('n', self.n)", set=setting)},
    )
    assert outcome, outcome.reasons
    assert account.n == 100


def test_a_property_that_answers_from_the_objects_dictionary_loses_nothing(program: Program) -> None:
    program.runs({"m.py": BALANCE})
    account = program.module("m").Account(100)
    new = PLAIN_PROPERTY.format(more="limit = 1", get="self.__dict__['n']", set="self.__dict__['n'] = n")
    outcome = program.patch({"m.py": new})
    assert outcome, outcome.reasons
    assert account.n == 100


KEPT = (
    "class Kept:\n    def __set_name__(self, cls, name): self.key = {key}\n"
    "    def __get__(self, one, cls=None): return one.__dict__.get({asked}, 0)\n"
    "    def __set__(self, one, value): one.__dict__[{asked}] = value\n"
    "class Account:\n    n = Kept()\n"
)


def test_one_that_asks_that_dictionary_by_another_name_loses_it(program: Program) -> None:
    program.runs({"m.py": "class Account:\n    n = 0\n"})
    account = program.module("m").Account()
    account.n = 100
    outcome = program.patch({"m.py": KEPT.format(key="'_' + name", asked="self.key")})
    assert outcome.effect is Effect.RELOAD
    assert account.n == 100


def test_one_that_asks_that_dictionary_by_the_name_loses_nothing(program: Program) -> None:
    program.runs({"m.py": "class Account:\n    n = 0\n"})
    account = program.module("m").Account()
    account.n = 100
    outcome = program.patch({"m.py": KEPT.format(key="name", asked="self.key")})
    assert outcome, outcome.reasons
    assert account.n == 100
