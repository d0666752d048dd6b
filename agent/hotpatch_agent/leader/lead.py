"""Carry out what a step decides, as far as it is the home folder's business.

One `turn` goes round after round until nothing more is to be written, and gives back what only a worker's
process can do: rehearse, replace.  Whoever calls it should hold `leader.lock`, so that workers don't race;
the history stays one even if two do, since a record's number is taken only once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from hotpatch.errors import DiskFull, NotABundle, NotWritable
from hotpatch_agent.clock import Instant
from hotpatch_agent.decision.acts import Append, Decision, Discard, Forget, ForWorker, Keep, Rehearse, Replace
from hotpatch_agent.decision.decide import step
from hotpatch_agent.decision.history import History
from hotpatch_agent.decision.observe import BundleSeen, Observations
from hotpatch_agent.home import facts, spool
from hotpatch_agent.home.alive import OS_LOCKS, Locks
from hotpatch_agent.home.disk import OS_FILES, Files, discard, is_temporary, sweep, write_whole
from hotpatch_agent.home.folder import Home
from hotpatch_agent.home.ledger import NameTaken
from hotpatch_agent.home.status import Problem, forget
from hotpatch_agent.leader.lookout import MAX_BUNDLE

ROUNDS: Final = 64
"""Records that one turn writes at most; the next wake goes on from there."""


class Leader:
    """The hands of the worker that leads.  Not thread-safe; holds nothing but its history."""

    def __init__(
        self,
        home: Home,
        history: History,
        me: str,
        clock: Callable[[], Instant],
        files: Files = OS_FILES,
        locks: Locks = OS_LOCKS,
    ) -> None:
        self._home = home
        self._history = history
        self._me = me
        self._clock = clock
        self._files = files
        self._locks = locks

    def begin(self) -> None:
        """On becoming the leader, and now and then: take away what writers that died left half-written."""
        home = self._home
        for folder in (home.path, home.ledger, home.spool, home.bundles, home.workers):
            sweep(str(folder), self._files)
        spool.sweep_cards(self._home.spool, self._clock().time, self._files)

    def turn(self, seen: Observations) -> tuple[ForWorker, ...]:
        """Decide until there is nothing more to write.

        Raises LedgerDamaged, DiskFull or NotWritable: then nothing more is decided until that is over, and
        the service serves on as it is.
        """
        wanted: tuple[ForWorker, ...] = ()
        for _ in range(ROUNDS):
            self._history.refresh()
            self._history.ledger.secure()
            decisions = step(self._history.state, seen, self._clock())
            wanted = tuple(one for one in decisions if isinstance(one, Rehearse | Replace))
            if not self._carry_out(decisions, seen):
                break
        try:
            if self._history.compact(self._me, self._clock()):
                self.begin()
        except NameTaken:
            return wanted  # somebody else has decided something: the next turn is early enough
        return wanted

    def _carry_out(self, decisions: tuple[Decision, ...], seen: Observations) -> bool:
        """Do it; says whether the state has changed, so that there may be more to decide."""
        for decision in decisions:
            match decision:
                case Keep(name, digest):
                    refusal = self._keep(name, digest, seen)
                    if refusal is not None:
                        return self._append(refusal)
                case Discard(name):
                    spool.remove(self._home.spool, name, self._files)
                case Forget(worker):
                    forget(self._home.workers, worker, self._files, self._locks)
                    sweep(str(self._home.workers), self._files)
                case Append(fact):
                    changed = self._append(fact)
                    if changed and isinstance(fact, facts.Committed | facts.Quarantined | facts.Absorbed):
                        self._forget_bundles()
                    return changed
                case Rehearse() | Replace():
                    continue
        return False

    def _append(self, fact: facts.Fact) -> bool:
        try:
            self._history.append(fact, self._me, self._clock())
        except NameTaken:
            return True  # somebody else has decided something: look again
        return True

    def _keep(self, name: str, digest: str, seen: Observations) -> facts.Refused | None:
        """Copy a bundle to where it stays; what should become of it if that can't be done."""
        path = str(self._home.spool / name)
        try:
            data = self._files.read(path, MAX_BUNDLE + 1)
            if hashlib.sha256(data).hexdigest() != digest:
                raise NotABundle("the file was changed after it had been checked; push it again")
            write_whole(str(self._home.bundle(digest)), data, "bundle", self._files)
        except (DiskFull, NotWritable, NotABundle) as error:
            version = next(
                (one.version for one in seen.spool if isinstance(one, BundleSeen) and one.name == name), 0
            )
            return facts.Refused(name, Problem.of(error), version, digest)
        except FileNotFoundError:
            gone = NotABundle("the file was taken out of the spool before it could be read; push it again")
            return facts.Refused(name, Problem.of(gone), 0, digest)
        return None

    def _forget_bundles(self) -> None:
        """Remove the bundles of releases that can't be gone to any more.

        This, and nothing else, relies on there being one leader: another one could be about to offer what is
        removed here.  It would then fail, and have to be pushed again.
        """
        names = self._files.names(str(self._home.bundles))
        self._history.refresh()
        state = self._history.state
        kept = {entry.digest for entry in state.known}
        if state.rollout is not None:
            kept.add(state.rollout.digest)
        if state.progress is not None:
            kept.add(state.progress.digest)  # it may be tried again
        for name in names:
            if not is_temporary(name) and name.removesuffix(".bundle") not in kept:
                discard(str(self._home.bundles / name), self._files)
