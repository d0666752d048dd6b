"""What changes, as callbacks see it."""

from __future__ import annotations

import functools
import gc
from pathlib import Path

from hotpatch.engine.world import World
from hotpatch.refresh import Leads, Update, instances
from tests.refresh.programs import Programs, new_code, new_global, on_class

SOURCE = """
    import functools
    RATE = 2
    class Price:
        def total(self): return 1
    class Other:
        def other(self): return 1
    def gross(x): return x * RATE
    def net(x): return gross(x)
    def table(): return Price().total()
    def member(thing): return thing.total()
    def free(x): return x
    def through(f=None): return functools.partial(gross, 1)()
"""


def test_names_modules_functions_and_classes_come_from_the_ops(program: Programs) -> None:
    m = program.load("hp_update_a", SOURCE)
    update = Update(
        (
            new_code(m.gross, "def gross(x): return 3"),
            new_code(m.Price.total, "def total(self): return 3"),
            new_global(m, "RATE", 3),
            on_class(m.Price, "VAT", 1),
        ),
        root=program.root,
    )
    assert update.names == {
        ("hp_update_a", "gross"),
        ("hp_update_a", "Price.total"),
        ("hp_update_a", "RATE"),
        ("hp_update_a", "Price.VAT"),
    }
    assert update.modules == {"hp_update_a"}
    assert list(update.functions.values()) == [m.gross, m.Price.total]
    assert list(update.classes.values()) == [m.Price]
    assert list(update.program) == ["hp_update_a"]


def test_the_program_without_a_root_is_what_is_not_installed(program: Programs) -> None:
    m = program.load("hp_update_b", SOURCE)
    found = Update((new_global(m, "RATE", 3),)).program
    assert "hp_update_b" in found
    assert not {"pytest", "functools", "json"} & found.keys()


def test_an_object_is_concerned_through_its_wrappings(program: Programs) -> None:
    m = program.load("hp_update_c", SOURCE)
    update = Update((new_code(m.gross, "def gross(x): return 3"), on_class(m.Price, "VAT", 1)))
    assert update.concerns(m.gross)
    assert update.concerns(functools.partial(m.gross, 1))
    assert update.concerns(functools.lru_cache(m.gross))
    assert update.concerns(staticmethod(m.gross))
    assert update.concerns(m.Price)
    assert update.concerns(m.Price())
    assert update.concerns(m.Price().total)
    assert not update.concerns(m.free)
    assert not update.concerns(m.Other())
    assert not update.concerns(3)


def test_functions_lead_to_changes_by_the_names_they_use(program: Programs) -> None:
    m = program.load("hp_update_d", SOURCE)
    leads = Leads(Update((new_code(m.gross, "def gross(x): return 3"),), root=program.root))
    assert leads.to_change(m.gross)
    assert leads.to_change(m.net)
    assert leads.to_change(m.through)
    assert not leads.to_change(m.free)
    assert not leads.to_change(m.table)


def test_functions_lead_to_changed_names_and_members(program: Programs) -> None:
    m = program.load("hp_update_e", SOURCE)
    by_constant = Leads(Update((new_global(m, "RATE", 3),), root=program.root))
    assert by_constant.to_change(m.net)
    assert not by_constant.to_change(m.table)
    by_member = Leads(Update((new_code(m.Price.total, "def total(s): return 3"),), root=program.root))
    assert by_member.to_change(m.table)
    assert by_member.to_change(m.member), "an attribute of something unknown counts by its name"
    assert not by_member.to_change(m.net)


def test_functions_lead_across_modules(program: Programs) -> None:
    prices = program.load("hp_update_f", SOURCE)
    shop = program.load(
        "hp_update_g",
        """
        import hp_update_f
        from hp_update_f import net as n
        def by_import(): return n(1)
        def by_module(): return hp_update_f.RATE
        def by_function(): return hp_update_f.net(1)
        def none(): return hp_update_f.free(1)
        """,
    )
    leads = Leads(Update((new_global(prices, "RATE", 3),), root=program.root))
    assert leads.to_change(shop.by_import)
    assert leads.to_change(shop.by_module)
    assert leads.to_change(shop.by_function)
    assert not leads.to_change(shop.none)


class Wanted:
    def __init__(self, inner: object = None) -> None:
        self.inner = inner


class Slotted:
    __slots__ = ("held",)

    def __init__(self, held: object) -> None:
        self.held = held


def test_objects_are_found_through_attributes_containers_closures_and_slots() -> None:
    found = [Wanted() for _ in range(6)]
    closed = found[4]

    def closure() -> object:
        return closed

    root = {
        "a": [found[0]],
        "b": Slotted(found[1]),
        "c": Wanted(found[2]),
        "d": functools.partial(print, found[3]),
    }
    root["e"] = closure
    got = instances((Wanted,), [root])
    assert {id(f) for f in got} == {id(f) for f in [*found[:5], root["c"]]}


def test_a_search_ends_at_its_limit_and_skips_data() -> None:
    chain: object = Wanted()
    for _ in range(100):
        chain = [chain]
    assert instances((Wanted,), [chain], limit=50) == []
    assert len(instances((Wanted,), [chain], limit=500)) == 1
    assert instances((Wanted,), [[Wanted()] * 10_000]) == []


def test_a_search_runs_no_code_of_the_objects() -> None:
    class Touchy:
        def __getattribute__(self, name: str) -> object:
            raise AssertionError(name)

        def __iter__(self) -> object:
            raise AssertionError

        def __eq__(self, other: object) -> bool:
            raise AssertionError

        __hash__ = None  # type: ignore[assignment]

    class TouchyList(list[object]):
        def __iter__(self) -> object:  # type: ignore[override]
            raise AssertionError

        def __len__(self) -> int:
            raise AssertionError

    class TouchyMeta(type):
        def __eq__(cls, other: object) -> bool:
            raise AssertionError

        def __hash__(cls) -> int:
            raise AssertionError

    wanted = Wanted()
    of_touchy = TouchyMeta("OfTouchy", (), {})()
    assert instances((Wanted,), [Touchy(), of_touchy, TouchyList([wanted])]) == [wanted]


def test_the_programs_modules_are_those_that_the_engine_takes_for_it() -> None:
    root = str(Path(__file__).parents[2] / "hotpatch")
    found = Update((), root=root).program
    assert found and found == World(root).local


def test_a_search_goes_through_tables_of_plain_values_to_what_lies_beside_them() -> None:
    wanted = Wanted()
    plain = {f"{i}": (i, 1.5) for i in range(100)}
    gc.collect()  # tuples of plain values are left out by the collector from now on
    assert instances((Wanted,), [[plain, {"of": plain, "wanted": (wanted,)}]]) == [wanted]


def test_a_search_needs_no_scan_of_the_heap(monkeypatch: object) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a heap scan")

    saved = gc.get_objects
    gc.get_objects = refuse  # type: ignore[assignment]
    try:
        assert len(instances((Wanted,), [{"a": Wanted()}])) == 1
    finally:
        gc.get_objects = saved
