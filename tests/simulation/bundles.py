"""The simulated service's bundles: `<version> <kind> <settings> end`; the kind says what its code does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from hotpatch.errors import NotABundle
from hotpatch.plan import Plan
from hotpatch.release import Release

EPOCH: Final = datetime(2030, 1, 1, tzinfo=UTC)
KINDS: Final = {
    "good": 10,
    "rude": 4,
    "failing": 2,
    "refused": 2,
    "endless": 1,
    "unable": 2,
    "held": 6,
    "breaks": 2,
    "murders": 1,
    "poisons": 2,
    "unbootable": 2,
    "apart": 3,
    "lingers": 6,
    "unready": 3,
}
"""What becomes of a release of this kind, and how often it is drawn.

good goes live.  rude goes in by reload.  failing fails its check.  refused is refused by some workers.
endless never ends its rehearsal.  unable can't be built in some workers.  held has to wait in some.
breaks kills some workers when it is committed.  murders kills the worker that rehearses it.  poisons goes in
by reload and kills whoever starts on it.  unbootable goes in by reload and fails in whoever starts on it.
apart can't be there beside the old version.  lingers leaves old code going on for a while in some workers.
unready goes in by reload, and does not answer as the service's `ready` asks whoever is started on it.
"""


def parse(data: bytes) -> Release:
    """The release of a simulated bundle; NotABundle if it is cut short."""
    parts = data.decode(errors="replace").split(" ")
    if len(parts) != 4 or parts[1] not in KINDS or parts[3] != "end":
        raise NotABundle("it is no bundle")
    settings = dict(pair.split("=") for pair in parts[2].split(",") if pair)
    return Release(
        "shop",
        "test",
        int(parts[0]),
        EPOCH,
        EPOCH,
        parts[1],
        "",
        "a:a",
        {},
        {},
        b"",
        Plan(()),
        (),
        "",
        settings,
    )
