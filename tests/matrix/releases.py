"""Endless releases: pushes, rollbacks, canaries that are promoted, canaries that are called off, in turn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from attrs import define, field
from hotpatch_agent.home import facts
from hotpatch_agent.rollout.states import Event, Station

from tests.agent.pushing import Pusher
from tests.agent.service import wait_until
from tests.matrix.program import VERSIONS, WorkerClass, files, following

CANARY: Final[dict[str, str]] = {
    "strategy": "canary",
    "steps": "50%",
    "manual": "yes",
    "key": "header:X-User",
}
CANARY["analysis"] = "no"  # five users on a loaded machine are no sample to compare latencies by
SETTINGS: Final = {"probation": "0"}


@define
class Releases:
    """What has been released so far, and what goes next.  `during` is called in the middle of a canary."""

    pusher: Pusher
    of: WorkerClass
    during: Callable[[], None] = lambda: None
    stack: list[int] = field(factory=lambda: [VERSIONS[0]])
    """The versions that lie on one another, the one that runs last."""
    steps: Counter[str] = field(factory=Counter)

    @property
    def runs(self) -> int:
        return self.stack[-1]

    def roll(self, kinds: Sequence[str]) -> Iterator[str]:
        """One step after another, for as long as somebody asks for the next; gives the kind of each."""
        while True:
            for kind in kinds:
                getattr(self, kind)()
                self.steps[kind] += 1
                yield kind

    def push(self) -> None:
        end = self.pusher.push(*self._change(), settings=SETTINGS)
        assert isinstance(end, facts.Settled), end
        self._is_live()
        self.stack.append(following(self.runs))

    def rollback(self) -> None:
        end = self.pusher.roll_back()
        assert isinstance(end, facts.Settled), end
        self.stack.pop()

    def promoted(self) -> None:
        """A canary for half of the users, and then for all of them."""
        self._begin()
        self.during()
        self.pusher.ask(Event.PROMOTE)
        self.pusher.stands_at(Station.PROMOTED)
        self._is_live()
        self.stack.append(following(self.runs))

    def aborted(self) -> None:
        before = len(self.pusher.of_kind(facts.Failed))
        self._begin()
        self.during()
        self.pusher.ask(Event.ABORT)
        self.pusher.stands_at(Station.ABORTED)
        wait_until(lambda: len(self.pusher.of_kind(facts.Failed)) > before, "the canary has ended")
        wait_until(lambda: all(one.adoption is None for one in self.pusher.statuses()), "it is forgotten")

    def _begin(self) -> None:
        old, new = self._change()
        self.pusher.begin(old, new, bundle={"settings": SETTINGS}, **CANARY)
        self.pusher.stands_at(Station.WATCHING)

    def _change(self) -> tuple[dict[str, str], dict[str, str]]:
        return files(self.of, self.runs), files(self.of, following(self.runs))

    def _is_live(self) -> None:
        replaced = self.pusher.of_kind(facts.Replacing)
        assert not replaced, f"it did not go in beside the old version: {replaced[-1]}"


ALL: Final = ("push", "promoted", "rollback", "aborted", "push", "rollback")
PLAIN: Final = ("push", "push", "rollback")
"""Without pins nobody gets a canary."""
