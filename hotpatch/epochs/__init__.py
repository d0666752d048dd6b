"""Two versions of the code in one process, and no request that sees both.

Pins hold each request on one epoch; a barrier makes a moment at which none is in flight.
"""

from hotpatch.epochs.barrier import BUDGET, Hold, barrier
from hotpatch.epochs.control import InFlight, counts, current, requests_in_flight
from hotpatch.epochs.pins import EPOCH, Pin, enter, enter_async, leave
from hotpatch.epochs.tally import Counts
from hotpatch.epochs.unit import pinned
from hotpatch.epochs.wrap import pin_requests

__all__ = [
    "BUDGET",
    "EPOCH",
    "Counts",
    "Hold",
    "InFlight",
    "Pin",
    "barrier",
    "counts",
    "current",
    "enter",
    "enter_async",
    "leave",
    "pin_requests",
    "pinned",
    "requests_in_flight",
]
