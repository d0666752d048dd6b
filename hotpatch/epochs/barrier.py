"""A moment at which no request is in flight: what has no parallel form goes live in one.

    with barrier(0.250) as hold:
        if hold.quiet:
            undo = commit(ops)          # no request sees both sides of this
        else:
            ...                         # hold.waited_for says for whom

New requests are held at a gate while those in flight end.  When they have not ended within the budget, the
gate is opened before the body runs, so that nobody waits for the caller's second thoughts.  The gate opens
in every case, whatever the body raises.

What is not held: work outside requests, and what a request left running in threads or tasks when it ended.
A request that waits for another request to the same worker over the network keeps the barrier from becoming
quiet (the other one is held); it gets its answer when the budget has run out.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import evolve, frozen

from hotpatch.epochs import control, pins
from hotpatch.epochs.control import InFlight
from hotpatch.epochs.gate import Gate
from hotpatch.errors import Busy

BUDGET = 0.250
"""How long new requests are held by default, in seconds."""

_FIRST_LOOK, _LONGEST_LOOK = 0.0002, 0.002
_together: int | None = None
"""The thread that holds the gate for several steps."""


@frozen
class Hold:
    """What came of a barrier: whether all requests ended in time, for whom it waited, and how long."""

    quiet: bool
    waited_for: tuple[InFlight, ...]
    """Requests that had not ended when the budget ran out; empty if `quiet`."""
    seconds: float


@contextmanager
def barrier(budget: float = BUDGET) -> Iterator[Hold]:
    """Hold new requests up to `budget` seconds while those in flight end; then run the body.

    A request that holds the barrier itself is not waited for.  Call it from a thread of its own (under
    gevent: a greenlet), never from an event loop's thread: the requests it waits for run there.  Raises
    `Busy` if another barrier is held in this process.
    """
    if _together == threading.get_ident():
        yield _wait(budget)
        return
    gate = _shut()
    try:
        hold = _wait(budget)
        if not hold.quiet:
            _open(gate)
        yield hold
    finally:
        _open(gate)


@contextmanager
def together() -> Iterator[None]:
    """Several steps come out as one: no request begins between the first and the last.

    Waits for none that has begun: each stays on the version that it has.  A barrier that the same thread
    asks for inside is held by this gate; it waits for requests in flight, and may not become quiet.  Raises
    `Busy` if another barrier is held in this process.
    """
    global _together
    gate = _shut()
    _together = threading.get_ident()
    try:
        yield
    finally:
        _together = None
        _open(gate)


def _after_fork_in_child() -> None:
    global _together
    _together = None  # its thread does not exist here


os.register_at_fork(after_in_child=_after_fork_in_child)


def _shut() -> Gate:
    gate = Gate()
    with control.lock:
        if pins.policy.gate is not None:
            raise Busy(
                "a barrier is already held in this process: another release is going in; "
                "try again when it is through"
            )
        pins.set_policy(evolve(pins.policy, gate=gate))  # from here on `pins.admit` returns the gate
    return gate


def _open(gate: Gate) -> None:
    with control.lock:
        if pins.policy.gate is gate:  # not so in a forked child: there it has gone already
            pins.set_policy(evolve(pins.policy, gate=None))
    gate.open()


def _wait(budget: float) -> Hold:
    began = time.monotonic()
    mine = pins.EPOCH.get()
    pause = _FIRST_LOOK
    while True:
        others = pins.open_pins.difference((mine,))
        seconds = time.monotonic() - began
        if not others:
            return Hold(True, (), seconds)
        if seconds >= budget:
            return Hold(False, control.describe(others), seconds)
        time.sleep(min(pause, budget - seconds))  # looked up each time: gevent's, where that is in charge
        pause = min(2 * pause, _LONGEST_LOOK)
