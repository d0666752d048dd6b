"""Where control can go inside one code object: loops, ways out, names read on the way.  Pure; no frame
needed.

Three things can happen at an instruction: the next one, a jump, or an exception that a handler of the same
function catches.  A function *leaves* by `return` or by a `raise` of its own.  An exception that some call
may throw and nobody here catches is no way out that one could count on, nor is a failed `assert`, nor is
the passing on of a caught one: a loop with no other exit runs "for ever unless it fails".

Leaned on (3.11 to 3.13): `dis` decodes `co_code` unspecialised and without instrumentation; the argument
value of a jump is its target; `dis.Bytecode.exception_entries` lists what the exception table covers, end
exclusive; a `JUMP_BACKWARD_NO_INTERRUPT` to a `SEND` is the waiting of `await` and `yield from`; `f_lasti`
may point into the inline cache of an instruction, so it is rounded down.
"""

from __future__ import annotations

import dis
import enum
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator, Mapping
from itertools import pairwise
from types import CodeType
from typing import Final

from attrs import frozen

from . import codes
from .decoding import once

_RETURNS: Final = frozenset({"RETURN_VALUE", "RETURN_CONST"})
_RAISES: Final = frozenset({"RAISE_VARARGS", "RERAISE"})
_JUMPS_ONLY: Final = frozenset({"JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT"})
_AWAITS: Final = "JUMP_BACKWARD_NO_INTERRUPT"
_MATCHES: Final = frozenset({"CHECK_EXC_MATCH", "CHECK_EG_MATCH"})
_ASSERTS: Final = "LOAD_ASSERTION_ERROR"
_NAMING: Final = frozenset(dis.hasname) | frozenset(dis.hasfree)


class Mode(enum.Enum):
    """How control came to an instruction: what counts as a way out depends on it."""

    PLAIN = "in the ordinary course"
    RAISING = "by an exception that this function raises itself"
    HANDLING = "by an exception that something else may raise"


@frozen
class Flow:
    """The control flow of one code object, by bytecode offset."""

    code: CodeType
    steps: Mapping[int, dis.Instruction]
    offsets: tuple[int, ...]
    after: Mapping[int, tuple[int, ...]]
    """Where an instruction goes in the ordinary course."""
    handler: Mapping[int, int]
    """Where an exception in it goes, if it is caught here."""

    def at(self, lasti: int) -> int:
        """The instruction that a frame's `f_lasti` stands for; the first for a frame that hasn't begun."""
        index = bisect_right(self.offsets, lasti) - 1
        return self.offsets[max(index, 0)]

    def line(self, offset: int) -> int:
        """The source line of an instruction; the function's first line where it has none."""
        positions = self.steps[offset].positions
        return (positions.lineno if positions else None) or self.code.co_firstlineno

    def can_leave(self, offset: int) -> bool:
        """Whether from here on the function may return, or raise something of its own."""
        for at, mode in self._walk(offset):
            step = self.steps[at]
            if step.opname in _RETURNS:
                return True
            if step.opname in _RAISES and at not in self.handler and _raises(step, mode):
                return True
        return False

    def in_loop(self, offset: int) -> bool:
        """Whether control may come back to this instruction; waiting for one `await` is no loop."""
        seen: set[int] = set()
        todo = list(self._looping(offset))
        while todo:
            at = todo.pop()
            if at == offset:
                return True
            if at not in seen:
                seen.add(at)
                todo += self._looping(at)
        return False

    def names(self, offset: int) -> frozenset[str]:
        """The names (globals, attributes, free variables) that may still be read from here on."""
        return frozenset(
            str(self.steps[at].argval)
            for at in self.reached(offset)
            if self.steps[at].opcode in _NAMING and self.steps[at].opname.startswith("LOAD")
        )

    def reached(self, offset: int) -> frozenset[int]:
        """The instructions that may still run from here on."""
        return frozenset(at for at, _ in self._walk(offset))

    def _looping(self, offset: int) -> Iterator[int]:
        step = self.steps[offset]
        if step.opname == _AWAITS and self.steps[step.argval].opname == "SEND":
            yield self.steps[step.argval].argval  # it goes back to wait on: take where the wait ends
        else:
            yield from self.after[offset]
        if offset in self.handler:
            yield self.handler[offset]

    def _walk(self, offset: int) -> Iterator[tuple[int, Mode]]:
        """Everything that control may reach, with how."""
        start = (offset, Mode.PLAIN)
        seen = {start}
        todo = deque([start])
        while todo:
            at, mode = todo.popleft()
            yield at, mode
            step = self.steps[at]
            if step.opname in _MATCHES and mode is Mode.RAISING:
                mode = Mode.HANDLING  # it may be caught for good: no longer sure to go on
            nexts = [(to, mode) for to in self.after[at]]
            if at in self.handler:
                own = step.opname in _RAISES and _raises(step, mode)
                nexts.append((self.handler[at], Mode.RAISING if own else Mode.HANDLING))
            for state in nexts:
                if state not in seen:
                    seen.add(state)
                    todo.append(state)


def _raises(step: dis.Instruction, mode: Mode) -> bool:
    """Whether a raising instruction raises on the function's own account."""
    if step.opname == "RAISE_VARARGS" and step.arg:
        return mode is not Mode.HANDLING
    return mode is Mode.RAISING


@once
def flow_of(code: CodeType) -> Flow:
    """Decode a code object; some 10 us an instruction, so keep the result where it is asked often."""
    steps = {step.offset: step for step in dis.get_instructions(code)}
    offsets = tuple(steps)
    following = dict(pairwise(offsets))
    after: dict[int, tuple[int, ...]] = {}
    for offset, step in steps.items():
        nexts = []
        ends = step.opname in _RETURNS or step.opname in _RAISES or step.opname in _JUMPS_ONLY
        if not ends and step.opname != _ASSERTS and offset in following:
            nexts.append(following[offset])
        if step.opcode in codes.JUMPS:
            nexts.append(step.argval)
        after[offset] = tuple(nexts)
    handler: dict[int, int] = {}
    for entry in dis.Bytecode(code).exception_entries:  # type: ignore[attr-defined]  # not in typeshed
        covered = offsets[bisect_left(offsets, entry.start) : bisect_left(offsets, entry.end)]
        handler.update(dict.fromkeys(covered, entry.target))
    return Flow(code, steps, offsets, after, handler)


def endless_loop(code: CodeType) -> int | None:
    """The line of a loop that a call of this code may come to and never leaves but by failing; None if
    there is none.

    `while True` without `break`, `return` or `raise` is one; whether it is ever reached isn't asked.
    """
    flow = flow_of(code)
    heads = {to for at, nexts in flow.after.items() for to in nexts if to <= at}
    plain = {at for at, mode in flow._walk(0) if mode is Mode.PLAIN}
    for head in sorted(heads & plain):
        if flow.in_loop(head) and not flow.can_leave(head):
            return flow.line(head)
    return None
