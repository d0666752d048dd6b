"""Classes that a function of the program made while it ran.

Their methods are found by their code and exchanged like closures.  What else the class's body says, which
methods and attributes there are, was done when the class was made, and no clean start has such a class.
"""

from __future__ import annotations

import dis
import types
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Final

from . import codes
from .instances import Functions
from .reading import class_module, is_python_class, qualname_of

_OF_ITS_PLACE: Final = frozenset({"__firstlineno__", "__static_attributes__"})
"""What 3.13 notes of where a class stands and of what its methods set."""
_IN_A_FUNCTION: Final = 0x1 | 0x2  # CO_OPTIMIZED | CO_NEWLOCALS (inspect), which a class's body has not got


def outdated(functions: Functions, proven: Collection[int], heap: Callable[[], Sequence[Any]]) -> list[str]:
    """Sentences, one for each class whose body says something else now and of which one lives that no start
    has.  `proven` are the ids of classes that equal a fresh start's."""
    names = {name for f, old, new in functions.values() for name in _other_bodies(f, old, new)}
    found = {
        qualname_of(obj)
        for obj in (heap() if names else ())
        if issubclass(type(obj), type)
        and is_python_class(obj)
        and (class_module(obj), qualname_of(obj)) in names
        and id(obj) not in proven
    }
    return [
        f"classes {name} that were made at run time live, and their body changes" for name in sorted(found)
    ]


def _other_bodies(
    f: types.FunctionType, old: types.CodeType, new: types.CodeType
) -> Iterator[tuple[str, str]]:
    for before, after in codes.pairs(old, new):
        if not before.co_flags & _IN_A_FUNCTION and (after is None or _says(before) != _says(after)):
            yield f.__globals__.get("__name__", ""), before.co_qualname


def _says(body: types.CodeType) -> list[Any]:
    """What a class's body does, the code of its methods aside."""
    steps = list(dis.get_instructions(body))
    said = []
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        if any(each is not None and each.argval in _OF_ITS_PLACE for each in (step, following)):
            continue
        value = step.argval
        said.append((step.opname, value.co_name if type(value) is types.CodeType else repr(value)))
    return said
