"""How a rollout fits into the service's own machine (`decision.states`): which record is due where.

The service's machine knows one release in progress: offered, rehearsed, committed, settled, or the way back.
A rollout is what happens between "every worker is ready" and "settled", for a release whose strategy has
something to say.  Both are folds over the same ledger, and neither writes the other's records; they meet in
three places, and `due` is all of them:

    the rollout is ...                      the release is ...      due
    promoting                               not committed           commit: every worker flips to it
    rolled back, aborted or superseded      not committed           fail: it happened to nobody for good
    reverting, aborting or yielding         committed               roll back: as any committed release

Everything else is the one machine's alone.  A leader that dies between the rollout's record and the one that
is due leaves a state in which the same record is due: the next leader writes it.  So of the two records the
rollout's comes first, always.

Who decides what the workers run is `steps.target`, until the release is committed or has failed; from there
on the head decides, as ever.  `promoting` and the ways back are over (`Seen.reached`) when no worker has
another target: for a committed release, or one that was rolled back from there, when the service's machine
has settled.
"""

from __future__ import annotations

import enum

from hotpatch_agent.rollout.progress import Progress
from hotpatch_agent.rollout.states import ENDED, RETURNING, Station


class Due(enum.Enum):
    """The record of the service's machine that a rollout waits for."""

    NOTHING = "nothing"
    COMMIT = "commit"
    FAIL = "fail"
    ROLL_BACK = "roll back"


def due(progress: Progress, committed: bool) -> Due:
    """What is to be written next; `committed`: is this release on the ledger's head?"""
    if committed:
        return Due.ROLL_BACK if progress.station in RETURNING else Due.NOTHING
    if progress.station is Station.PROMOTING:
        return Due.COMMIT
    if progress.station in ENDED and progress.station is not Station.PROMOTED:
        return Due.FAIL
    return Due.NOTHING
