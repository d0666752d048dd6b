"""What a module's source consists of, as values: units, and what each of them binds, reads and touches.

A *unit* is the smallest piece of source that a plan speaks of: a function, a method, a class (without its
members, which are units of their own), one name of an import, one assigned name, the head of a compound
statement (`if`, `try`, `with`, `for`), one statement with an effect.  Units of a module stand in one flat
tuple, in source order; `owner` and `guards` keep what the nesting said.

Everything here is immutable and holds no syntax tree, so it is safe to share between threads and cheap to
keep.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

from attrs import field, frozen


class Kind(enum.Enum):
    """What a unit is, or what of it differs: the word that the plan shows."""

    # what differs in a definition
    BODY = "body"
    SIGNATURE = "signature"
    DEFAULT = "default"
    ANNOTATION = "annotation"
    DECORATOR = "decorator"
    DOCSTRING = "docstring"
    FUNCTION_KIND = "function kind"
    TYPE_PARAMETER = "type parameter"
    BASE = "base"
    METACLASS = "metaclass"
    KEYWORD = "class keyword"
    DEFINITION = "definition"  # the name is now made in another way: a function became a class
    ORDER = "order"
    # what a unit is
    FUNCTION = "function"
    METHOD = "method"
    NESTED = "nested function"
    CLASS = "class"
    ATTRIBUTE = "class attribute"
    SLOTS = "slots"
    CONSTANT = "constant"
    IMPORT = "import"
    FUTURE = "future import"
    ALL = "__all__"
    CONDITION = "condition"
    STATEMENT = "statement"
    SCRIPT = "script"  # under `if __name__ == "__main__"`: never run in a service
    TYPING = "typing"  # under `if TYPE_CHECKING`: never run at all
    MODULE = "module"


DEFINITIONS = frozenset({Kind.FUNCTION, Kind.METHOD, Kind.NESTED, Kind.CLASS})
"""The sorts of unit that can hold other units."""

NEVER_RUN = frozenset({Kind.SCRIPT, Kind.TYPING})
"""The sorts of unit that don't run where a server imports the module."""


class Doing(enum.Enum):
    """What a top-level statement does besides binding names."""

    CALL = "calls"
    REGISTER = "registers by"
    START = "starts"
    DELETE = "deletes"
    ITEM = "sets an item of"
    ATTRIBUTE = "sets an attribute of"
    AUGMENT = "augments"
    ENTER = "enters"
    IMPORT = "imports"


@frozen
class SideEffect:
    """One thing that a statement does when it runs, which running it again, or not running it, would get
    wrong.
    """

    doing: Doing
    target: str

    def __str__(self) -> str:
        return f"{self.doing.value} {self.target}"


@frozen
class Names:
    """The names of other scopes that running a piece of code uses; dotted as far as the source says."""

    reads: frozenset[str] = frozenset()
    calls: frozenset[str] = frozenset()
    touches: frozenset[str] = frozenset()
    """Names whose objects it may change: receivers of dropped calls, item and attribute targets, globals it
    stores.
    """


@frozen
class Imported:
    """What an import statement binds a name to: the module, or (`attribute` set) a name in it; `*` for all
    of them.
    """

    module: str
    attribute: str | None = None


@frozen
class Unit:
    """One piece of a module's source."""

    name: str
    """Dotted, as `__qualname__` spells it (`outer.<locals>.inner`); the owner's name for what binds
    nothing.
    """
    sort: Kind
    owner: str
    """The definition that it stands in; `''` for the module."""
    first: int
    last: int
    """Lines, from 1; decorators included."""
    label: str
    """The first line of its source, for people."""
    aspects: Mapping[tuple[Kind, str], str]
    """What can differ about it, each as a normal text without positions.  The second part of the key names
    the parameter where there are several of a kind.
    """
    guards: tuple[str, ...] = ()
    """The branches it stands in, outermost first, as normal texts."""
    binds: frozenset[str] = frozenset()
    """Dotted names inside the module that it binds; for the head of a compound statement all that its
    branches bind.
    """
    now: Names = Names()
    """Used when the statement runs: a function's defaults, decorators and (unless postponed) annotations."""
    later: Names = Names()
    """Used when what it defines is called."""
    effects: tuple[SideEffect, ...] = ()
    imported: Imported | None = None


@frozen
class Module:
    """One source file, read."""

    name: str
    file: str
    package: bool
    units: tuple[Unit, ...]
    binders: Mapping[str, tuple[Unit, ...]] = field(repr=False)
    """For each dotted name the units that bind it."""
    stars: tuple[str, ...]
    """Modules all of whose public names it imports."""


Known = dict[tuple[str, bytes], Module | None]
"""Modules by file and text, for all who ask about the same sources; None for what does not compile."""


def module_name(file: str) -> str:
    """The module that a source file relative to the import root defines: `pkg/__init__.py` is `pkg`."""
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def plain(name: str) -> str:
    """The dotted name at the head of a measured one, as the source spells it: `C.__f` of `C._C__f[0].y`."""
    parts = name.partition("[")[0].rstrip(".").split(".")
    for before, (index, part) in zip(parts, enumerate(parts[1:], 1), strict=False):
        mangled = f"_{before.lstrip('_')}__"
        if part.startswith(mangled) and not part.endswith("__"):
            parts[index] = part[len(mangled) - 2 :]
    return ".".join(parts)


def related(one: str, other: str) -> bool:
    """Whether one dotted name is the other or a part of it; the module itself, `''`, is related to itself
    alone.
    """
    if one == other:
        return True
    if not one or not other:
        return False
    return one.startswith(other + ".") or other.startswith(one + ".")
