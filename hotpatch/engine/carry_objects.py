"""All that an object has, and the steps from the attributes it has to those it comes to have."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any, Final

from attrs import frozen

from hotpatch.errors import PatchRefused
from hotpatch.ops import ABSENT, Op, SlotKind

from .reading import class_dict, mro_of, qualname_of, slots_of

NO_ATTRIBUTES: Final[Mapping[str, Any]] = types.MappingProxyType({})


@frozen
class Layout:
    """Where objects of one class keep their attributes."""

    cls: type
    members: Mapping[str, Any]
    """Slots by name: the nearest of each name."""
    space: Any
    """The descriptor of the instance dictionary; None where there is none."""

    @staticmethod
    def of(cls: type) -> Layout:
        members = {name: member for _, name, member in reversed(list(slots_of(cls)))}
        found = (class_dict(base).get("__dict__") for base in mro_of(cls))
        return Layout(cls, members, next((d for d in found if type(d) is types.GetSetDescriptorType), None))

    def own(self, obj: Any) -> Mapping[str, Any]:
        """The instance dictionary itself."""
        found = NO_ATTRIBUTES if self.space is None else self.space.__get__(obj)
        return found if type(found) is dict else NO_ATTRIBUTES

    def attributes(self, obj: Any) -> dict[str, Any]:
        """A copy of all that the object has, its slots too, read past its own code."""
        found: dict[str, Any] = {}
        for name, member in self.members.items():
            try:
                found[name] = member.__get__(obj)
            except AttributeError:
                continue
        found.update(self.own(obj))
        return found

    def steps(
        self, obj: Any, before: Mapping[str, Any], after: Mapping[str, Any], another: bool = False
    ) -> list[Op]:
        """What brings the object from the ones to the others.  `another`: it gets another class object at the
        same time, so that its slots are no longer those of `cls`.  Raises PatchRefused where there is no
        room."""
        changed = [
            (name, before.get(name, ABSENT), value)
            for name, value in after.items()
            if before.get(name, ABSENT) is not value
        ]
        changed += [(name, value, ABSENT) for name, value in before.items() if name not in after]
        return [self._step(obj, *change, another) for change in changed]

    def _step(self, obj: Any, name: str, was: Any, comes: Any, another: bool) -> Op:
        where = f"{qualname_of(self.cls)} object.{name}"
        member = self.members.get(name)
        if member is None:
            if self.space is None:
                raise PatchRefused(f"{where}: objects of this class have no room for it")
            return Op(obj, SlotKind.INSTANCE, name, was, comes, where)
        if another:
            raise PatchRefused(f"{where} is a slot, and its class needs another class object")
        return Op(obj, SlotKind.MEMBER, member, was, comes, where)


class Layouts(dict[int, Layout]):
    """Layouts by the id of their class, which they hold on to."""

    def of(self, obj: Any) -> Layout:
        cls = type(obj)
        found = self.get(id(cls))
        if found is None:
            found = self[id(cls)] = Layout.of(cls)
        return found
