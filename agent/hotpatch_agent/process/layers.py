"""Which sources a new worker starts on: the disk, and over it the releases of the ledger's head that fit.

A release fits where what lies below it is the base that it was built against.  Where the disk holds a
release's new sources already, a normal deployment has absorbed it.  Where it is neither, someone has deployed
something else, and the disk is right: the release, and all that was built on it, no longer fits.

Pure: the disk comes in as a function.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence

from attrs import frozen

from hotpatch.release import Release

Disk = Callable[[str], str | None]
"""SHA-256 of a source file, by its path below the program's root; None if it is not there."""


@frozen
class Layers:
    """What runs in a worker that is started now."""

    overlay: Mapping[str, bytes | None]
    """Sources that differ from the disk's, by path; None for a file that is gone."""
    applied: tuple[Release, ...]
    absorbed: tuple[int, ...] = ()
    """Releases whose new sources are on disk already."""
    strangers: tuple[int, ...] = ()
    """Releases that fit neither the disk nor what was built on it."""
    because: str = ""
    """Why the absorbed and the strangers are not applied, in a sentence."""

    @property
    def stack(self) -> tuple[int, ...]:
        return tuple(release.version for release in self.applied)

    def running(self, disk: Disk) -> Disk:
        """The sources as they run: the overlay, then the disk."""
        return lambda path: digest_of(self.overlay[path]) if path in self.overlay else disk(path)


def layer(releases: Sequence[Release], disk: Disk) -> Layers:
    """The layers of a stack of releases, lowest first, over a disk."""
    layers = Layers({}, ())
    absorbed: list[int] = []
    strangers: list[int] = []
    for release in releases:
        if not strangers and fits(release, layers.running(disk)):
            layers = Layers(covered(layers.overlay, release), (*layers.applied, release))
        elif holds(release, disk):
            # Whatever it was built on has come to disk with it.
            absorbed += [*layers.stack, *strangers, release.version]
            strangers, layers = [], Layers({}, ())
        else:
            strangers.append(release.version)
    return Layers(
        layers.overlay, layers.applied, tuple(absorbed), tuple(strangers), _because(absorbed, strangers)
    )


def fits(release: Release, running: Disk) -> bool:
    """Is what runs the base of this release?"""
    return all(running(path) == release.base.get(path) for path in {*release.base, *release.sources})


def holds(release: Release, disk: Disk) -> bool:
    """Are the release's new sources on the disk?"""
    return all(disk(path) == digest_of(text) for path, text in release.sources.items())


def covered(overlay: Mapping[str, bytes | None], release: Release) -> Mapping[str, bytes | None]:
    """The overlay with a further release on top."""
    return {**overlay, **release.sources}


def digest_of(text: bytes | None) -> str | None:
    """SHA-256 in hexadecimal of a source; None for one that is not there."""
    return None if text is None else hashlib.sha256(text).hexdigest()


def _because(absorbed: Iterable[int], strangers: Iterable[int]) -> str:
    said = []
    if held := _list(absorbed):
        said.append(f"the sources on disk hold {held} already")
    if odd := _list(strangers):
        said.append(f"the sources on disk are neither the base of {odd} nor what it makes of it")
    return "; ".join(said)


def _list(versions: Iterable[int]) -> str:
    numbers = [str(version) for version in versions]
    return f"release{'s' * (len(numbers) > 1)} {', '.join(numbers)}" if numbers else ""
