"""Caches in front of code that changed are emptied; others keep what they hold."""

from __future__ import annotations

from hotpatch.engine.commit import commit
from hotpatch.ops import Op, SlotKind
from hotpatch.refresh import begin
from tests.refresh.programs import Programs, new_code, new_global

SOURCE = """
    from functools import cache, lru_cache
    RATE = 2
    def rate(): return RATE
    @cache
    def direct(x): return ("old", x)
    @lru_cache(maxsize=8)
    def leads(x): return (rate(), x)
    @cache
    def free(x): return x
    class Shop:
        @cache
        def method(self, x): return (rate(), x)
        @staticmethod
        @cache
        def static(x): return (rate(), x)
        class Inner:
            @classmethod
            @cache
            def of_class(cls, x): return (rate(), x)
"""
CLOSURES = """
    from functools import cache
    def made(name):
        @cache
        def answer(x): return (name, x)
        return answer
    one, other = made("a"), made("b")
"""


def apply(program: Programs, *ops: Op) -> None:
    with begin(ops, root=program.root):
        commit(ops)


def test_the_cache_of_a_changed_function_is_emptied(program: Programs) -> None:
    m = program.load("hp_caches_a", SOURCE)
    assert m.direct(1) == ("old", 1)
    assert m.free(1) == 1
    apply(program, new_code(m.direct.__wrapped__, "def direct(x): return ('new', x)"))
    assert m.direct(1) == ("new", 1)
    assert m.free.cache_info().currsize == 1, "nothing else was emptied"
    assert m.leads.cache_info().misses == 0


OWN = """
    import functools
    def kept(function):
        answers = {}
        @functools.wraps(function)
        def asked(x):
            if x not in answers:
                answers[x] = function(x)
            return answers[x]
        asked.cache_clear = answers.clear
        return asked
    RATE = 2
    @kept
    def rated(x): return x * RATE
    @kept
    def free(x): return [x]
"""


def test_a_cache_of_another_make_that_can_be_cleared_is_emptied_as_well(program: Programs) -> None:
    m = program.load("hp_caches_own", OWN)
    free = m.free(1)
    assert m.rated(1) == 2
    apply(program, new_global(m, "RATE", 3))
    assert m.rated(1) == 3
    assert m.free(1) is free


def test_caches_that_lead_to_a_change_are_emptied_wherever_they_stand(program: Programs) -> None:
    m = program.load("hp_caches_b", SOURCE)
    shop = m.Shop()
    calls = [m.leads, shop.method, m.Shop.static, m.Shop.Inner.of_class]
    assert [call(1) for call in calls] == [(2, 1)] * 4
    apply(program, new_global(m, "RATE", 3))
    assert [call(1) for call in calls] == [(3, 1)] * 4


def test_the_cache_of_a_function_is_emptied_that_closes_over_what_changes(program: Programs) -> None:
    m = program.load("hp_caches_e", CLOSURES)
    assert (m.one(1), m.other(1)) == (("a", 1), ("b", 1))
    (cell,) = m.one.__wrapped__.__closure__
    apply(program, Op(cell, SlotKind.CELL, None, cell.cell_contents, "c", "a variable"))
    assert m.one(1) == ("c", 1)
    assert m.other.cache_info().currsize == 1


def test_an_undo_empties_them_again(program: Programs) -> None:
    m = program.load("hp_caches_c", SOURCE)
    m.leads(1)
    ops = (new_global(m, "RATE", 3),)
    with begin(ops, root=program.root):
        undo = commit(ops)
    assert m.leads(1) == (3, 1)
    with begin(ops, undo=True, root=program.root):
        undo.revert()
    assert m.leads(1) == (2, 1)


def test_an_old_answer_that_comes_late_is_forgotten_when_the_change_has_settled(program: Programs) -> None:
    m = program.load("hp_caches_d", SOURCE)
    ops = (new_global(m, "RATE", 3),)
    with begin(ops, root=program.root) as round_:
        commit(ops)
    vars(m)["RATE"] = 2
    m.leads(1)  # as if an old call had ended now
    vars(m)["RATE"] = 3
    assert m.leads(1) == (2, 1)
    round_.settle()
    assert m.leads(1) == (3, 1)
