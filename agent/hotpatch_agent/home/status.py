"""What a worker says of itself: one frozen value, one small file, written anew only when it changes.

`workers/<pid>-<start ticks>.json` is the status, `.lock` beside it is held while the worker lives.  The pair
of pid and start time names one process for ever, so nothing is ever confused by a pid that comes again.
What `status` shows is what the worker itself found to be so when it last wrote: nothing is inferred.
"""

from __future__ import annotations

import enum
import functools
import os
from pathlib import Path
from typing import Final

from attrs import field, frozen

from hotpatch.errors import HotpatchError
from hotpatch_agent import wire
from hotpatch_agent.clock import Instant
from hotpatch_agent.home.alive import OS_LOCKS, Locks
from hotpatch_agent.home.disk import OS_FILES, Files, discard, is_temporary, write_whole

COUNTS: Final = ".counts"
"""The ending of the file beside a status that holds what a rollout is judged by (`measuring`)."""


class Life(enum.Enum):
    """Where a worker is between its first act and its last."""

    BOOTING = "booting"
    """Is being started; serves nothing yet.  Its adoption names the release that it is started on."""
    SERVING = "serving"
    WAITING = "waiting"
    """One of a set of workers that is there and accepts nothing, while the other set answers (`two_sets`)."""
    FAILED = "failed"
    """Could not start on the code as on disk; ends in a moment.  The note says why."""
    LEAVING = "leaving"
    """Asked to finish: answers what it has accepted, takes no more, votes no more."""


HERE: Final = frozenset({Life.SERVING, Life.WAITING})
"""The lives of a worker that is there: it answers, or could at once."""


class Phase(enum.Enum):
    """How far a worker has come with a release, or with the way back from one."""

    VERIFIED = "verified"
    """Has accepted the bundle: signatures, names, version, base."""
    REFUSED = "refused"
    """Won't have it: the error says why.  The old code serves on."""
    REHEARSING = "rehearsing"
    """A forked child of this worker has the new code and runs the checks."""
    STAGING = "staging"
    """Builds the new definitions beside the old."""
    READY = "ready"
    """Everything is built; the commit is one step away."""
    COMMITTING = "committing"
    """Past the decision, not yet on the new head; or, while booting, being started on it."""
    LIVE = "live"
    """Runs the ledger's head."""
    HELD = "held"
    """Requests in flight did not end within the barrier's budget; tries again by itself."""
    UNABLE = "unable"
    """Can't reach the head without being replaced; the reason says why."""
    FELL_BACK = "fell back"
    """Could not start on the head; was started on the last release that does start."""


@frozen
class Problem:
    """An error as a value: `error` is the class's name in hotpatch.errors, `code` the CLI's exit code."""

    error: str
    code: int
    text: str

    @classmethod
    def of(cls, error: HotpatchError) -> Problem:
        """For the ledger and for statuses."""
        return cls(type(error).__name__, error.exit_code, str(error))


@frozen
class Adoption:
    """Where a worker stands with one release."""

    errand: int
    """The ledger's number for this way of the release: a second try of the same one is another errand."""
    digest: str
    """Of the bundle; empty for the way back to the code as it is on disk."""
    version: int
    phase: Phase
    since: Instant
    problem: Problem | None = None
    reason: str = ""
    """For people: why it is in this phase, if that says something."""


@frozen
class Blocker:
    """Something that still runs old code, or that keeps a commit from going through."""

    kind: str
    """request, thread, task, generator, coroutine, greenlet."""
    where: str
    """Function, file and line."""
    what: str = ""
    """The request's method and path, the thread's name."""
    since: float = 0.0
    """Seconds since 1970."""

    def __str__(self) -> str:
        what = f"{self.kind} {self.what}" if self.what else self.kind
        return f"{what} in {self.where}" if self.where else what


@frozen
class Trial:
    """What a worker gives of a release that is not committed yet; the old version answers the rest."""

    window: str
    """Of the rollout's round: `Progress.window`."""
    share: float = 0.0
    """Of requests, or of those that match; 0: built beside the old version, for nobody."""
    alone: bool = False
    """Does this worker give it to everybody, as one of the workers that were chosen?"""


@frozen
class Answered:
    """What one version's requests came to in this worker."""

    epoch: int
    release: int
    """0 for the code as on disk."""
    requests: int = 0
    errors: int = 0
    p50: float | None = None
    """Seconds to the start of the answer, of the latest ones; None before the first."""
    p90: float | None = None
    p99: float | None = None


@frozen
class Counters:
    """Since the worker's start, as of the last time it wrote its status."""

    requests: int = 0
    in_flight: int = 0
    errors: int = 0
    commits: int = 0
    undos: int = 0
    versions: tuple[Answered, ...] = ()
    """By version, oldest first."""


@frozen
class Status:
    """All that a worker says of itself."""

    worker: str
    """`<pid>-<start ticks>`."""
    pid: int
    started: Instant
    worker_class: str
    app: str
    python: str
    life: Life = Life.SERVING
    stack: tuple[int, ...] = ()
    """The releases that it runs, in the order in which they were applied; empty: the code as on disk."""
    digest: str = ""
    """Of the topmost release's bundle."""
    epoch: int = 0
    forced: int = 0
    """The errand whose release was forced into it, in the middle of requests; 0: none was."""
    base: str = ""
    """Digest over the sources that it was started from."""
    adoption: Adoption | None = None
    beside: bool = False
    """Can what is built here run beside the old version, so that a share of requests may get it?"""
    trial: Trial | None = None
    undoable: tuple[int, ...] = ()
    """Releases that it can take back live."""
    absorbs: tuple[int, ...] = ()
    """Releases of the head that the sources on its disk already hold, or no longer fit."""
    absorbs_because: str = ""
    blockers: tuple[Blocker, ...] = ()
    counters: Counters = field(factory=Counters)
    memory: int = 0
    """Bytes, proportional set size where the kernel tells it, else resident."""
    seq: int = 0
    """The last record of the ledger that it has taken into account."""
    trouble: str = ""
    """What keeps its agent from doing its work: a full disk, a damaged ledger."""
    worn: str = ""
    """Why it asks to be replaced: it has answered as many requests as it may."""
    note: str = ""
    """What an operator should know for as long as it lives: started on an older release, forced commit."""
    written: float = 0.0
    """Seconds since 1970 at which this was written."""

    @property
    def release(self) -> int:
        """The version that it runs; 0 for the code as on disk."""
        return self.stack[-1] if self.stack else 0

    def phase_for(self, errand: int, digest: str) -> Phase | None:
        """How far it has come on this errand with the release of this digest; None if it has not begun."""
        if self.adoption is None or self.adoption.errand != errand or self.adoption.digest != digest:
            return None
        return self.adoption.phase


@frozen
class Roll:
    """Every status file of the folder, by whether its worker lives, in the order of their start."""

    alive: tuple[Status, ...]
    dead: tuple[Status, ...]
    debris: tuple[str, ...] = ()
    """Dead workers that left no readable status: a power cut, or an end between two steps."""


def worker_id() -> str:
    """The name of this process for ever: its pid and the tick of its start."""
    return f"{os.getpid()}-{start_of('/proc/self/stat')}"


def master_id() -> str:
    """The same of the master, in a worker; empty if it has gone."""
    pid = os.getppid()
    try:
        return f"{pid}-{start_of(f'/proc/{pid}/stat')}"
    except OSError:
        return ""


def start_of(stat: str) -> str:
    """The tick at which a process was started, from its `stat` file.  Raises OSError if it is gone."""
    return _fields(stat)[19]


def parent_of(stat: str) -> int:
    """The pid of a process's parent, as `start_of`."""
    return int(_fields(stat)[1])


def _fields(stat: str) -> list[str]:
    # The command's name, in parentheses, may hold anything; fields are counted from behind it.
    return Path(stat).read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()


class Board:
    """This worker's own status file: holds its lock, writes when something changed.

    Made in the worker itself, after fork.  Not thread-safe: one thread of the agent writes.
    """

    def __init__(self, folder: Path, worker: str, files: Files = OS_FILES, locks: Locks = OS_LOCKS) -> None:
        self._folder, self._worker = folder, worker
        self._files = files
        self._locks = locks
        self._last: Status | None = None
        self._lock = locks.take(folder / f"{worker}.lock")

    def write(self, status: Status) -> bool:
        """Put the status on disk if it differs from what is there; says whether it was written.

        Not synced to the disk: a status means nothing after a power cut, since its worker is dead.
        """
        if status is self._last or status == self._last:
            return False
        self._keep_lock()
        write_whole(
            f"{self._folder}/{self._worker}.json", wire.dump(status), "status", self._files, durable=False
        )
        self._last = status
        return True

    def keep(self) -> None:
        """See to it that status and lock are there: whoever removed the home and put it back took them."""
        if self._last is not None and not self._lock.is_in_place():
            status, self._last = self._last, None
            self.write(status)

    def _keep_lock(self) -> None:
        if not self._lock.is_in_place():
            self._lock.release()
            self._lock = self._locks.take(self._folder / f"{self._worker}.lock")

    def leave(self) -> None:
        """Take the file away and end being alive: the last act of a worker that ends in good order."""
        for suffix in (".json", COUNTS, ".lock"):
            discard(f"{self._folder}/{self._worker}{suffix}", self._files)
        self._lock.release()


def read_roll(folder: Path, files: Files = OS_FILES, locks: Locks = OS_LOCKS) -> Roll:
    """All workers that have a status file.  A file that vanishes while we read is no longer there."""
    alive: list[Status] = []
    dead: list[Status] = []
    debris: list[str] = []
    place = str(folder)
    names = {name.rpartition(".")[0] for name in files.names(place) if not is_temporary(name)}
    for worker in sorted(names):
        # First the lock, then the file: a worker that ends in between has taken its file with it.
        living = locks.is_held(f"{place}/{worker}.lock")
        try:
            status = _load(files.read(f"{place}/{worker}.json"))
        except (FileNotFoundError, wire.Malformed):
            if not living:
                debris.append(worker)
            continue
        (alive if living else dead).append(status)

    def order(status: Status) -> tuple[float, str]:
        return status.started.time, status.worker

    return Roll(tuple(sorted(alive, key=order)), tuple(sorted(dead, key=order)), tuple(sorted(debris)))


@functools.lru_cache(maxsize=256)
def _load(line: bytes) -> Status:
    # Most files are as they were at the look before, and a status is a frozen value.
    return wire.load(Status, line)


def forget(folder: Path, worker: str, files: Files = OS_FILES, locks: Locks = OS_LOCKS) -> None:
    """Remove what a dead worker has left; does nothing if it lives after all.

    A worker that is just being born has made its lock file and does not hold it yet, and so looks dead for a
    moment.  Held while its files go, the lock makes it wait, see that its file has gone, and begin anew.
    """
    lock = locks.try_take(folder / f"{worker}.lock")
    if lock is None:
        return
    try:
        for suffix in (".json", COUNTS, ".lock"):
            discard(f"{folder}/{worker}{suffix}", files)
    finally:
        lock.release()
