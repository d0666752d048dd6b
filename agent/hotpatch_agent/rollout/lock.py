"""One at a time: may this push begin, must it wait, or does it take the place of what is under way?

Two things stand in a push's way: a person's deploy lock, with a message and an owner, and a rollout that has
not ended.  The lock stops pushes by everybody but its owner; it stops no way back, and no verb: whoever locks
wants nothing new, not that nothing can be saved.  A rollout that is under way is superseded only if the
pusher asked for that, and not in the moment in which its release is being committed.
"""

from __future__ import annotations

import enum

from attrs import frozen

from hotpatch_agent.rollout.progress import Locked, Progress, Unlocked
from hotpatch_agent.rollout.states import Event, goes_to


class Course(enum.Enum):
    """What becomes of a push."""

    GO = "go"
    SUPERSEDE = "supersede"
    """First the rollout under way yields (`Seen.newer`), then this one begins."""
    WAIT = "wait"
    """It may supersede, but not at this moment: the rollout is being committed, or is on its way back
    already."""
    REFUSE = "refuse"


@frozen
class Admission:
    """`reason` is for the pusher; with REFUSE it becomes `DeployLocked` if `locked`, else `Busy`."""

    course: Course
    reason: str = ""
    locked: bool = False


def admit(lock: Locked | None, progress: Progress | None, by: str, supersede: bool, force: bool) -> Admission:
    """What becomes of a push by this person.  `force` passes the lock, never the rollout."""
    if lock is not None and by != lock.owner and not force:
        text = (
            f"{lock.owner} holds the deploy lock: {lock.message}; ask them, or push with --force, "
            "which goes into the ledger"
        )
        return Admission(Course.REFUSE, text, locked=True)
    if progress is None or progress.ended:
        return Admission(Course.GO)
    where = f"the rollout of release {progress.version} is {progress.station.value}"
    if supersede and goes_to(progress.station, progress.back, Event.SUPERSEDED) is not None:
        return Admission(Course.SUPERSEDE, f"superseded by a push of {by or 'somebody'}")
    if supersede:
        return Admission(Course.WAIT, where)
    text = f"{where}; wait for its end, abort it, or push with --supersede"
    return Admission(Course.REFUSE, text)


def held(lock: Locked | None, fact: Locked | Unlocked) -> Locked | None:
    """The deploy lock after this record."""
    return fact if isinstance(fact, Locked) else None


def may_lock(lock: Locked | None, by: str, force: bool) -> str:
    """Why this person can't take the lock or let it go; empty if they can."""
    if lock is None or lock.owner == by or force:
        return ""
    return f"{lock.owner} holds the deploy lock: {lock.message}; ask them, or use --force"
