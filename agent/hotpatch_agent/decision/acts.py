"""What a step can ask for: the decisions as values, carried out by `lead` and by the worker's agent."""

from __future__ import annotations

from attrs import frozen

from hotpatch_agent.home.facts import Fact


@frozen
class Append:
    """Write this fact to the ledger.  Always the last of a round."""

    fact: Fact


@frozen
class Keep:
    """Copy the bundle of this name from the spool to `bundles/`, durably; comes before it is offered."""

    name: str
    digest: str


@frozen
class Discard:
    """Take an answered file out of the spool."""

    name: str


@frozen
class Forget:
    """Remove what a dead worker has left."""

    worker: str


@frozen
class Rehearse:
    """Rehearse the release in progress in a forked child of the leader.  Asked until it is done."""

    version: int
    digest: str
    errand: int


@frozen
class Replace:
    """See to it that this worker is replaced: a new one healthy first, then this one asked to finish.

    Idempotent: asked at every step until the worker has gone.  With `beside` more alive than people want
    there to be, the new ones are there already.
    """

    worker: str
    beside: int = 1
    """How many are still to go: more than one where several are replaced together."""
    keep: bool = False
    """Is none of them asked to go, for now?"""


Decision = Append | Keep | Discard | Forget | Rehearse | Replace
"""One thing to be done."""

ForWorker = Rehearse | Replace
"""Those that only a real worker process can do."""
