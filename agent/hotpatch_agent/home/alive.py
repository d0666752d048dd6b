"""Locks that say who is alive, kept by the kernel: they end with their holder, however it ends.

A worker holds its lock file exclusively from its first act to its last; whoever wants to know whether it
lives tries to take the lock.  No pid is ever guessed at.  A forked child (a rehearsal) must not keep its
parent's locks alive, so children close them first thing.
"""

from __future__ import annotations

import fcntl
import os
import weakref
from pathlib import Path
from typing import Final, Protocol, Self

from hotpatch_agent.home.disk import explained


class Held(Protocol):
    """A lock that is held."""

    def release(self) -> None: ...
    def is_in_place(self) -> bool:
        """Is it still the lock of its name?  Not so once somebody has removed the file."""


class Locks(Protocol):
    """The edge to whoever keeps the locks: the kernel, or a simulation's."""

    def take(self, path: Path) -> Held: ...
    def try_take(self, path: Path) -> Held | None: ...
    def is_held(self, path: str) -> bool: ...


_held: weakref.WeakSet[Lock] = weakref.WeakSet()


class Lock:
    """An exclusive lock on a file, held until `release` or the process's end.

    Belongs to the process that took it: forked children have it closed.  Not safe to share between threads
    while taking or releasing.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        _held.add(self)

    @classmethod
    def take(cls, path: Path) -> Self:
        """Wait for the lock and take it: for a lock file of one's own, where the wait is for a moment."""
        while True:
            lock = cls._attempt(path, wait=True)
            if lock is not None:
                return lock

    @classmethod
    def try_take(cls, path: Path) -> Self | None:
        """Take the lock if nobody holds it."""
        return cls._attempt(path, wait=False)

    @classmethod
    def _attempt(cls, path: Path, wait: bool) -> Self | None:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise explained(error, str(path)) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            # A leader that cleans up may have unlinked the file between our open and our lock.
            if _is_at(descriptor, path):
                return cls(path, descriptor)
        except BlockingIOError:
            pass
        os.close(descriptor)
        return None

    def release(self) -> None:
        """Give the lock back; harmless if it is given back already."""
        _held.discard(self)
        self._close()

    def is_in_place(self) -> bool:
        return self._descriptor >= 0 and _is_at(self._descriptor, self.path)

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def is_held(path: str | Path) -> bool:
    """Does a living process hold this lock?  A file that is not there is held by nobody."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # Shared, so that any number of observers don't take each other for the holder.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


class OsLocks:
    """The kernel's locks."""

    def take(self, path: Path) -> Held:
        return Lock.take(path)

    def try_take(self, path: Path) -> Held | None:
        return Lock.try_take(path)

    def is_held(self, path: str) -> bool:
        return is_held(path)


OS_LOCKS: Final[Locks] = OsLocks()


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        named = path.stat()
    except FileNotFoundError:
        return False
    ours = os.fstat(descriptor)
    return (named.st_dev, named.st_ino) == (ours.st_dev, ours.st_ino)


def _close_in_child() -> None:
    # Closing a copy does not unlock the parent's: the lock belongs to the open file, not to the descriptor,
    # and goes only with its last copy, or with an explicit unlock, which must therefore not be done here.
    for lock in list(_held):
        lock._close()
    _held.clear()


os.register_at_fork(after_in_child=_close_in_child)
