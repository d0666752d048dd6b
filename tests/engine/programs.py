"""Random programs and random edits of them, as readable source.

A program is two modules, `lawa` and `lawb`, of definitions that use each other: constants, functions,
makers of closures, classes, dataclasses, names registered by a decorator.  Everything comes to an integer,
so that what a program does can be looked at whole.  A definition uses only those before it, so every
program ends.

An edit is a list of changes, each of one definition.  Values shrink towards few definitions, few changes and
small numbers, so that a failure is a pair of sources that one can read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import evolve, field, frozen
from hypothesis import strategies as st

MODULES = ("lawa", "lawb")


@frozen
class Use:
    """One term of a sum: a number, or something that a definition before gives."""

    number: int = 0
    of: str = ""
    """Name of the definition; empty for the number."""

    def text(self, program: Program, module: str) -> str:
        if not self.of or self.of not in program.names:
            return str(self.number)
        found = program.named(self.of)
        return found.value(program.spelled(found, module))


@frozen
class Definition:
    """A named statement of a module."""

    name: str
    module: str
    sum: tuple[Use, ...] = ()
    extra: int = 0
    """A second number: a default, an attribute, a field."""
    parts: int = 1
    """How many methods, fields or parameters."""

    def source(self, program: Program) -> str:
        raise NotImplementedError

    def value(self, spelled: str) -> str:
        """An expression for the integer that it comes to."""
        raise NotImplementedError

    def total(self, program: Program) -> str:
        return " + ".join(use.text(program, self.module) for use in self.sum) or "0"


class Constant(Definition):
    def source(self, program: Program) -> str:
        return f"{self.name} = {self.total(program)}"

    def value(self, spelled: str) -> str:
        return spelled


class Function(Definition):
    def source(self, program: Program) -> str:
        parameters = ", ".join(f"p{i}={self.extra + i}" for i in range(self.parts))
        used = " + ".join(f"p{i}" for i in range(self.parts)) or "0"
        return (
            f"@seen({self.name!r})\ndef {self.name}({parameters}):\n    return {used} + {self.total(program)}"
        )

    def value(self, spelled: str) -> str:
        return f"{spelled}()"


class Generator(Definition):
    def source(self, program: Program) -> str:
        steps = "\n".join(f"    yield {self.extra + i}" for i in range(self.parts))
        return f"def {self.name}():\n{steps}\n    yield {self.total(program)}"

    def value(self, spelled: str) -> str:
        return f"sum({spelled}())"


class Maker(Definition):
    """A function that hands out closures."""

    def source(self, program: Program) -> str:
        return (
            f"def {self.name}(n={self.extra}):\n    def inner(x=1):\n"
            f"        return x + n + {self.total(program)}\n    return inner"
        )

    def value(self, spelled: str) -> str:
        return f"{spelled}()()"


class Class(Definition):
    """The first class of the sum that is a class is its base."""

    def source(self, program: Program) -> str:
        bases = [
            use.of for use in self.sum if use.of in program.names and type(program.named(use.of)) is Class
        ]
        base = f"({program.spelled(program.named(bases[0]), self.module)})" if bases else "(Root)"
        methods = "\n".join(
            f"    def m{i}(self):\n        return self.x + {i} + {self.total(program)}"
            for i in range(self.parts)
        )
        return f"class {self.name}{base}:\n    x = {self.extra}\n{methods}"

    def value(self, spelled: str) -> str:
        return f"sum(getattr({spelled}(), name)() for name in dir({spelled}) if name[0] == 'm')"


class Data(Definition):
    """A dataclass whose fields all have defaults."""

    def source(self, program: Program) -> str:
        fields = "\n".join(f"    f{i}: int = {self.extra + i}" for i in range(self.parts)) or "    pass"
        return (
            f"@dataclass\nclass {self.name}:\n{fields}\n"
            f"    def total(self):\n        return sum(vars(type(self)()).values()) + {self.total(program)}"
        )

    def value(self, spelled: str) -> str:
        return f"{spelled}().total()"


class Entry(Definition):
    """A function that a decorator of the program enters in a registry, and that is found there alone."""

    def source(self, program: Program) -> str:
        return f"@entered({self.name!r})\ndef {self.name}():\n    return {self.extra} + {self.total(program)}"

    def value(self, spelled: str) -> str:
        head, _, name = spelled.rpartition(".")
        return f"{head + '.' if head else ''}REGISTRY[{name!r}]()"


KINDS: tuple[type[Definition], ...] = (Constant, Function, Class, Maker, Data, Generator, Entry)

HEAD = """from dataclasses import dataclass
from tests.engine.law_log import seen
REGISTRY = {}
count = 0
class Root: pass
def entered(name):
    def deco(f):
        REGISTRY[name] = f
        return f
    return deco
def tick():
    global count
    count += 1
    return count
"""


@frozen
class Program:
    """Definitions in the order in which they stand, those of `lawa` before those of `lawb`."""

    definitions: tuple[Definition, ...]
    by_name: bool = True
    """Whether `lawb` takes what it uses by `from lawa import`, or by `import lawa`."""
    names: frozenset[str] = field(init=False)

    @names.default
    def _names(self) -> frozenset[str]:
        return frozenset(found.name for found in self.definitions)

    def named(self, name: str) -> Definition:
        return next(found for found in self.definitions if found.name == name)

    def spelled(self, found: Definition, module: str) -> str:
        """How a definition is named in a module."""
        if found.module == module or (self.by_name and type(found) is not Entry):
            return found.name
        return f"lawa.{found.name}"

    def sources(self) -> dict[str, str]:
        """File name to text."""
        imports = "import lawa\n"
        taken = [d.name for d in self.definitions if d.module == "lawa" and type(d) is not Entry]
        if self.by_name and taken:
            imports += f"from lawa import {', '.join(taken)}\n"
        texts = {}
        for module in MODULES:
            parts = [HEAD if module == "lawa" else imports + HEAD]
            parts += [found.source(self) for found in self.definitions if found.module == module]
            texts[f"{module}.py"] = "\n".join(parts) + "\n"
        return texts

    def values(self) -> dict[str, str]:
        """Name to (module, expression) of all that can be looked at, as expressions over the modules."""
        return {found.name: found.value(f"{found.module}.{found.name}") for found in self.definitions}

    def __repr__(self) -> str:  # what Hypothesis shows
        return "\n" + "\n".join(f"# {name}\n{text}" for name, text in self.sources().items())


# -- making them -----------------------------------------------------------------------------

NUMBERS = st.integers(0, 9)


@st.composite
def uses(draw: st.DrawFn, names: Sequence[str]) -> tuple[Use, ...]:
    term = NUMBERS.map(lambda number: Use(number=number))
    if names:
        term = term | st.sampled_from(list(names)).map(lambda name: Use(of=name))
    return tuple(draw(st.lists(term, max_size=3)))


@st.composite
def definitions(draw: st.DrawFn, name: str, module: str, before: Sequence[str]) -> Definition:
    kind = draw(st.sampled_from(KINDS))
    return kind(
        name=name,
        module=module,
        sum=draw(uses(before)),
        extra=draw(NUMBERS),
        parts=draw(st.integers(1, 3)),
    )


@st.composite
def programs(draw: st.DrawFn, most: int = 8) -> Program:
    split = draw(st.integers(1, most))
    total = draw(st.integers(split, most))
    found: list[Definition] = []
    for index in range(total):
        module = MODULES[index >= split]
        found.append(draw(definitions(f"d{index}", module, [d.name for d in found])))
    return Program(tuple(found), by_name=draw(st.booleans()))


Change = Callable[[st.DrawFn, Program], Program]


def _replace(program: Program, old: Definition, new: Definition | None) -> Program:
    kept = tuple(new if d is old else d for d in program.definitions)
    return evolve_program(program, tuple(d for d in kept if d is not None))


def evolve_program(program: Program, found: tuple[Definition, ...]) -> Program:
    return Program(found, by_name=program.by_name)


def other_sum(draw: st.DrawFn, program: Program) -> Program:
    """A body, a constant's value, a class's base and methods."""
    old = draw(st.sampled_from(program.definitions))
    before = [d.name for d in program.definitions[: program.definitions.index(old)]]
    return _replace(program, old, evolve(old, sum=draw(uses(before))))


def other_number(draw: st.DrawFn, program: Program) -> Program:
    """A default, an attribute, a field's default."""
    old = draw(st.sampled_from(program.definitions))
    return _replace(program, old, evolve(old, extra=draw(NUMBERS)))


def other_parts(draw: st.DrawFn, program: Program) -> Program:
    """Parameters, methods, fields added or removed."""
    old = draw(st.sampled_from(program.definitions))
    return _replace(program, old, evolve(old, parts=draw(st.integers(1, 3))))


def added(draw: st.DrawFn, program: Program) -> Program:
    place = draw(st.integers(0, len(program.definitions)))
    before = [d.name for d in program.definitions[:place]]
    following = program.definitions[place:]
    module = following[0].module if following else draw(st.sampled_from(MODULES))
    name = f"n{sum(d.name.startswith('n') for d in program.definitions)}"
    if name in program.names:
        return program
    if any(d.module == "lawb" for d in program.definitions[:place]):
        module = "lawb"
    made = draw(definitions(name, module, before))
    return evolve_program(program, (*program.definitions[:place], made, *following))


def removed(draw: st.DrawFn, program: Program) -> Program:
    """Whoever used it uses a number instead."""
    if len(program.definitions) < 2:
        return program
    return _replace(program, draw(st.sampled_from(program.definitions)), None)


def other_import(draw: st.DrawFn, program: Program) -> Program:
    return Program(program.definitions, by_name=not program.by_name)


CHANGES: tuple[Change, ...] = (other_sum, other_number, other_parts, added, removed, other_import)


@st.composite
def edited(draw: st.DrawFn, program: Program, most: int = 4) -> Program:
    for change in draw(st.lists(st.sampled_from(CHANGES), min_size=1, max_size=most)):
        program = change(draw, program)
    return program


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Program, Program]:
    """A program before and after an edit."""
    old = draw(programs())
    return old, draw(edited(old))


@st.composite
def histories(draw: st.DrawFn) -> tuple[Program, Program, Program]:
    """A program before, between and after two edits."""
    old = draw(programs(most=5))
    middle = draw(edited(old, most=2))
    return old, middle, draw(edited(middle, most=2))
