"""One worker class under endless releases: on real gunicorn, pinned, and as a control without pins."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from attrs import frozen

from tests.agent.pushing import Pusher, settled
from tests.agent.service import Service
from tests.matrix.program import VERSIONS, WorkerClass, files
from tests.matrix.releases import ALL, PLAIN, Releases
from tests.matrix.traffic import Account, Traffic

WORKERS: Final = 2
SETTINGS: Final = {"workers": WORKERS, "threads": 8, "keepalive": 60, "timeout": 120}
AGENT: Final = "from hotpatch_agent.gunicorn import *\n"
UNPINNED: Final = f"""{AGENT}
import hotpatch.epochs
hotpatch.epochs.pin_requests = lambda app, kind=None, header=None: app
"""
"""The agent as it is, but no request is pinned: versions are flipped under whoever is in flight."""


@frozen
class Outcome:
    """What a run came to."""

    account: Account
    releases: int
    steps: dict[str, int]
    seconds: float
    same_workers: bool
    """Did every worker that was there in the beginning live to the end?"""


def run(
    of: WorkerClass, folder: Path, enough: Callable[[int, Account], bool], pinned: bool = True
) -> Outcome:
    """Release after release, under load, until it is `enough` (told the releases so far and the account)."""
    folder.mkdir(parents=True, exist_ok=True)
    pusher = Pusher(folder)
    service = Service(
        folder,
        files(of, VERSIONS[0]),
        home=pusher.make_home(),
        settings={**SETTINGS, "worker_class": of.setting},
        config=AGENT if pinned else UNPINNED,
    )
    began = time.monotonic()
    with service:
        settled(pusher, service, WORKERS)
        before = service.workers()
        with Traffic(of, service.port) as traffic:
            releases = Releases(pusher, of, during=traffic.settle)
            for number, _ in enumerate(releases.roll(ALL if pinned else PLAIN), start=1):
                traffic.settle()
                if enough(number, traffic.total()):
                    break
        same = service.workers() == before
        total = traffic.total()
    seconds = round(time.monotonic() - began, 1)
    return Outcome(total, number, dict(releases.steps), seconds, same)


def figures(of: WorkerClass, outcome: Outcome, control: Outcome) -> dict[str, object]:
    """One class's result as plain data."""
    return {
        "worker_class": of.name,
        "python": sys.version.split()[0],
        "requests": outcome.account.requests,
        "mixed": outcome.account.mixed,
        "errors": outcome.account.errors,
        "control_mixed": control.account.mixed,
        "releases": outcome.releases,
        "control_requests": control.account.requests,
        "control_releases": control.releases,
        "steps": outcome.steps,
        "by_way": dict(outcome.account.by_way),
        "seconds": outcome.seconds,
    }
