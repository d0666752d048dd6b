"""The outermost layer of a bundle: msgpack with one form for each contents, read within bounds.

    ["hotpatch-bundle", 1, [[role, statement], ...], [[name, contents], ...]]

`statement` is TUF metadata as JSON; `contents` are bytes.  Roles and names are strings, unique and in
ascending order of code points.  The reader is driven by this layout: it knows what must come next and never
descends into anything else, so no value of a hostile file is built but these.  Every length is checked
against its bound before anything of that length is made, and must be written in the shortest way: there is
no second way to write a bundle.

This layer knows nothing of what the bytes mean, and trusts nothing.  Pure functions; thread-safe.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgpack
from attrs import frozen

from hotpatch.bundle import bounds
from hotpatch.errors import BundleCutShort, BundleTooLarge, NotABundle

FORMAT: Final = 1
KIND: Final = "hotpatch-bundle"
MAGIC: Final = bytes([0x94]) + msgpack.packb(KIND)
"""What every bundle of every format begins with: an array of four, the first of them `KIND`."""


@frozen
class Container:
    """The contents of a bundle, not judged in any way."""

    statements: Mapping[str, bytes]
    """TUF metadata by role; JSON."""
    files: Mapping[str, bytes]


def pack(container: Container) -> bytes:
    """The one sequence of bytes that carries `container`.

    Raises `BundleTooLarge` where the contents are outside the bounds, so that no bundle is written that
    can't be read.
    """
    _within(len(container.statements), bounds.MAX_STATEMENTS, "statements")
    _within(len(container.files), bounds.MAX_FILES, "files")
    for role, statement in container.statements.items():
        _within(len(statement), bounds.MAX_STATEMENT, f"bytes in the statement '{role}'")
    for name, contents in container.files.items():
        _within(len(name.encode()), bounds.MAX_NAME, "bytes in a file's name")
        _within(len(contents), bounds.MAX_FILE, f"bytes in '{name}'")
    packed: bytes = msgpack.packb(
        [
            KIND,
            FORMAT,
            [[role, container.statements[role]] for role in sorted(container.statements)],
            [[name, container.files[name]] for name in sorted(container.files)],
        ],
        use_bin_type=True,
        strict_types=True,
    )
    _within(len(packed), bounds.MAX_BUNDLE, "bytes")
    return packed


def unpack(data: bytes) -> Container:
    """Read a bundle's contents.

    Raises `BundleTooLarge`, `BundleCutShort` or `NotABundle`; nothing else, whatever `data` is.
    """
    _within(len(data), bounds.MAX_BUNDLE, "bytes")
    if not data.startswith(MAGIC):
        if MAGIC.startswith(data):
            raise BundleCutShort(
                "the bundle ends within its first bytes; copy it again" if data else "the bundle is empty"
            )
        raise NotABundle("this is no hotpatch bundle: it does not begin as one")
    reader = _Reader(data, len(MAGIC))
    form = reader.number("the format's number")
    if form != FORMAT:
        raise NotABundle(
            f"the bundle has format {form}, this hotpatch reads format {FORMAT}: use a matching one"
        )
    statements = reader.pairs(bounds.MAX_STATEMENTS, bounds.MAX_STATEMENT, "statement")
    files = reader.pairs(bounds.MAX_FILES, bounds.MAX_FILE, "file")
    reader.end()
    return Container(statements, files)


def read(path: Path) -> bytes:
    """A bundle file's bytes, bounded before they are read.

    Raises `NotABundle` if there is no such regular file, `BundleTooLarge`; OSError if it can't be read.
    """
    try:
        # O_NONBLOCK: a FIFO put in a bundle's place must not hang whoever opens it
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise NotABundle(f"there is no bundle {path}") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise NotABundle(f"{path} is not a file")
        _within(status.st_size, bounds.MAX_BUNDLE, "bytes")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            # the file may have grown since
            data = file.read(bounds.MAX_BUNDLE + 1)
    finally:
        os.close(descriptor)
    _within(len(data), bounds.MAX_BUNDLE, "bytes")
    return data


def _within(count: int, bound: int, what: str) -> None:
    if count > bound:
        raise BundleTooLarge(f"the bundle has {count:,} {what}; {bound:,} are allowed")


@frozen
class _Kind:
    """How msgpack writes the length of one kind of value."""

    short: int
    """First byte of a value of length 0, where a single byte may hold type and length."""
    most: int
    """The longest length that such a byte can hold; -1 if there is no such byte."""
    wide: Mapping[int, int]
    """First byte: how many bytes of length follow; shortest first."""


_ARRAY: Final = _Kind(0x90, 15, {0xDC: 2, 0xDD: 4})
_TEXT: Final = _Kind(0xA0, 31, {0xD9: 1, 0xDA: 2, 0xDB: 4})
_BYTES: Final = _Kind(0xC4, -1, {0xC4: 1, 0xC5: 2, 0xC6: 4})
_MOST_SMALL_NUMBER: Final = 0x7F


class _Reader:
    """The values of a bundle one after another, each of the kind and within the bound that its place demands.

    Not msgpack's own `Unpacker`: that one looks at its limits only once all the declared bytes are there,
    and copies them twice over.
    """

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at

    def _take(self, count: int, what: str) -> bytes:
        """The next bytes; there are never more asked for than the bounds allow."""
        end = self._at + count
        if end > len(self._data):
            raise BundleCutShort(
                f"the bundle ends after {len(self._data):,} bytes, within {what}: copy it again"
            )
        found = self._data[self._at : end]
        self._at = end
        return found

    def _length(self, kind: _Kind, bound: int, what: str, unit: str) -> int:
        """The length of the value that comes next, which must be of this kind."""
        at = self._at
        first = self._take(1, what)[0]
        shorter = kind.most
        if kind.short <= first <= kind.short + kind.most:
            return self._bounded(first - kind.short, bound, unit)
        for mark, width in kind.wide.items():
            if first == mark:
                length = int.from_bytes(self._take(width, what), "big")
                if length <= shorter:
                    raise NotABundle(f"at byte {at:,}, a length is not written in the one form that it has")
                return self._bounded(length, bound, unit)
            shorter = (1 << 8 * width) - 1
        raise NotABundle(f"at byte {at:,}, there is something else than {what}")

    @staticmethod
    def _bounded(length: int, bound: int, unit: str) -> int:
        _within(length, bound, unit)
        return length

    def number(self, what: str) -> int:
        """A number below 128."""
        found = self._take(1, what)[0]
        if found > _MOST_SMALL_NUMBER:
            raise NotABundle(f"{what} is no number that this hotpatch knows")
        return found

    def text(self, what: str) -> str:
        length = self._length(_TEXT, bounds.MAX_NAME, what, f"bytes in {what}")
        try:
            return self._take(length, what).decode("utf-8")
        except UnicodeDecodeError:
            raise NotABundle(f"{what} is something else than UTF-8") from None

    def contents(self, bound: int, what: str) -> bytes:
        return self._take(self._length(_BYTES, bound, what, f"bytes in {what}"), what)

    def pairs(self, most: int, bound: int, what: str) -> dict[str, bytes]:
        """`[[name, contents], ...]` with unique names in ascending order."""
        found: dict[str, bytes] = {}
        last: str | None = None
        for _ in range(self._length(_ARRAY, most, f"the {what}s", f"{what}s")):
            if self._length(_ARRAY, most, f"a {what}", f"parts in a {what}") != 2:
                raise NotABundle(f"a {what} has other parts than a name and contents")
            name = self.text(f"a {what}'s name")
            if last is not None and name <= last:
                order = "appears twice" if name == last else "is out of order"
                raise NotABundle(f"the {what} {name!r} {order}")
            found[name] = self.contents(bound, f"the {what} {name!r}")
            last = name
        return found

    def end(self) -> None:
        if rest := len(self._data) - self._at:
            raise NotABundle(f"the bundle goes on for {rest:,} bytes after its end")
