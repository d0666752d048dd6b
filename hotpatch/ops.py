"""The edit as data: one list of (owner, slot, before, after), redone and undone by the same code.

The engine builds everything off to the side and ends with such a list; nothing has been mutated by then.
`engine.commit` applies it in one step, `epochs` installs the same list so that both versions run side
by side.  The record holds live objects: it lives in one process and is never serialised.
"""

from __future__ import annotations

import enum
from typing import Any, Final

from attrs import frozen


class Absent:
    """The value of a slot that is not there: setting it deletes the slot."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()


class SlotKind(enum.Enum):
    """Where on its owner a value stands, and so how it is read, set and deleted."""

    CODE = "code"  # function.__code__
    FUNCTION = (
        "function"  # function.<key>: __defaults__, __kwdefaults__, __doc__, __annotations__, __name__ ...
    )
    FUNCTION_DICT = "function dict"  # function.__dict__[key]
    GLOBAL = "global"  # module.__dict__[key]; the owner is the module
    CLASS = "class"  # type.__setattr__(owner, key, value)
    BASES = "bases"  # class.__bases__
    TYPE = "type"  # object.__class__
    INSTANCE = "instance"  # the raw instance __dict__[key]
    MEMBER = "member"  # a __slots__ member; key is the member descriptor
    ITEM = "item"  # a mapping's item; of a set: the element itself, `after` ABSENT or the element
    ELEMENTS = "elements"  # the whole contents of a list, set, deque or dict, order included
    ORDER = "order"  # of a mapping: its keys that the edit knows, those of `after` first; others follow
    CELL = "cell"  # cell.cell_contents
    PARTIAL = "partial"  # what a functools.partial calls: function, arguments, keywords
    MODULE = "module"  # sys.modules[key]; the owner is sys
    CALL = "call"  # a callable to run: `after` when redone, `before` when undone (caches to forget)


@frozen(eq=False)
class Op:
    """One step of an edit.  `where` names it for people, as the plan does."""

    owner: Any
    kind: SlotKind
    key: Any
    before: Any
    after: Any
    where: str
    target: Any = None
    """CODE only, where `after` is code that forwards because the function object can't hold the new code
    (other free variables): the whole new function, with closure and defaults, to which it forwards."""
    found_anew: bool = False
    """Its owner is one of many objects that follow a class: who takes the edit back looks for them anew."""
    filled_anew: bool = False
    """The place is emptied, and code fills it when it is next asked: that goes with the undo."""

    @property
    def inverse(self) -> Op:
        """The step back."""
        return Op(self.owner, self.kind, self.key, self.after, self.before, self.where)

    @property
    def name(self) -> str:
        """The key, if it is a text, to be compared with others: keys may be objects of the program as well,
        and these compare as they like."""
        return self.key if type(self.key) is str else ""
