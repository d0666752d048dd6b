"""The facts that the ledger holds: one class a kind of record.

A fact is what was decided or found, with all that is needed to act on it and to explain it years later; it
says nothing of where it is stored.  The kind on disk is the class's name in small letters.  `folding.fold`
says what each one changes.  Those of a rollout are in `rollout.progress`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, Final

from attrs import field, frozen

from hotpatch_agent import wire
from hotpatch_agent.home.status import Blocker, Problem
from hotpatch_agent.home.terms import Terms
from hotpatch_agent.rollout.progress import Began as Began
from hotpatch_agent.rollout.progress import Locked as Locked
from hotpatch_agent.rollout.progress import Moved as Moved
from hotpatch_agent.rollout.progress import Unlocked as Unlocked
from hotpatch_agent.rollout.strategy import Strategy


class How(enum.Enum):
    """How a committed release reaches the workers."""

    LIVE = "live"
    RELOAD = "reload"


@frozen
class Offered:
    """A whole and acceptable bundle is here and is now the release in progress."""

    version: int
    digest: str
    name: str
    """Of the file in the spool: the push that waits for it knows its own."""
    message: str = ""
    terms: Terms = field(factory=Terms)
    strategy: Strategy = field(factory=Strategy)
    """How it is to go in, as the service's file and the push said then."""
    by: str = ""
    """Who pushed it."""


@frozen
class Refused:
    """A bundle or a request was turned away at the door; nothing was tried."""

    name: str
    problem: Problem
    version: int = 0
    digest: str = ""


@frozen
class Rehearsed:
    """The release was committed and checked in a forked child of a live worker, and proven there."""

    version: int
    digest: str
    how: How
    worker: str
    seconds: float = 0.0
    reason: str = ""
    """Why it can't go live, where it can't."""
    findings: tuple[str, ...] = ()
    blockers: tuple[Blocker, ...] = ()


@frozen
class Committed:
    """The decision: from this record on the service runs the release, whoever dies."""

    version: int
    digest: str
    how: How


@frozen
class Settled:
    """Every worker runs the head."""

    version: int
    digest: str
    workers: int
    seconds: float = 0.0
    """From the offer, or from the request to roll back, to this."""


@frozen
class Failed:
    """The release in progress ended before it was committed; the old code never stopped serving."""

    version: int
    digest: str
    problem: Problem
    worker: str = ""
    """Who found it out."""
    request: str = ""
    """Of the person who called it off, if one did."""


@frozen
class RolledBack:
    """The head goes back, or forward again, to the stack that ended in `to`; 0 is the code on disk."""

    version: int
    """The release that was on top until now."""
    to: int
    reason: str
    request: str = ""
    """The name of the request; empty if the service decided by itself."""


@frozen
class Quarantined:
    """Workers crashed twice under this release: it is out of the head and is not accepted again."""

    version: int
    digest: str
    reason: str


@frozen
class Blocked:
    """A worker's transition was not over by its deadline: this still ran old code in it."""

    version: int
    """The release that it is on its way to, or runs by now beside the old code; 0: the code on disk."""
    worker: str
    then: str
    """What the release says to that: `wait`, `reverse` or `reload`."""
    seconds: float
    """The deadline."""
    blockers: tuple[Blocker, ...] = ()


@frozen
class Finishing:
    """A person ends the transition: what holds it up is replaced or, as the last resort, forced."""

    version: int
    by: str
    force: bool = False
    """Requests in flight go on with the new code from their next call on, and see a mixture."""
    reason: str = ""
    request: str = ""


@frozen
class Crashed:
    """A worker died, or could not start, with this release's code in its hands."""

    version: int
    digest: str
    worker: str
    phase: str
    reason: str = ""


@frozen
class Replacing:
    """A worker is about to be replaced: a new one healthy first, then this one is asked to finish."""

    worker: str
    among: int
    """How many workers there are to be when it is done."""
    reason: str = ""
    on: int = 0
    """The release on trial that its successor is started on; 0: the head alone."""
    others: tuple[str, ...] = ()
    """Those that are replaced together with it: all successors first, then all of them."""


@frozen
class Replaced:
    """The worker is gone, or is finishing, and its successor serves."""

    worker: str
    reason: str = ""


@frozen
class Reloading:
    """Every worker started before this record is to be replaced, one at a time: a plain deployment."""

    by: str
    reason: str = ""
    request: str = ""


@frozen
class Reloaded:
    """The reload is over: none of those workers is left, or it was given up and those that are left stay."""

    workers: int
    seconds: float = 0.0
    problem: Problem | None = None
    """Why it was given up."""


@frozen
class Absorbed:
    """A normal deployment has brought these releases to disk, or has overtaken them: they leave the head."""

    versions: tuple[int, ...]
    reason: str = ""


@frozen
class Started:
    """A new master has started: temporary releases end here."""

    master: str


@frozen
class Repaired:
    """The last record was torn, by a power cut, and is passed over."""

    seq: int


@frozen
class Snapshot:
    """The whole state at this point, so that the records before it may go."""

    state: Mapping[str, Any]


Fact = (
    Offered
    | Refused
    | Rehearsed
    | Committed
    | Settled
    | Failed
    | RolledBack
    | Quarantined
    | Blocked
    | Finishing
    | Crashed
    | Replacing
    | Replaced
    | Reloading
    | Reloaded
    | Absorbed
    | Started
    | Repaired
    | Snapshot
    | Began
    | Moved
    | Locked
    | Unlocked
)

KINDS: Final[Mapping[str, type[Fact]]] = {
    "offered": Offered,
    "refused": Refused,
    "rehearsed": Rehearsed,
    "committed": Committed,
    "settled": Settled,
    "failed": Failed,
    "rolled_back": RolledBack,
    "quarantined": Quarantined,
    "blocked": Blocked,
    "finishing": Finishing,
    "crashed": Crashed,
    "replacing": Replacing,
    "replaced": Replaced,
    "reloading": Reloading,
    "reloaded": Reloaded,
    "absorbed": Absorbed,
    "started": Started,
    "repaired": Repaired,
    "snapshot": Snapshot,
    "began": Began,
    "moved": Moved,
    "locked": Locked,
    "unlocked": Unlocked,
}
NAMES: Final[Mapping[type[Fact], str]] = {kind: name for name, kind in KINDS.items()}


def encode(fact: Fact) -> tuple[str, dict[str, Any]]:
    """Kind and plain data of a fact."""
    return NAMES[type(fact)], wire.unstructure(fact)


def decode(kind: str, data: Any) -> Fact:
    """The fact that was written; wire.Malformed if this hotpatch does not know it."""
    if kind not in KINDS:
        raise wire.Malformed(
            f"a record of kind {kind!r} is not known to this hotpatch: it is older than its writer"
        )
    fact: Fact = wire.structure(KINDS[kind], data)
    return fact
