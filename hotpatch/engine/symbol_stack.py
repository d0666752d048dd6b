"""What is known of what lies on the stack of code, from instruction to instruction.

Leaned on (3.11 to 3.13): `dis.stack_effect`; an expression leaves what lies below it on the stack alone.
"""

from __future__ import annotations

import dis
from typing import Final

from .symbols import Symbol

_ONLY_POPPING: Final = ("STORE_", "POP_", "DELETE_", "END_FOR")


class SymbolStack:
    """The deepest first."""

    def __init__(self) -> None:
        self.stack: list[Symbol] = []

    def jumped(self, step: dis.Instruction) -> list[Symbol]:
        effect = dis.stack_effect(step.opcode, step.arg, jump=True)
        return self.stack[: len(self.stack) + effect] if effect < 0 else [*self.stack, *[None] * effect]

    def do(self, step: dis.Instruction) -> None:
        """Any instruction: what it leaves on top is not known, what lies below is as it was."""
        effect = dis.stack_effect(step.opcode, step.arg, jump=False)
        self.pop(-effect) if effect < 0 else self.push(*[None] * effect)
        if self.stack and not step.opname.startswith(_ONLY_POPPING):
            self.stack[-1] = None

    def pop(self, count: int) -> list[Symbol]:
        """The topmost, deepest first; unknown ones where a handler began with a stack that isn't known."""
        if not count:
            return []
        short: list[Symbol] = [None] * max(0, count - len(self.stack))
        found = short + self.stack[-count:]
        del self.stack[-count:]
        return found

    def push(self, *symbols: Symbol) -> None:
        self.stack += symbols

    def at(self, depth: int) -> Symbol:
        return self.stack[-depth] if depth <= len(self.stack) else None

    def copy(self, step: dis.Instruction) -> None:
        self.push(self.at(step.arg or 1))

    def swap(self, step: dis.Instruction) -> None:
        depth = step.arg or 1
        if depth <= len(self.stack):
            self.stack[-depth], self.stack[-1] = self.stack[-1], self.stack[-depth]
