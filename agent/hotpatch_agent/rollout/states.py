"""A rollout as a machine: where it stands, what moves it, where it goes.  All of it is in TABLE.

Between "every worker is ready for the release" and "the release is everywhere, for good" a rollout goes from
station to station.  Only a record in the ledger moves it (`Moved`, with the event's name), so whoever
reads the same records stands at the same station, and a leader that dies between two records has decided
nothing.  `steps` looks at the world and says which event comes next; here is only what an event does.

The way forward is

    WAITING -> OPENING -> MOVING -> WATCHING -> OPENING (the next step) ... -> CLOSING -> PROMOTING -> KEEPING
    -> PROMOTED

A station asks one question, and each event is an answer.  Gates ask others (WAITING: may it begin; OPENING:
may more traffic come; CLOSING: may it be promoted; KEEPING: is it well after).  MOVING, PROMOTING and the
stations of the way back ask the workers: does each of you run what it should?  WATCHING asks the judge.
PAUSED and HELD ask a person, and differ in one thing: in PAUSED, which a person chose, the clock of the
dead-man's switch stands; in HELD, where the rollout came by itself (inconclusive, a gate's no, freeze), it
goes on.

Three rules shape the table:

1. *Nothing but a yes goes forward.*  Inconclusive, silence and no lead to HELD or back, never on.
2. *Back is open from everywhere* until PROMOTED, for the machine (`worse`, `overdue`, `lost`) and for a
   person. WORSE moves PAUSED too: a pause stops the clock, not the care for users.
3. *There are three ways back, for they end in three facts*: REVERTING in ROLLED_BACK, ABORTING in ABORTED,
   YIELDING in SUPERSEDED.  None of them is left by itself.  ROLLED_BACK and ABORTED are left by a person's
   `retry` alone; what was superseded is pushed anew.

From PROMOTING on the release is committed: what comes back from there is undone as any committed release is.

A pause remembers the station it was called at: resume goes back there (BACK), and promote and superseded mean
what they mean there (VIA).  A pause of KEEPING keeps the old version at hand for as long as the person likes.
 An event for which a station has no entry is not for it: a verb is refused with the reason, a record of it is
 a damaged ledger.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final


class Station(enum.Enum):
    """Where a rollout stands."""

    WAITING = "waiting"
    OPENING = "opening"
    MOVING = "moving"
    WATCHING = "watching"
    HELD = "held"
    PAUSED = "paused"
    CLOSING = "closing"
    PROMOTING = "promoting"
    KEEPING = "keeping"
    PROMOTED = "promoted"
    REVERTING = "reverting"
    ROLLED_BACK = "rolled back"
    ABORTING = "aborting"
    ABORTED = "aborted"
    YIELDING = "yielding"
    SUPERSEDED = "superseded"


class Event(enum.Enum):
    """What moves a rollout.  Those of a person are VERBS."""

    NEXT = "next"
    """On to the next step."""
    LAST = "last"
    """There is no further step."""
    YES = "yes"
    """The gate opened."""
    NO = "no"
    """The gate said no, or nothing."""
    REACHED = "reached"
    """Every worker runs what it should."""
    INCONCLUSIVE = "inconclusive"
    WORSE = "worse"
    FROZEN = "frozen"
    """Worse, and the service wants to look before it goes back."""
    ALERTED = "alerted"
    """Worse, and the service only wants to be told."""
    OVERDUE = "overdue"
    """The dead-man's switch."""
    LOST = "lost"
    """The release has no future: quarantined, refused, its workers can't take it."""
    KEPT = "kept"
    """The old version need not be kept any longer."""
    SUPERSEDED = "superseded"
    """A newer push takes its place, as its pusher asked."""
    PAUSE = "pause"
    RESUME = "resume"
    PROMOTE = "promote"
    PROMOTE_FULL = "promote full"
    ABORT = "abort"
    RETRY = "retry"
    ROLLBACK = "rollback"


VERBS: Final = (
    Event.PAUSE,
    Event.RESUME,
    Event.PROMOTE,
    Event.PROMOTE_FULL,
    Event.ABORT,
    Event.RETRY,
    Event.ROLLBACK,
)


class To(enum.Enum):
    """Where it goes, if that isn't a fixed station."""

    BACK = "back"
    """To the station at which it was paused or held."""
    VIA = "via"
    """To wherever the event leads from there."""
    STAY = "stay"
    """Nowhere: it is written down, no more."""


Target = Station | To

_S, _E = Station, Event

_BACK: Final[Mapping[Event, Target]] = {
    _E.WORSE: _S.REVERTING,
    _E.LOST: _S.REVERTING,
    _E.ROLLBACK: _S.REVERTING,
    _E.ABORT: _S.ABORTING,
}
_UNDECIDED: Final[Mapping[Event, Target]] = {
    **_BACK,
    _E.OVERDUE: _S.REVERTING,
    _E.SUPERSEDED: _S.YIELDING,
    _E.PAUSE: _S.PAUSED,
    _E.ALERTED: To.STAY,
}
_RETURNING: Final[Mapping[Event, Target]] = {_E.ALERTED: To.STAY}

TABLE: Final[Mapping[Station, Mapping[Event, Target]]] = {
    _S.WAITING: {
        **{event: to for event, to in _UNDECIDED.items() if event not in (_E.WORSE, _E.ALERTED)},
        _E.NEXT: _S.OPENING,
        _E.LAST: _S.CLOSING,
        _E.NO: _S.REVERTING,
    },
    _S.OPENING: {
        **_UNDECIDED,
        _E.YES: _S.MOVING,
        _E.NO: _S.HELD,
        _E.FROZEN: _S.HELD,
        _E.PROMOTE: _S.MOVING,
        _E.PROMOTE_FULL: _S.CLOSING,
    },
    _S.MOVING: {
        **_UNDECIDED,
        _E.REACHED: _S.WATCHING,
        _E.FROZEN: _S.HELD,
        _E.PROMOTE: _S.OPENING,
        _E.PROMOTE_FULL: _S.CLOSING,
    },
    _S.WATCHING: {
        **_UNDECIDED,
        _E.NEXT: _S.OPENING,
        _E.LAST: _S.CLOSING,
        _E.INCONCLUSIVE: _S.HELD,
        _E.FROZEN: _S.HELD,
        _E.PROMOTE: _S.OPENING,
        _E.PROMOTE_FULL: _S.CLOSING,
    },
    _S.HELD: {
        **_UNDECIDED,
        _E.SUPERSEDED: To.VIA,
        _E.RESUME: To.BACK,
        _E.PROMOTE: To.VIA,
        _E.PROMOTE_FULL: To.VIA,
    },
    _S.PAUSED: {
        **{event: to for event, to in _UNDECIDED.items() if event not in (_E.OVERDUE, _E.PAUSE)},
        _E.SUPERSEDED: To.VIA,
        _E.RESUME: To.BACK,
        _E.PROMOTE: To.VIA,
        _E.PROMOTE_FULL: To.VIA,
    },
    _S.CLOSING: {
        **_UNDECIDED,
        _E.YES: _S.PROMOTING,
        _E.NO: _S.HELD,
        _E.FROZEN: _S.HELD,
        _E.PROMOTE: _S.PROMOTING,
        _E.PROMOTE_FULL: _S.PROMOTING,
    },
    _S.PROMOTING: {**_BACK, _E.REACHED: _S.KEEPING, _E.ALERTED: To.STAY},
    _S.KEEPING: {
        **_BACK,
        _E.KEPT: _S.PROMOTED,
        _E.PAUSE: _S.PAUSED,
        _E.NO: _S.REVERTING,
        _E.SUPERSEDED: _S.PROMOTED,
        _E.PROMOTE: _S.PROMOTED,
        _E.PROMOTE_FULL: _S.PROMOTED,
        _E.ALERTED: To.STAY,
    },
    _S.PROMOTED: {_E.ROLLBACK: _S.REVERTING},
    _S.REVERTING: {**_RETURNING, _E.REACHED: _S.ROLLED_BACK, _E.ABORT: _S.ABORTING},
    _S.ROLLED_BACK: {_E.RETRY: _S.WAITING},
    _S.ABORTING: {**_RETURNING, _E.REACHED: _S.ABORTED},
    _S.ABORTED: {_E.RETRY: _S.WAITING},
    _S.YIELDING: {**_RETURNING, _E.REACHED: _S.SUPERSEDED},
    _S.SUPERSEDED: {},
}

ENDED: Final = (_S.PROMOTED, _S.ROLLED_BACK, _S.ABORTED, _S.SUPERSEDED)
"""Nothing is in progress any more."""
RETURNING: Final = (_S.REVERTING, _S.ABORTING, _S.YIELDING)
"""The workers are on their way to what ran before."""
COMMITTED: Final = (_S.PROMOTING, _S.KEEPING, _S.PROMOTED)
"""The release is on the ledger's head."""
STOPPED: Final = (_S.PAUSED, _S.HELD)
"""A person is waited for."""


def goes_to(station: Station, back: Station | None, event: Event) -> Station | None:
    """The station after this event; None if the event is not for this station.

    `back` is the station at which the rollout was stopped, if it is PAUSED or HELD.
    """
    target = TABLE[station].get(event)
    if isinstance(target, Station):
        return target
    if target is To.STAY:
        return station
    if target is None or back is None:
        return None
    if target is To.BACK:
        return back
    return goes_to(back, None, event)
