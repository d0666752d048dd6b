"""A disk in memory that forgets what was not synced, fills up, and lets its users be killed at every call.

Two things are kept of each folder: the names as every process sees them, and the names as they are on the
platter.  Syncing a folder makes them equal; syncing a file makes its contents durable.  A power cut keeps of
everything that was not synced any part it likes: each name on its own, each file whole, cut short or empty.
"""

from __future__ import annotations

import errno
import itertools
import os
import random
from collections.abc import Callable
from typing import Final

NOT_THERE: Final = os.strerror(errno.ENOENT)


class Node:
    """A file's contents, and whether they are on the platter."""

    __slots__ = ("data", "synced", "written")

    def __init__(self, data: bytes, written: int = 0) -> None:
        self.data = data
        self.synced = False
        self.written = written
        """When it was, in nanoseconds; no two files of one disk were at the same."""


class Disk:
    """Folders of files, flat, as the home folder is."""

    def __init__(self, folders: list[str], clock: Callable[[], float]) -> None:
        self.seen: dict[str, dict[str, Node]] = {folder: {} for folder in folders}
        self.kept: dict[str, dict[str, Node]] = {folder: {} for folder in folders}
        self.changed = dict.fromkeys(folders, 0)
        """How often what is seen of each folder has changed."""
        self.full = False
        self._clock = clock
        self._count = itertools.count()

    def moment(self) -> int:
        return int(self._clock() * 1e9) + next(self._count)

    def change(self, path: str) -> tuple[dict[str, Node], str]:
        """The place of a name that is about to be another's, or nobody's."""
        folder, _, name = path.rpartition("/")
        self.changed[folder] += 1
        return self.seen[folder], name

    def place(self, path: str) -> tuple[dict[str, Node], str]:
        folder, _, name = path.rpartition("/")
        return self.seen[folder], name

    def node(self, path: str) -> Node:
        folder, _, name = path.rpartition("/")
        node = self.seen[folder].get(name)
        if node is None:
            raise FileNotFoundError(errno.ENOENT, NOT_THERE, path)
        return node

    def power_cut(self, rng: random.Random) -> None:
        """Keep what is durable, and of the rest whatever chance leaves."""
        for folder, seen in self.seen.items():
            kept = self.kept[folder]
            for name in list({**kept, **seen}):
                survives = seen if rng.random() < 0.5 else kept
                node = survives.get(name)
                if node is None:
                    kept.pop(name, None)
                    continue
                if not node.synced:
                    node.data = _remains(node.data, rng)
                    node.synced = True
                kept[name] = node
            self.seen[folder] = dict(kept)
            self.changed[folder] += 1


def _remains(data: bytes, rng: random.Random) -> bytes:
    return rng.choice([data, data[: rng.randrange(len(data) + 1)], b""])


class ProcessFiles:
    """The disk as one process uses it: `gate` is asked before each call, and may raise that it is dead."""

    def __init__(
        self,
        disk: Disk,
        gate: Callable[[], None],
        rng: random.Random,
        passes: Callable[[int], bool] = lambda calls: False,
    ) -> None:
        self._disk = disk
        self._gate = gate
        self._rng = rng
        self.passes = passes
        """Makes so many calls at once, if nothing can come in between."""

    def changed(self, folder: str) -> int:
        return self._disk.changed[folder]

    def read(self, path: str, limit: int = -1) -> bytes:
        self._gate()
        data = self._disk.node(path).data
        return data if limit < 0 else data[:limit]

    def modified(self, path: str) -> int:
        self._gate()
        return self._disk.node(path).written

    def names(self, folder: str) -> list[str]:
        self._gate()
        return list(self._disk.seen[folder])

    def create(self, path: str, data: bytes) -> None:
        self._gate()
        names, name = self._disk.change(path)
        if name in names:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
        if self._disk.full:
            names[name] = Node(data[: self._rng.randrange(len(data) + 1)], self._disk.moment())
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        names[name] = Node(data, self._disk.moment())

    def sync(self, path: str) -> None:
        self._gate()
        if path in self._disk.seen:
            self._disk.kept[path] = dict(self._disk.seen[path])
        else:
            self._disk.node(path).synced = True

    def link(self, source: str, target: str) -> None:
        self._gate()
        node = self._disk.node(source)
        names, name = self._disk.change(target)
        if name in names:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
        if self._disk.full and self._rng.random() < 0.2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), target)
        names[name] = node

    def rename(self, source: str, target: str) -> None:
        self._gate()
        node = self._disk.node(source)
        names, name = self._disk.change(source)
        del names[name]
        names, name = self._disk.change(target)
        names[name] = node

    def unlink(self, path: str) -> None:
        self._gate()
        self._disk.node(path)
        names, name = self._disk.change(path)
        del names[name]
