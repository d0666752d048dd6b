"""JSON read strictly: a known shape, known types, bounded lengths, and no field too many.

Everything that a bundle says goes through here.  A field that this version doesn't know is refused, not
skipped: a bundle that demands something must not be half understood.  Pure functions; `NotABundle` and
`BundleTooLarge` are all that is ever raised.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

from hotpatch.bundle import bounds
from hotpatch.errors import BundleTooLarge, NotABundle

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""Names of services, environments and checks: they become parts of file names and of lines on a screen."""
SHA256: Final = re.compile(r"[0-9a-f]{64}")
SETTING: Final = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
"""Names of an author's settings."""
_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"


def write(value: object) -> bytes:
    """The one JSON form of `value`: sorted keys, no blanks, ASCII."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode("ascii")


def write_time(moment: datetime) -> str:
    """`moment` in UTC to the second, as TUF writes it."""
    return moment.astimezone(UTC).strftime(_TIME)


def read(data: bytes, what: str) -> Fields:
    """An object from the form that `write` gives it.  Raises `NotABundle` for any other, `BundleTooLarge`."""
    values = data.count(b",") + data.count(b"[") + data.count(b"{")
    if values > bounds.MAX_VALUES:
        raise BundleTooLarge(f"{what} holds {values:,} values; {bounds.MAX_VALUES:,} are allowed")
    try:
        value = json.loads(data.decode("ascii"), parse_float=_no_number, parse_constant=_no_number)
        _check_depth(value, what)
        canonical = write(value)
    except (ValueError, RecursionError) as problem:
        raise NotABundle(f"{what} is no JSON object as hotpatch writes it: {problem}") from None
    if canonical != data:
        # this also refuses a key given twice, of which other readers may take the other one
        raise NotABundle(f"{what} is not written in the one form that its contents have")
    return Fields(value, what)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"the number {text[:20]} is not a whole one")


def _check_depth(value: object, what: str) -> None:
    level = [value]
    for _ in range(bounds.MAX_DEPTH):
        level = [
            inner
            for item in level
            if isinstance(item, dict | list)
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
    if level:
        raise NotABundle(f"{what} is nested deeper than {bounds.MAX_DEPTH} levels")


class Fields:
    """One JSON object whose fields are taken out one by one; `done` says that there must be no other."""

    def __init__(self, value: object, what: str) -> None:
        if not isinstance(value, dict):
            raise NotABundle(f"{what} is no object")
        self._rest: dict[str, Any] = dict(value)
        self.what = what

    def __bool__(self) -> bool:
        return bool(self._rest)

    def _fault(self, name: str, fault: str) -> NoReturn:
        raise NotABundle(f"in {self.what}, '{name}' {fault}")

    def _take(self, name: str) -> Any:
        if name not in self._rest:
            self._fault(name, "is missing")
        return self._rest.pop(name)

    def has(self, name: str) -> bool:
        """Whether the field is there, not taken yet."""
        return name in self._rest

    def text(self, name: str, most: int = bounds.MAX_TEXT, pattern: re.Pattern[str] | None = None) -> str:
        """A text of at most `most` characters that fits `pattern` whole."""
        value = self._take(name)
        if not isinstance(value, str):
            self._fault(name, "is no text")
        if len(value) > most:
            raise BundleTooLarge(
                f"in {self.what}, '{name}' has {len(value):,} characters; {most:,} are allowed"
            )
        if not value.isascii() and any(0xD800 <= ord(character) <= 0xDFFF for character in value):
            self._fault(name, "is not valid Unicode")
        if pattern is not None and not pattern.fullmatch(value):
            self._fault(name, f"has a form that it may not have: {value[:80]!r}")
        return value

    def number(self, name: str, least: int, most: int) -> int:
        """A whole number from `least` to `most`."""
        value = self._take(name)
        if type(value) is not int:
            self._fault(name, "is no number")
        if not least <= value <= most:
            self._fault(name, f"is not between {least} and {most}")
        return value

    def time(self, name: str) -> datetime:
        """A moment in UTC, to the second."""
        value = self.text(name, 20)
        try:
            moment = datetime.strptime(value, _TIME).replace(tzinfo=UTC)
        except ValueError:
            self._fault(name, f"is no time in UTC: {value!r}")
        if write_time(moment) != value:
            self._fault(name, f"is no time in UTC: {value!r}")
        return moment

    def items(self, name: str, most: int) -> list[Any]:
        """A list of at most `most` items, whatever they are."""
        value = self._take(name)
        if not isinstance(value, list):
            self._fault(name, "is no list")
        if len(value) > most:
            raise BundleTooLarge(f"in {self.what}, '{name}' has {len(value):,} items; {most:,} are allowed")
        return value

    def texts(self, name: str, most: int) -> tuple[str, ...]:
        """A list of texts."""
        found = self.items(name, most)
        return tuple(Fields({"item": item}, f"{self.what}, '{name}'").text("item") for item in found)

    def objects(self, name: str, most: int) -> Iterator[Fields]:
        """A list of objects, one after another."""
        for item in self.items(name, most):
            yield Fields(item, f"an item of '{name}' in {self.what}")

    def object(self, name: str) -> Fields:
        """An object inside this one."""
        return Fields(self._take(name), f"'{name}' in {self.what}")

    def mapping(
        self, name: str, most: int, length: int, pattern: re.Pattern[str] | None = None
    ) -> dict[str, str]:
        """An object from texts to texts of at most `length` characters that fit `pattern`."""
        inner = self.object(name)
        if len(inner.names()) > most:
            raise BundleTooLarge(f"{inner.what} has {len(inner.names()):,} entries; {most:,} are allowed")
        return {key: inner.text(key, length, pattern) for key in inner.names()}

    def names(self) -> list[str]:
        """The fields not taken yet."""
        return list(self._rest)

    def done(self) -> None:
        """Raises `NotABundle` if there is a field that nobody took."""
        for name in self._rest:
            self._fault(name, "is a field that this version of hotpatch does not know")
