"""The program that this process serves: where its sources are, which of them run, which releases are in.

What runs is not always what lies on disk: a release may have gone in live, and a deployment may have changed
the disk since the start.  So the digests of all sources are taken when the application has just been loaded
and are kept; a file that was not loaded then counts as it lies on disk.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from hotpatch.release import Release
from hotpatch_agent.process import boot
from hotpatch_agent.process.layers import covered, digest_of


@frozen
class Layer:
    """A release that runs here."""

    release: Release
    running: object | None = None
    """What it takes to take it back (`adopt.Running`); None if it was there from the start."""


@define
class Program:
    """Changed by the agent's thread alone, and before the first request by the worker's own."""

    root: Path
    finder: boot.PatchedFinder
    loaded: dict[str, str] = field(factory=dict)
    """Digests of the sources on disk when the application was loaded, by path below the root."""
    layers: tuple[Layer, ...] = ()
    former: dict[str, Any] = field(factory=dict)
    """What was taken back here of late, as it was built (`adopt.Prepared`), by the bundle's digest."""

    @classmethod
    def at(cls, root: Path) -> Program:
        """The program below this folder, with the finder for its modules in place."""
        real = root.resolve()
        return cls(real, boot.install(str(real)))

    @property
    def stack(self) -> tuple[int, ...]:
        """The releases that run, lowest first."""
        return tuple(layer.release.version for layer in self.layers)

    @property
    def digests(self) -> tuple[str, ...]:
        """Those of the bundles of the releases that run, lowest first."""
        return tuple(layer.release.digest for layer in self.layers)

    @property
    def top(self) -> Release | None:
        return self.layers[-1].release if self.layers else None

    @property
    def overlay(self) -> Mapping[str, bytes | None]:
        """The sources that run where they are not the disk's."""
        found: Mapping[str, bytes | None] = {}
        for layer in self.layers:
            found = covered(found, layer.release)
        return found

    def disk(self, path: str) -> bytes | None:
        """A source file as it lies on disk; None if it is not there."""
        try:
            return (self.root / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def base_digest(self, path: str) -> str | None:
        """SHA-256 of a source as it was on disk when the program was loaded; None if there is none."""
        return self.loaded.get(path) or digest_of(self.disk(path))

    def running_digest(self, path: str) -> str | None:
        """SHA-256 of the source that runs; None if there is none."""
        return self.digest_without("", path)

    def digest_without(self, digest: str, path: str) -> str | None:
        """The same, as it would be without the release of this bundle."""
        found: Mapping[str, bytes | None] = {}
        for layer in self.layers:
            if layer.release.digest != digest:
                found = covered(found, layer.release)
        return digest_of(found[path]) if path in found else self.base_digest(path)

    def note_loaded(self) -> None:
        """Remembers the sources that are loaded now; those noted before stay as they were."""
        for module in list(sys.modules.values()):
            file = getattr(module, "__file__", None)
            path = self._path(file) if isinstance(file, str) else None
            if path is None or path in self.loaded:
                continue
            found = digest_of(self.disk(path))
            if found is not None:
                self.loaded[path] = found

    def base(self) -> str:
        """One digest over all sources that were loaded."""
        total = hashlib.sha256()
        for path, digest in sorted(self.loaded.items()):
            total.update(f"{path} {digest}\n".encode())
        return total.hexdigest()

    def push(self, layer: Layer) -> None:
        """This release runs now as well; late imports find its sources."""
        self.layers = (*self.layers, layer)
        self._serve()

    def pop(self) -> Layer:
        """The topmost release runs no more."""
        *rest, last = self.layers
        self.layers = tuple(rest)
        self._serve()
        return last

    def start_on(self, releases: Sequence[Release]) -> None:
        """These releases run from the start: what is imported from now on is theirs."""
        self.layers = tuple(Layer(release) for release in releases)
        self._serve()

    def _serve(self) -> None:
        self.finder.serve(self.overlay)

    def _path(self, file: str) -> str | None:
        located = os.path.realpath(file)
        folder = f"{self.root}{os.sep}"
        return located[len(folder) :].replace(os.sep, "/") if located.startswith(folder) else None

    def is_older_than_disk(self) -> bool:
        """Has a source changed on disk since it was loaded?"""
        return any(digest_of(self.disk(path)) != digest for path, digest in self.loaded.items())

    def forget_modules(self) -> None:
        """Takes every module of the program out of the import system, so that it is imported anew."""
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if isinstance(file, str) and self._path(file) is not None and name != "__main__":
                del sys.modules[name]
        self.loaded.clear()
