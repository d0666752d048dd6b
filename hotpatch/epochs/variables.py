"""A module's global with several values, one for each epoch that needs it.

The oldest value stands under the real name, each later one under an alias in the same module, which the code
of its epoch reads (`names.py`).  Code outside the module's own functions asks the module object; what it gets
is in `modules.py`.
"""

from __future__ import annotations

import builtins
from collections.abc import Collection, Iterator
from types import CodeType, ModuleType
from typing import Any

from hotpatch.epochs import history
from hotpatch.epochs.aliases import Alias
from hotpatch.epochs.history import Entry, History
from hotpatch.ops import ABSENT


class Variable:
    """`module.name` by epoch.  Changed by whoever holds the versions' lock, read by anybody."""

    def __init__(self, module: ModuleType, name: str) -> None:
        self.module = module
        self.name = name
        self.dict: dict[str, Any] = vars(module)
        self.history: History[Any] = history.begun(self.dict.get(name, ABSENT))
        self._aliases: dict[int, Alias] = {}

    def newest(self) -> Any:
        return self._present(self.history[-1])

    def push(self, epoch: int, value: Any) -> None:
        """The value that `epoch` has from now on; nobody is on it yet, and no code reads its alias yet."""
        alias = Alias(self.dict, self.name)
        if value is not ABSENT:
            self.dict[alias.name] = value
        elif hasattr(builtins, self.name):
            self.dict[alias.name] = getattr(builtins, self.name)  # no longer hidden by the module's own
        self._aliases[epoch] = alias
        self.history = history.pushed(self.history, epoch, value)

    def alias(self, epoch: int) -> Alias | None:
        """The name that `epoch`'s code reads it under; None for the real one."""
        return self._aliases.get(history.at(self.history, epoch).epoch)

    def settle(self, live: Collection[int]) -> None:
        """Forget values that no live epoch reads; the oldest that is left goes under the real name.

        Nobody reads the real name for its former value then.  Code that reads an alias may go on doing so.
        """
        kept = history.needed(self.history, live)
        base = kept[0]
        if base is not self.history[0]:
            self._assign(self.name, base.value)
        gone = [entry.epoch for entry in history.dropped(self.history, kept)]
        self.history = kept
        for epoch in (*gone, base.epoch):
            alias = self._aliases.pop(epoch, None)
            if alias is not None:
                alias.retire()

    @property
    def settled(self) -> bool:
        return len(self.history) == 1

    def get(self, epoch: int) -> Any:
        """What `epoch` sees; ABSENT if nothing."""
        return self._present(history.at(self.history, epoch))

    def set(self, value: Any) -> None:
        """The application itself assigns `module.name`: state, and so the same for all epochs."""
        for name in self._names():
            self._assign(name, value)
        self.history = tuple(Entry(entry.epoch, value) for entry in self.history)

    def read_by(self, code: CodeType) -> None:
        for alias in self._aliases.values():
            alias.read_by(code)

    def _names(self) -> Iterator[str]:
        yield self.name
        for alias in self._aliases.values():
            yield alias.name

    def _present(self, entry: Entry[Any]) -> Any:
        # `settle` stores the value under the real name, then the shorter history: a reader who finds the
        # entry to be the oldest finds its value there.
        return self.dict.get(self.name, ABSENT) if entry is self.history[0] else entry.value

    def _assign(self, name: str, value: Any) -> None:
        if value is ABSENT:
            self.dict.pop(name, None)
        else:
            self.dict[name] = value
