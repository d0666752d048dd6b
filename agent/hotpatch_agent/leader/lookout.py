"""The leader's eyes: spool and workers as one `Observations` value."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from attrs import evolve

from hotpatch.errors import BadRequest, BundleTooLarge, HotpatchError, NotABundle
from hotpatch.pace import breathe
from hotpatch.release import Release
from hotpatch_agent import wire
from hotpatch_agent.clock import Instant, now
from hotpatch_agent.decision.observe import BundleSeen, Observations, Rehearsal, RequestSeen
from hotpatch_agent.home import spool
from hotpatch_agent.home.alive import OS_LOCKS, Locks
from hotpatch_agent.home.disk import OS_FILES, Files
from hotpatch_agent.home.folder import Home
from hotpatch_agent.home.headcount import read_wanted
from hotpatch_agent.home.status import Problem, read_roll
from hotpatch_agent.home.terms import BadTerms, Terms, read_terms
from hotpatch_agent.rollout import strategy_file

Accept = Callable[[bytes], Release]
"""Check a bundle by every rule of trust and give its release, or raise the HotpatchError that says why."""

MAX_BUNDLE: Final = 64 << 20
"""Bytes read of a file in the spool; the container's own bounds are narrower."""


class Lookout:
    """Looks at a home folder for the worker that leads.  Each file of the spool is judged once.

    Not thread-safe.
    """

    def __init__(
        self,
        home: Home,
        me: str,
        accept: Accept,
        files: Files = OS_FILES,
        locks: Locks = OS_LOCKS,
        clock: Callable[[], Instant] = now,
    ) -> None:
        self._home = home
        self._clock = clock
        self._me = me
        self._accept = accept
        self._files = files
        self._locks = locks
        self._judged: dict[str, BundleSeen | RequestSeen] = {}
        self._terms = service_terms(home)

    def look(self, rehearsal: Rehearsal | None = None) -> Observations:
        """Everything as it is now.  Raises OSError if the folder itself can't be read."""
        begun = self._clock()
        names = spool.waiting(self._home.spool, self._files)
        self._judged = {name: item for name in names if (item := self._item(name)) is not None}
        roll = read_roll(self._home.workers, self._files, self._locks)
        items = tuple(self._judged.values())
        wanted = read_wanted(self._home.path, self._files)
        return Observations(
            self._me,
            roll.alive,
            roll.dead,
            roll.debris,
            items,
            rehearsal,
            wanted.people if wanted is not None else 0,
            wanted.workers - wanted.people if wanted is not None else 0,
            self._terms,
            at=begun,
        )

    def _item(self, name: str) -> BundleSeen | RequestSeen | None:
        if name in self._judged:
            return self._judged[name]
        if name.endswith(spool.REQUEST):
            return self._request(name)
        try:
            data = self._files.read(str(self._home.spool / name), MAX_BUNDLE + 1)
        except (FileNotFoundError, IsADirectoryError):
            return None
        found = bundle_seen(name, data, self._accept, self._home)
        breathe()
        try:
            card = spool.read_card(self._home.spool, name, self._files)
        except wire.Malformed as error:
            unread = f"what was said with the push can't be read: {error}; push again"
            return evolve(found, problem=Problem.of(BadRequest(unread)))
        return with_card(found, card, self._home)

    def _request(self, name: str) -> RequestSeen | None:
        found = spool.read_request(self._home.spool, name, self._files)
        if found is None:
            return None
        if isinstance(found, spool.Unreadable):
            return RequestSeen(name, None, Problem.of(BadRequest(found.reason)))
        return RequestSeen(name, found)


def bundle_seen(name: str, data: bytes, accept: Accept, home: Home) -> BundleSeen:
    """A bundle as the door sees it: accepted, or with its problem."""
    digest = hashlib.sha256(data).hexdigest()
    try:
        if len(data) > MAX_BUNDLE:
            raise BundleTooLarge(f"the file is longer than a bundle may be ({MAX_BUNDLE >> 20} MiB)")
        release = accept(data)
        terms = read_terms(release.settings, home.service.settings)
    except HotpatchError as error:
        return BundleSeen(name, digest, problem=Problem.of(error))
    except BadTerms as error:
        return BundleSeen(name, digest, problem=Problem.of(NotABundle(str(error))))
    return BundleSeen(name, digest, release.version, release.message, terms)


def with_card(found: BundleSeen, card: spool.Card, home: Home) -> BundleSeen:
    """The bundle with what its pusher asks for; refused where the strategy makes no sense."""
    asked = evolve(found, by=card.by, supersede=card.supersede, force=card.force)
    try:
        return evolve(asked, strategy=strategy_file.load(home.path, card.strategy))
    except HotpatchError as error:
        return evolve(asked, problem=asked.problem or Problem.of(error))


def service_terms(home: Home) -> Terms:
    """The service's own terms; the usual ones if its settings make no sense, of which pushes tell."""
    try:
        return read_terms({}, home.service.settings)
    except BadTerms:
        return Terms()
