"""How large a bundle and its parts may be, and which names its files may have.

The bounds are generous for any change a person would review, and small enough that a worker can read the
worst bundle allowed by them without harm.  They hold for reader and writer alike, so that what `build`
writes is never refused for its size by `accept`.
"""

from __future__ import annotations

import re
from typing import Final

MAX_BUNDLE: Final = 64 * 1024 * 1024
"""Bytes of a whole bundle."""
MAX_FILE: Final = 48 * 1024 * 1024
"""Bytes of one file in it; the measurement is the largest."""
MAX_SOURCE: Final = 4 * 1024 * 1024
"""Bytes of one source file, check or file of transformers."""
MAX_STATEMENT: Final = 4 * 1024 * 1024
"""Bytes of one signed statement; nearly all of it is the digests of the base."""
MAX_STATEMENTS: Final = 8
MAX_FILES: Final = 4096
MAX_BASE: Final = 16384
"""Entries of the base."""
MAX_SIGNATURES: Final = 32
MAX_CHECKS: Final = 256
MAX_EDITS: Final = 20_000
"""Edits and notes of a plan."""
MAX_NAME: Final = 1024
"""Bytes of a file's name inside the bundle, UTF-8."""
MAX_TEXT: Final = 16 * 1024
"""Characters of a free text: message, reason, body of an HTTP check."""
MAX_SETTINGS: Final = 64
MAX_VALUES: Final = 200_000
"""Commas and brackets in a statement or plan: bounds the objects made of it, whatever its bytes are."""
MAX_DEPTH: Final = 12
"""Levels of nesting inside a statement."""

_SEGMENT: Final = re.compile(r"[^/\\:\x00-\x1f\x7f]{1,255}")


def path_fault(path: str) -> str | None:
    """What makes `path` unfit to name a file below the program's root, or None if nothing does.

    Fit is a relative path with `/` between its segments, that names the same file on every system and can't
    leave the root: no empty segment, `.`, `..`, backslash, colon or control character.
    """
    if not path:
        return "is empty"
    if len(path.encode("utf-8", "surrogatepass")) > MAX_NAME:
        return f"is longer than {MAX_NAME} bytes"
    if path.startswith("/"):
        return "is absolute"
    for segment in path.split("/"):
        if segment in ("", ".", ".."):
            return f"has the segment '{segment}'"
        if not _SEGMENT.fullmatch(segment):
            return "has a character that no source file's name needs"
        if any(0xD800 <= ord(character) <= 0xDFFF for character in segment):
            return "is not valid Unicode"
    return None


def overlap(paths: list[str]) -> str | None:
    """A path that is at once a file and the folder of another one, or None."""
    known = set(paths)
    for path in paths:
        parts = path.split("/")
        for count in range(1, len(parts)):
            if (folder := "/".join(parts[:count])) in known:
                return folder
    return None
