"""`hotpatch drill`: a rehearsed incident on the demo service, with a score."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from hotpatch_agent.cli.command import cli_command
from hotpatch_agent.cli.terminal import Terminal

if TYPE_CHECKING:
    from hotpatch_agent.drill.scenarios import Drill
    from hotpatch_agent.drill.score import Score, Step
    from hotpatch_agent.drill.stage import Options
    from hotpatch_agent.load.account import Tally


def complete_name(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """For the shell: drills whose names begin so."""
    from hotpatch_agent.drill.patches import demo_root, read_patches
    from hotpatch_agent.drill.scenarios import drills

    known = drills(read_patches(demo_root())).values()
    return [CompletionItem(one.name, help=one.title) for one in known if one.name.startswith(incomplete)]


@cli_command(
    "drill",
    examples=[
        "hotpatch drill",
        "hotpatch drill sql-injection",
        "hotpatch drill two-percent --worker-class asgi",
        "hotpatch drill --list",
        "hotpatch drill --all --json",
    ],
)
@click.argument("name", default="incident", shell_complete=complete_name)
@click.option("--list", "listing", is_flag=True, help="List the drills there are, and play none.")
@click.option("--all", "everything", is_flag=True, help="Play all of them, one after another.")
@click.option(
    "--workers", type=click.IntRange(1, 32), default=3, show_default=True, help="Workers of the service."
)
@click.option(
    "--clients", type=click.IntRange(1, 256), default=12, show_default=True, help="Clients of the load."
)
@click.option(
    "--worker-class",
    type=click.Choice(["gthread", "sync", "asgi", "uvicorn"]),
    default="gthread",
    show_default=True,
    help="What gunicorn's workers are.",
)
@click.option(
    "--preload", is_flag=True, help="Let gunicorn load the application before it forks its workers."
)
def command(
    terminal: Terminal, name: str, listing: bool, everything: bool, worker_class: str, **size: Any
) -> int:
    """Rehearse an incident on the demo service.

    Starts the demo application on gunicorn under load, in a folder of its own, and plays the drill NAME on
    it with hotpatch's own commands. Every request is counted: exit code 1 if a single one was dropped or
    wrong, or if any step went otherwise than it must.
    """
    from hotpatch_agent.drill.patches import demo_root, read_patches
    from hotpatch_agent.drill.scenarios import drills
    from hotpatch_agent.drill.stage import Options

    known = drills(read_patches(demo_root()))
    if listing:
        return show_list(terminal, known)
    if name not in known:
        raise click.UsageError(f"there is no drill '{name}'; hotpatch drill --list lists them")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    options = Options(worker_class=worker_class, **size)
    if everything:
        return play_all(terminal, [one for one in known.values() if one.fits(options)], options)
    if not known[name].fits(options):
        raise click.UsageError(f"the drill '{name}' can't be played on {worker_class} workers")
    score = play(terminal, known[name], options)
    return terminal.finish(score.sentence, score.as_json(), 0 if score.passed else 1)


def play(terminal: Terminal, drill: Drill, options: Options) -> Score:
    """One drill, shown as it goes on."""
    from hotpatch_agent.drill.scenarios import run

    terminal.say(f"drill {drill.name}: {drill.title}", style="bold")
    score = run(
        drill,
        options,
        lambda step: show_step(terminal, step),
        lambda url: terminal.say(f"to look on: {url}", style="dim"),
    )
    show_timeline(terminal, score)
    show_account(terminal, score)
    return score


def play_all(terminal: Terminal, chosen: Sequence[Drill], options: Options) -> int:
    """Each of these drills, then a table of all; exit code 1 if one did not pass."""
    scores = []
    for drill in chosen:
        scores.append(play(terminal, drill, options))
        terminal.say(scores[-1].sentence, style="green" if scores[-1].passed else "bold red")
        terminal.say()
    headings = ("drill", "", "steps", "sent", "dropped", "errors", "wrong", "cuts", "seconds")
    terminal.table(headings, [summary_row(score) for score in scores])
    failed = [score.drill for score in scores if not score.passed]
    sentence = f"{len(scores)} drills, all passed." if not failed else f"FAILED: {', '.join(failed)}."
    data = {"drills": [score.as_json() for score in scores], "failed": failed}
    return terminal.finish(sentence, data, 1 if failed else 0)


def summary_row(score: Score) -> tuple[object, ...]:
    verdict = "passed" if score.passed else "FAILED"
    total = score.report.total
    found = (score.sent, score.dropped, total.errors, total.wrong, score.cuts, f"{score.seconds:.0f}")
    return score.drill, verdict, len(score.steps), *found


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


def show_timeline(terminal: Terminal, score: Score) -> None:
    terminal.say()
    rows = [(f"{moment.at:7.2f}", moment.who, moment.text) for moment in score.timeline]
    terminal.table(("seconds", "who", "what"), rows)


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
