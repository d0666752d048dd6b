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
from hotpatch.errors import NotABundle
from hotpatch.release import Release, python_tag
from hotpatch_agent.home.folder import Home

ROOT: Final = "root.json"


class Shelf:
    """The accepted bundles of one home folder.  Stateless; safe in any thread and after fork."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def accept(self, data: bytes, highest: int, running: Callable[[str], str | None]) -> Release:
        """The release of a bundle that was just offered.  Raises a HotpatchError that says why not."""
        return self._accept(data, highest, running, datetime.now(UTC))

    def offered(self, digest: str, highest: int, running: Callable[[str], str | None]) -> Release:
        """The release in progress, by its bundle's digest.  Raises a HotpatchError that says why not."""
        return self.accept(self._read(digest), highest, running)

    def committed(self, digest: str, at: float) -> Release:
        """A release of the ledger's head, committed at `at` (seconds since 1970), whatever its base.

        It counts as unexpired if it was so when it was committed: what runs goes on running.
        """
        data = self._read(digest)
        said = bundle.inspect(data).release
        return self._accept(data, said.version - 1, said.base.get, datetime.fromtimestamp(at, UTC))

    def _accept(
        self, data: bytes, highest: int, running: Callable[[str], str | None], now: datetime
    ) -> Release:
        expectation = trust.Expectation(
            service=self._home.service.name,
            environment=self._home.service.environment,
            highest_version=highest,
            now=now,
            python=python_tag(),
            running_digest=running,
        )
        return trust.accept(data, trust.read_root(self._home.trust / ROOT), expectation)

    def _read(self, digest: str) -> bytes:
        path = self._home.bundle(digest)
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise NotABundle(f"the bundle {path} is gone; push the release again") from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise NotABundle(f"the bundle {path} was changed on disk; push the release again")
        return data
