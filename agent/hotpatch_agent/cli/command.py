"""The common shape of all commands: `--json`, a terminal to speak through, and an example in the help.

A command is written as

    @cli_command("status", examples=["hotpatch status --home /srv/shop"])
    @home_option
    def command(terminal: Terminal, home: Path) -> int:
        \"\"\"Show what every worker runs.\"\"\"
        ...
        return terminal.finish("All 4 workers run release 7.", {"workers": [...]})

and returns its exit code.  It raises `HotpatchError` for everything that goes wrong: `main` prints it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from hotpatch.errors import NoHome
from hotpatch_agent.cli.terminal import Terminal


class Command(click.Command):
    """A command whose help ends with examples."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Examples"):
            for example in self.examples:
                # not write_text: a wrapped example can't be copied
                formatter.write(f"{'':>{formatter.current_indent}}{example}\n")


def cli_command(name: str, *, examples: Sequence[str]) -> Callable[[Callable[..., int]], Command]:
    """Turn a function into the command `name`; given a `Terminal` first; its docstring is the help."""
    if not examples:
        raise ValueError(f"the command {name} needs at least one example")

    def decorate(function: Callable[..., int]) -> Command:
        @functools.wraps(function)
        def run(as_json: bool, **arguments: Any) -> int:
            return function(Terminal(as_json), **arguments)

        wrapped = click.option(
            "--json", "as_json", is_flag=True, help="Print one JSON object, for scripts, and nothing else."
        )(run)
        return click.command(name, cls=Command, examples=examples)(wrapped)

    return decorate


def _demand_home(ctx: click.Context, parameter: click.Parameter, value: Path | None) -> Path:
    if value is None:
        if ctx.resilient_parsing:
            return Path()
        raise NoHome("no home folder was named: pass --home FOLDER or set HOTPATCH_HOME")
    return value


def _home(required: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(
        "--home",
        type=click.Path(path_type=Path, file_okay=False),
        envvar="HOTPATCH_HOME",
        callback=_demand_home if required else None,
        help="The service's home folder; $HOTPATCH_HOME if not given.",
    )


home_option = _home(required=True)
"""`--home`, handed to the command as a `Path`; `NoHome` if neither it nor HOTPATCH_HOME is given.
Whether the folder is there is for the command to find out."""

optional_home_option = _home(required=False)
"""`--home` for commands that can do without: `None` if it isn't given."""
