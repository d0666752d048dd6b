"""The ledger together with what it comes to: read on, and the state is up to date."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Final

from hotpatch.errors import LedgerDamaged
from hotpatch_agent.clock import Instant
from hotpatch_agent.decision.folding import fold, snapshot
from hotpatch_agent.decision.states import State
from hotpatch_agent.home.disk import OS_FILES, Files
from hotpatch_agent.home.facts import Fact, Repaired, Snapshot
from hotpatch_agent.home.ledger import KEEP, Ledger, Record
from hotpatch_agent.rollout.progress import Began, Moved, Progress

COMPACT_AFTER: Final = 512
"""Records after a snapshot at which the next one is due."""
MOVES: Final = 1000
"""Records of one rollout that are remembered, to be told to whoever wants to know."""


class History:
    """One reader's view of a service's history; the leader writes through it too.

    Every worker has one of its own, the CLI as well.  Not thread-safe; holds nothing open.
    """

    def __init__(self, folder: Path, files: Files = OS_FILES) -> None:
        self._folder = folder
        self._files = files
        self.ledger = Ledger(folder, files)
        self.state = State()
        """The last good one: a worker goes on serving by it when the ledger is damaged."""
        self._anew = False
        self._snapshot = 0
        self.moves: deque[tuple[Record, Progress]] = deque(maxlen=MOVES)
        """What moved the rollout that began last, and where to."""

    def refresh(self) -> tuple[Record, ...]:
        """Read what is new and bring the state up to date; returns the new records.

        Raises LedgerDamaged, and goes on raising it until the ledger is whole again: a damaged one decides
        nothing.
        """
        state = State() if self._anew else self.state
        try:
            records = self.ledger.read()
            for record in records:
                state = fold(state, record)
                self._note_move(record, state)
        except LedgerDamaged:
            self.ledger, self._anew = Ledger(self._folder, self._files), True
            raise
        self.state, self._anew = state, False
        self._note_snapshots(records)
        return records

    def append(self, fact: Fact, who: str, at: Instant) -> Record:
        """Decide: make this fact the next record.

        Raises LedgerDamaged if it can't follow, NameTaken if another writer was first, DiskFull, NotWritable.
        """
        if self.ledger.torn is not None:
            self._append(Repaired(self.ledger.torn), who, at, self.ledger.torn + 1)
        return self._append(fact, who, at, self.ledger.seq + 1)

    def compact(self, who: str, at: Instant, after: int = COMPACT_AFTER, keep: int = KEEP) -> bool:
        """Write a snapshot if one is due and remove what is older than people want to read.

        Safe to be killed in, and to repeat: what was not removed is removed after the next snapshot.
        """
        if self.state.seq - self._snapshot < after:
            return False
        record = self.append(snapshot(self.state), who, at)
        self.ledger.prune(record.seq, keep)
        return True

    def _append(self, fact: Fact, who: str, at: Instant, seq: int) -> Record:
        # Folded before it is written: a fact that can't follow must never get into the ledger.
        after = fold(self.state, Record(seq, at, who, fact, "", ""))
        record = self.ledger.append(fact, who, at)
        self.state = after
        self._note_move(record, after)
        self._note_snapshots((record,))
        return record

    def _note_move(self, record: Record, after: State) -> None:
        if isinstance(record.fact, Began):
            self.moves.clear()
        if isinstance(record.fact, Moved) and after.progress is not None:
            self.moves.append((record, after.progress))

    def _note_snapshots(self, records: tuple[Record, ...]) -> None:
        for record in records:
            if isinstance(record.fact, Snapshot):
                self._snapshot = record.seq
