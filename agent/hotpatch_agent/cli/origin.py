"""What the options leave open, filled in from the service's home: its application, sources and history."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from hotpatch.errors import BuildFailed, NoWorkerAlive
from hotpatch_agent.cli.preparing import Origin
from hotpatch_agent.decision.history import History
from hotpatch_agent.decision.states import State
from hotpatch_agent.home.folder import Home, open_home
from hotpatch_agent.home.status import read_roll
from hotpatch_agent.process.environment import environment_of


def origin_of(
    old: str | None,
    new: str | None,
    repository: Path,
    below: str,
    app: str | None,
    python: str,
    modules: tuple[str, ...],
    unread: tuple[str, ...],
    as_service: bool,
    home: Path | None,
) -> Origin:
    """The two trees and how they start; what was not given comes from the home.  Raises a usage error if that
    leaves something open."""
    if new is None:
        raise click.UsageError("say what the fix is: --to FOLDER or REVISION")
    here = open_home(home) if home is not None else None
    if app is None:
        app = here.service.app if here else ""
    if not app:
        raise click.UsageError(
            "say how the program starts: --app MODULE:OBJECT, or --home where that is known"
        )
    if old is None:
        old = _deployed(here)
    environment = _environment(here) if as_service else None
    return Origin(old, new, repository, below, app, python, modules, unread, environment)


def _environment(home: Home | None) -> Mapping[str, str]:
    """In which the service was started.  Raises `NoWorkerAlive`, `BuildFailed`."""
    if home is None:
        raise click.UsageError("--as-service asks for the service: say which by --home")
    alive = read_roll(home.workers).alive
    if not alive:
        raise NoWorkerAlive(f"no worker of {home.service.name} is alive: start it, or leave --as-service out")
    try:
        return environment_of(alive[0].pid)
    except OSError as problem:
        raise BuildFailed(
            f"the environment of {home.service.name}'s worker {alive[0].pid} can't be read: "
            f"{problem.strerror}; run this as its user, or leave --as-service out"
        ) from None


def _deployed(home: Home | None) -> str:
    """The sources on disk that the service runs, if it runs nothing else."""
    if home is None or not home.service.root:
        raise click.UsageError("say what runs: --from FOLDER or REVISION")
    if head := history_of(home).head:
        live = ", ".join(str(entry.version) for entry in head)
        raise click.UsageError(
            f"the service runs release {live} on top of its sources on disk, so say what runs by --from"
        )
    return home.service.root


def history_of(home: Home) -> State:
    """What the service's ledger comes to.  Raises `LedgerDamaged`."""
    history = History(home.ledger)
    history.refresh()
    return history.state


def next_version(state: State) -> int:
    """The lowest number that a new release of this service may have."""
    seen = [state.floor, *(entry.version for entry in (*state.head, *state.known))]
    if state.rollout is not None:
        seen.append(state.rollout.version)
    return max(seen) + 1
