"""What a leader may be at, for tests that kill it there: brought about, asked for, and how it must end."""

from __future__ import annotations

import http.client
import signal
from collections.abc import Mapping
from typing import Final

from attrs import define, field, frozen
from hotpatch_agent.decision.history import History
from hotpatch_agent.home import facts, spool
from hotpatch_agent.rollout.progress import Began, Moved
from hotpatch_agent.rollout.states import Event, Station

from tests.agent.pushing import Pusher
from tests.agent.service import WAIT, Service, wait_until

LATE: Final = {"deadline": "30", "transition": "1", "past_transition": "wait"}
"""A release's settings: what still runs old code is named after a second, and waited for."""
CANARY: Final = {"strategy": "canary", "steps": "50%", "manual": "yes"}


@define
class Case:
    """A service, a release for it, and what was asked of them."""

    pusher: Pusher
    service: Service
    bundle: bytes
    asked: str = ""
    """Name of the file in the spool that the leader dies over."""
    was: tuple[int, ...] = ()
    streams: dict[int, http.client.HTTPResponse] = field(factory=dict)
    """Answers that have begun, by the worker that gives them."""

    def offer(self, strategy: Mapping[str, str] | None = None) -> None:
        self.asked = self.pusher.offer(self.bundle, spool.Card("ann", strategy or {}))

    def ask(self, kind: str, force: bool = False) -> None:
        request = spool.Request(kind, by="ann", force=force)
        self.asked = spool.ask(self.pusher.home.spool, request)

    def hold(self) -> None:
        """Requests that go on in two workers: whichever dies, one of them goes on."""
        first = self._begin()
        self.service.signal(signal.SIGSTOP, first)  # so that it is another that accepts the second
        try:
            self._begin()
        finally:
            self.service.signal(signal.SIGCONT, first)

    def _begin(self) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=WAIT)
        connection.request("GET", "/long")
        answer = connection.getresponse()
        worker = int(answer.read(len("one 0000000000")).decode().partition(" ")[2])
        self.streams[worker] = answer
        return worker

    def let_go(self, but: int) -> list[str]:
        """They may end; how they do in the workers that are not this one."""
        (self.service.root / "end").touch()
        return [answer.read().decode() for worker, answer in self.streams.items() if worker != but]

    def of(self, kind: type) -> list[facts.Fact]:
        return self.pusher.of_kind(kind)

    def named(self) -> set[int]:
        """The workers that were named as held up."""
        found = [fact.worker for fact in self.of(facts.Blocked) if isinstance(fact, facts.Blocked)]
        assert len(found) == len(set(found)), f"a worker is named twice: {found}"
        return {int(worker.partition("-")[0]) for worker in found}

    def answers(self) -> int:
        """How often what was asked is answered."""
        said = [fact for _, fact in self.pusher.records() if not isinstance(fact, Began)]
        return sum(self.asked in (getattr(fact, "request", ""), getattr(fact, "name", "")) for fact in said)


@frozen
class Scene:
    """One thing that a leader is killed in."""

    words: str
    """For the table: while what happens."""
    body: str = "two"
    """What the service answers in the end."""

    def begin(self, case: Case) -> None:
        """Bring it about, up to where nobody has asked yet."""

    def ask(self, case: Case) -> None:
        """Ask for what the leader dies over."""
        raise NotImplementedError

    def end(self, case: Case, killed: int) -> None:
        """Wait for its end, by the leader that came after, and look at what is in the ledger."""
        raise NotImplementedError


class HeldUp(Scene):
    """Requests run old code past the deadline of a release that says that they may."""

    def begin(self, case: Case) -> None:
        case.hold()

    def ask(self, case: Case) -> None:
        case.offer()

    def end(self, case: Case, killed: int) -> None:
        wait_until(lambda: set(case.streams) - {killed} <= case.named(), "who is held up is named")
        assert case.let_go(killed) == ["...one"] * (len(case.streams) - (killed in case.streams))


class Finished(HeldUp):
    """A person forces the end of that."""

    def begin(self, case: Case) -> None:
        case.hold()
        case.offer()
        wait_until(lambda: set(case.streams) <= case.named(), "who is held up is named")

    def ask(self, case: Case) -> None:
        case.ask("finish", force=True)

    def end(self, case: Case, killed: int) -> None:
        wait_until(lambda: case.of(facts.Finishing), "the end is forced")
        history = History(case.pusher.home.ledger)
        history.refresh()
        assert len(history.state.forced) == len(case.of(facts.Finishing)) == 1
        errand = history.state.errand

        def all_forced() -> bool:
            return all(one.forced == errand and not one.blockers for one in held())

        def held() -> list[object]:
            return [one for one in case.pusher.statuses() if one.pid in set(case.streams) - {killed}]

        wait_until(all_forced, "no worker is held up")
        case.let_go(killed)


class Reloaded(Scene):
    """Every worker is replaced, as a person asked."""

    def ask(self, case: Case) -> None:
        case.was = tuple(case.service.workers())
        case.ask("reload")

    def end(self, case: Case, killed: int) -> None:
        wait_until(lambda: case.of(facts.Reloaded), "the reload is over")
        assert [fact.problem for fact in case.of(facts.Reloaded)] == [None]  # type: ignore[union-attr]
        assert len(case.of(facts.Reloading)) == 1
        wait_until(
            lambda: not set(case.was) & {one.pid for one in case.pusher.statuses()},
            "those that have left have answered what they had accepted",
        )


@frozen
class Steered(Scene):
    """A rollout that a person sends somewhere."""

    strategy: Mapping[str, str] = field(factory=lambda: CANARY)
    at: Station = Station.WATCHING
    verb: Event = Event.PROMOTE_FULL
    ends: Station = Station.PROMOTED

    def begin(self, case: Case) -> None:
        case.offer(self.strategy)
        case.pusher.stands_at(self.at)

    def ask(self, case: Case) -> None:
        case.ask(self.verb.value)

    def end(self, case: Case, killed: int) -> None:
        case.pusher.stands_at(self.ends)
        verbs = [fact for fact in case.of(Moved) if isinstance(fact, Moved) and fact.event is self.verb]
        assert len(verbs) == len(case.of(Began)) == 1


class Begun(Steered):
    """A rollout begins."""

    def begin(self, case: Case) -> None:
        """Nothing has been."""

    def ask(self, case: Case) -> None:
        case.offer(self.strategy)

    def end(self, case: Case, killed: int) -> None:
        case.pusher.stands_at(self.at)
        case.pusher.ask(self.verb)
        super().end(case, killed)


SCENES: Final[Mapping[str, Scene]] = {
    "hold": HeldUp("requests hold a transition up"),
    "finish": Finished("a transition is ended by force"),
    "restart": Reloaded("the service is reloaded", "one"),
    "canary": Begun("a rollout begins"),
    "promote": Steered("a rollout is promoted"),
    "abort": Steered("a rollout is aborted", "one", verb=Event.ABORT, ends=Station.ABORTED),
    "revert": Steered(
        "a kept version is gone back to",
        "one",
        {"strategy": "blue-green", "keep": "90s"},
        Station.KEEPING,
        Event.ROLLBACK,
        Station.ROLLED_BACK,
    ),
}
