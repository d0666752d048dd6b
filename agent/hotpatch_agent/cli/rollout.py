"""`hotpatch rollout watch`: a rollout live, as long as one likes to look."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hotpatch_agent.cli import tell
from hotpatch_agent.cli.amounts import SECONDS
from hotpatch_agent.cli.command import cli_command, home_option
from hotpatch_agent.cli.follow import looks
from hotpatch_agent.cli.rollout_view import VERSIONS, clocks, data, plan, sentence, version_rows, versions
from hotpatch_agent.cli.terminal import Terminal
from hotpatch_agent.decision.history import History
from hotpatch_agent.decision.states import State
from hotpatch_agent.home.folder import open_home
from hotpatch_agent.home.ledger import Record
from hotpatch_agent.home.status import Status, read_roll
from hotpatch_agent.rollout.states import Station

if TYPE_CHECKING:
    from rich.console import Group

Show = Callable[[State, tuple[Status, ...], tuple[Record, ...]], None]
FOREVER = 30 * 86_400.0


@cli_command(
    "rollout",
    examples=["hotpatch rollout watch", "hotpatch rollout watch --wait 600", "hotpatch rollout watch --json"],
)
@home_option
@click.option("--wait", type=SECONDS, metavar="SECONDS", help="Look no longer than that.")
@click.argument("what", type=click.Choice(["watch"]))
def command(terminal: Terminal, home: Path, wait: float | None, what: str) -> int:
    """Watch it: steps, shares, new against old, why.

    Ends with the rollout. Exit code 0: promoted, or there is none; 1: rolled back, aborted or superseded; 2:
    not over in time.
    """
    place = open_home(home.absolute())
    history = History(place.ledger)
    history.refresh()
    alive = read_roll(place.workers).alive
    with _screen(terminal) as show:
        for records in looks(place, history, FOREVER if wait is None else wait):
            alive = read_roll(place.workers).alive
            show(history.state, alive, records)
            if history.state.underway is None and history.state.rollout is None:
                break
    progress = history.state.progress
    found = {**data(progress, history.state), "versions": versions(history.state, alive)}
    if progress is None:
        return terminal.finish(sentence(progress), found)
    code = 0 if progress.station is Station.PROMOTED else 1 if progress.ended else 2
    return terminal.finish(sentence(progress), found, code)


@contextlib.contextmanager
def _screen(terminal: Terminal) -> Iterator[Show]:
    if terminal.as_json or not terminal.console.is_terminal:
        yield _lines(terminal)
        return
    from rich.live import Live

    said: list[str] = []
    with Live(console=terminal.console, refresh_per_second=10) as live:

        def show(state: State, alive: tuple[Status, ...], records: tuple[Record, ...]) -> None:
            said.extend(tell.fact(record.fact) for record in records)
            live.update(_drawn(state, alive, said[-6:]), refresh=True)

        yield show


def _lines(terminal: Terminal) -> Show:
    """A line for each decision; the figures with it."""

    def show(state: State, alive: tuple[Status, ...], records: tuple[Record, ...]) -> None:
        for record in records:
            terminal.say(f"{record.at.text()}  {tell.fact(record.fact)}")
        if records:
            for row in version_rows(state, alive):
                terminal.say(
                    "  " + ", ".join(f"{name} {cell}" for name, cell in zip(VERSIONS, row, strict=True))
                )

    return show


def _drawn(state: State, alive: tuple[Status, ...], said: list[str]) -> Group:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in VERSIONS:
        table.add_column(heading, justify="left" if heading == "version" else "right")
    for row in version_rows(state, alive):
        table.add_row(*row)
    progress = state.progress
    lines = [Text(sentence(progress), style="bold")]
    if progress is not None:
        lines += [Text(plan(progress), style="dim"), Text(clocks(progress), style="yellow")]
    return Group(*lines, table, *(Text(line, style="dim") for line in said))
