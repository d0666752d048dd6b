"""What a release changes: the files that differ between two trees, and the base that it stands on."""

from __future__ import annotations

import fnmatch
import hashlib
import re
import warnings
from collections.abc import Collection, Mapping
from typing import Final

from attrs import frozen

from hotpatch.bundle import bounds
from hotpatch.bundle.trees import Tree
from hotpatch.errors import BuildFailed, PatchInvalid

_FOR_PEOPLE: Final = re.compile(
    r"(readme|changes|changelog|history|news|licen[cs]e|copying|authors|contributors|contributing|security|notice)"
    r"(\.(md|rst|txt|adoc))?",
    re.IGNORECASE,
)
_FOR_TOOLS: Final = re.compile(
    r"pyproject\.toml|setup\.cfg|tox\.ini|makefile|(docker|proc|pip)file(\..*)?|requirements.*\.txt|.*\.lock"
    r"|.*\.pyi|py\.typed",
    re.IGNORECASE,
)
_ASIDE: Final = frozenset({"docs", "doc", "tests", "test"})
"""Folders that hold nothing of a program unless a source of it lies there too."""


@frozen
class Change:
    """Paths are relative to the program's root, with `/`."""

    base: Mapping[str, str]
    """SHA-256 of every file of the program, as it was."""
    sources: Mapping[str, bytes | None]
    """Files of the program that differ: their new text, None for one that goes."""
    data: Mapping[str, str]
    """SHA-256 of other files that differ and that the program may read, in the new tree: it is asked for."""
    gone: tuple[str, ...]
    """Files of that kind that the new tree has no more."""
    left_out: tuple[str, ...]
    """Files that differ and play no part: Python outside the program, and what no program reads."""


def between(old: Tree, new: Tree, program: Collection[str], unread: Collection[str] = ()) -> Change:
    """The change from the tree `old` to the tree `new`; `program` are the paths of the program in either, and
    `unread` patterns of files that it does not read, though they may look so.

    Raises `BuildFailed` if nothing of the program differs, or a file has a name that a bundle can't carry.
    """
    differing = _differing(old.sources, new.sources)
    carried = differing & set(program)
    others = _differing(old.others, new.others)
    data = {path for path in others if may_be_read(path, program) and not _fits(path, unread)}
    left_out = tuple(sorted((differing - carried) | (others - data)))
    if not carried:
        beside = f"; what differs is no part of the program: {some(left_out)}" if left_out else ""
        beside += f"; no release carries data files: {some(sorted(data))}" if data else ""
        raise BuildFailed(f"nothing differs between the two trees{beside}")
    base = {
        path: hashlib.sha256(old.sources[path]).hexdigest() for path in sorted(program) if path in old.sources
    }
    for path in sorted(carried | base.keys() | data):
        if fault := bounds.path_fault(path):
            raise BuildFailed(f"the path {path!r} {fault}, so it can't be part of a release")
    sources = {path: new.sources.get(path) for path in sorted(carried)}
    asked = {path: new.others[path] for path in sorted(data) if path in new.others}
    return Change(base, sources, asked, tuple(sorted(data - asked.keys())), left_out)


def may_be_read(path: str, program: Collection[str]) -> bool:
    """May the program read this file, which is no Python, when it starts or later?

    Told by where it is and how it is called; in doubt it may.
    """
    *folders, name = path.split("/")
    if _FOR_PEOPLE.fullmatch(name) or _FOR_TOOLS.fullmatch(name):
        return False
    for number, folder in enumerate(folders, 1):
        beside = "/".join(folders[:number]) + "/"
        if folder in _ASIDE and not any(file.startswith(beside) for file in program):
            return False
    return True


def _fits(path: str, patterns: Collection[str]) -> bool:
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)


def _differing(old: Mapping[str, object], new: Mapping[str, object]) -> set[str]:
    return {path for path in old.keys() | new.keys() if old.get(path) != new.get(path)}


def check_syntax(sources: Mapping[str, bytes | None]) -> None:
    """Raises `PatchInvalid`, with file and line, for the first new source that this Python can't compile."""
    for path, text in sources.items():
        if text is None:
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                compile(text, path, "exec", dont_inherit=True)
        except SyntaxError as problem:
            raise PatchInvalid(
                f"{path}, line {problem.lineno or 1}: {problem.msg}; nothing was built"
            ) from None
        except ValueError as problem:
            raise PatchInvalid(f"{path}: {problem}; nothing was built") from None


def some(names: Collection[str]) -> str:
    """The first of many names, for a line that people read."""
    listed = list(names)
    more = f" and {len(listed) - 3} more" if len(listed) > 3 else ""
    return ", ".join(listed[:3]) + more
