"""Unified diffs, read and applied to the text of files: no `patch` and no `git` needed.

A hunk is applied where its lines are found, nearest to where the diff says; when they are found nowhere,
again without its outermost context lines.  So a diff goes on fitting while the file changes around it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from attrs import evolve, frozen

MOST_FUZZ: Final = 2
HEADER: Final = re.compile(r"@@ -(\d+)(?:,(\d+))? \+\d+(?:,(\d+))? @@")


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
    lines = iter(text.splitlines())
    for line in lines:
        header = HEADER.match(line)
        if line.startswith("+++ "):
            path = line.removeprefix("+++ ").split("\t")[0].removeprefix("b/")
            changes.append(FileChange(path, ()))
        elif header is not None:
            if not changes:
                raise DiffError(f"a hunk before any file's name: {line!r}")
            hunk = Hunk(int(header.group(1)), _hunk_lines(header, lines))
            changes[-1] = evolve(changes[-1], hunks=(*changes[-1].hunks, hunk))
    if not changes or not all(change.hunks for change in changes):
        raise DiffError("this text is no unified diff: it names no file, or has no hunk for one")
    return tuple(changes)


def _hunk_lines(header: re.Match[str], lines: Iterator[str]) -> tuple[str, ...]:
    """As many lines as the header counts: whatever they look like, they belong to the hunk."""
    before, after = (int(header.group(number) or 1) for number in (2, 3))
    found: list[str] = []
    while before or after:
        line = next(lines, None)
        if line is None:
            raise DiffError(f"the diff ends inside the hunk {header.group(0)}")
        if line.startswith("\\"):
            continue
        # Mailers and editors strip the blank of an empty context line.
        line = line or " "
        if line[0] not in " -+":
            raise DiffError(f"this line belongs to no hunk: {line[:60]!r}")
        before -= line[0] != "+"
        after -= line[0] != "-"
        found.append(line)
    return tuple(found)


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
        # An insertion that has lost all its context would fit anywhere.
        if places and (before or not fuzz):
            at = min(places, key=lambda place: abs(place - expected))
            moved = shift + (at - expected) + len(after) - len(before)
            return [*lines[:at], *after, *lines[at + len(before) :]], moved
    raise DiffError(f"{path}: the hunk for line {hunk.start} does not fit: {hunk.lines[0]!r}")
