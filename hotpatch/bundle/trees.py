"""The two trees that a release lies between: folders, or revisions of a git repository checked out aside.

A revision is written out through an index of its own, so that neither the repository's index nor its
working tree is touched; the program's folder alone is written, and it is gone when the context ends.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from attrs import frozen

from hotpatch.errors import BuildFailed

_NOT_SOURCES = frozenset({"__pycache__", "node_modules", "site-packages"})


@contextlib.contextmanager
def opened(named: str, repository: Path, below: str, aside: bool) -> Iterator[Path]:
    """The folder `below` the tree `named`: a folder if one is so named, else a revision of `repository`.

    With `aside` a folder is copied, so that a program started in it writes nothing beside the sources given;
    without, it is yielded where it lies.  Raises `BuildFailed` if there is neither.
    """
    with tempfile.TemporaryDirectory(prefix="hotpatch-tree-") as temporary:
        scratch = Path(temporary).resolve()
        if not Path(named).is_dir():
            yield _checked_out(named, repository, below, scratch)
            return
        folder = Path(named, below).resolve()
        if not folder.is_dir():
            raise BuildFailed(f"there is no folder {below} in {named}")
        yield _copied(folder, scratch / "tree") if aside else folder


def _copied(folder: Path, to: Path) -> Path:
    to.mkdir()
    for path in _files(folder):
        target = to / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copy2(path, target)
        except OSError as problem:
            raise BuildFailed(f"{path} can't be copied: {problem.strerror}") from None
    return to


def _checked_out(revision: str, repository: Path, below: str, scratch: Path) -> Path:
    nowhere = f"'{revision}' is no folder, and {repository} is no git repository to look for a revision in"
    top = Path(_git(repository, "rev-parse", "--show-toplevel", fault=nowhere))
    commit = _git(
        repository,
        "rev-parse",
        "--verify",
        "--quiet",
        "--end-of-options",
        f"{revision}^{{commit}}",
        fault=f"'{revision}' is neither a folder nor a revision of the repository {top}",
    )
    folder = os.path.relpath((repository / below).resolve(), top.resolve())
    if folder == os.pardir or folder.startswith(os.pardir + os.sep):
        raise BuildFailed(f"the folder {below} lies outside the repository {top}")
    tree = commit if folder == os.curdir else f"{commit}:{folder}"
    index = {"GIT_INDEX_FILE": str(scratch / "index")}
    _git(top, "read-tree", tree, fault=f"revision '{revision}' has no folder {below}", extra=index)
    out = scratch / "tree"
    out.mkdir()
    written = f"revision '{revision}' could not be written out"
    _git(top, "checkout-index", "--all", f"--prefix={out}/", fault=written, extra=index)
    return out


def _git(folder: Path, *arguments: str, fault: str, extra: Mapping[str, str] | None = None) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **(extra or {})},
        )
    except FileNotFoundError:
        raise BuildFailed("git is not installed: give two folders, or install it") from None
    if done.returncode:
        detail = (done.stderr.strip().splitlines() or [""])[-1].removeprefix("fatal: ")
        raise BuildFailed(f"{fault}{': ' if detail else ''}{detail}")
    return done.stdout.strip()


@frozen
class Tree:
    """What lies below a folder, by path with `/`."""

    sources: Mapping[str, bytes]
    """The text of every Python file."""
    others: Mapping[str, str]
    """A digest of every other file."""


def read_tree(root: Path) -> Tree:
    """The tree below `root`, without hidden files and folders, caches and virtual environments.

    Raises `BuildFailed` for a file that can't be read.
    """
    sources: dict[str, bytes] = {}
    others: dict[str, str] = {}
    for path in _files(root):
        below = path.relative_to(root).as_posix()
        try:
            with path.open("rb") as file:
                if path.suffix == ".py":
                    sources[below] = file.read()
                else:
                    others[below] = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as problem:
            raise BuildFailed(f"{path} can't be read: {problem.strerror}") from None
    return Tree(sources, others)


def _files(root: Path) -> Iterator[Path]:
    """Every file below `root`, in order, that is not hidden, a cache, or part of a virtual environment."""
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = sorted(
            name
            for name in subfolders
            if not name.startswith(".")
            and name not in _NOT_SOURCES
            and not Path(folder, name, "pyvenv.cfg").exists()
        )
        for name in sorted(files):
            path = Path(folder, name)
            if not name.startswith(".") and path.suffix != ".pyc" and path.is_file():
                yield path
