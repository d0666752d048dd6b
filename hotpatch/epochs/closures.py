"""Code for a function object whose closure can't be changed, when the new code closes over other variables.

`function.__code__` wants as many free variables as the object has cells, in their order.  New code that only
lost some is renumbered, and costs what it would anywhere.  New code that gained one (a first `super()`, a new
variable of the enclosing function) runs in a function of its own, and the old object forwards to it: some
20 ns a call, for as long as the object lives.
"""

from __future__ import annotations

import dis
from types import CodeType, FunctionType
from typing import Final

from hotpatch.epochs.dispatch import forwarder

LOCALS: Final = frozenset({"LOAD_FAST", "LOAD_FAST_CHECK", "LOAD_CLOSURE"})
"""Opcodes besides those on cells by which code takes a cell itself, to hand it to a nested function."""


class _NoRoom(Exception):
    """An instruction's argument has no room for the new number."""


def fit(function: FunctionType, new: FunctionType) -> CodeType:
    """Code that does what `new` does, for `function` to run with the cells it has."""
    wanted, code = function.__code__.co_freevars, new.__code__
    same_cells = all(
        name in wanted and cell is (function.__closure__ or ())[wanted.index(name)]
        for name, cell in zip(code.co_freevars, new.__closure__ or (), strict=True)
    )
    if same_cells:
        try:
            return renumber(code, wanted)
        except _NoRoom:
            pass
    return forwarder(function.__code__, new)


def renumber(code: CodeType, wanted: tuple[str, ...]) -> CodeType:
    """`code` with the free variables `wanted`, in that order; they contain its own."""
    own = code.co_freevars
    if own == wanted:
        return code
    first = code.co_nlocals + sum(name not in code.co_varnames for name in code.co_cellvars)
    moved = {first + i: first + wanted.index(name) for i, name in enumerate(own)}
    raw = bytearray(code.co_code)
    for instruction in dis.get_instructions(code):
        if instruction.opname == "COPY_FREE_VARS":
            _write(raw, instruction, len(wanted))
        elif instruction.opcode in dis.hasfree or instruction.opname in LOCALS:
            assert instruction.arg is not None
            if instruction.arg in moved:
                _write(raw, instruction, moved[instruction.arg])
        elif instruction.opname in ("LOAD_FAST_LOAD_FAST", "STORE_FAST_LOAD_FAST"):
            _write_pair(raw, instruction, moved)
    if not own:
        raise _NoRoom  # no COPY_FREE_VARS to renumber
    return code.replace(co_code=bytes(raw), co_freevars=wanted)


def _write(raw: bytearray, instruction: dis.Instruction, argument: int) -> None:
    if argument > 255 or (instruction.arg or 0) > 255:
        raise _NoRoom
    raw[instruction.offset + 1] = argument


def _write_pair(raw: bytearray, instruction: dis.Instruction, moved: dict[int, int]) -> None:
    """Two locals in one argument of two times four bits (3.13)."""
    assert instruction.arg is not None
    high, low = instruction.arg >> 4, instruction.arg & 15
    high, low = moved.get(high, high), moved.get(low, low)
    if max(high, low) > 15:
        raise _NoRoom
    _write(raw, instruction, high << 4 | low)
