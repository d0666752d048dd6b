"""Which functions read a module's globals: all that live, wherever they are kept.

A handler registered elsewhere, a closure in somebody's list, a lambda among defaults: each refers to its
module's dict, and the collector knows who refers to what.  One pass over the heap, in C, about 10 ns a
reference, with the GIL held; it is made only for releases that change globals.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Mapping, Sequence
from types import FunctionType
from typing import Any, Final

from hotpatch.epochs.functions import clones

FunctionsOf = Mapping[int, Sequence[FunctionType]]
"""The living functions of each module, by the id of its dict."""


FROZEN_BY_PYTHON: Final = 1_000
"""CPython 3.12 sets some hundred objects of its own aside when it starts; an application's are many more."""


def functions_of(modules: Iterable[dict[str, Any]]) -> dict[int, list[FunctionType]]:
    """The living functions of each module, keyed by the `id` of its dict; clones of ours left out.

    Objects that `gc.freeze` has set aside are looked at too: they are thawed for the pass and frozen again,
    together with whatever lives at that moment; garbage is collected first, or it would be kept for good.
    (Collecting while they are frozen leaves their memory pages shared with other workers.)
    """
    dicts = list(modules)
    found: dict[int, list[FunctionType]] = {id(module): [] for module in dicts}
    if not dicts:
        return found
    frozen = gc.get_freeze_count() > FROZEN_BY_PYTHON
    if frozen:
        gc.collect()
        gc.unfreeze()
    try:
        referrers = gc.get_referrers(*dicts)
    finally:
        if frozen:
            gc.freeze()
    for referrer in referrers:
        if type(referrer) is FunctionType and referrer not in clones:
            of = found.get(id(referrer.__globals__))
            if of is not None:
                of.append(referrer)
    return found
