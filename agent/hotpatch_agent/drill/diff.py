"""Unified diffs, read and applied to the text of files: no `patch` and no `git` needed.

A hunk is applied where its lines are found, nearest to where the diff says; when they are found nowhere,
again without its outermost context lines.  So a diff goes on fitting while the file changes around it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from attrs import frozen

MOST_FUZZ: Final = 2
HEADER: Final = re.compile(r"@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@")


class DiffError(ValueError):
    """The text is no unified diff, or does not fit the file; says which file and which line."""


@frozen
class Hunk:
    """`lines` with their marks: a space, `-` or `+`."""

    start: int
    lines: tuple[str, ...]

    def trimmed(self, fuzz: int) -> tuple[list[str], list[str], int]:
        """Lines before and after, and how many leading ones are left out, `fuzz` context lines shorter."""
        marks = [line[0] for line in self.lines]
        first = next(index for index, mark in enumerate(marks) if mark != " ")
        last = max(index for index, mark in enumerate(marks) if mark != " ")
        low, high = min(fuzz, first), max(len(marks) - fuzz, last + 1)
        kept = self.lines[low:high]
        before = [line[1:] for line in kept if line[0] != "+"]
        return before, [line[1:] for line in kept if line[0] != "-"], low


@frozen
class FileChange:
    path: str
    hunks: tuple[Hunk, ...]


def parse(text: str) -> tuple[FileChange, ...]:
    """The changes in a diff, by file; paths without their `a/` and `b/`."""
    changes: list[FileChange] = []
    for section in re.split(r"(?m)^--- ", text)[1:]:
        names, *rest = section.split("\n@@", 1)
        found = re.search(r"(?m)^\+\+\+ (?:b/)?([^\t\n]+)", names)
        if found is None or not rest:
            raise DiffError(f"a diff without a file's name or a hunk, at {names[:40]!r}")
        changes.append(FileChange(found.group(1), tuple(_hunks(("@@" + rest[0]).splitlines()))))
    if not changes:
        raise DiffError("there is no diff in this text")
    return tuple(changes)


def _hunks(lines: Iterable[str]) -> list[Hunk]:
    hunks: list[Hunk] = []
    for line in lines:
        header = HEADER.match(line)
        if header:
            hunks.append(Hunk(int(header.group(1)), ()))
        elif line.startswith("\\"):
            continue
        elif line[:1] in (" ", "-", "+"):
            hunks[-1] = Hunk(hunks[-1].start, (*hunks[-1].lines, line))
        elif not line:
            hunks[-1] = Hunk(hunks[-1].start, (*hunks[-1].lines, " "))
        else:
            raise DiffError(f"this line belongs to no diff: {line[:60]!r}")
    return hunks


def apply(changes: Sequence[FileChange], files: Mapping[str, str]) -> dict[str, str]:
    """The new text of every file that changes.  DiffError if one is not there or a hunk doesn't fit it."""
    changed: dict[str, str] = {}
    for change in changes:
        if change.path not in files:
            raise DiffError(f"{change.path} is not there to be changed")
        lines = files[change.path].splitlines()
        shift = 0
        for hunk in change.hunks:
            lines, shift = _apply_hunk(change.path, hunk, lines, shift)
        changed[change.path] = "\n".join(lines) + "\n"
    return changed


def _apply_hunk(path: str, hunk: Hunk, lines: list[str], shift: int) -> tuple[list[str], int]:
    for fuzz in range(MOST_FUZZ + 1):
        before, after, left_out = hunk.trimmed(fuzz)
        expected = hunk.start - 1 + left_out + shift
        places = [at for at in range(len(lines) + 1) if lines[at : at + len(before)] == before]
        if places:
            at = min(places, key=lambda place: abs(place - expected))
            moved = shift + (at - expected) + len(after) - len(before)
            return [*lines[:at], *after, *lines[at + len(before) :]], moved
    raise DiffError(f"{path}: the hunk for line {hunk.start} does not fit: {hunk.lines[0]!r}")
