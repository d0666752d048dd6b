"""Shapes of objects of C types, and of paths: what they say of themselves to whoever builds them again.

As `shape`, it runs no code of the program, and imports the standard library alone.
"""

from __future__ import annotations

import copyreg
import functools
import gc
import struct
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from .reading import class_module, qualname_of

if TYPE_CHECKING:
    from .shape import Shape, Shapes, Step

MOST_COPIED: Final = 1 << 20
"""Bytes."""
PATHS: Final = frozenset({"PosixPath", "PurePosixPath", "WindowsPath", "PureWindowsPath"})
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
        say = SAYING.get(kind) or table.get(kind)
        made = obj.__reduce_ex__(4) if say is None else say(obj)
    except Exception:  # noqa: BLE001  whatever a C type raises, it can't be copied
        return "opaque", name, [], None
    if type(made) is str or len(made) < 2 or kind.__name__.endswith("iterator"):
        return "opaque", name, [], None
    make, arguments, state, items, pairs = (*made, None, None, None)[:5]
    kids: list[tuple[Step, Any]] = [("make", make), *((("arg", i), v) for i, v in enumerate(arguments))]
    kids.append(("state", state))
    if items is not None:
        kids += [(("append", i), v) for i, v in enumerate(items)]
    if pairs is not None:
        kids += shapes.pairs(list(pairs))
    return "reduced", name, kids, None


def expand_path(shapes: Shapes, obj: Any) -> Shape:
    """A path is its text.  Its parts are not told one by one: the name of the root's folder is one of them,
    and says nothing about the program."""
    kind = type(obj)
    kids = [("make", kind), (("arg", 0), str(obj)), ("state", None)]
    return "reduced", f"pathlib.{qualname_of(kind)}", kids, None


def is_path(kind: type) -> bool:
    """One of the standard library's own, which are known to have no further state; not one derived from
    it."""
    return qualname_of(kind) in PATHS and class_module(kind) in ("pathlib", "pathlib._local")
