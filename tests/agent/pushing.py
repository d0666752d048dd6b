"""Releases for tests on real services: built, signed and offered as the commands do it, in this process."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from attrs import define, field
from hotpatch_agent.cli.preparing import Origin, Prepared, prepare
from hotpatch_agent.decision.history import History
from hotpatch_agent.home import facts, spool
from hotpatch_agent.home import folder as home
from hotpatch_agent.home.ledger import Record
from hotpatch_agent.home.status import Status, read_roll
from hotpatch_agent.rollout.progress import Progress
from hotpatch_agent.rollout.states import Event, Station

from hotpatch import bundle
from hotpatch.plan import Plan
from hotpatch.release import Check, Release
from hotpatch.trust import keys, root
from tests.agent.service import Service, wait_until

ENDS = (facts.Refused, facts.Failed, facts.Settled, facts.RolledBack, facts.Quarantined)

Texts = frozenset[tuple[str, str]]
_PREPARED: Final[dict[tuple[str, Texts, Texts, Texts], Prepared]] = {}
"""Steps that were measured already.  The program, its old sources and its new ones say all there is to
measure, and many tests push the same step."""


@define
class Pusher:
    """Someone with a key, and the sources as they were last pushed."""

    folder: Path
    service: home.Service = field(default=home.Service("shop", "test", "app:app"))
    version: int = 0
    environment: Mapping[str, str] | None = None
    """In which the program is measured; None: that of this process."""
    _key: keys.NewKey = field(factory=lambda: keys.generate("test", None))

    def make_home(self) -> Path:
        """A home folder that trusts this key."""
        made = home.create(self.folder / "home", self.service)
        data = root.create(self._key.key, self._key.signer, datetime.now(UTC) + timedelta(days=30))
        (made.trust / "root.json").write_bytes(data)
        return made.path

    @property
    def home(self) -> home.Home:
        return home.open_home(self.folder / "home")

    def bundle(
        self,
        old: Mapping[str, str],
        new: Mapping[str, str],
        checks: Sequence[Check] = (),
        settings: Mapping[str, str] | None = None,
        transformers: str = "",
    ) -> bytes:
        """A signed bundle of the next version, from these sources to those."""
        self.version += 1
        prepared = self._measured(old, new)
        now = datetime.now(UTC).replace(microsecond=0)
        release = Release(
            service=self.service.name,
            environment=self.service.environment,
            version=self.version,
            created=now,
            expires=now + timedelta(days=1),
            message="a test's",
            python=prepared.python,
            app=self.service.app,
            base=prepared.change.base,
            sources=prepared.change.sources,
            measurement=prepared.measurement,
            plan=prepared.plan,
            checks=tuple(checks),
            transformers=transformers,
            settings=dict(settings or {}),
            data=prepared.change.data,
        )
        return bundle.sign(bundle.build(release), self._key.signer)

    def _measured(self, old: Mapping[str, str], new: Mapping[str, str]) -> Prepared:
        environment = self.environment
        known = frozenset((environment or {}).items())
        step = self.service.app, frozenset(old.items()), frozenset(new.items()), known
        if step not in _PREPARED:
            trees = []
            for name, files in (("old", old), ("new", new)):
                tree = self.folder / f"{name}-{self.version}"
                shutil.rmtree(tree, ignore_errors=True)
                for path, text in files.items():
                    (tree / path).parent.mkdir(parents=True, exist_ok=True)
                    (tree / path).write_text(text)
                trees.append(str(tree))
            origin = Origin(trees[0], trees[1], self.folder, ".", self.service.app, environment=environment)
            _PREPARED[step] = prepare(origin, measured=True)
        return _PREPARED[step]

    def planned(self, old: Mapping[str, str], new: Mapping[str, str]) -> Plan:
        """What the change from these sources to those comes to."""
        return self._measured(old, new).plan

    def push(
        self,
        old: Mapping[str, str],
        new: Mapping[str, str],
        checks: Sequence[Check] = (),
        settings: Mapping[str, str] | None = None,
        transformers: str = "",
    ) -> facts.Fact:
        """Offers the change from these sources to those; the fact that ends it."""
        data = self.bundle(old, new, checks, settings, transformers)
        return self.await_end(lambda: spool.offer(self.home.spool, data))

    def offer(self, data: bytes, card: spool.Card | None = None) -> str:
        """Puts a bundle into the spool."""
        return spool.offer(self.home.spool, data, card=card)

    def begin(
        self,
        old: Mapping[str, str],
        new: Mapping[str, str],
        supersede: bool = False,
        bundle: Mapping[str, Any] | None = None,
        **strategy: str,
    ) -> str:
        """Offers the change by this strategy; the name of the push."""
        card = spool.Card("ann", strategy, supersede)
        return self.offer(self.bundle(old, new, **(bundle or {})), card)

    def ask(self, verb: Event, by: str = "ann") -> facts.Fact:
        """Asks something of the rollout; the record that answers."""
        name = spool.ask(self.home.spool, spool.Request(verb.value, by=by))
        return self.answer(name)

    def answer(self, name: str) -> facts.Fact:
        """The record that answers the file of this name."""

        def answered() -> facts.Fact | None:
            said = (fact for _, fact in self.records() if name in (_name(fact), _request(fact)))
            return next(said, None)

        found: facts.Fact = wait_until(answered, f"{name} is answered")
        return found

    def progress(self) -> Progress | None:
        """Where the rollout stands."""
        history = History(self.home.ledger)
        history.refresh()
        return history.state.progress

    def busy(self) -> bool:
        """Is a release on its way, or a worker?"""
        history = History(self.home.ledger)
        history.refresh()
        state = history.state
        return state.rollout is not None or state.replacement is not None

    def stands_at(self, *stations: Station, step: int | None = None) -> Progress:
        """Waits until the rollout stands there."""

        def there() -> Progress | None:
            found = self.progress()
            right = found is not None and found.station in stations
            return found if right and (step is None or found.step == step) else None

        named = " or ".join(station.value for station in stations)
        found: Progress = wait_until(there, f"the rollout is {named}")
        return found

    def command(self, *words: str) -> list[str]:
        """The real command, for this home."""
        return [sys.executable, "-m", "hotpatch_agent.cli", *words, "--home", str(self.home.path)]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """What the command comes to, with all that it says."""
        return subprocess.run(
            self.command(*words), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
        )

    def reload(self) -> int:
        """`hotpatch reload`; its exit status."""
        return subprocess.run(self.command("reload"), stdin=subprocess.DEVNULL, timeout=120).returncode

    def roll_back(self, to: int | None = None) -> facts.Fact:
        """Asks for it; the fact that ends it."""
        return self.await_end(lambda: spool.ask(self.home.spool, spool.Request("rollback", to, "a test")))

    def await_end(self, act: object) -> facts.Fact:
        """Does something and waits for the record that ends what it began."""
        before = self.last()
        assert callable(act)
        act()

        def ended() -> facts.Fact | None:
            found = [fact for seq, fact in self.records() if seq > before and isinstance(fact, ENDS)]
            final = [fact for fact in found if not isinstance(fact, facts.RolledBack | facts.Quarantined)]
            return final[0] if final else None

        end: facts.Fact = wait_until(ended, "the release comes to an end")
        return end

    def history(self) -> tuple[Record, ...]:
        return History(self.home.ledger).ledger.history()

    def records(self) -> list[tuple[int, facts.Fact]]:
        """The ledger so far."""
        return [(record.seq, record.fact) for record in self.history()]

    def last(self) -> int:
        return max((seq for seq, _ in self.records()), default=0)

    def of_kind(self, kind: type) -> list[facts.Fact]:
        """The facts of a kind, oldest first."""
        return [fact for _, fact in self.records() if isinstance(fact, kind)]

    def statuses(self) -> tuple[Status, ...]:
        """Of the living workers."""
        return read_roll(self.home.workers).alive


def _name(fact: facts.Fact) -> str:
    return str(getattr(fact, "name", ""))


def _request(fact: facts.Fact) -> str:
    return str(getattr(fact, "request", ""))


def settled(pusher: Pusher, service: Service, workers: int) -> tuple[Status, ...]:
    """Waits until so many workers serve; their statuses."""

    def serving() -> tuple[Status, ...] | None:
        found = tuple(one for one in pusher.statuses() if one.life.value == "serving")
        return found if len(found) == workers and len(service.workers()) == workers else None

    found: tuple[Status, ...] = wait_until(serving, f"{workers} workers serve")
    return found


def each_worker(service: Service, workers: int, path: str = "/pid") -> Iterator[str]:
    """Asks until every worker has answered."""
    seen: set[str] = set()
    while len(seen) < workers:
        answer = service.body(path)
        if answer not in seen:
            seen.add(answer)
            yield answer
