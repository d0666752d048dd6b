"""Which instructions stand where code catches an exception by its name: what they ask for may be missing.

Not every handler is one of that name.  The body of an `except` has a handler of its own, which only puts the
state of exceptions back, and a `with` block one that tells the manager.

Leaned on (3.11 to 3.13): a handler begins with PUSH_EXC_INFO; for each `except` it loads what is to be
matched, and a jump after CHECK_EXC_MATCH leads to the next; one that catches nothing raises again, within
what is around it.
"""

from __future__ import annotations

import dis
from collections.abc import Collection, Iterator
from types import CodeType
from typing import Final

_LOADS: Final = ("LOAD_", "BUILD_TUPLE", "CACHE", "NOP", "EXTENDED_ARG")


class Caught:
    def __init__(self, code: CodeType, names: Collection[str]) -> None:
        self._names = frozenset(names)
        self._entries = []
        if not self._names.isdisjoint(code.co_names):
            self._entries = dis.Bytecode(code).exception_entries  # type: ignore[attr-defined]  # not in typeshed
            self._steps = list(dis.get_instructions(code))
            self._at = {step.offset: i for i, step in enumerate(self._steps)}

    def __contains__(self, offset: int) -> bool:
        seen = set[int]()
        while (target := self._target(offset)) is not None and target not in seen:
            if not self._names.isdisjoint(self._matched(target)):
                return True
            seen.add(target)
            offset = target
        return False

    def _target(self, offset: int) -> int | None:
        return next((e.target for e in self._entries if e.start <= offset < e.end), None)

    def _matched(self, target: int) -> Iterator[str]:
        """Names of what a handler catches."""
        i = self._at[target] + 1
        if self._steps[i - 1].opname != "PUSH_EXC_INFO":
            return
        while True:
            while self._steps[i].opname.startswith(_LOADS):
                yield str(self._steps[i].argval)
                i += 1
            if self._steps[i].opname != "CHECK_EXC_MATCH":
                return
            i += 1
            while self._steps[i].opname == "EXTENDED_ARG":  # the body is long
                i += 1
            i = self._at[self._steps[i].argval]
