"""What the new start sets for its process, or in a library, otherwise than the old one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final

from .effects import KEEP
from .libraries import IN_THE_GRAPH
from .measurement import Problem
from .settings import LEADING_NOWHERE
from .start import Started

FINALIZERS: Final = "process finalizers"
"""The choice of a problem that speaks of those."""


def settings_problems(
    old: Started,
    new: Started,
    again: Started,
    counts: Callable[[str], bool],
    old_again: Callable[[], Started],
) -> list[Problem]:
    """What the new start sets for its process otherwise than the old one.  `counts` tells of a number in a
    library, `module:name`, whether it does nothing but count; `old_again` starts the old sources once more,
    where something is another in each start of the new ones."""
    before, after, noise = _libraries_shared(old, new, again)
    after["codecs"] = _of_both(before.get("codecs"), after.get("codecs"))
    nowhere = [{*effects.pop(LEADING_NOWHERE, ())} for effects in (before, after, noise)]
    _without_dead_ends(before, after, nowhere[0])
    numbers = {name for name in _numbers_apart(before, after) if counts(name)}
    for effects in (before, after, noise):
        effects["libraries"] = {k: v for k, v in effects.get("libraries", {}).items() if k not in numbers}
    return [
        Problem("", "", f"{why}; {KEEP.format(f'process {name}')}", f"process {name}")
        for name in sorted(before.keys() | after.keys(), key=lambda name: (name == "libraries", name))
        if (why := _setting(name, before.get(name), after.get(name), noise.get(name), old_again))
    ]


def _of_both(before: Mapping[str, str] | None, after: Mapping[str, str] | None) -> Mapping[str, str] | None:
    """Without the codecs that come: who registers one is a statement, and weighed as such."""
    return after if before is None or after is None else {n: of for n, of in after.items() if n in before}


def _without_dead_ends(before: dict[str, Any], after: dict[str, Any], nowhere: Collection[str]) -> None:
    """An entry of the import path that goes, and that leads nowhere, changes nothing where it stays."""
    name = "import path"
    gone = Counter(before.get(name, ())) - Counter(after.get(name, ()))
    come = Counter(after.get(name, ())) - Counter(before.get(name, ()))
    for effects in (before, after) if gone and not come else ():
        effects[name] = [entry for entry in effects[name] if entry not in gone or entry not in nowhere]


def _numbers_apart(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    old, new = before.get("libraries", {}), after.get("libraries", {})
    for name in old.keys() & new.keys():
        if old[name] != new[name] and old[name].isdecimal() and new[name].isdecimal():
            yield name


def _libraries_shared(*starts: Started) -> list[dict[str, Any]]:
    """What they set, without what is of libraries that not all of them have loaded (`module:name`, or a
    logger named for its module), and without what the graph of one of them tells of."""
    loaded = [set(started.outside) for started in starts]
    passed = loaded[0].union(*loaded) - loaded[0].intersection(*loaded)
    found = [dict(started.effects) for started in starts]
    for name in ("libraries", "loggers"):
        tables: list[Mapping[str, str]] = [effects.get(name, {}) for effects in found]
        known = {key for table in tables for key, text in table.items() if text == IN_THE_GRAPH}
        for effects, table in zip(found, tables, strict=True):
            effects[name] = {
                key: text
                for key, text in table.items()
                if key not in known and key.partition(":")[0] not in passed
            }
    return found


def _setting(name: str, old: Any, new: Any, again: Any, old_again: Callable[[], Started]) -> str:
    if type(old) is type(new) is type(again) is dict:
        old, new = _steady_names(old, new, again, lambda: old_again().effects.get(name, {}))
    elif type(old) is type(new) is type(again) is list:
        old, new = _steady_items(old, new, again)
    elif type(old) is type(new) is type(again) and new != again:
        return ""
    if old == new:
        return ""
    if new is None:
        return ""  # it no longer loads the module that keeps this
    if old is None:
        return f"starting the new code loads what keeps {name}, and sets it"
    return f"starting the new code changes the process: {name} {_told(old, new)}"


Table = Mapping[str, str]


def _steady_names(
    old: Table, new: Table, again: Table, old_again: Callable[[], Table]
) -> tuple[Table, Table]:
    """Both without what is another in each start, of the old sources as well as of the new."""
    restless = {name for name in new.keys() & again.keys() if new[name] != again[name]}
    state = {name for name in restless & old.keys() if old[name] != new[name]}
    if state:
        more = old_again()
        state -= {name for name in state if more.get(name) == old[name]}
    gone, come = old.keys() - new.keys(), new.keys() - again.keys()
    if gone and len(gone) <= len(come):  # of another name each time
        old = _without(old, gone)
    if len(come) <= len(gone):
        state |= come
    return _without(old, state), _without(new, state)


def _without(table: Table, names: Collection[str]) -> Table:
    return {name: text for name, text in table.items() if name not in names}


def _steady_items(old: list[str], new: list[str], again: list[str]) -> tuple[list[str], list[str]]:
    fixed = Counter(new) & Counter(again)
    loose = len(new) - fixed.total()
    if not loose and len(new) == len(again):
        return (old, new) if new == again else (sorted(old), sorted(new))
    known = frozenset(fixed)
    others = sum(1 for item in old if item not in known)
    return (
        [item for item in old if item in known or others > loose],
        [item for item in new if item in known or others < loose],
    )


def _told(before: Any, after: Any) -> str:
    if isinstance(before, dict):  # names alone: the values may be secrets
        return ", ".join(sorted(n for n in {**before, **after} if before.get(n) != after.get(n)))[:200]
    if isinstance(before, list):
        come = [item for item in after if item not in before]
        gone = [item for item in before if item not in after]
        return (
            ", ".join([f"+{item}" for item in come] + [f"-{item}" for item in gone])[:200]
            or "in another order"
        )
    return f"{before} to {after}"
