"""`hotpatch status`: what every worker runs, as it says itself, and whether that is what it should be."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

import click

from hotpatch.errors import LedgerDamaged, NoWorkerAlive, OutcomeUnknown
from hotpatch_agent import clock, wire
from hotpatch_agent.cli import rollout_view, tell
from hotpatch_agent.cli.amounts import SECONDS
from hotpatch_agent.cli.command import cli_command, home_option
from hotpatch_agent.cli.follow import looks
from hotpatch_agent.cli.terminal import Terminal
from hotpatch_agent.decision.history import History
from hotpatch_agent.decision.states import Replacement, Stage, State
from hotpatch_agent.decision.two_sets import brings_up
from hotpatch_agent.decision.view import being_replaced, names, plural, runs_head
from hotpatch_agent.home.folder import Home, open_home
from hotpatch_agent.home.status import Life, Roll, Status, read_roll, start_of
from hotpatch_agent.rollout.steps import exit_code

RECENT: Final = 5
"""Decisions shown below the workers."""
_STAGES: Final = {
    Stage.OFFERED: "is being checked and rehearsed",
    Stage.REHEARSED: "is being built in every worker",
    Stage.COMMITTED: "is going into every worker",
    Stage.REVERTING: "is being gone back to",
}


@cli_command(
    "status",
    examples=[
        "hotpatch status",
        "hotpatch status --home /srv/shop/hotpatch --json",
        "hotpatch status --wait 600",
    ],
)
@home_option
@click.option(
    "--wait",
    type=SECONDS,
    metavar="SECONDS",
    is_flag=False,
    flag_value=86_400.0,
    help="Wait until the rollout under way has ended or is held; exit codes 0, 1 and 2 say how.",
)
def command(terminal: Terminal, home: Path, wait: float | None) -> int:
    """Show what every worker runs.

    With --wait, exit code 0: promoted; 1: rolled back, aborted or superseded; 2: held, or not over in time.
    Exit code 0: every worker runs the ledger's head and nothing is on its way; 2: something is on its way, or
    a worker is behind; 24: no worker is alive; 28: the ledger is damaged.
    """
    place = open_home(home.absolute())
    history = History(place.ledger)
    damage: LedgerDamaged | None = None
    try:
        history.refresh()
    except LedgerDamaged as error:
        damage = error
    outcome = None if wait is None or damage is not None else _outcome(place, history, wait)
    roll, dirty = read_roll(place.workers), _dirty(place)
    _show(terminal, place, history, roll, dirty)
    sentence, code = _verdict(place, history.state, roll, dirty)
    if damage is not None:
        sentence, code = str(damage), damage.exit_code
    if outcome is not None:
        sentence, code = rollout_view.sentence(history.state.progress), outcome
    return terminal.finish(sentence, _data(place, history.state, roll, dirty), code)


def _dirty(home: Home) -> tuple[Status, ...]:
    """gunicorn's dirty workers, if there are any."""
    return read_roll(home.dirty).alive if home.dirty.is_dir() else ()


def _outcome(home: Home, history: History, wait: float) -> int | None:
    """What the rollout's end, or its halt, is to a script; None if there is no rollout."""
    code: int | None = None
    for _ in looks(home, history, wait):
        progress = history.state.progress
        code = None if progress is None else exit_code(progress)
        if progress is None and history.state.rollout is None:
            return None
        if code is not None and (history.state.rollout is None or code == OutcomeUnknown.exit_code):
            return code
    return OutcomeUnknown.exit_code


def _show(terminal: Terminal, home: Home, history: History, roll: Roll, dirty: tuple[Status, ...]) -> None:
    state, service = history.state, home.service
    head = ", ".join(
        f"{one.version} ({one.message})" if one.message else str(one.version) for one in state.head
    )
    terminal.say(f"{service.name} ({service.environment}), head: {head or 'the code on disk'}", style="bold")
    # On trial it is built, and its rollout says where it stands.
    if state.rollout is not None and not (state.underway and state.rollout.stage is Stage.REHEARSED):
        began = tell.span(clock.now().since(state.rollout.since))
        terminal.say(
            f"{tell.release(state.rollout.version)} {_STAGES[state.rollout.stage]}, since {began}",
            style="yellow",
        )
    for mark in state.forced:
        ago = tell.span(max(0.0, clock.now().since(mark.at)))
        why = f": {mark.reason}" if mark.reason else ""
        said = f"{tell.release(mark.version)} was forced by {mark.by}, {ago} ago{why}"
        terminal.say(f"{said}; requests in flight then may have seen both versions", style="red")
    if state.lock is not None:
        terminal.say(f"{state.lock.owner} holds the deploy lock: {state.lock.message}", style="yellow")
    if state.underway is not None:
        terminal.say(rollout_view.sentence(state.underway), style="yellow")
        terminal.say(f"  {rollout_view.plan(state.underway)}; {rollout_view.clocks(state.underway)}")
    if state.replacement is not None:
        terminal.say(_replacement(state.replacement, state, roll), style="yellow")
    if roll.alive:
        headings = ["worker", "runs", "phase", "age", "memory", "requests", "in flight", "class", "notes"]
        terminal.table(headings, [_row(state, one) for one in (*roll.alive, *dirty)])
        terminal.table(rollout_view.VERSIONS, rollout_view.version_rows(state, roll.alive))
    for one in roll.alive:
        for blocker in one.blockers:
            age = tell.span(max(0.0, time.time() - blocker.since)) if blocker.since else "?"
            what = "still answers" if one.life is Life.LEAVING else "still runs old code:"
            terminal.say(f"  worker {one.pid} {what} {blocker}, since {age}")
    if roll.dead:
        pids = ", ".join(str(one.pid) for one in roll.dead)
        terminal.say(f"dead, not yet accounted for: {pids}", style="yellow")
    for record in history.ledger.history()[-RECENT:]:
        terminal.say(f"{record.seq:>5}  {record.at.text()}  {tell.fact(record.fact)}", style="dim")


def _replacement(current: Replacement, state: State, roll: Roll) -> str:
    if not brings_up(state, current):
        return being_replaced(current.workers)
    serve = sum(one.life is Life.SERVING for one in roll.alive)
    wait = sum(one.life is Life.WAITING for one in roll.alive)
    return f"two sets of workers: {serve} of them answer, {wait} wait"


def _row(state: State, one: Status) -> tuple[str, ...]:
    age = tell.span(max(0.0, clock.now().since(one.started)))
    notes = [one.trouble, one.note, _adoption(one)]
    return (
        str(one.pid),
        tell.release(one.release),
        _phase(state, one),
        age,
        tell.memory(current_memory(one)),
        str(one.counters.requests),
        str(one.counters.in_flight),
        one.worker_class,
        "; ".join(note for note in notes if note),
    )


def _phase(state: State, one: Status) -> str:
    if one.life is not Life.SERVING:
        return str(one.life.value)
    if one.adoption is not None and one.adoption.errand == state.errand:
        return one.adoption.phase.value
    return "serving" if runs_head(state, one) else "behind"


def _adoption(one: Status) -> str:
    if one.adoption is None:
        return ""
    problem = one.adoption.problem
    return problem.text if problem else one.adoption.reason


def _verdict(home: Home, state: State, roll: Roll, dirty: tuple[Status, ...]) -> tuple[str, int]:
    serving = [one for one in roll.alive if one.life is Life.SERVING]
    if not roll.alive:
        return f"No worker of {home.service.name} is alive.", NoWorkerAlive.exit_code
    there = [one for one in serving if runs_head(state, one)]
    what = tell.release(state.top.version if state.top else 0)
    told = f"{len(there)} of {plural(len(serving), 'worker')} run {what}"
    if state.rollout is not None or len(there) < len(serving) or not serving:
        return f"{told}; not all is done yet.", OutcomeUnknown.exit_code
    if late := [one for one in there if one.blockers]:
        return f"{told}; old code goes on in {names(tuple(late))}.", 0
    late = [one for one in dirty if not runs_head(state, one)]
    if late:
        return f"{told}; {plural(len(late), 'dirty worker')} not yet.", OutcomeUnknown.exit_code
    return f"{told}.", 0


def _data(home: Home, state: State, roll: Roll, dirty: tuple[Status, ...]) -> dict[str, Any]:
    rollout = state.rollout
    return {
        "service": home.service.name,
        "environment": home.service.environment,
        "head": [
            {"release": one.version, "digest": one.digest, "message": one.message} for one in state.head
        ],
        "known": [one.version for one in state.known],
        "stage": state.stage.value,
        "release_in_progress": wire.unstructure(rollout) if rollout else None,
        **rollout_view.data(state.progress, state),
        "versions": rollout_view.versions(state, roll.alive),
        "replacing": state.replacement.worker if state.replacement else None,
        "replacing_with_it": list(state.replacement.others) if state.replacement else [],
        "transition": wire.unstructure(state.transition) if state.transition else None,
        "forced": [wire.unstructure(mark) for mark in state.forced],
        "quarantined": list(state.quarantined),
        "seq": state.seq,
        "workers": [_worker(state, one) for one in roll.alive],
        "dirty_workers": [_worker(state, one) for one in dirty],
        "dead": [one.worker for one in roll.dead],
    }


def _worker(state: State, one: Status) -> dict[str, Any]:
    told: dict[str, Any] = wire.unstructure(one)
    return {
        **told,
        "release": one.release,
        "runs_head": runs_head(state, one),
        "age": round(clock.now().since(one.started), 3),
        "memory": current_memory(one),
    }


def current_memory(one: Status) -> int:
    """Bytes that this worker holds now, if it can be seen from here; else what it said last."""
    try:
        if start_of(f"/proc/{one.pid}/stat") != one.worker.partition("-")[2]:
            return one.memory
        text = Path(f"/proc/{one.pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return one.memory
    found = [int(line.split()[1]) << 10 for line in text.splitlines() if line.startswith("Pss:")]
    return found[0] if found else one.memory
