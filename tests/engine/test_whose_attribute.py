"""An attribute that only the new `__init__` sets is missed where objects of that class are read, and nowhere
else."""

from __future__ import annotations

from hotpatch.plan import Effect
from tests.engine.conftest import Program

BEFORE = """
class Pump:
    def __init__(self): self.on = True
    def show(self): return self.on
class Tank:
    def __init__(self): self.level = 0
    def show(self): return self.level
"""
AFTER = """
class Pump:
    def __init__(self): self.on, self.level = True, 7
    def show(self): return not self.on
class Tank:
    def __init__(self): self.level = 0
    def show(self):
        self.level += 1
        return {}
"""


def test_what_other_classes_read_of_themselves_is_their_own(program: Program) -> None:
    program.runs({"pumps.py": BEFORE})
    pump = program.module("pumps").Pump()
    outcome = program.patch({"pumps.py": AFTER.format("self.level")})
    assert outcome, outcome.reasons
    assert pump.show() is False


def test_what_they_read_of_anything_else_may_be_missed(program: Program) -> None:
    program.runs({"pumps.py": BEFORE})
    pump = program.module("pumps").Pump()
    outcome = program.patch({"pumps.py": AFTER.format("[each.level for each in [self]]")})
    assert outcome.effect is Effect.RELOAD
    assert outcome.reasons[0].startswith("objects of Pump that live lack level")
    assert pump.show() is True


def test_what_a_base_class_reads_of_itself_is_missed_by_its_subclass(program: Program) -> None:
    source = """
class Base:
    def show(self): return {}
class Pump(Base):
    def __init__(self): self.on = True{}
"""
    program.runs({"pumps.py": source.format("1", "")})
    pump = program.module("pumps").Pump()
    outcome = program.patch({"pumps.py": source.format("self.level", "; self.level = int(7)")})
    assert outcome.effect is Effect.RELOAD
    assert pump.show() == 1


COPIED = """
class Label: pass
class Shop:
    Model = 1
    def show(self): return self.Model
def make(base):
    body = {}
    label = Label()
    return type("Model", (base,), body), label
"""


def test_a_dictionary_that_is_only_copied_gives_nothing_to_what_is_made_there(program: Program) -> None:
    program.runs({"shops.py": COPIED.format("{}")})
    shops = program.module("shops")
    label, shop = shops.Label(), shops.Shop()
    new = COPIED.format("dict(base.__dict__)")
    new = new.replace("return self.Model", "return [each.Model for each in [self]][0] + 1")
    outcome = program.patch({"shops.py": new})
    assert outcome, outcome.reasons
    assert shop.show() == 2 and label is not None


def test_a_dictionary_that_is_written_to_gives_what_its_texts_name(program: Program) -> None:
    program.runs({"shops.py": COPIED.format("{}")})
    shops = program.module("shops")
    label, shop = shops.Label(), shops.Shop()
    new = COPIED.format("{}").replace("    return type", "    label.__dict__['Model'] = 2\n    return type")
    new = new.replace("return self.Model", "return [each.Model for each in [self]][0] + 1")
    outcome = program.patch({"shops.py": new})
    assert outcome.effect is Effect.RELOAD, outcome
    assert "objects of Label that live lack Model" in outcome.reasons[0]
    assert shop.show() == 1 and label is not None


def test_what_the_edit_itself_drops_is_read_by_nobody(program: Program) -> None:
    before = "class Pump:\n    def __init__(self): self.on = True\n    def show(self): return self.on\n"
    after = before.replace("self.on = True", "self.on, self.level = 1, 7").replace(
        "return ", "return self.level, "
    )
    program.runs({"pumps.py": before + "PUMPS = (Pump(), [Pump()])\n"})
    pumps = program.module("pumps")
    outcome = program.patch({"pumps.py": after + "PUMPS = ()\n"})
    assert outcome and pumps.Pump().show() == (7, 1), outcome.reasons


def test_what_somebody_else_holds_of_it_is_missed(program: Program) -> None:
    before = "class Pump:\n    def __init__(self): self.on = True\n    def show(self): return self.on\n"
    after = before.replace("self.on = True", "self.on, self.level = 1, int(7)").replace(
        "return ", "return self.level, "
    )
    program.runs({"pumps.py": before + "PUMPS = (Pump(), [Pump()])\n"})
    held = program.module("pumps").PUMPS[1]
    outcome = program.patch({"pumps.py": after + "PUMPS = ()\n"})
    assert outcome.effect is Effect.RELOAD and "lack level" in outcome.reasons[0] and held[0].show()


COUNTED = """
import itertools
class Core:
    def __init__(self): self.count = {}
class Handler:
    def __init__(self, number): self.number = number
CORE = Core()
def add():
    {}
    return Handler(number)
"""


def test_what_code_adds_to_is_not_given_to_what_it_makes(program: Program) -> None:
    old = COUNTED.format("itertools.count(1)", "number = next(CORE.count)")
    program.runs({"handlers.py": old})
    handlers = program.module("handlers")
    held = handlers.Handler(0)
    outcome = program.patch({"handlers.py": COUNTED.format("1", "number = CORE.count; CORE.count += 1")})
    assert outcome, outcome.reasons
    assert held.number == 0 and [handlers.add().number, handlers.add().number] == [1, 2]
