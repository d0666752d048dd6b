"""Shapes of objects of C types, and of paths: what they say of themselves to whoever builds them again.

As `shape`, it runs no code of the program, and imports the standard library alone.
"""

from __future__ import annotations

import contextlib
import copyreg
import functools
import gc
import struct
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from .reading import class_module, qualname_of

if TYPE_CHECKING:
    from .shape import Shape, Shapes, Step

MOST_COPIED: Final = 1 << 20
"""Bytes."""
PATHS: Final = frozenset({"PosixPath", "PurePosixPath", "WindowsPath", "PureWindowsPath"})
SAID: Final = "arg"
"""What a C object says that it is made from: this and which argument it is, or STATE."""
MADE: Final = "made"
"""The same, where it is a table or a list that is made for saying so."""
STATE: Final = "state"
MADE_TO_SAY: Final = frozenset({"tuple", "list", "dict"})
"""Kinds of which it may make another each time, to say it in."""
KEY: Final = type(functools.cmp_to_key(lambda a, b: 0))


def _comparing(key: Any) -> tuple[Any, ...]:
    """What makes keys, not one of the keys that it made: those hold what they compare as well."""
    (compare,) = [held for held in gc.get_referents(key) if held is not KEY]
    return functools.cmp_to_key, (compare,)


SAYING: Final[dict[type, Callable[[Any], tuple[Any, ...]]]] = {
    struct.Struct: lambda obj: (struct.Struct, (obj.format,)),
    KEY: _comparing,
}
"""C types that can't be copied, and say all the same what they were made from."""


def expand_c_object(shapes: Shapes, obj: Any, kind: type) -> Shape:
    """Values of C types say themselves how to build them again; what doesn't is opaque.  So is what is large:
    it says so by a copy of its contents, and a serving process holds gigabytes of arrays."""
    name = f"{class_module(kind)}.{qualname_of(kind)}"
    try:
        if sys.getsizeof(obj) > MOST_COPIED:
            return "opaque", name, [], None
        table = copyreg.dispatch_table
        say: Any = SAYING.get(kind) or table.get(kind)
        ask = functools.partial(obj.__reduce_ex__, 4) if say is None else functools.partial(say, obj)
        made = ask()
    except Exception:  # noqa: BLE001  whatever a C type raises, it can't be copied
        return "opaque", name, [], None
    if type(made) is str or len(made) < 2 or kind.__name__.endswith("iterator"):
        return "opaque", name, [], None
    make, arguments, state, items, pairs = (*made, None, None, None)[:5]
    kids: list[tuple[Step, Any]] = [("make", make)]
    kids += _said([*arguments, state], ask)
    if items is not None:
        kids += [(("append", i), v) for i, v in enumerate(items)]
    if pairs is not None:
        kids += shapes.pairs(list(pairs))
    return "reduced", name, kids, None


def _said(parts: list[Any], ask: Callable[[], Any]) -> Iterator[tuple[Step, Any]]:
    """Its arguments and, last, its state.  A table or a list that it has is the same when it is asked again,
    and may be anybody's."""
    again = list[Any]()
    if any(type(part) in (dict, list) for part in parts):
        with contextlib.suppress(Exception):  # whatever a C type raises the second time
            _, arguments, state = (*ask(), None)[:3]
            again = [*arguments, state]
    for i, part in enumerate(parts):
        is_its_own = type(part) not in (dict, list) or (i < len(again) and again[i] is part)
        yield (SAID if is_its_own else MADE, i if i + 1 < len(parts) else STATE), part


def is_made(whole: str, step: Step, part: str, within: bool) -> bool:
    """Is a part of this kind a container that is made for saying so, or in one?  `whole` is the kind of what
    it is a part of, `within` whether that is in one."""
    return part in MADE_TO_SAY and (step[0] == MADE if whole == "reduced" else within)


def expand_path(shapes: Shapes, obj: Any) -> Shape:
    """A path is its text.  Its parts are not told one by one: the name of the root's folder is one of them,
    and says nothing about the program."""
    kind = type(obj)
    kids = [("make", kind), ((SAID, 0), str(obj)), ((SAID, STATE), None)]
    return "reduced", f"pathlib.{qualname_of(kind)}", kids, None


def is_path(kind: type) -> bool:
    """One of the standard library's own, which are known to have no further state; not one derived from
    it."""
    return qualname_of(kind) in PATHS and class_module(kind) in ("pathlib", "pathlib._local")
