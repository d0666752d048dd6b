"""Bundles taken from the home folder, each verified anew by the process that is going to run it.

No word of another process is taken for it: a bundle that the ledger names is read, compared with the digest
that the ledger has, and accepted by all rules of trust before anything of it is used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from hotpatch import bundle, trust
from hotpatch.errors import HotpatchError, NotABundle
from hotpatch.pace import breathe
from hotpatch.release import Release, python_tag
from hotpatch_agent.home.folder import Home
from hotpatch_agent.home.terms import BadTerms, read_terms

ROOT: Final = "root.json"

Sources = Callable[[str], str | None]
"""SHA-256 of a source file by its path; None if there is none."""


class Shelf:
    """The accepted bundles of one home folder.  Stateless; safe in any thread and after fork."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def accept(self, data: bytes, highest: int, running: Sources, disk: Sources) -> Release:
        """The release of a bundle that was just offered.  Raises a HotpatchError that says why not.

        A cumulative one replaces what runs beyond the disk, so its base is the disk, not what runs.
        """
        base = disk if self._is_cumulative(data) else running
        breathe()
        return self._accept(data, highest, base, datetime.now(UTC))

    def offered(self, digest: str, highest: int, running: Sources, disk: Sources) -> Release:
        """The release in progress, by its bundle's digest.  Raises a HotpatchError that says why not."""
        return self.accept(self._read(digest), highest, running, disk)

    def _is_cumulative(self, data: bytes) -> bool:
        try:
            settings = bundle.inspect(data).release.settings
            return read_terms(settings, self._home.service.settings).cumulative
        except (HotpatchError, BadTerms):
            return False  # whatever is wrong with it, the rules of trust or of the door say so

    def committed(self, digest: str, at: float) -> Release:
        """A release of the ledger's head, committed at `at` (seconds since 1970), whatever its base.

        It counts as unexpired if it was so when it was committed: what runs goes on running.
        """
        data = self._read(digest)
        said = bundle.inspect(data).release
        found = {**said.base, **said.data}
        return self._accept(data, said.version - 1, found.get, datetime.fromtimestamp(at, UTC))

    def _accept(self, data: bytes, highest: int, running: Sources, now: datetime) -> Release:
        expectation = trust.Expectation(
            service=self._home.service.name,
            environment=self._home.service.environment,
            highest_version=highest,
            now=now,
            python=python_tag(),
            running_digest=running,
        )
        root = trust.read_root(self._home.trust / ROOT)
        breathe()
        return trust.accept(data, root, expectation)

    def _read(self, digest: str) -> bytes:
        path = self._home.bundle(digest)
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise NotABundle(f"the bundle {path} is gone; push the release again") from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise NotABundle(f"the bundle {path} was changed on disk; push the release again")
        return data
