"""Sleep until something happens in a folder, or until woken: one inotify descriptor, no thread, no polling.

The agent's own thread waits here.  A library's observer would add several threads to each worker, and under
gevent they would be greenlets on a hub that nobody runs; so this speaks to the kernel itself, through the
three calls that inotify(7) has had since Linux 2.6.27.
"""

from __future__ import annotations

import ctypes
import os
import select
import struct
from pathlib import Path
from typing import Final

from hotpatch.native import original

IN_CLOSE_WRITE: Final = 0x0000_0008
IN_MOVED_TO: Final = 0x0000_0080
IN_CREATE: Final = 0x0000_0100
IN_DELETE: Final = 0x0000_0200
IN_DELETE_SELF: Final = 0x0000_0400
IN_MOVE_SELF: Final = 0x0000_0800
MASK: Final = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF
"""Close after write tells of a worker's end: the kernel closes its lock file, however it ended."""
GLANCE: Final = 0.5
"""Seconds between two looks where nothing can be watched."""
_HEAD: Final = struct.Struct("iIII")
_BUFFER: Final = 64 * 1024

_libc = ctypes.CDLL(None, use_errno=True)


class Watch:
    """Waits for events in any number of folders.  `wait` is for one thread, `wake` for any."""

    def __init__(self) -> None:
        self._events = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._events < 0:
            raise OSError(ctypes.get_errno(), f"inotify: {os.strerror(ctypes.get_errno())}")
        self._woken = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._folders: dict[Path, int] = {}

    def add(self, folder: Path) -> None:
        """From now on events in this folder end a wait.  Adding one twice is harmless.  Raises OSError."""
        watched = _libc.inotify_add_watch(self._events, os.fsencode(folder), MASK)
        if watched < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(folder))
        self._folders[folder] = watched

    def remove(self, folder: Path) -> None:
        """No more events of this folder."""
        watched = self._folders.pop(folder, None)
        if watched is not None:
            _libc.inotify_rm_watch(self._events, watched)

    def wake(self) -> None:
        """End the present wait, or the next.  Async-signal-safe as far as Python's handlers are."""
        os.eventfd_write(self._woken, 1)

    def wait(self, seconds: float | None) -> None:
        """Until something happened, somebody woke us, or so many seconds have gone (None: for ever)."""
        poll = original("select", "poll")()
        poll.register(self._events, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        clock = original("time", "monotonic")
        end = None if seconds is None else clock() + seconds
        while True:
            left = None if end is None else max(0.0, end - clock()) * 1000
            ready = {descriptor for descriptor, _ in poll.poll(left)}
            if not ready:
                return
            matters = self._events in ready and self._drain()
            if self._woken in ready:
                os.eventfd_read(self._woken)
                return
            if matters:
                return

    def _drain(self) -> bool:
        """Take all events; says whether one of them was about more than a file still being written."""
        matters = False
        while True:
            try:
                data = os.read(self._events, _BUFFER)
            except BlockingIOError:
                return matters
            place = 0
            while place < len(data):
                _watch, _mask, _cookie, length = _HEAD.unpack_from(data, place)
                name = data[place + _HEAD.size : place + _HEAD.size + length].rstrip(b"\0")
                matters = matters or not (name.startswith(b".") and name.endswith(b".tmp"))
                place += _HEAD.size + length

    def close(self) -> None:
        """Give the descriptors back."""
        os.close(self._events)
        os.close(self._woken)


class Glances(Watch):
    """In place of a watch where the kernel gives none (its limits are per user): looks every `GLANCE`."""

    def __init__(self) -> None:
        self._woken = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def add(self, folder: Path) -> None:
        """Every folder is looked at."""

    def remove(self, folder: Path) -> None:
        """As long as it is asked about."""

    def wait(self, seconds: float | None) -> None:
        """Until it is time for the next look, or somebody woke us."""
        poll = original("select", "poll")()
        poll.register(self._woken, select.POLLIN)
        if poll.poll(1000 * (GLANCE if seconds is None else min(seconds, GLANCE))):
            os.eventfd_read(self._woken)

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._woken)


def watch_over(*folders: Path) -> Watch:
    """A watch on these folders; one that looks now and then where the kernel has none left."""
    watch = None
    try:
        watch = Watch()
        for folder in folders:
            watch.add(folder)
    except OSError:
        if watch is not None:
            watch.close()
        return Glances()
    return watch
