"""What is always true, checked after every event; and what must be true when nothing goes wrong any more.

1. The ledger is one chain.  No record that was there is ever another, and none that its writer was told to
   be durable is ever lost, by a kill or by a power cut.
2. The records fold: nobody ever wrote one that can't follow.
3. A worker runs only what the ledger has made the head at some time, or what is left of such a stack.
4. What a worker's status says is what it runs.
5. A release that failed its check, was refused, or never ended its rehearsal is never on the head.
6. What is quarantined is not on the head, and does not come back.
7. Each push and each request is answered at most once; in the end exactly once.
8. In the end every worker serves and runs the head; nothing is in progress; spool, dead workers' files and
   temporary files are gone; only bundles that can still be gone to are kept.
"""

from __future__ import annotations

import random
from typing import Any

from attrs import evolve
from hotpatch_agent.clock import Instant
from hotpatch_agent.decision.folding import fold
from hotpatch_agent.decision.states import Stage, State
from hotpatch_agent.decision.view import runs_head
from hotpatch_agent.home import facts
from hotpatch_agent.home.disk import is_temporary
from hotpatch_agent.home.folder import Home
from hotpatch_agent.home.ledger import Record, _NotWhole
from hotpatch_agent.home.status import Life, _load
from hotpatch_agent.home.terms import RELOAD, WAIT
from hotpatch_agent.rollout.progress import Progress
from hotpatch_agent.rollout.states import Station

from tests.simulation.machine import Machine
from tests.simulation.quick import note_state, open_anew

COMMITTING = (Station.PROMOTING,)
ENDINGS = (Station.PROMOTED, Station.ROLLED_BACK, Station.ABORTED, Station.SUPERSEDED)
NEVER = ("failing", "endless")
"""Kinds of release that must never be committed."""


class Watcher:
    """Sees everything: the disk as it is, what was promised, what really runs."""

    def __init__(self, machine: Machine, home: Home, kinds: dict[str, str]) -> None:
        self.machine = machine
        self.home = home
        self._ledger, self._workers = str(home.ledger), str(home.workers)
        self.kinds = kinds
        self.promised: list[tuple[int, str]] = []
        self.pushed: list[str] = []
        """Names whose file was completely written; empty for those that were only begun."""
        self.chain: list[Record] = []
        self.read_at = -1
        """How often the ledger's folder had changed when it was read."""
        self.states: list[State] = [State()]
        self.stacks: set[tuple[int, ...]] = {()}
        self.forced: dict[str, bool] = {}
        """Pushes that ask to pass the deploy lock, by their names."""
        self.reloads: list[Instant] = []
        """Since when no older worker may serve: a reload has said that it is over."""
        self.checked: dict[Any, tuple[Any, ...]] = {}
        """Workers that were found to keep every promise, and what they were like."""
        self.answered: dict[str, int] = {}
        """Files of the spool that have their answer: the record's number."""
        self.named: dict[tuple[int, str], int] = {}
        """Workers that were named as held up, by errand: the record's number."""
        self.honest = True
        """Has the disk kept what it said?  Else answers may be lost with the record that gave them."""
        self.lawful = True
        """Was there one leader at a time?  Only then is a bundle safe from those who tidy up."""

    def note_promise(self, record: Record) -> None:
        """A writer was told that this record is durable."""
        self.promised.append((record.seq, record.digest))
        self._read_on()

    def note_flip(self, worker: Any) -> None:
        """A serving worker has gone from what it ran to something else."""
        self._read_on()
        state = self.states[-1]
        if state.stage is Stage.IDLE and self.lawful and self.honest:
            head = tuple(one for one in state.versions if one not in worker.status.absorbs)
            assert worker.running == head, (
                f"{worker.me} goes to {worker.running} after all had settled on {head}"
            )

    # -- always ------------------------------------------------------------------------------------

    def look(self, workers: list[Any]) -> None:
        self._read_on()
        for worker in workers:
            self._check_worker(worker)

    def _read_on(self) -> None:
        if self.read_at == self.machine.disk.changed[self._ledger]:
            return
        self.read_at = self.machine.disk.changed[self._ledger]
        names = self.machine.disk.seen[self._ledger]
        number = self.chain[-1].seq + 1 if self.chain else 1
        while True:
            node = names.get(f"{number:010d}.rec")
            if node is None:
                return
            try:
                record = open_anew(node.data)
            except _NotWhole:
                number += 1  # torn by a power cut: a `repaired` record has to follow
                continue
            self._take(record, number)
            number += 1

    def _take(self, record: Record, number: int) -> None:
        assert record.seq == number
        before = self.chain[-1].digest if self.chain else "0" * 64
        assert record.before == before, f"record {number} does not follow"
        torn = number - (self.chain[-1].seq + 1 if self.chain else 1)
        assert torn == 0 or (torn == 1 and record.fact == facts.Repaired(number - 1))
        state = fold(self.states[-1], record)
        self.chain.append(record)
        self.states.append(state)
        note_state(record, state)
        for cut in range(len(state.head) + 1):
            self.stacks.add(state.versions[:cut])
        if state.trying is not None:
            self.stacks.add(state.stack_on(state.trying.version))
        self._check_state(record, state)

    def _check_state(self, record: Record, state: State) -> None:
        digests = {entry.digest for entry in state.head}
        assert not digests & set(state.quarantined)
        before = self.states[-2]
        match record.fact:
            case facts.Offered():
                assert record.fact.version > before.floor
                assert record.fact.digest not in before.quarantined
                bundle = self.machine.disk.seen[str(self.home.bundles)].get(f"{record.fact.digest}.bundle")
                assert bundle is not None or not self.lawful
                assert bundle is None or bundle.synced
                lock = before.lock
                passes = lock is None or lock.owner == record.fact.by or self.forced.get(record.fact.name)
                assert passes or not record.fact.name, "a push has passed another's lock"
            case facts.Committed():
                assert self.kinds[record.fact.digest] not in NEVER
                assert before.trying is None or before.trying.station in COMMITTING
            case facts.Blocked():
                assert before.transition is not None
                named = before.errand, record.fact.worker
                assert named not in self.named, f"{named} is named twice"
                self.named[named] = record.seq
                assert record.fact.then in (WAIT, RELOAD) or not before.transition.back
            case facts.Finishing():
                assert len(state.forced) == len(before.forced) + record.fact.force
            case facts.Reloaded(problem=None):
                assert before.reload is not None
                self.reloads.append(before.reload.since)
            case facts.Moved():
                ended = state.progress is not None and state.progress.ended
                assert not ended or state.progress.station in ENDINGS  # type: ignore[union-attr]
            case facts.Snapshot():
                assert evolve(state, seq=record.fact.state["seq"]) == before
            case _:
                pass
        name = answer(record.fact)
        assert not name or name not in self.answered, f"{name} is answered twice"
        self.answered[name] = record.seq

    def _check_worker(self, worker: Any) -> None:
        status = worker.status
        node = self.machine.disk.seen[self._workers].get(worker.file)
        idle, reloads = worker.process.idle, len(self.reloads)
        data = node.data if node is not None else None
        now = (worker.running, status, worker.written, worker.asked_to_go, idle, reloads, data)
        if self.checked.get(worker) == now:
            return  # all that the following goes by is as it was
        self.checked[worker] = now
        absorbs = status.absorbs if status is not None else ()
        known = worker.running in self.stacks or (*absorbs, *worker.running) in self.stacks
        assert known, f"{worker.me} runs {worker.running}, which was never decided"
        if status is not None and status.life is Life.SERVING and not worker.asked_to_go:
            for since in self.reloads:
                older = since.boot == worker.loads.boot and since.since(worker.loads) > 0
                assert not older, f"{worker.me} is older than a reload that is over"
        if status is not None and status.life is not Life.BOOTING:
            assert status.stack == worker.running
        if node is not None and idle and status is not None and status is worker.written:
            assert _load(node.data).stack == status.stack

    def tear(self, number: int, rng: random.Random) -> None:
        """The disk has lied: of this record, the last one, a part is left."""
        names = self.machine.disk.seen[str(self.home.ledger)]
        last = max((name for name in names if name.endswith(".rec")), default="")
        if last != f"{number:010d}.rec" or not self.chain or self.chain[-1].seq != number:
            return
        node = names[last]
        self.machine.disk.change(f"{self.home.ledger}/{last}")
        node.data = node.data[: rng.randrange(len(node.data))]
        self.honest, self.read_at = False, -1
        self.chain.pop()
        self.states.pop()
        self.promised = [(seq, digest) for seq, digest in self.promised if seq != number]
        self.named = {named: seq for named, seq in self.named.items() if seq != number}
        self.answered = {name: seq for name, seq in self.answered.items() if seq != number}

    def after_power_cut(self) -> None:
        """What is left is the chain up to somewhere, and it holds all that was promised."""
        names = self.machine.disk.seen[str(self.home.ledger)]
        left = {int(name[:10]): node.data for name, node in names.items() if name.endswith(".rec")}
        snapshots = [record for record in self.chain if isinstance(record.fact, facts.Snapshot)]
        base = max((record.seq for record in snapshots if record.seq in left), default=0)
        survives = [record for record in self.chain if record.seq <= base or record.seq in left]
        lost = {record.seq for record in self.chain} - {record.seq for record in survives}
        for seq, digest in self.promised:
            assert seq not in lost, f"record {seq} ({digest}) was promised and is lost"
        end = min(lost, default=1 << 60)
        for record in survives:
            assert record.seq < end, f"record {end} is lost, and {record.seq} is not"
            if record.seq > base:
                assert open_anew(left[record.seq]) == record, f"record {record.seq} became another"
        self.chain, self.read_at = survives, -1
        self.states = self.states[: len(survives) + 1]
        self.reloads = []
        self.checked = {}
        self.named = {named: seq for named, seq in self.named.items() if seq < end}
        self.answered = {name: seq for name, seq in self.answered.items() if seq < end}

    # -- in the end --------------------------------------------------------------------------------

    def is_at_rest(self, workers: list[Any], count: int) -> bool:
        state = self.states[-1]
        spool = self.machine.disk.seen[str(self.home.spool)]
        return (
            state.stage is Stage.IDLE
            and state.replacement is None
            and len(workers) == count
            and not any(name.endswith((".bundle", ".request")) for name in spool)
            and all(one.status is not None and one.status.life is Life.SERVING for one in workers)
            and state.reload is None
            and state.underway is None
            and all(runs_head(state, one.status) and one.process.idle for one in workers)
            and not any(one.status.trial is not None and one.status.trial.share for one in workers)
            and len(self.machine.disk.seen[str(self.home.workers)]) == 2 * count
        )

    def at_rest(self, workers: list[Any], count: int) -> None:
        state = self.states[-1]
        assert state.stage is Stage.IDLE, f"still {state.stage.value}: {state.rollout}"
        assert state.replacement is None
        assert state.reload is None
        assert state.underway is None, f"its rollout is still {state.underway}"
        assert len(workers) == count
        for worker in workers:
            assert worker.status.life is Life.SERVING
            assert runs_head(state, worker.status), f"{worker.me}: {worker.running}, not {state.versions}"
            assert worker.status.trial is None or not worker.status.trial.share
            assert worker.status.trouble == ""
        for folder, names in self.machine.disk.seen.items():
            for name in names:
                assert not is_temporary(name), f"{folder}/{name} was left behind"
        assert not self.machine.disk.seen[str(self.home.spool)]
        owned = {f"{worker.me}{ending}" for worker in workers for ending in (".json", ".lock")}
        assert set(self.machine.disk.seen[str(self.home.workers)]) == owned
        kept = {name.removesuffix(".bundle") for name in self.machine.disk.seen[str(self.home.bundles)]}
        assert {entry.digest for entry in state.known} <= kept or not (self.lawful and self.honest)
        progress = state.progress
        if progress is not None and progress.station is Station.PROMOTED:
            assert progress.version <= state.floor
        if progress is not None and progress.ended and progress.station is not Station.PROMOTED:
            ended = max(one.seq for one in self.chain if _ends(one.fact, progress))
            again = any(
                isinstance(one.fact, facts.Committed | facts.RolledBack) and one.seq > ended
                for one in self.chain
            )
            there = progress.digest in {entry.digest for entry in state.head}
            assert again or not there, "it was taken back, and is on the head"
        answered = {answer(record.fact) for record in self.chain}
        for name in self.pushed:
            assert not name or name in answered or not self.honest, f"{name} was never answered"
        chain = {record.seq: record.digest for record in self.chain}
        assert all(chain.get(seq) == digest for seq, digest in self.promised)


def _ends(fact: facts.Fact, progress: Progress) -> bool:
    """May this record be the one by which the release went, for its rollout or for the service?"""
    match fact:
        case facts.Moved():
            return True
        case facts.RolledBack(version=version):
            return version == progress.version
        case facts.Failed(digest=digest) | facts.Quarantined(digest=digest):
            return digest == progress.digest
        case _:
            return False


def answer(fact: facts.Fact) -> str:
    """The name of the file in the spool that this record answers."""
    match fact:
        case facts.Offered(name=name) | facts.Refused(name=name):
            return name
        case facts.RolledBack(request=name) | facts.Failed(request=name) | facts.Reloading(request=name):
            return name
        case facts.Moved(request=name) | facts.Locked(request=name) | facts.Unlocked(request=name):
            return name
        case facts.Finishing(request=name):
            return name
        case _:
            return ""
