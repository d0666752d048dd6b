"""The outermost layer of a bundle: msgpack with one form for each contents, read within bounds.

    ["hotpatch-bundle", 1, [[role, statement], ...], [[name, contents], ...]]

`statement` is TUF metadata as JSON; `contents` are bytes.  Roles and names are strings, unique and in
ascending order of code points.  Every length is checked against its bound before anything of that length is
made, the reader is driven by this layout and never descends into a value where a plain one belongs, and at
the end the contents are packed again and must give the same bytes: there is no second way to write a bundle.

This layer knows nothing of what the bytes mean, and trusts nothing.  Pure functions; thread-safe.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

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
    reader = _Reader(data)
    reader.array(4, "the bundle")
    reader.text("its kind")
    form = reader.number("the format's number")
    if form != FORMAT:
        raise NotABundle(
            f"the bundle has format {form}, this hotpatch reads format {FORMAT}: use a matching one"
        )
    statements = reader.pairs(bounds.MAX_STATEMENTS, bounds.MAX_STATEMENT, "statement")
    files = reader.pairs(bounds.MAX_FILES, bounds.MAX_FILE, "file")
    reader.end()
    container = Container(statements, files)
    if pack(container) != data:
        raise NotABundle("the bundle is not written in the one form that its contents have")
    return container


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


_LENGTH_WIDTHS: Final = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
"""By a value's first byte, how many bytes of length follow: bin 8, 16, 32 and str 8, 16, 32 of msgpack."""


class _Reader:
    """msgpack values one after another, each of the type and within the bound that its place demands."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._size = len(data)
        self._unpacker = msgpack.Unpacker(
            strict_map_key=True,
            max_buffer_size=bounds.MAX_BUNDLE,
            max_str_len=bounds.MAX_NAME,
            max_bin_len=bounds.MAX_FILE,
            # a leaf is never a container: whatever nesting a hostile file declares, none is built
            max_array_len=0,
            max_map_len=0,
            max_ext_len=0,
        )
        self._unpacker.feed(data)

    def _next(self, take: Callable[[], Any], what: str) -> Any:
        at = self._unpacker.tell()
        try:
            return take()
        except msgpack.OutOfData:
            raise BundleCutShort(
                f"the bundle ends after {self._size:,} bytes, within {what}: copy it again"
            ) from None
        except (ValueError, msgpack.UnpackException):
            raise NotABundle(f"at byte {at:,}, there is something else than {what}") from None

    def _declared(self, what: str, bound: int) -> None:
        """Refuse a text or bytes whose header declares more than `bound`, before it is read.  msgpack itself
        looks at its limits only once all the declared bytes are there."""
        at = self._unpacker.tell()
        width = _LENGTH_WIDTHS.get(self._data[at]) if at < self._size else None
        if width is not None and at + 1 + width <= self._size:
            _within(int.from_bytes(self._data[at + 1 : at + 1 + width], "big"), bound, f"bytes in {what}")

    def array(self, length: int | None, what: str, most: int = 0) -> int:
        """The header of an array: of exactly `length` items, or of `most` at most."""
        found = self._next(self._unpacker.read_array_header, what)
        if length is not None and found != length:
            raise NotABundle(f"{what} has {found} parts where {length} belong")
        if length is None:
            _within(found, most, f"{what}s")
        return int(found)

    def number(self, what: str) -> int:
        found = self._next(self._unpacker.unpack, what)
        if type(found) is not int:
            raise NotABundle(f"{what} is no number")
        return found

    def text(self, what: str) -> str:
        self._declared(what, bounds.MAX_NAME)
        found = self._next(self._unpacker.unpack, what)
        if not isinstance(found, str):
            raise NotABundle(f"{what} is no text")
        return found

    def contents(self, bound: int, what: str) -> bytes:
        self._declared(what, bound)
        found = self._next(self._unpacker.unpack, what)
        if not isinstance(found, bytes):
            raise NotABundle(f"{what} is no sequence of bytes")
        return found

    def pairs(self, most: int, bound: int, what: str) -> dict[str, bytes]:
        """`[[name, contents], ...]` with unique names in ascending order."""
        found: dict[str, bytes] = {}
        last: str | None = None
        for _ in range(self.array(None, what, most)):
            self.array(2, f"a {what}")
            name = self.text(f"a {what}'s name")
            if last is not None and name <= last:
                order = "appears twice" if name == last else "is out of order"
                raise NotABundle(f"the {what} {name!r} {order}")
            found[name] = self.contents(bound, f"the {what} {name!r}")
            last = name
        return found

    def end(self) -> None:
        if (rest := self._size - self._unpacker.tell()) > 0:
            raise NotABundle(f"the bundle goes on for {rest:,} bytes after its end")
