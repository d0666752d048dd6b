"""How long a renamed global lives: as long as code that reads it.

A stream that began in an epoch goes on reading that epoch's `TIMEOUT@1` after the collapse, when `TIMEOUT`
itself has long got the value: the code object it runs was made to read that name.  So an alias is taken out
of the module when it has been retired *and* the last code object that reads it is gone, by reference count.

Thread-safety: code objects die in any thread.  `retire` stores its mark and then looks for readers; a dying
reader takes itself out and then looks for the mark; whichever comes second removes the alias.
"""

from __future__ import annotations

import weakref
from types import CodeType
from typing import Any

from hotpatch.epochs.names import codes_within

_alive: dict[tuple[int, str], Alias] = {}
"""Aliases that stand in some module, or may be read there, by the module dict's id and the alias's name; kept
here, since their readers refer to them weakly at best."""


def names_in(module: dict[str, Any]) -> frozenset[str]:
    """The names in a module's dict that are no variables of its sources."""
    return frozenset(name for key, name in list(_alive) if key == id(module))


def is_alias(module: dict[str, Any], name: str) -> bool:
    return (id(module), name) in _alive


class Alias:
    """One epoch's own variable in a module's dict, named `TIMEOUT@1`, `TIMEOUT@2` ..., the first name free.

    Not numbered by epoch: CPython (from 3.12 on) keeps every name that code has read for ever, so that a new
    name for each release would be memory lost.
    """

    __slots__ = ("__weakref__", "_readers", "module", "name", "retired")

    def __init__(self, module: dict[str, Any], name: str) -> None:
        number = 1
        while (id(module), f"{name}@{number}") in _alive:
            number += 1
        self.module = module
        self.name = f"{name}@{number}"
        self.retired = False
        self._readers: dict[int, weakref.ref[CodeType]] = {}
        _alive[id(module), self.name] = self

    def read_by(self, code: CodeType) -> None:
        """`code`, or code nested in it, may read the alias from now on."""
        for part in codes_within(code):
            if self.name in part.co_names and id(part) not in self._readers:
                self._readers[id(part)] = weakref.ref(part, self._forgetter(id(part)))

    def _forgetter(self, key: int) -> Any:
        def forget(_dead: weakref.ref[CodeType]) -> None:
            self._readers.pop(key, None)
            self._remove_if_unread()

        return forget

    def retire(self) -> None:
        """No code will be made to read it any more."""
        self.retired = True
        self._remove_if_unread()

    def _remove_if_unread(self) -> None:
        if self.retired and not self._readers:
            self.module.pop(self.name, None)
            _alive.pop((id(self.module), self.name), None)
