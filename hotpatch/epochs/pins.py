"""The request path, and nothing else: which version does this request see, from its first byte to its last.

A `Pin` is one request's hold on one epoch.  It sits in the context variable `EPOCH`; whoever has to pick a
version asks `EPOCH.get().epoch`.  Work outside any request finds `DEFAULT` there, whose epoch is the one
that was committed last.  A pin whose request has ended becomes a `Released` one, which follows the default:
a thread that a request started and left behind must not hold its epoch for ever.

`policy` says which epoch the next request gets.  It is one immutable value, replaced by one store.  Those who
replace it (`control.py`, `barrier.py`) then look at `open_pins`; a request does the two things in the other
order: it publishes itself in `open_pins`, then looks at `policy` again.  Whichever of the two is later sees
the other, so no request runs on under a policy that its replacer believes nobody holds.

Nothing here takes a lock: a lock on this path is found held in almost every fork under load, and the child
then hangs at its first request.  What that leans on is named in `cpython.py`, "pins".
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextvars import ContextVar, Token
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, TypeVar

from attrs import evolve, field, frozen

from hotpatch.epochs.tally import Listener, Tally

if TYPE_CHECKING:
    from hotpatch.epochs.gate import Gate

UNANSWERED, ANSWERED, FAILED = 0, 1, 2
ENDED, RESTING, RUNNING = 0, 1, 2
"""A pin's phase: its request has ended; none of its code runs, for its body waits for its server between two
chunks; its code runs."""


class Pin:
    """One request, or another unit of work, held on one epoch.  Made by `enter` alone.

    Whoever wraps a request may make it a class of its own, with methods and no further slots.
    """

    __slots__ = ("epoch", "mark", "outcome", "phase", "reply", "since", "tally", "what")
    epoch: int
    phase: int
    since: float
    """`time.monotonic()` at entry."""
    what: Any
    """The request itself (WSGI environ, ASGI scope) or a name; for `status` only."""
    tally: Tally | None
    """Where the outcome is counted; None for a unit that is no request of its own."""
    outcome: int
    mark: Any
    """What the tally's listener gave at entry; not set where there was none."""
    reply: Any
    """How the server takes the answer (WSGI's start_response, ASGI's send); None where there is none."""


AnyPin = TypeVar("AnyPin", bound=Pin)


class Released(Pin):
    """A pin whose request has ended: whatever still carries it follows the default epoch."""

    __slots__ = ()

    @property
    def epoch(self) -> int:  # type: ignore[override]
        return DEFAULT.epoch


@frozen
class Policy:
    """Which epoch the next request gets.

    `gate`, if there is one, holds it until the barrier ends.  `pick` says whether it belongs to the
    canary's share: of the request, or of the lot that `lot(request)` draws for it, which is told to whoever
    counts, too.  They may not take a lock, and may be called more than once for one request.
    """

    epoch: int
    tally: Tally
    canary: int | None = None
    canary_tally: Tally | None = None
    pick: Callable[[Any], bool] | None = None
    lot: Callable[[Any], Any] | None = None
    gate: Gate | None = None
    plain: bool = field(init=False)
    """Neither a gate nor a canary: every request gets `epoch` at once."""

    @plain.default
    def _is_plain(self) -> bool:
        return self.pick is None and self.gate is None


DEFAULT: Final = Pin()
DEFAULT.epoch, DEFAULT.since, DEFAULT.what = 0, 0.0, "work outside any request"
DEFAULT.tally, DEFAULT.outcome, DEFAULT.phase = None, UNANSWERED, ENDED
DEFAULT.reply = None
EPOCH: Final[ContextVar[Pin]] = ContextVar("hotpatch.epoch", default=DEFAULT)
here: Final = EPOCH.get
put_here: Final = EPOCH.set
put_back: Final = EPOCH.reset
open_pins: Final[set[Pin]] = set()
take_out: Final = open_pins.discard
"""Bound once, for other modules: looked up at an imported name, a method is made anew for each call."""
policy = Policy(epoch=0, tally=Tally(0))


def set_policy(new: Policy) -> None:
    """Replace the policy: one store.  For those who hold `control.lock`; its reader is `admit`."""
    global policy
    policy = new


def admit(pin: Pin, request: Any) -> Gate | None:
    """Let `pin` in on the epoch that is its request's, or return the gate that holds it.

    A request inside a request (a sub-request through the application itself) takes its parent's epoch, and
    passes any gate: the barrier waits for the parent, which waits for it.
    """
    parent = EPOCH.get()
    if parent in open_pins and parent.phase == RUNNING:
        pin.epoch, pin.tally = parent.epoch, None
        open_pins.add(pin)
        if parent in open_pins:  # still: so open_pins never was without one of the two
            return None
        open_pins.discard(pin)
    while True:
        seen = policy
        if seen.gate is not None:
            return seen.gate
        pin.epoch, pin.tally, lot = seen.epoch, seen.tally, None
        if seen.pick is not None and seen.canary is not None and request is not None:
            if seen.lot is not None:
                lot = seen.lot(request)
            if seen.pick(request if seen.lot is None else lot):
                pin.epoch, pin.tally = seen.canary, seen.canary_tally
        open_pins.add(pin)
        if policy is seen:  # counterpart: whoever stored the policy looks at open_pins afterwards
            listener = pin.tally.listener if pin.tally is not None else None
            if listener is not None and request is not None:
                pin.mark = listener.entered(request, lot)
            return None
        open_pins.discard(pin)


def fresh(what: Any, kind: type[AnyPin] = Pin, reply: Any = None) -> AnyPin:  # type: ignore[assignment]
    """A pin that is not let in yet."""
    pin = kind()
    pin.since = monotonic()
    pin.what = what
    pin.reply = reply
    pin.outcome = UNANSWERED
    pin.phase = RUNNING
    return pin


def enter_at_once(request: Any, kind: type[AnyPin] = Pin, reply: Any = None) -> AnyPin | None:  # type: ignore[assignment]
    """What `fresh` and `admit` come to nearly always, in line; None where it takes them.

    Where it gives a pin, what `EPOCH` holds follows the default, and need not be put back when the pin has
    ended: as a released one it does the same.
    """
    seen = policy
    tally = seen.tally
    if seen.plain and tally.listener is None and not EPOCH.get().phase:
        pin = kind()
        pin.since = monotonic()
        pin.what = request
        pin.reply = reply
        pin.outcome = UNANSWERED
        pin.phase = RUNNING
        pin.epoch = seen.epoch
        pin.tally = tally
        open_pins.add(pin)
        if policy is seen:  # as in `admit`
            return pin
        open_pins.discard(pin)
    return None


def enter(request: Any = None, kind: type[AnyPin] = Pin, reply: Any = None) -> AnyPin:  # type: ignore[assignment]
    """A request's first act.  Blocks while a barrier is held; otherwise takes well under a microsecond.

    `request` is what a canary picks by (WSGI environ or ASGI scope); without one the unit gets the default
    epoch.  The caller puts the pin into `EPOCH` around all code that runs for the request, and ends with
    `leave`.  Under asyncio use `enter_async`, which does not block the loop.
    """
    return enter_at_once(request, kind, reply) or enter_in_turn(request, kind, reply)


def enter_in_turn(request: Any, kind: type[AnyPin], reply: Any) -> AnyPin:
    """`enter` for a request that could not be let in at once: by the policy, once no barrier is held."""
    pin = fresh(request, kind, reply)
    while (gate := admit(pin, request)) is not None:
        gate.wait()
    return pin


def put(pin: Pin) -> Token[Pin] | None:
    """`pin` into `EPOCH`, and what puts back what was there; None where that follows the default, as the pin
    will when it has ended: putting it back would cost as much again, and make the next look there slow."""
    before = EPOCH.get()
    token = EPOCH.set(pin)
    return token if before.phase else None


async def enter_async(request: Any = None, kind: type[AnyPin] = Pin, reply: Any = None) -> AnyPin:  # type: ignore[assignment]
    """`enter` for a coroutine: while a barrier is held, only this task waits."""
    pin = fresh(request, kind, reply)
    while (gate := admit(pin, request)) is not None:
        await gate.wait_async()
    return pin


def answered(pin: Pin, failed: bool) -> None:
    """The answer begins (or has failed): count it, once, in the epoch that gave it."""
    tally = pin.tally
    if tally is None:
        return
    if tally.listener is not None and hasattr(pin, "mark"):
        _tell(tally.listener, pin, failed)
    if pin.outcome == UNANSWERED:
        tally.requests += 1
        tally.recent.append(monotonic() - pin.since)
        pin.outcome = ANSWERED
    if failed and pin.outcome == ANSWERED:
        tally.errors += 1
        pin.outcome = FAILED


def _tell(listener: Listener, pin: Pin, failed: bool) -> None:
    if pin.outcome == UNANSWERED:
        listener.answered(pin.what, pin.mark, pin.since, monotonic() - pin.since, failed)
    elif failed and pin.outcome == ANSWERED:
        listener.failed(pin.what, pin.mark, pin.since)


def leave(pin: Pin, failed: bool = False) -> None:
    """A request's last act, after its last byte.  Calling it twice is harmless."""
    if (failed or pin.outcome == UNANSWERED) and type(pin) is not Released:
        answered(pin, failed)
    open_pins.discard(pin)
    # A thread left behind may carry the pin for long; the request's data must go.
    pin.what = pin.reply = None
    pin.phase = ENDED
    pin.__class__ = Released


def _after_fork_in_child() -> None:
    """The requests of the other threads do not exist in the child, nor does whoever held the gate.

    A fork between the two stores of a commit leaves the default one epoch ahead of the policy; both
    versions are installed then, and the child takes the newer.
    """
    open_pins.clear()
    if policy.gate is not None or policy.epoch != DEFAULT.epoch:
        tally = policy.tally if policy.epoch == DEFAULT.epoch else Tally(DEFAULT.epoch)
        set_policy(evolve(policy, gate=None, epoch=DEFAULT.epoch, tally=tally))


os.register_at_fork(after_in_child=_after_fork_in_child)
