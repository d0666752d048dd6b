"""Modules imported from the sources that run, whatever is on disk: a finder in front of the usual ones.

A worker that starts while the ledger's head is not empty imports patched modules through it, and so does a
running worker that imports a module late.  `__file__`, `__spec__`, packages and their paths are as they would
be if the sources lay on disk; `linecache`, and so tracebacks and `inspect`, show the source that runs.

A name that the overlay has nothing to do with is answered None at once.  The overlay is one immutable value,
exchanged by one store: any thread may import meanwhile.
"""
# ruff: noqa: PTH109, PTH113, PTH118, PTH120  (paths stay as `sys.path` spells them; pathlib would change them)

from __future__ import annotations

import importlib.util
import linecache
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Final

from attrs import frozen

INIT: Final = "__init__.py"


class PatchedLoader(SourceFileLoader):
    """Loads one module from a source that is not the one on disk; no bytecode file is read or written."""

    def __init__(self, fullname: str, path: str, source: bytes) -> None:
        super().__init__(fullname, path)
        self._source = source

    def get_data(self, path: str) -> bytes:
        return self._source if os.fspath(path) == self.path else super().get_data(path)

    def path_stats(self, path: str) -> Mapping[str, float]:
        raise OSError(f"{path} is not loaded from disk, so no bytecode file belongs to it")

    def exec_module(self, module: ModuleType) -> None:
        show(self.path, self._source)
        super().exec_module(module)


class PatchedFinder:
    """Finds the modules whose sources an overlay replaces, adds or takes away.

    `root` is the folder that the overlay's paths are relative to.
    """

    def __init__(self, root: str) -> None:
        self._root = os.path.realpath(root)
        self._serving = _Serving({}, frozenset())

    def serve(self, overlay: Mapping[str, bytes | None]) -> None:
        """From now on these are the sources that run where they are not the disk's."""
        located = {os.path.normpath(os.path.join(self._root, path)): text for path, text in overlay.items()}
        names = {part.removesuffix(".py") for path in overlay for part in path.split("/")}
        self._serving = _Serving(located, frozenset(names))

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The import system's question (PEP 451); None leaves it to the finders behind this one.

        Raises ModuleNotFoundError where all that those would find is a file that the overlay takes away.
        """
        serving = self._serving
        name = fullname.rpartition(".")[2]
        if name not in serving.names:
            return None
        hidden = False
        portions: list[str] = []
        for entry in sys.path if path is None else path:
            entry = entry or os.getcwd()
            found, is_package, gone = serving.look(os.path.realpath(entry), name)
            hidden = hidden or gone
            if found is not None:
                spelt = os.path.join(entry, name, INIT) if is_package else os.path.join(entry, f"{name}.py")
                return _spec(fullname, spelt, serving.sources.get(found), is_package)
            behind = PathFinder.find_spec(fullname, [entry], target)
            if behind is not None and behind.loader is not None and not serving.takes_away(behind.origin):
                return behind
            if serving.has_folder(os.path.realpath(os.path.join(entry, name))):
                portions.append(os.path.join(entry, name))
        if portions and not hidden:
            return _namespace(fullname, portions)
        if hidden:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return None


@frozen
class _Serving:
    """What a finder serves at one moment."""

    sources: Mapping[str, bytes | None]
    """By real path."""
    names: frozenset[str]
    """Last parts of the names of all modules and packages that may be concerned."""

    def look(self, folder: str, name: str) -> tuple[str | None, bool, bool]:
        """The file of a module in this folder, in the import system's order; whether it is a package's; and
        whether one is taken away there."""
        gone = False
        for located, is_package in (
            (os.path.join(folder, name, INIT), True),
            (os.path.join(folder, f"{name}.py"), False),
        ):
            if located in self.sources:
                if self.sources[located] is not None:
                    return located, is_package, gone
                gone = True
            elif os.path.isfile(located):
                return located, is_package, gone
        return None, False, gone

    def takes_away(self, origin: str | None) -> bool:
        """Is this the file of a module that is gone?"""
        located = os.path.realpath(origin or "")
        return located in self.sources and self.sources[located] is None

    def has_folder(self, folder: str) -> bool:
        """Does a source that is served lie below this folder?"""
        return any(
            path.startswith(folder + os.sep) and text is not None for path, text in self.sources.items()
        )


def _namespace(fullname: str, portions: list[str]) -> ModuleSpec:
    spec = ModuleSpec(fullname, None, is_package=True)
    spec.submodule_search_locations = portions
    return spec


def _spec(fullname: str, path: str, text: bytes | None, is_package: bool) -> ModuleSpec:
    """For a served source, or for the one on disk if `text` is None."""
    loader = SourceFileLoader(fullname, path) if text is None else PatchedLoader(fullname, path, text)
    spec = importlib.util.spec_from_file_location(
        fullname,
        path,
        loader=loader,
        submodule_search_locations=[os.path.dirname(path)] if is_package else None,
    )
    assert spec is not None
    return spec


def install(root: str) -> PatchedFinder:
    """The finder in front of all others; the one that is there already if there is one."""
    for finder in sys.meta_path:
        if isinstance(finder, PatchedFinder):
            return finder
    finder = PatchedFinder(root)
    sys.meta_path.insert(0, finder)
    return finder


def show(path: str, source: bytes) -> None:
    """Makes tracebacks and `inspect` show this source for `path`, for as long as it runs.

    An entry without a modification time is one that `linecache.checkcache` does not hold against the disk.
    """
    text = importlib.util.decode_source(source)
    linecache.cache[path] = (len(source), None, text.splitlines(keepends=True), path)


def show_disk(path: str) -> None:
    """The source on disk is the one that runs again."""
    linecache.cache.pop(path, None)
