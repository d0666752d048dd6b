"""How the engine asks the live process what stands in its slots.

Where two versions run side by side, a slot of the process holds what picks between them, not a value of the
program.  Whoever puts such machinery in answers for it with a `View` of its own, which tells what the newest
version has and hides the rest; without one the process is read as it is, at no cost.

Like all that describes objects this imports the standard library alone.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping
from typing import Any, Final, Protocol

from .reading import class_dict, class_module, is_python_class, qualname_of


class View(Protocol):
    """What a slot means.  Whoever asks changes nothing by it, and runs no code of the program; whatever
    mapping comes back is only to be read."""

    def modules(self) -> Mapping[str, Any]:
        """`sys.modules`."""

    def names(self, module: types.ModuleType) -> Mapping[str, Any]:
        """The module's variables, in their order; a `dict`."""

    def name(self, module: types.ModuleType, name: str, otherwise: Any) -> Any:
        """One of them; `otherwise` if there is none."""

    def attributes(self, cls: type) -> Mapping[str, Any]:
        """The class's own dictionary."""

    def code(self, function: types.FunctionType) -> types.CodeType: ...

    def written(self, code: types.CodeType) -> types.CodeType:
        """The code as it stands in the sources: what `code` was made from, or itself."""

    def part(self, function: types.FunctionType, attribute: str) -> Any:
        """`__defaults__`, `__doc__` ...; None where the function has no such attribute."""

    def own(self, function: types.FunctionType) -> Mapping[str, Any]:
        """The function's own dictionary; a `dict`."""

    def is_machinery(self, obj: Any) -> bool:
        """Is this function no part of the program, but of what runs its versions side by side?"""

    def keeps(self, holder: Any, obj: Any) -> bool:
        """Does `holder` hold `obj` only for versions before the newest, or to take a version back?"""


class Plain:
    """The process as it is."""

    def modules(self) -> Mapping[str, Any]:
        return sys.modules

    def names(self, module: types.ModuleType) -> Mapping[str, Any]:
        return vars(module)

    def name(self, module: types.ModuleType, name: str, otherwise: Any) -> Any:
        return vars(module).get(name, otherwise)

    def attributes(self, cls: type) -> Mapping[str, Any]:
        return class_dict(cls)

    def code(self, function: types.FunctionType) -> types.CodeType:
        return function.__code__

    def written(self, code: types.CodeType) -> types.CodeType:
        return code

    def part(self, function: types.FunctionType, attribute: str) -> Any:
        return getattr(function, attribute, None)

    def own(self, function: types.FunctionType) -> Mapping[str, Any]:
        return vars(function)

    def is_machinery(self, obj: Any) -> bool:
        return False

    def keeps(self, holder: Any, obj: Any) -> bool:
        return False


PLAIN_VIEW: Final[View] = Plain()


def stands(cls: type, view: View) -> bool:
    """Does the newest version have the class under the name that it bears?  One of C does where its module
    can't be looked into."""
    module = view.modules().get(class_module(cls))
    if module is None or not issubclass(type(module), types.ModuleType):
        return not is_python_class(cls)
    first, *others = qualname_of(cls).split(".")
    found = view.name(module, first, None)
    for name in others:
        found = view.attributes(found).get(name) if issubclass(type(found), type) else None
    return found is cls
