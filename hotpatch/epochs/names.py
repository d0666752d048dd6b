"""A changed global by epoch, at no cost: new code reads a name of its own in the same module.

`TIMEOUT` of the old version and `TIMEOUT@1` of the new stand side by side in the module's dict, and the code
of the new version reads the second, because its `co_names` says so.  Pure functions on code objects; what
they refuse raises `CannotRename`, and the edit then takes a barrier.

A name in `co_names` may be a global and an attribute at once (`size(x.size)`): then the alias gets a place of
its own, and the instructions that mean the global are pointed there, if their argument has room.
"""

from __future__ import annotations

import dis
from collections.abc import Iterator, Mapping
from types import CodeType
from typing import Final

from hotpatch.epochs.cpython import NAME_SHIFT

READS: Final = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})
GLOBAL_WRITES: Final = frozenset({"STORE_GLOBAL", "DELETE_GLOBAL"})
NAMESPACE_WRITES: Final = frozenset({"STORE_NAME", "DELETE_NAME"})


class CannotRename(Exception):
    """This code can't read the name under another one; the text says why."""


def rename(code: CodeType, names: Mapping[str, str]) -> CodeType:
    """`code`, its nested code included, with each global in `names` read under its other name.

    The same object if it reads none of them.  Raises `CannotRename` if a name is written here, too.
    """
    consts = tuple(rename(const, names) if isinstance(const, CodeType) else const for const in code.co_consts)
    nested_same = all(new is old for new, old in zip(consts, code.co_consts, strict=True))
    wanted = [name for name in code.co_names if name in names]
    if wanted:
        edited, renamed = _edit(code, {name: names[name] for name in wanted})
        if renamed != code.co_names:
            return code.replace(co_consts=consts, co_names=renamed, co_code=edited)
    return code if nested_same else code.replace(co_consts=consts)


def _edit(code: CodeType, names: Mapping[str, str]) -> tuple[bytes, tuple[str, ...]]:
    instructions = [i for i in dis.get_instructions(code) if i.opcode in dis.hasname]
    raw, table = bytearray(code.co_code), list(code.co_names)
    for old, new in names.items():
        uses = [i for i in instructions if i.argval == old]
        reads = [i for i in uses if i.opname in READS]
        if not reads and not any(i.opname in GLOBAL_WRITES for i in uses):
            continue  # an attribute, an import, or a name of a class body
        if any(i.opname in GLOBAL_WRITES | NAMESPACE_WRITES for i in uses):
            raise CannotRename(f"{code.co_qualname} stores {old}")
        if len(reads) == len(uses):
            table[code.co_names.index(old)] = new
            continue
        table.append(new)
        for instruction in reads:
            _point(raw, instruction, len(table) - 1, code)
    return bytes(raw), tuple(table)


def _point(raw: bytearray, instruction: dis.Instruction, index: int, code: CodeType) -> None:
    """Let the instruction mean the name at `index`, in the room that its argument has."""
    shift = NAME_SHIFT.get(instruction.opname, 0)
    assert instruction.arg is not None
    argument = index << shift | instruction.arg & ((1 << shift) - 1)
    places = [instruction.offset + 1]
    while places[-1] >= 3 and raw[places[-1] - 3] == dis.EXTENDED_ARG and instruction.arg >> 8 * len(places):
        places.append(places[-1] - 2)
    if argument >> 8 * len(places):
        raise CannotRename(
            f"{code.co_qualname} has so many names that {instruction.argval}, also an attribute there, "
            "can't be told apart"
        )
    for i, place in enumerate(places):
        raw[place] = argument >> 8 * i & 255


def reads(code: CodeType) -> frozenset[str]:
    """The globals that `code`, its nested code included, reads by name (names of class bodies among them)."""
    return _used(code, READS)


def writes(code: CodeType) -> frozenset[str]:
    """The globals that `code`, its nested code included, assigns or deletes."""
    return _used(code, GLOBAL_WRITES)


def _used(code: CodeType, opnames: frozenset[str]) -> frozenset[str]:
    return frozenset(
        instruction.argval
        for part in codes_within(code)
        if part.co_names
        for instruction in dis.get_instructions(part)
        if instruction.opname in opnames
    )


def mentions(code: CodeType, names: frozenset[str]) -> bool:
    """Whether one of `names` is in the name table of `code` or of nested code: quick, never wrongly no."""
    return any(not names.isdisjoint(part.co_names) for part in codes_within(code))


def codes_within(code: CodeType) -> Iterator[CodeType]:
    yield code
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from codes_within(const)
