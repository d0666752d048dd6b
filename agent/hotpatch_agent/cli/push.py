"""`hotpatch push`: a release goes to every worker, and one watches it go live."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from hotpatch import errors
from hotpatch_agent import clock
from hotpatch_agent.cli.amounts import SECONDS
from hotpatch_agent.cli.command import cli_command, home_option
from hotpatch_agent.cli.ending import finish
from hotpatch_agent.cli.follow import Glance, Trail, follow
from hotpatch_agent.cli.person import person
from hotpatch_agent.cli.progress import screen
from hotpatch_agent.cli.terminal import Terminal
from hotpatch_agent.decision.admission import unfit
from hotpatch_agent.decision.history import History
from hotpatch_agent.decision.observe import BundleSeen, Observations
from hotpatch_agent.decision.trial import has_a_say
from hotpatch_agent.decision.view import View
from hotpatch_agent.home import spool
from hotpatch_agent.home.folder import Home, open_home
from hotpatch_agent.home.status import Problem, Status, read_roll
from hotpatch_agent.home.terms import BadTerms, Terms, read_terms
from hotpatch_agent.rollout import strategy_file
from hotpatch_agent.rollout.strategy import Kind

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
        "hotpatch push shop-7.bundle --canary 5%          # stays until promote or abort",
        "hotpatch push shop-7.bundle --canary 1%,5%,25% --key cookie:session --step-time 5m",
        "hotpatch push shop-7.bundle --strategy rolling",
        "hotpatch push shop-7.bundle --json",
    ],
)
@home_option
@click.option(
    "--wait",
    "wait",
    type=SECONDS,
    metavar="SECONDS",
    help="How long to wait for the end, if not for as long as the release itself may take.",
)
@click.option("--strategy", type=click.Choice([kind.value for kind in Kind]), help="How it goes in.")
@click.option("--canary", metavar="SHARES", help="A part of requests first: 5%, or 1%,5%,25% one by one.")
@click.option("--key", metavar="KEY", help="What lots are drawn for: cookie:NAME, header:NAME or client.")
@click.option("--match", metavar="MATCH", help="Who gets it: header:NAME=VALUE or cookie:NAME=VALUE.")
@click.option("--step-time", metavar="TIME", help="How long each step lasts at least: 30s, 5m.")
@click.option(
    "--deadline", metavar="TIME", help="After this it goes back, if nobody and nothing promoted it."
)
@click.option("--supersede", is_flag=True, help="Take the place of a rollout that is under way.")
@click.option("--force", is_flag=True, help="Also while somebody else holds the deploy lock.")
@click.argument("bundle", type=click.Path(path_type=Path))
def command(
    terminal: Terminal,
    home: Path,
    wait: float | None,
    bundle: Path,
    supersede: bool,
    force: bool,
    **flags: str | None,
) -> int:
    """Push a release to every worker, and watch it go live.

    The release is checked, rehearsed in a copy of a live worker, and committed in all workers at once; what
    can't be done live is done by replacing the workers one at a time. If anything says no, the old code
    serves on, and the exit code says what it was. Whatever becomes of this command, the service goes on.

    With a strategy, here or in the home's rollout.toml, it goes in by steps. The command ends when the
    rollout does, or when it waits for a person. Exit code 0: live, or a canary by hand that has its share;
    1: rolled back; 2: held, or not over in time.
    """
    from hotpatch import bundle as bundles

    place = open_home(home.absolute())
    card = spool.Card(person(), flags_of(**flags), supersede, force)
    strategy = strategy_file.load(place.path, card.strategy)
    data = bundles.read(bundle)
    history = History(place.ledger)
    history.refresh()
    release = _examined(data, place, history)
    workers = read_roll(place.workers).alive
    terms = _terms(release, place)
    _check_service(place, history, workers, release, terms, card)
    seconds = wait if wait is not None else _patience(terms, len(workers))
    if wait is None and has_a_say(strategy):
        seconds += strategy.deadline + strategy.keep
    trail = Trail(spool.new_name() + spool.BUNDLE, clock.now())
    spool.offer(place.spool, data, trail.name.removesuffix(spool.BUNDLE), card=card)
    last = watch(terminal, place, history, trail, seconds)
    if last.trail.version is None and last.trail.end is None:
        # Nobody took it: it must not go in some day when nobody is looking any more.
        spool.remove(place.spool, trail.name)
    return finish(terminal, last, seconds)


def flags_of(
    strategy: str | None = None,
    canary: str | None = None,
    key: str | None = None,
    match: str | None = None,
    step_time: str | None = None,
    deadline: str | None = None,
) -> dict[str, str]:
    """The flags as settings of the strategy.  A canary of one step and no time is one by hand."""
    given = {"strategy": strategy, "key": "address" if key == "client" else key, "match": match}
    given["deadline"] = deadline
    found = {name: text for name, text in given.items() if text}
    if (canary or match) and strategy not in (None, Kind.CANARY.value):
        raise click.UsageError(f"--{'canary' if canary else 'match'} and --strategy {strategy} contradict")
    if canary or match:
        found.setdefault("strategy", "canary")
    shares = [share.strip() for share in canary.split(",")] if canary else []
    if shares:
        found["steps"] = ",".join(f"{share} {step_time}" if step_time else share for share in shares)
        if len(shares) == 1 and not step_time:
            found["manual"] = "yes"
    elif step_time:
        found["healthy"] = step_time
    return found


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
    home: Home,
    history: History,
    workers: tuple[Status, ...],
    release: Release,
    terms: Terms,
    card: spool.Card,
) -> None:
    """Raise what the service would answer anyway, where that can be known beforehand."""
    if not workers:
        raise errors.NoWorkerAlive(
            f"no worker of {home.service.name} is alive: start the service with "
            "`gunicorn -c python:hotpatch_agent.gunicorn` and HOTPATCH_HOME set, then push again"
        )
    seen = BundleSeen(
        "",
        release.digest,
        release.version,
        release.message,
        terms,
        by=card.by,
        supersede=card.supersede,
        force=card.force,
    )
    problem = unfit(View(history.state, Observations("", workers), clock.now()), seen)
    if problem is not None:
        raise_problem(problem)


def _patience(terms: Terms, workers: int) -> float:
    """As long as it may take by its own terms: decided, then adopted, then each worker replaced."""
    return terms.deadline + terms.adopt + terms.replace * max(1, workers) + MARGIN
