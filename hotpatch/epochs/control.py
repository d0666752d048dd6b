"""Who sets the policy: the default epoch, the canary's share, the gate; and who is still on an old epoch.

Everything here is off the request path.  `lock` is held for a few stores at most, never while anything
is waited for: under gevent a lock held across a switch would stop the whole worker.

Order of the two stores of a commit: first `DEFAULT.epoch` (work outside requests), then `policy`
(requests).  Both versions are installed then, so either order is sound; this one lets a request that
follows background work of the new version never find the old.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any

from attrs import evolve, frozen

from hotpatch.epochs import pins
from hotpatch.epochs.tally import Counts, Listener, Tally

lock = threading.Lock()
KEPT_TALLIES = 8
"""Tallies of how many epochs, the latest ones, `counts` remembers."""


@frozen
class Totals:
    """Requests answered, and those of them that failed."""

    requests: int = 0
    errors: int = 0


_tallies: dict[int, Tally] = {0: pins.policy.tally}
_forgotten = Totals()
"""What the epochs came to that are not kept any more."""
_latest = 0


def next_epoch() -> int:
    """A number no epoch had before: epochs only grow, a rollback is a new one.  Given back, a number would
    let a request of a later release run a body of the one that had it before."""
    global _latest
    with lock:
        _latest += 1
        return _latest


def tally_of(epoch: int) -> Tally:
    """The epoch's counters, made when it is first asked for.  Call with `lock` held."""
    if epoch not in _tallies:
        _tallies[epoch] = Tally(epoch)
        for old in sorted(_tallies)[:-KEPT_TALLIES]:
            if old not in (pins.policy.epoch, pins.policy.canary):
                _add_up(_tallies.pop(old))
    return _tallies[epoch]


def _add_up(tally: Tally) -> None:
    global _forgotten
    _forgotten = evolve(
        _forgotten, requests=_forgotten.requests + tally.requests, errors=_forgotten.errors + tally.errors
    )


def set_default(epoch: int) -> None:
    """Commit: from now on new requests, and work outside requests, get `epoch`; any canary ends."""
    with lock:
        tally = tally_of(epoch)
        pins.DEFAULT.epoch = epoch
        pins.set_policy(
            evolve(pins.policy, epoch=epoch, tally=tally, canary=None, canary_tally=None, pick=None, lot=None)
        )


def set_canary(epoch: int, pick: Callable[[Any], bool], lot: Callable[[Any], Any] | None = None) -> None:
    """Requests for which `pick(request)`, or `pick(lot(request))`, is true get `epoch`; those in flight stay
    where they are."""
    with lock:
        pins.set_policy(evolve(pins.policy, canary=epoch, canary_tally=tally_of(epoch), pick=pick, lot=lot))


def end_canary() -> None:
    """New requests all get the default epoch again."""
    with lock:
        pins.set_policy(evolve(pins.policy, canary=None, canary_tally=None, pick=None, lot=None))


def listen(epoch: int, listener: Listener | None) -> None:
    """From now on this epoch's requests are told to `listener` as well; None: to nobody any more."""
    with lock:
        tally_of(epoch).listener = listener


def recent(epoch: int) -> tuple[float, ...]:
    """The latest latencies of this epoch, in seconds, up to `tally.RECENT` of them."""
    with lock:
        return tuple(tally_of(epoch).recent.copy())


def current() -> int:
    """The default epoch: the one that new requests get."""
    return pins.policy.epoch


def pinned_epochs() -> frozenset[int]:
    """Epochs that some open request is pinned to.  Right for an epoch that can't be entered any more; of
    any other it may be out of date at once."""
    return frozenset(pin.epoch for pin in pins.open_pins.copy())


def counts() -> tuple[Counts, ...]:
    """Requests, errors and latency of each epoch of late, oldest first."""
    with lock:
        tallies = sorted(_tallies.items())
    return tuple(tally.read() for _, tally in tallies)


def totals() -> Totals:
    """Requests and errors of this process since it began, whatever epochs they had.  Costs little."""
    with lock:
        kept = list(_tallies.values())
        return Totals(
            _forgotten.requests + sum(tally.requests for tally in kept),
            _forgotten.errors + sum(tally.errors for tally in kept),
        )


def follow_default() -> int:
    """The last resort: whoever is pinned below the default epoch gets that from its next call on, and so a
    mixture of versions.  How many requests, or other pinned units, that was."""
    moved = 0
    for pin in pins.open_pins.copy():
        if pin.epoch < pins.DEFAULT.epoch:
            try:
                pin.epoch = pins.DEFAULT.epoch
                moved += 1
            except AttributeError:  # it has ended meanwhile, and follows by itself
                continue
    return moved


@frozen
class InFlight:
    """A request, or another pinned unit, that has begun and not ended."""

    what: str
    epoch: int
    seconds: float


def requests_in_flight() -> tuple[InFlight, ...]:
    """What is pinned just now, the longest first."""
    return describe(pins.open_pins.copy())


def is_busy() -> bool:
    """Is anything pinned just now?"""
    return bool(pins.open_pins)


def is_behind() -> bool:
    """Is anything that is pinned still on an epoch before the default's?"""
    return any(epoch < pins.policy.epoch for epoch in pinned_epochs())


def describe(open_pins: set[pins.Pin]) -> tuple[InFlight, ...]:
    now = time.monotonic()
    flights = [InFlight(_name(pin.what), pin.epoch, max(0.0, now - pin.since)) for pin in open_pins]
    return tuple(sorted(flights, key=lambda flight: -flight.seconds))


def _name(what: Any) -> str:
    if isinstance(what, str):
        return what
    if isinstance(what, dict):
        if "REQUEST_METHOD" in what:
            return f"{what['REQUEST_METHOD']} {what.get('SCRIPT_NAME', '')}{what.get('PATH_INFO', '')}"
        if "type" in what:
            verb = what.get("method") or what["type"]
            return f"{verb} {what.get('root_path', '')}{what.get('path', '')}"
    return "a unit of work"


def _after_fork_in_child() -> None:
    global lock
    lock = threading.Lock()  # some other thread may have held it


os.register_at_fork(after_in_child=_after_fork_in_child)
