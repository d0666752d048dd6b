"""Two versions of the code in one process, and no request that sees both.

Pins hold each request on one epoch.  `install` puts a release in beside what runs, `Version.flip` makes it
the default in one store, and `tend` takes the old code out once nobody is on it.  What has no parallel form
goes in at a `barrier` (`one_step`), at a moment when no request is in flight.
"""

from hotpatch.epochs import sticky
from hotpatch.epochs.barrier import BUDGET, Hold, barrier, together
from hotpatch.epochs.control import (
    InFlight,
    Totals,
    counts,
    current,
    is_behind,
    is_busy,
    listen,
    recent,
    requests_in_flight,
    totals,
)
from hotpatch.epochs.cpython import missing_internals
from hotpatch.epochs.grades import Graded, worst
from hotpatch.epochs.pins import EPOCH, Pin, enter, enter_async, leave
from hotpatch.epochs.tally import Counts
from hotpatch.epochs.unit import pinned
from hotpatch.epochs.versions import (
    State,
    Version,
    force,
    install,
    is_plain,
    newest,
    one_step,
    survey,
    tend,
    undecided_version,
    version_in_effect,
    view,
)
from hotpatch.epochs.whereabouts import Located, about_to_choose, located, serves
from hotpatch.epochs.wrap import pin_requests

__all__ = [
    "BUDGET",
    "EPOCH",
    "Counts",
    "Graded",
    "Hold",
    "InFlight",
    "Located",
    "Pin",
    "State",
    "Totals",
    "Version",
    "about_to_choose",
    "barrier",
    "counts",
    "current",
    "enter",
    "enter_async",
    "force",
    "install",
    "is_behind",
    "is_busy",
    "is_plain",
    "leave",
    "listen",
    "located",
    "missing_internals",
    "newest",
    "one_step",
    "pin_requests",
    "pinned",
    "recent",
    "requests_in_flight",
    "serves",
    "sticky",
    "survey",
    "tend",
    "together",
    "totals",
    "undecided_version",
    "version_in_effect",
    "view",
    "worst",
]
