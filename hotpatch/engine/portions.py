"""Plain data in portions: written at once, read back a little at a time.

`marshal.loads` holds the GIL from start to end, and a serving process reads the edit of a module of a
thousand functions; in portions no other thread waits for more than one of them.  Long lists and dicts are
cut, and those in the tuples and dicts that hold them; what they hold themselves is left whole.
"""

from __future__ import annotations

import marshal
from typing import Any, Final

PORTION: Final = 32
"""Entries: a few with code objects, some 50 us."""
_LIST, _DICT, _TUPLE, _WHOLE = range(4)


def cut(value: Any) -> Any:
    """What `join` makes the value of again; plain data as well."""
    kind = type(value)
    if kind is tuple:
        return _TUPLE, [cut(part) for part in value]
    if kind is dict and len(value) <= PORTION:
        return _DICT, [(name, cut(part)) for name, part in value.items()]
    if kind not in (list, dict):
        return _WHOLE, value
    rows = list(value) if kind is list else list(value.items())
    portions = [marshal.dumps(rows[at : at + PORTION]) for at in range(0, len(rows), PORTION)]
    return (_LIST if kind is list else _DICT), portions


def join(data: Any) -> Any:
    """The value that was cut.  Raises ValueError, EOFError or TypeError for anything else."""
    kind, parts = data
    if kind == _WHOLE:
        return parts
    if kind == _TUPLE:
        return tuple([join(part) for part in parts])
    rows: list[Any] = []
    for part in parts:
        if type(part) is bytes:
            rows += marshal.loads(part)
        else:
            name, value = part
            rows.append((name, join(value)))
    return rows if kind == _LIST else dict(rows)
