"""`hotpatch drill`: a rehearsed incident on the demo service, with a score."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from types import FrameType
from typing import TYPE_CHECKING

import click

from hotpatch_agent.cli.command import cli_command
from hotpatch_agent.cli.terminal import Terminal

if TYPE_CHECKING:
    from hotpatch_agent.drill.scenarios import Drill
    from hotpatch_agent.drill.score import Score, Step
    from hotpatch_agent.load.account import Tally


@cli_command(
    "drill",
    examples=[
        "hotpatch drill",
        "hotpatch drill sql-injection",
        "hotpatch drill --list",
        "hotpatch drill --json",
    ],
)
@click.argument("name", default="incident")
@click.option("--list", "listing", is_flag=True, help="List the drills there are, and play none.")
@click.option(
    "--workers", type=click.IntRange(1, 32), default=3, show_default=True, help="Workers of the service."
)
@click.option(
    "--clients", type=click.IntRange(1, 256), default=12, show_default=True, help="Clients of the load."
)
@click.option(
    "--preload", is_flag=True, help="Let gunicorn load the application before it forks its workers."
)
def command(terminal: Terminal, name: str, listing: bool, workers: int, clients: int, preload: bool) -> int:
    """Rehearse an incident on the demo service.

    Starts the demo application on gunicorn under load, in a folder of its own, and plays the drill NAME on
    it with hotpatch's own commands. Every request is counted: exit code 1 if a single one was dropped or
    wrong, or if any step went otherwise than it must.
    """
    from hotpatch_agent.drill.patches import demo_root, read_patches
    from hotpatch_agent.drill.scenarios import drills, run
    from hotpatch_agent.drill.stage import Options

    known = drills(read_patches(demo_root()))
    if listing:
        return show_list(terminal, known)
    if name not in known:
        raise click.UsageError(f"there is no drill '{name}'; hotpatch drill --list lists them")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    terminal.say(f"drill {name}: {known[name].title}", style="bold")
    score = run(
        known[name],
        Options(workers=workers, clients=clients, preload=preload),
        lambda step: show_step(terminal, step),
    )
    show_account(terminal, score)
    return terminal.finish(score.sentence, score.as_json(), 0 if score.passed else 1)


def interrupt(number: int, frame: FrameType | None) -> None:
    """End by a signal as by Ctrl-C: what was started is ended on the way out."""
    raise KeyboardInterrupt


def show_list(terminal: Terminal, known: Mapping[str, Drill]) -> int:
    terminal.table(("drill", "what it is about"), [(drill.name, drill.title) for drill in known.values()])
    rows = [{"name": drill.name, "title": drill.title} for drill in known.values()]
    return terminal.finish(f"{len(known)} drills.", {"drills": rows})


def show_step(terminal: Terminal, step: Step) -> None:
    mark, style = ("ok ", "green") if step.passed else ("NOT", "bold red")
    terminal.say(f"{mark} {step.name}", style=style)
    terminal.say(f"    {step.found} ({step.seconds:.2f} s)", style="dim")


def row(name: str, tally: Tally) -> tuple[object, ...]:
    times = (f"{1000 * seconds:.1f}" for seconds in (tally.median, tally.p99, tally.longest))
    return name, tally.sent, tally.dropped, tally.errors, tally.wrong, *times


def show_account(terminal: Terminal, score: Score) -> None:
    terminal.say()
    phases = {**score.report.phases, "all": score.report.total}
    headings = ("phase", "sent", "dropped", "errors", "wrong", "median ms", "p99 ms", "longest ms")
    terminal.table(headings, [row(name, tally) for name, tally in phases.items()])
    for complaint in score.report.complaints:
        terminal.say(complaint, style="red")
    streams = score.report.streams
    events = sum(stream.events for stream in streams)
    silence = max((stream.silence for stream in streams), default=0.0)
    terminal.say(
        f"{len(streams)} event streams: {events} events, {score.cuts} cuts, longest silence {silence:.2f} s; "
        f"{score.seconds:.0f} s in all"
    )
    terminal.say()
