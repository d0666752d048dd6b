"""What lives in this process, by class: one look for all who ask about the same moment.

An edit raises some twenty questions about the objects that live, and each concerns those of few classes.
Asked of a list, every one of them would go through all objects; here it goes through the classes, and then
through what it is about.

Whoever asks who holds an object must leave out what holds it here (`own`).  An object that gets another class
meanwhile stays where it was; in a process that serves, another thread may give it one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from .frozen import all_objects

T = TypeVar("T")


class Living:
    """Objects, by their class."""

    def __init__(self, objects: Sequence[Any]) -> None:
        found: defaultdict[int, list[Any]] = defaultdict(list)
        kinds = map(id, map(type, objects))  # by id: a metaclass may have a hash of its own
        for kind, obj in zip(kinds, objects, strict=True):
            found[kind].append(obj)
        self._take(found)

    def _take(self, by_class: Mapping[int, list[Any]]) -> None:
        self._by_class = by_class
        self.classes = {i: type(group[0]) for i, group in by_class.items()}
        """The classes of which there are objects, by id."""
        self.own = frozenset({id(self.classes), *map(id, by_class.values())})
        """ids of what holds objects and classes for the sake of the question."""

    def of(self, wanted: Callable[[type], Any]) -> Iterator[Any]:
        """Those of whose class this is true.  It is asked once for each class."""
        for i in [i for i, cls in self.classes.items() if wanted(cls)]:
            yield from self._by_class[i]

    def told(self, ask: Callable[[type], T]) -> Iterator[tuple[Any, T]]:
        """Those of whose class something is answered, each with the answer.  It is asked once for each class,
        before the first of them."""
        for i, answer in [(i, ask(cls)) for i, cls in self.classes.items()]:
            if answer:
                yield from ((obj, answer) for obj in self._by_class[i])

    def exactly(self, kind: type) -> Sequence[Any]:
        """Those of this class, not of classes below it."""
        return self._by_class.get(id(kind), ())

    def below(self, kind: type) -> Iterator[Any]:
        """Those of this class and of classes below it."""
        return self.of(lambda cls: issubclass(cls, kind))

    def without(self, classes: Container[int], objects: Container[int]) -> Living:
        """All but those of these classes, and these objects, by their ids."""
        left = {
            i: [obj for obj in group if id(obj) not in objects] if objects else group
            for i, group in self._by_class.items()
            if i not in classes
        }
        made = Living(())
        made._take({i: group for i, group in left.items() if group})
        return made


def living() -> Living:
    """All that the collector tracks, at this moment."""
    return Living(all_objects())
