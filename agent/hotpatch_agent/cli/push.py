"""`hotpatch push`: a release goes to every worker, and one watches it go live."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from hotpatch import errors
from hotpatch_agent import clock, spool
from hotpatch_agent.admission import unfit
from hotpatch_agent.cli.command import cli_command, home_option
from hotpatch_agent.cli.ending import finish
from hotpatch_agent.cli.progress import screen
from hotpatch_agent.cli.terminal import Terminal
from hotpatch_agent.follow import Glance, Trail, follow
from hotpatch_agent.history import History
from hotpatch_agent.home import Home, open_home
from hotpatch_agent.observe import BundleSeen, Observations
from hotpatch_agent.status import Problem, Status, read_roll
from hotpatch_agent.terms import BadTerms, Terms, read_terms
from hotpatch_agent.view import View

if TYPE_CHECKING:
    from hotpatch.release import Release

MARGIN: Final = 30.0
"""Seconds that are waited beyond the release's own times."""
_LEFT_OUT: Final = {
    "python": "each worker compares it with its own",
    "base": "each worker compares it with what it runs",
}


@cli_command(
    "push",
    examples=[
        "hotpatch push shop-7.bundle",
        "hotpatch push shop-7.bundle --home /srv/shop/hotpatch --wait 20",
        "hotpatch push shop-7.bundle --json",
    ],
)
@home_option
@click.option(
    "--wait",
    "wait",
    type=click.FloatRange(0),
    metavar="SECONDS",
    help="How long to wait for the end, if not for as long as the release itself may take.",
)
@click.argument("bundle", type=click.Path(path_type=Path))
def command(terminal: Terminal, home: Path, wait: float | None, bundle: Path) -> int:
    """Push a release to every worker, and watch it go live.

    The release is checked, rehearsed in a copy of a live worker, and committed in all workers at once; what
    can't be done live is done by replacing the workers one at a time. If anything says no, the old code
    serves on, and the exit code says what it was. Whatever becomes of this command, the service goes on.
    """
    from hotpatch import bundle as bundles

    place = open_home(home.absolute())
    data = bundles.read(bundle)
    history = History(place.ledger)
    history.refresh()
    release = _examined(data, place, history)
    workers = read_roll(place.workers).alive
    terms = _terms(release, place)
    _check_service(place, history, workers, release, terms)
    seconds = wait if wait is not None else _patience(terms, len(workers))
    trail = Trail(spool.new_name() + spool.BUNDLE, clock.now())
    spool.offer(place.spool, data, trail.name.removesuffix(spool.BUNDLE))
    last = watch(terminal, place, history, trail, seconds)
    if last.trail.version is None and last.trail.end is None:
        # Nobody took it: it must not go in some day when nobody is looking any more.
        spool.remove(place.spool, trail.name)
    return finish(terminal, last, seconds)


def watch(terminal: Terminal, home: Home, history: History, trail: Trail, seconds: float) -> Glance:
    """Show what happens until it ends or the time is over; the last glance."""
    last = None
    with screen(terminal) as drawn:
        for last in follow(home, history, trail, seconds):
            drawn.show(last)
    assert last is not None
    return last


def raise_problem(problem: Problem) -> None:
    """Raise the error that this value stands for."""
    kind = getattr(errors, problem.error, errors.ReleaseFailed)
    raise kind(problem.text)


def _examined(data: bytes, home: Home, history: History) -> Release:
    """The release, if every rule that can be asked here holds; each worker asks all of them itself."""
    from hotpatch import trust
    from hotpatch.bundle import inspect

    root = trust.read_root(home.trust / "root.json")
    expectation = trust.Expectation(
        service=home.service.name,
        environment=home.service.environment,
        highest_version=history.state.floor,
        now=datetime.now(UTC),
        python="",
        running_digest=lambda path: None,
    )
    for finding in trust.examine(data, root, expectation, _LEFT_OUT):
        if finding.error is not None:
            raise finding.error
    return inspect(data).release


def _terms(release: Release, home: Home) -> Terms:
    try:
        return read_terms(release.settings, home.service.settings)
    except BadTerms as error:
        raise errors.NotABundle(f"release {release.version} can't be taken: {error}") from error


def _check_service(
    home: Home, history: History, workers: tuple[Status, ...], release: Release, terms: Terms
) -> None:
    """Raise what the service would answer anyway, where that can be known beforehand."""
    if not workers:
        raise errors.NoWorkerAlive(
            f"no worker of {home.service.name} is alive: start the service with "
            "`gunicorn -c python:hotpatch_agent.gunicorn` and HOTPATCH_HOME set, then push again"
        )
    seen = BundleSeen("", release.digest, release.version, release.message, terms)
    problem = unfit(View(history.state, Observations("", workers), clock.now()), seen)
    if problem is not None:
        raise_problem(problem)


def _patience(terms: Terms, workers: int) -> float:
    """As long as it may take by its own terms: decided, then adopted, then each worker replaced."""
    return terms.deadline + terms.adopt + terms.replace * max(1, workers) + MARGIN
