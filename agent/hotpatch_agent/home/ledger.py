"""The ledger: the durable, append-only history of a service, one file a record.

`ledger/0000000012.rec` is one line of canonical JSON: the record's number, time, author, kind and data, the
digest of the record before it, and its own digest over all that.  What holds:

1. A record is made durable under a temporary name and then linked to its number, so a number is taken once.
   A writer must have read everything before it; of two who decide at once, one comes second and raises
   `NameTaken`: it has decided nothing, reads on and decides anew.  No lock is needed for that to be true.
2. Records are never changed.  They are removed only from the oldest on, and only below a snapshot, which is
   a record like any other and holds the whole state at its place.  So a crash while records are removed
   leaves nothing to repair: everything below the last snapshot may be there or not.
3. Reading checks every link of the chain.  What does not fit is told apart:
   torn      the last file is not a whole record.  A power cut on a disk that did not keep its promise can do
             that; nobody can have acted on it and be alive.  The next record is a `repaired` one, under the
             next number, whose `before` is the digest of the last whole record: so a torn file is passed over
             by the chain itself, never moved or overwritten, and of two repairers one comes second.
   damaged   a file that is not the last is not a whole record: bits rotted, or someone edited it clumsily.
   missing   a number between the last snapshot and the end has no file.
   tampered  a record is whole by its own digest, but is not the successor of the one before it, or bears a
             number that is not its file's.
   All but the first stop every decision with `LedgerDamaged`; the service serves on as it is.

The chain shows accidents and clumsy edits.  Who may write the folder can rewrite the whole of it: what
keeps such a person from running code is the signature on every bundle, which each worker checks itself.
"""

from __future__ import annotations

import bisect
import hashlib
import re
from pathlib import Path
from typing import Final

from attrs import frozen

from hotpatch.errors import LedgerDamaged
from hotpatch_agent import wire
from hotpatch_agent.clock import Instant
from hotpatch_agent.home.disk import OS_FILES, Files, NameTaken, discard, explained, take_name
from hotpatch_agent.home.facts import NAMES, Fact, Repaired, Snapshot, decode, encode

FORMAT: Final = 1
MAX_BYTES: Final = 1 << 20
"""A record longer than this is no record of ours."""
KEEP: Final = 256
"""Records kept below a snapshot, for `hotpatch log`."""
_NAME: Final = re.compile(r"[0-9]{10}\.rec")
_START: Final = "0" * 64

__all__ = ["Ledger", "NameTaken", "Record"]


@frozen
class Record:
    """One entry of the history."""

    seq: int
    at: Instant
    who: str
    """The worker that wrote it."""
    fact: Fact
    before: str
    """Digest of the record before; zeros for the first."""
    digest: str
    """SHA-256 over the canonical JSON of everything else."""


class _NotWhole(Exception):
    """This file is not a whole record; the text says in what way."""


class _Missing(LedgerDamaged):
    """A number has no file, as far as the folder was looked at."""


class Ledger:
    """A reader's, and the leader's, view of the ledger folder: remembers how far it has read.

    Not thread-safe.  Holds nothing open, so safe across fork.
    """

    def __init__(self, folder: Path, files: Files = OS_FILES) -> None:
        self._folder = str(folder)
        self._files = files
        self.seq = 0
        """Number of the last record that was read or written here; 0 before the first."""
        self._digest = _START
        self.torn: int | None = None
        """Number of a torn last record that was found, until it is passed over."""
        self._durable = 0
        self._names: list[str] = []
        self._found: list[int] = []
        """The numbers that these names come to."""

    def read(self) -> tuple[Record, ...]:
        """All records from the last snapshot on (or from the first, if there is none) that are new here.

        The first call reads everything, later ones what has come since.  Raises LedgerDamaged.
        """
        numbers, mark = self._numbers(), (self.seq, self._digest)
        while True:
            try:
                return self._read_new(numbers)
            except _Missing:
                # Or a compaction was at work while we looked: then the folder looks different now.
                again = self._numbers()
                if again == numbers and mark[0] == 0:
                    raise
                if again == numbers:
                    # Below the last snapshot anything may be left behind, even a record that would follow
                    # the one where we stopped reading: only from the snapshot on is it the history.
                    mark = (0, _START)
                numbers, (self.seq, self._digest) = again, mark

    def append(self, fact: Fact, who: str, at: Instant) -> Record:
        """Make this the next record, durably.  When it returns, it is decided.

        Raises NameTaken if another writer was first (read on, decide anew), DiskFull or NotWritable if it
        could not be made durable: then it may or may not be there, and reading tells.
        """
        if (self.torn is not None) != isinstance(fact, Repaired):
            raise ValueError("a torn record is passed over by a `repaired` record, and by nothing else")
        self.secure()
        record, line = _seal((self.torn or self.seq) + 1, at, who, fact, self._digest)
        take_name(self._path(record.seq), line, f"ledger.{NAMES[type(fact)]}", self._files)
        if self._is_stale(record):
            discard(self._path(record.seq), self._files)
            raise NameTaken(self._path(record.seq))
        self.seq, self._digest, self.torn = record.seq, record.digest, None
        self._durable = record.seq
        return record

    def secure(self) -> None:
        """Make durable what has been read, if others wrote it: a writer may have died before it could.

        Whoever builds something lasting on a record (the next record, the removal of what it answers) calls
        this first, or a power cut may keep that and lose the record.
        """
        if self._durable < self.seq:
            try:
                self._files.sync(self._folder)
            except OSError as error:
                raise explained(error, self._folder) from error
            self._durable = self.seq

    def prune(self, snapshot: int, keep: int = KEEP) -> None:
        """Remove what lies more than `keep` records below the snapshot of this number, oldest first."""
        for number in self._numbers():
            if number >= snapshot - keep:
                return
            discard(self._path(number), self._files)

    def history(self) -> tuple[Record, ...]:
        """Every whole record that is still there, those below the snapshot too: for people."""
        found: list[Record] = []
        for number in self._numbers():
            try:
                found.append(self._load(number))
            except (_NotWhole, FileNotFoundError):
                continue
        return tuple(found)

    def size(self) -> int:
        """How many records there are."""
        return len(self._numbers())

    def _read_new(self, numbers: list[int]) -> tuple[Record, ...]:
        if self.seq == 0:
            return self._read_first(numbers)
        newer = numbers[bisect.bisect_right(numbers, self.seq) :]
        if newer and newer[0] != self.seq + 1:
            return self._read_anew(numbers)  # a compaction has overtaken us
        if not newer and self.torn is None:
            return ()
        try:
            return self._read_on(newer)
        except LedgerDamaged:
            # Who wrote late, under a number that a compaction had freed, has not taken that back yet, or died
            # before it could: who comes new does not look below the snapshot either.
            if self._last_snapshot(newer) is None:
                raise
            return self._read_anew(numbers)

    def _read_anew(self, numbers: list[int]) -> tuple[Record, ...]:
        """From the last snapshot, as one that comes new."""
        self.seq, self._digest = 0, _START
        return self._read_first(numbers)

    def _read_first(self, numbers: list[int]) -> tuple[Record, ...]:
        start = self._last_snapshot(numbers)
        if start is None:
            if numbers and numbers[0] != 1:
                raise _Missing(f"{self._folder}: missing: records 1 to {numbers[0] - 1} are not there")
            return self._read_on(numbers)
        self.seq, self._digest = start.seq, start.digest
        rest = self._read_on([number for number in numbers if number > start.seq])
        return (start, *rest)

    def _last_snapshot(self, numbers: list[int]) -> Record | None:
        for number in reversed(numbers):
            try:
                record = self._load(number)
                if isinstance(record.fact, Snapshot):
                    return record
            except _NotWhole:
                continue
            except FileNotFoundError:
                # Removed under us by a compaction, whose snapshot is above.
                continue
        return None

    def _read_on(self, numbers: list[int]) -> tuple[Record, ...]:
        found: list[Record] = []
        self.torn = None
        for number in numbers:
            if number != (self.torn or self.seq) + 1:
                raise _Missing(f"{self._folder}: missing: record {number - 1} is not there")
            try:
                record = self._load_or_pass(number, numbers)
            except FileNotFoundError:
                self.torn = None
                break  # a compaction has removed it under us; the next call starts from its snapshot
            if record is None:
                self.torn = number
                continue
            if record.seq != number or record.before != self._digest:
                raise LedgerDamaged(
                    f"{self._path(number)}: tampered with: it is a whole record, but not the successor of "
                    f"record {number - 1}"
                )
            self.seq, self._digest, self.torn = number, record.digest, None
            found.append(record)
        return tuple(found)

    def _load_or_pass(self, number: int, numbers: list[int]) -> Record | None:
        """The record; None if it is torn, and is the last one or passed over.  Raises LedgerDamaged."""
        try:
            return self._load(number)
        except _NotWhole as reason:
            if number == numbers[-1] or (number + 1 in numbers and self._is_passed_over(number)):
                return None
            raise LedgerDamaged(
                f"{self._path(number)}: damaged: {reason}; restore it from a backup"
            ) from reason

    def _is_passed_over(self, torn: int) -> bool:
        """Does the record after a torn one say that it repairs it?  FileNotFoundError if it has just gone."""
        try:
            after = self._load(torn + 1)
        except _NotWhole:
            return False
        return after.before == self._digest and after.fact == Repaired(torn)

    def _is_stale(self, record: Record) -> bool:
        """Was this number free only because compaction has removed the record that had it?

        That takes a writer that stood still while hundreds of records were written.  What it leaves if it
        dies here lies below the snapshot, where nobody looks.  A torn record above was cut short by a power
        cut, before this writer began, and was only written once the one below it was durable: another one.
        """
        if all(number <= record.seq for number in self._numbers()):
            return False
        try:
            return self._load(record.seq + 1).before != record.digest
        except (FileNotFoundError, _NotWhole):
            return True

    def _load(self, number: int) -> Record:
        return _open(self._files.read(self._path(number), MAX_BYTES + 1))

    def _numbers(self) -> list[int]:
        names = self._files.names(self._folder)
        if names != self._names:  # at nearly every wake nothing is new
            self._names = names
            self._found = [int(name[:10]) for name in sorted(names) if _NAME.fullmatch(name)]
        return self._found

    def _path(self, number: int) -> str:
        return f"{self._folder}/{number:010d}.rec"


def _seal(seq: int, at: Instant, who: str, fact: Fact, before: str) -> tuple[Record, bytes]:
    """The record, and the line that is its file."""
    kind, data = encode(fact)
    # Canonical JSON has its keys in order, so the digest's place is between these two.
    front = wire.canonical({"at": wire.unstructure(at), "before": before, "data": data})[:-1] + b","
    back = wire.canonical({"format": FORMAT, "kind": kind, "seq": seq, "utc": at.text(), "who": who})[1:]
    digest = hashlib.sha256(front + back).hexdigest()
    return Record(seq, at, who, fact, before, digest), front + _seal_text(digest) + back + b"\n"


def _seal_text(digest: object) -> bytes:
    return f'"digest":"{digest}",'.encode()


def _open(line: bytes) -> Record:
    """The record that a file holds, checked against its own digest."""
    if len(line) > MAX_BYTES:
        raise _NotWhole(f"it is longer than {MAX_BYTES} bytes")
    try:
        body = wire.parse(line)
        digest = body["digest"]
        if hashlib.sha256(line[:-1].replace(_seal_text(digest), b"", 1)).hexdigest() != digest:
            raise _NotWhole("its digest does not fit its contents")
        if body["format"] != FORMAT:
            raise LedgerDamaged(
                f"record {body['seq']} has format {body['format']}, this hotpatch knows {FORMAT}: "
                "it was written by a newer one; use that"
            )
        at = wire.structure(Instant, body["at"])
        return Record(body["seq"], at, body["who"], _fact(body), body["before"], digest)
    except (wire.Malformed, AttributeError, KeyError, TypeError, ValueError) as error:
        raise _NotWhole(str(error)) from error


def _fact(body: dict[str, object]) -> Fact:
    try:
        return decode(str(body["kind"]), body["data"])
    except wire.Malformed as error:
        raise LedgerDamaged(
            f"record {body['seq']} can't be understood: {error}; use a newer hotpatch"
        ) from error
