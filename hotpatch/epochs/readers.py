"""Which functions read a module's globals: all that live, wherever they are kept.

A handler registered elsewhere, a closure in somebody's list, a lambda among defaults: each refers to its
module's dict by one reference, and nearly nothing else does, so that it can be told by their number when all
are found; this takes time in proportion to the module.  Only where some can't be accounted for does one pass
over the heap find them, in C, about 10 ns a reference, with the GIL held from start to end.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterable, Mapping, Sequence
from types import FunctionType, ModuleType
from typing import Any, Final

from hotpatch.engine.accounted import holders
from hotpatch.engine.frozen import thawed
from hotpatch.epochs import aliases, variables
from hotpatch.epochs.functions import clones

LOG: Final = logging.getLogger("hotpatch")

FunctionsOf = Mapping[int, Sequence[FunctionType]]
"""The living functions of each module, by the id of its dict."""


def functions_of(modules: Iterable[ModuleType]) -> dict[int, list[FunctionType]]:
    """The living functions of each module, keyed by the `id` of its dict; clones of ours left out."""
    modules = list(modules)
    found: dict[int, list[FunctionType]] = {id(vars(module)): [] for module in modules}
    for module in modules:
        for holder in _holders(module):
            if type(holder) is FunctionType and holder.__globals__ is vars(module) and holder not in clones:
                found[id(vars(module))].append(holder)
    return found


def _holders(module: ModuleType) -> list[Any]:
    ours = [*clones, *aliases.living(), *variables.living]
    found = holders(lambda: [vars(module)], [module], ours)
    if found is None:
        LOG.info("hotpatch: the heap is looked through in one piece for functions of %s", module.__name__)
        with thawed():
            found = gc.get_referrers(vars(module))
    return found
