"""Files that are whole or not there: the only way in which the agent writes to the home folder.

A file is written under a temporary name, synced, and only then given its name, by `rename` (the newest wins)
or by `link` (the first wins, so that a name is taken once); then the folder is synced.  A reader that looks
at proper names alone never sees half a file, whenever a process or the machine dies.

`Files` is the edge: a handful of system calls, with the real ones in `OsFiles` and a simulated disk, which
forgets what was not synced, in the tests.  Temporary names begin with a dot and end in `.tmp`; what a crash
leaves of them is swept by the next leader, and a writer whose temporary file was swept tries again.
"""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Callable
from typing import Final, Protocol

from hotpatch.errors import DiskFull, HotpatchError, NotWritable
from hotpatch_agent.failpoint import failpoint

ATTEMPTS: Final = 5
"""How often a writer starts again when its temporary file is swept away under it."""

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FORBIDDEN: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_counter = itertools.count()


class Files(Protocol):
    """The system calls that durable files need.  Errors are `OSError`s as the system raises them."""

    def read(self, path: str, limit: int = -1) -> bytes:
        """The contents, at most `limit` bytes of them if it is not negative."""

    def modified(self, path: str) -> int:
        """When it was written, in the file system's nanoseconds since 1970."""

    def names(self, folder: str) -> list[str]: ...
    def create(self, path: str, data: bytes) -> None:
        """Make a new file of mode 0600; FileExistsError if the name is taken.  Not yet durable."""

    def sync(self, path: str) -> None:
        """Make a file's contents, or a folder's names, durable."""

    def link(self, source: str, target: str) -> None: ...
    def rename(self, source: str, target: str) -> None: ...
    def unlink(self, path: str) -> None: ...


class OsFiles:
    """The real disk.  Safe in any thread; holds nothing open, so safe across fork."""

    def read(self, path: str, limit: int = -1) -> bytes:
        # Not blocking: a FIFO that somebody put in a file's place must not hang whoever reads it.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(descriptor, "rb", buffering=0) as file:
            if limit < 0:
                return file.readall()
            parts: list[bytes] = []
            while limit > 0 and (part := file.read(limit)):
                parts.append(part)
                limit -= len(part)
            return b"".join(parts)

    def modified(self, path: str) -> int:
        return os.stat(path).st_mtime_ns  # noqa: PTH116

    def names(self, folder: str) -> list[str]:
        return os.listdir(folder)  # noqa: PTH208  (names alone, no Path objects: it runs at every wake)

    def create(self, path: str, data: bytes) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb", buffering=0) as file:
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) :]

    def sync(self, path: str) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def link(self, source: str, target: str) -> None:
        os.link(source, target)

    def rename(self, source: str, target: str) -> None:
        os.rename(source, target)  # noqa: PTH104

    def unlink(self, path: str) -> None:
        os.unlink(path)  # noqa: PTH108


OS_FILES: Final[Files] = OsFiles()


class NameTaken(Exception):
    """`take_name` came second: another process has given this name to its own file."""


def write_whole(path: str, data: bytes, what: str, files: Files = OS_FILES, *, durable: bool = True) -> None:
    """Put `data` at `path`, durably, in place of whatever was there.

    Without `durable` it is whole for every reader all the same, but a power cut may lose it.  `what` names
    the steps for failpoints.  Raises DiskFull or NotWritable with the file's name; the old contents are still
    whole then.
    """

    def place(temporary: str) -> None:
        files.rename(temporary, path)

    _write(path, data, what, files, place, durable)


def take_name(path: str, data: bytes, what: str, files: Files = OS_FILES) -> None:
    """Put `data` at `path`, durably, if nothing is there yet; else raise NameTaken.

    Of any number of processes that try at once exactly one succeeds.
    """

    def place(temporary: str) -> None:
        try:
            files.link(temporary, path)
        except FileExistsError as error:
            raise NameTaken(path) from error
        finally:
            files.unlink(temporary)

    _write(path, data, what, files, place, durable=True)


def discard(path: str, files: Files = OS_FILES) -> None:
    """Remove a file if it is there.  Not synced: a removal that a power cut undoes is simply done again."""
    try:
        files.unlink(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise explained(error, path) from error


def sweep(folder: str, files: Files = OS_FILES) -> None:
    """Remove what writers that died have left.  A writer that is alive notices and tries again."""
    for name in files.names(folder):
        if is_temporary(name):
            discard(f"{folder}/{name}", files)


def is_temporary(name: str) -> bool:
    """Is this the name of a file that is still being written, or was when its writer died?"""
    return name.startswith(".") and name.endswith(".tmp")


def explained(error: OSError, path: str) -> HotpatchError | OSError:
    """The error for people: DiskFull or NotWritable with the file's name where it is one of those."""
    if error.errno in _FULL:
        return DiskFull(f"{path} could not be written: no space left for it; free some space and try again")
    if error.errno in _FORBIDDEN:
        mounted = error.errno == errno.EROFS
        todo = "mount it for writing" if mounted else "run as the user that owns the home folder"
        return NotWritable(f"{path} could not be written: {os.strerror(error.errno or 0).lower()}; {todo}")
    return error


def _write(
    path: str, data: bytes, what: str, files: Files, place: Callable[[str], None], durable: bool
) -> None:
    folder, _, name = path.rpartition("/")
    for attempt in range(ATTEMPTS):
        temporary = f"{folder}/.{name}.{os.getpid()}.{next(_counter)}.tmp"
        try:
            failpoint(what, "begin")
            files.create(temporary, data)
            failpoint(what, "written")
            if durable:
                files.sync(temporary)
            failpoint(what, "synced")
            place(temporary)
            failpoint(what, "named")
            if durable:
                files.sync(folder)
            failpoint(what, "durable")
            return
        except (FileExistsError, FileNotFoundError):
            # A dead process of the same pid left this name, or a leader swept ours away.
            if attempt == ATTEMPTS - 1:
                raise
        except OSError as error:
            _drop(temporary, files)
            raise explained(error, path) from error


def _drop(temporary: str, files: Files) -> None:
    try:
        files.unlink(temporary)
    except OSError:
        return  # a sweep will take it; the error that brought us here is the one to tell
