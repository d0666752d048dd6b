"""A class attribute by epoch: constants, methods added and removed, properties.

While a class attribute has several values, a descriptor stands in its place and picks one by the caller's
epoch, then does what Python does with that value.  Costs some 85 to 105 ns there; `vars(C)` shows it.
The application's own `C.x = v` replaces it, and so is the same for all epochs: it is state.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from hotpatch.epochs import history
from hotpatch.epochs.history import History
from hotpatch.epochs.pins import EPOCH
from hotpatch.ops import ABSENT


class Member:
    """`C.name` by epoch.  A non-data descriptor: attributes of the instance itself win, as before."""

    __slots__ = ("history", "name", "owner")

    def __init__(self, owner: type, name: str, values: History[Any]) -> None:
        self.owner = owner
        self.name = name
        self.history = values

    def newest(self) -> Any:
        return self.history[-1].value

    def choose(self) -> Any:
        return history.at(self.history, EPOCH.get().epoch).value

    def __get__(self, instance: Any, kind: Any = None) -> Any:
        value = self.choose()
        if value is ABSENT:
            return self._inherited(instance, kind)
        get = getattr(type(value), "__get__", None)
        return value if get is None else get(value, instance, kind)

    def _inherited(self, instance: Any, kind: Any) -> Any:
        """As if the class did not define it: what its bases have, or an error in Python's own words."""
        try:
            return getattr(super(self.owner, kind if instance is None else instance), self.name)
        except AttributeError:
            who, it = (kind, "type object") if instance is None else (type(instance), "")
            subject = f"{it} {who.__name__!r}" if it else f"{who.__name__!r} object"
            text = f"{subject} has no attribute {self.name!r}"
            raise AttributeError(text, name=self.name, obj=kind if instance is None else instance) from None


class DataMember(Member):
    """The same where one of the values is a data descriptor, say a property: it wins over the instance."""

    __slots__ = ()

    def __get__(self, instance: Any, kind: Any = None) -> Any:
        value = self.choose()
        if instance is not None and not is_data_descriptor(value):
            attributes = getattr(instance, "__dict__", {})
            if self.name in attributes:
                return attributes[self.name]
        return super().__get__(instance, kind)

    def __set__(self, instance: Any, value: Any) -> None:
        chosen = self.choose()
        if is_data_descriptor(chosen):
            type(chosen).__set__(chosen, instance, value)
        else:
            instance.__dict__[self.name] = value

    def __delete__(self, instance: Any) -> None:
        chosen = self.choose()
        if is_data_descriptor(chosen):
            type(chosen).__delete__(chosen, instance)
        elif self.name in instance.__dict__:
            del instance.__dict__[self.name]
        else:
            raise AttributeError(self.name, name=self.name, obj=instance)


def is_data_descriptor(value: Any) -> bool:
    kind = type(value)
    return hasattr(kind, "__set__") or hasattr(kind, "__delete__")


class ClassAttribute:
    """One attribute of one class, from the first release that changes it until it is settled again."""

    def __init__(self, owner: type, name: str) -> None:
        self.owner = owner
        self.name = name
        self.history: History[Any] = history.begun(vars(owner).get(name, ABSENT))

    def newest(self) -> Any:
        return self.history[-1].value

    def push(self, epoch: int, value: Any) -> None:
        present = vars(self.owner).get(self.name, ABSENT)
        if len(self.history) > 1 and not issubclass(type(present), Member):
            self.history = history.begun(present)  # the application has set it meanwhile
        self.history = history.pushed(self.history, epoch, value)
        self._put()

    def settle(self, live: Collection[int]) -> None:
        kept = history.needed(self.history, live)
        if len(kept) != len(self.history):
            self.history = kept
            self._put()

    @property
    def settled(self) -> bool:
        return len(self.history) == 1

    def _put(self) -> None:
        present = vars(self.owner).get(self.name, ABSENT)
        if len(self.history) > 1:
            data = any(is_data_descriptor(entry.value) for entry in self.history)
            kind = DataMember if data else Member
            type.__setattr__(self.owner, self.name, kind(self.owner, self.name, self.history))
        elif not issubclass(type(present), Member):
            return  # the application has set it meanwhile: that is state, and stays
        elif self.history[0].value is ABSENT:
            type.__delattr__(self.owner, self.name)
        else:
            type.__setattr__(self.owner, self.name, self.history[0].value)
