"""What a release changes: the files that differ between two trees, and the base that it stands on."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Collection, Mapping

from attrs import frozen

from hotpatch.bundle import bounds
from hotpatch.bundle.trees import Tree
from hotpatch.errors import BuildFailed, PatchInvalid


@frozen
class Change:
    """Paths are relative to the program's root, with `/`."""

    base: Mapping[str, str]
    """SHA-256 of every file of the program, as it was."""
    sources: Mapping[str, bytes | None]
    """Files of the program that differ: their new text, None for one that goes."""
    left_out: tuple[str, ...]
    """Files that differ and are not carried: no Python, or no part of the program."""


def between(old: Tree, new: Tree, program: Collection[str]) -> Change:
    """The change from the tree `old` to the tree `new`; `program` are the paths of the program in either.

    Raises `BuildFailed` if nothing of the program differs, or a file has a name that a bundle can't carry.
    """
    differing = _differing(old.sources, new.sources)
    carried = differing & set(program)
    left_out = tuple(sorted((differing - carried) | _differing(old.others, new.others)))
    if not carried:
        beside = f"; what differs is no part of the program: {some(left_out)}" if left_out else ""
        raise BuildFailed(f"nothing differs between the two trees{beside}")
    base = {
        path: hashlib.sha256(old.sources[path]).hexdigest() for path in sorted(program) if path in old.sources
    }
    for path in sorted(carried | base.keys()):
        if fault := bounds.path_fault(path):
            raise BuildFailed(f"the path {path!r} {fault}, so it can't be part of a release")
    return Change(base, {path: new.sources.get(path) for path in sorted(carried)}, left_out)


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
