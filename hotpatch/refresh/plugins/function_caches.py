"""`functools.lru_cache` and `cache`, and what does as they do, in front of functions that changed, or that
lead to changed ones by name: whatever has a `cache_clear` and keeps the function as `__wrapped__`.  One whose
answers may hold what came since (`@cache def hub(): return Hub()`) is let be: what becomes of it the engine
has decided.

Emptying a cache again is the inverse of emptying it: what the new code computed is as wrong after an undo
as what the old code had computed is after a commit.  Caches are found as variables of the program's modules
and as attributes of its classes; those that a function made at run time and keeps in a closure are the
engine's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hotpatch.engine.answers import Written, state_in
from hotpatch.engine.reading import LRU, MISSING, PLAIN, class_attribute, class_module, raw_dict
from hotpatch.refresh.leads import Leads
from hotpatch.refresh.registry import Handler
from hotpatch.refresh.update import Update, layers


def caches(update: Update) -> Iterator[Any]:
    """The program's caches, each once."""
    seen: set[int] = set()
    view = update.view
    todo: list[Any] = [v for module in update.program.values() for v in list(view.names(module).values())]
    while todo:
        value = todo.pop()
        if type(value) in PLAIN or id(value) in seen:
            continue
        seen.add(id(value))
        if issubclass(type(value), type):  # not isinstance: it would wake a lazy proxy
            if class_module(value) in update.program:
                todo += list(view.attributes(value).values())
            continue
        yield from filter(_is_cache, layers(value))


def _is_cache(value: object) -> bool:
    if type(value) is LRU:
        return True
    if issubclass(type(value), type) or "__wrapped__" not in (own := raw_dict(value) or {}):
        return False
    return "cache_clear" in own or class_attribute(type(value), "cache_clear") is not MISSING


def forget(update: Update) -> None:
    leads = Leads(update)
    written = Written(update.is_of_the_program, [vars(module) for module in update.program.values()])
    for cache in caches(update):
        if leads.to_change(cache.__wrapped__) and state_in(cache, written) is None:
            cache.cache_clear()


HANDLER = Handler("functools", forget=forget)
