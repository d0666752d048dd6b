"""Members of enums that go, and what `enum.Flag` keeps of all that it was ever asked for: combinations of its
members, by their values."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, Final

from hotpatch.ops import ABSENT, SlotKind

from .difference import Difference
from .match import KEPT_BY_FLAG, Pair
from .reading import MISSING, class_dict, plain_same, raw_dict
from .recorded import Note

if TYPE_CHECKING:
    from .merge import Merger

_MEMBERS: Final = ("attr", "_member_map_")


def is_member_that_goes(difference: Difference, pair: Pair, o: int) -> bool:
    """Is the first the table of an enum's members, and this one that the new start has under no name?  No new
    code knows what to make of one that somebody holds."""
    return difference.old.parents[pair[0]][1] == _MEMBERS and o not in difference.origin.values()


def name_combinations(merger: Merger) -> None:
    """A combination that somebody has asked for already, and that gets a name, is the one that it was."""
    for pair in merger.difference.visits:
        if merger.old.parents[pair[0]][1] != KEPT_BY_FLAG:
            continue
        kept = merger.locator.locate(pair[0])
        for step, node in merger.difference.added.get(pair, ()) if type(kept) is dict else ():
            live = kept.get(step[2], MISSING) if step[:2] == ("key", "int") else MISSING
            if (
                live is MISSING
                or merger.new.kind(node) != "instance"
                or not issubclass(type(live), enum.Flag)
            ):
                continue
            merger.builder.made[node] = live
            space = raw_dict(live) or {}
            for part, child in merger.new.kids(node).items():
                if part[0] != "attr":
                    continue
                before, plain = space.get(part[1], ABSENT), merger.new.kind(child) == "plain"
                if before is ABSENT or (plain and not plain_same(before, merger.builder.make(child))):
                    after, where = merger.builder.make(child), f"{merger.new.path(node)}.{part[1]}"
                    merger.emit(live, SlotKind.INSTANCE, part[1], before, after, where)


def forget_combinations(merger: Merger) -> None:
    """Where members move to other values, a combination of old values is one of other members: nobody may
    have it."""
    moved = {id(cls): cls for op in merger.ops if (cls := _moves(op.before, op.after, op.owner, op.name))}
    for cls in moved.values():
        kept, named = class_dict(cls)[KEPT_BY_FLAG[1]], class_dict(cls)[_MEMBERS[1]].values()
        own = {id(member) for member in named}
        written = {op.key for op in merger.ops if op.owner is kept}
        for value, member in list(kept.items()):
            if id(member) not in own and value not in written and int.bit_count(value) > 1:
                where = f"{cls.__qualname__}: the combination {value}"
                merger.emit(kept, SlotKind.ITEM, value, member, ABSENT, where)
                merger.displaced[id(member)] = Note(member, None)


def _moves(before: Any, after: Any, owner: Any, name: str) -> Any:
    """The class of flags of which a member moves by this step."""
    if name == "_value_" and issubclass(type(owner), enum.Flag):
        return type(owner)
    both = type(before) is type(after) and issubclass(type(before), enum.Flag)
    return (
        type(before)
        if both and type(owner) is dict and owner is class_dict(type(before)).get(_MEMBERS[1])
        else None
    )
