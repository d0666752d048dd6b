"""What has no name of its own stays what it is, whichever of its places comes to hold another."""

from __future__ import annotations

from types import ModuleType

from .conftest import Program

MODES = """
class Mode:
    def __init__(self, name):
        self.name, self.seen = name, []
FAST, SLOW = Mode("fast"), Mode("slow")
"""
FLAGS = """
import enum
class F(enum.Flag):
    A = 1
    B = 2
    {more}
BOTH = {both}
"""


def swapped(program: Program, old: str, new: str, modes: str = MODES) -> tuple[ModuleType, ModuleType]:
    """The program, whose module `app` holds what `modes` makes, after its edit; FAST has been used."""
    program.runs({"app.py": old, "modes.py": modes})
    app, made = program.module("app"), program.module("modes")
    if hasattr(made, "FAST"):
        made.FAST.seen.append("while it ran")
    outcome = program.patch({"app.py": new})
    assert outcome, outcome.reasons
    return app, made


def test_a_name_that_comes_to_mean_another_object_leaves_both_as_they_are(program: Program) -> None:
    program.runs({"modes.py": MODES + "DEFAULT = FAST\n"})
    modes = program.module("modes")
    fast, slow = modes.FAST, modes.SLOW
    fast.seen.append("while it ran")
    outcome = program.patch({"modes.py": MODES + "DEFAULT = SLOW\n"})
    assert outcome, outcome.reasons
    assert modes.DEFAULT is slow is modes.SLOW
    assert modes.FAST is fast
    assert (fast.name, fast.seen, slow.name) == ("fast", ["while it ran"], "slow")


def test_an_import_of_another_object_in_a_module_that_is_looked_at_first_renames_nothing(
    program: Program,
) -> None:
    use = "from modes import {} as DEFAULT\nimport modes\n"
    app, modes = swapped(program, use.format("SLOW"), use.format("FAST"))
    assert app.DEFAULT is modes.FAST
    assert (modes.FAST.name, modes.SLOW.name) == ("fast", "slow")


def test_two_that_change_places_in_a_table_are_told_by_what_they_are(program: Program) -> None:
    table = "import modes\nTABLE = {{'get': modes.{}, 'post': modes.{}}}\n"
    app, modes = swapped(program, table.format("FAST", "SLOW"), table.format("SLOW", "FAST"))
    assert app.TABLE == {"get": modes.SLOW, "post": modes.FAST}
    assert modes.FAST.seen == ["while it ran"]


def test_containers_that_look_alike_are_told_by_all_their_places(program: Program) -> None:
    program.runs({"m.py": "A, B = [], []\nCURRENT = A\n"})
    m = program.module("m")
    first, second = m.A, m.B
    m.CURRENT.append("while it ran")
    outcome = program.patch({"m.py": "A, B = [], []\nCURRENT = B\n"})
    assert outcome, outcome.reasons
    assert m.A is first and m.CURRENT is m.B is second
    assert (first, second) == (["while it ran"], [])


def test_a_lock_that_is_held_stays_whoever_uses_another_from_now_on(program: Program) -> None:
    locks = "import threading\nA, B = threading.Lock(), threading.Lock()\nCURRENT = {}\n"
    program.runs({"m.py": locks.format("A")})
    m = program.module("m")
    first = m.A
    with first:
        outcome = program.patch({"m.py": locks.format("B")})
        assert outcome, outcome.reasons
        assert m.A is first and m.CURRENT is m.B and not m.B.locked()


def test_a_default_member_is_another_member(program: Program) -> None:
    old = "import enum\nDEFAULT = None\nclass E(enum.Enum):\n    A = 1\n    B = 2\nDEFAULT = E.A\n"
    program.runs({"m.py": old})
    m = program.module("m")
    first = m.E.A
    outcome = program.patch({"m.py": old.replace("DEFAULT = E.A", "DEFAULT = E.B")})
    assert outcome, outcome.reasons
    assert m.DEFAULT is m.E.B and first is m.E.A is m.E(1) and first.value == 1


def test_a_combination_of_flags_is_known_by_its_value(program: Program) -> None:
    program.runs({"m.py": FLAGS.format(more="", both="F.A | F.B")})
    m = program.module("m")
    held = m.BOTH
    outcome = program.patch({"m.py": FLAGS.format(more="C = 4", both="F.A | F.B | F.C")})
    assert outcome, outcome.reasons
    assert m.BOTH.value == 7 and held.value == 3 and held is m.F.A | m.F.B


def test_a_place_that_was_set_at_run_time_is_not_taken_over(program: Program) -> None:
    program.runs({"m.py": "A, B = [], []\nCURRENT = A\n"})
    m = program.module("m")
    own = m.CURRENT = ["somebody's own"]
    outcome = program.patch({"m.py": "A, B = [], []\nCURRENT = B\n"})
    assert not outcome and "was changed since the start" in outcome.reasons[0]
    assert m.CURRENT is own


def test_an_exception_gets_another_base_and_those_that_were_raised_follow(program: Program) -> None:
    program.runs({"m.py": "class Gone(Exception):\n    pass\n"})
    m = program.module("m")
    raised = m.Gone("x")
    outcome = program.patch({"m.py": "class Gone(LookupError):\n    pass\n"})
    assert outcome, outcome.reasons
    assert isinstance(raised, LookupError) and type(raised) is m.Gone


def test_a_name_for_a_combination_of_flags_that_is_gone_from_the_sources_is_gone(program: Program) -> None:
    program.runs({"m.py": "import re\nBOTH = re.IGNORECASE | re.UNICODE\nONE = 1\n"})
    m = program.module("m")
    outcome = program.patch({"m.py": "import re\nONE = 2\n"})
    assert outcome, outcome.reasons
    assert m.ONE == 2
    assert not hasattr(m, "BOTH")
