"""`hotpatch`: finds the command, runs it, and turns whatever comes out into one line and an exit code.

A command's module is imported when that command is run or asked for its help, never for another one: the
list of commands is the table below, so `hotpatch --help` costs the import of click and no more.
"""

from __future__ import annotations

import difflib
import errno
import importlib
import importlib.util
import io
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import click
from click.shell_completion import CompletionItem, shell_complete

from hotpatch.errors import DiskFull, HotpatchError, NotWritable
from hotpatch_agent.cli.terminal import write_json

USAGE: Final = 64
BUG: Final = 70
INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141  # what a shell shows for a process that SIGPIPE ended
_NO_ARGUMENTS: Final[Any] = getattr(click.exceptions, "NoArgsIsHelpError", ())
"""Click before 8.2, which applications may ask for, prints its help and exits instead."""

COMPLETION: Final = "_HOTPATCH_COMPLETE"
"""By this variable a shell's completion script asks what comes next; the name is click's convention."""

_PLAINER: Final = {
    "is not a valid integer range": "is no whole number",
    "is not a valid integer": "is no whole number",
    "Directory '": "'",
    "File '": "'",
}
"""click's words that say nothing to an operator, and what is said instead."""

COMMANDS: Final[Mapping[str, Mapping[str, str]]] = {
    "Make a release": {
        "keygen": "Make a signing key, and the trust root that names it.",
        "build": "Build a bundle from two revisions or two folders.",
        "sign": "Add a signature to a bundle.",
        "verify": "Check a bundle against a trust root, rule by rule.",
        "show": "Show what is inside a bundle.",
        "plan": "Show what applying a release would do, edit by edit.",
    },
    "Run a service": {
        "init": "Make the home folder of a service.",
        "push": "Push a release to every worker, and watch it go live.",
        "status": "Show what every worker runs.",
        "log": "Show the history of releases and decisions.",
        "rollback": "Go back to an earlier release.",
        "finish": "End a transition that doesn't end by itself.",
        "reload": "Start every worker anew, one at a time, on the sources on disk.",
    },
    "Steer a rollout": {
        "promote": "Go on to the next step, or all the way.",
        "abort": "Take the release back, for good.",
        "pause": "Stop where it is; the clock stands.",
        "resume": "Go on where it was stopped.",
        "retry": "Begin a release again that was taken back.",
        "rollout": "Watch it: steps, shares, new against old, why.",
        "lock": "Let nobody push but yourself.",
        "unlock": "Let others push again.",
    },
    "Try and set up": {
        "drill": "Rehearse an incident on the demo service.",
        "completion": "Print the completion script of a shell.",
    },
}
"""Every command, by section of the help: name and summary.  One whose module isn't there is not listed."""


class LazyGroup(click.Group):
    """Commands by name from `COMMANDS`, imported one at a time."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for section in COMMANDS.values() for name in section if _installed(name)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if not any(cmd_name in section for section in COMMANDS.values()) or not _installed(cmd_name):
            return None
        found = importlib.import_module(f"hotpatch_agent.cli.{cmd_name}").command
        if not isinstance(found, click.Command):
            raise TypeError(f"hotpatch_agent.cli.{cmd_name}.command is no click command")
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            near = difflib.get_close_matches(args[0], self.list_commands(ctx), 1)
            meant = f"; did you mean '{near[0]}'?" if near else ""
            raise click.UsageError(f"there is no command '{args[0]}'{meant}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, section in COMMANDS.items():
            rows = [(name, summary) for name, summary in section.items() if _installed(name)]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows, col_spacing=4)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        commands = [
            CompletionItem(name, help=summary)
            for section in COMMANDS.values()
            for name, summary in section.items()
            if name.startswith(incomplete) and _installed(name)
        ]
        # the options of `hotpatch` itself, without a look into the commands
        return commands + click.Command.shell_complete(self, ctx, incomplete)


def _installed(name: str) -> bool:
    return importlib.util.find_spec(f"hotpatch_agent.cli.{name}") is not None


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes are listed in docs/exit-codes.md. HOTPATCH_DEBUG=1 shows tracebacks.",
)
@click.version_option(package_name="hotpatch-runtime", message="hotpatch %(version)s")
def cli() -> None:
    """Signed fixes go live in every worker of a Python web service, without a restart."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; nothing is raised, whatever happens."""
    _open_outputs()
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    as_json = "--json" in arguments
    try:
        code = _run(list(arguments))
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # whoever read stdout went away, and the interpreter's own flush at exit must not complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except (click.Abort, KeyboardInterrupt):
        return _report("Interrupted", INTERRUPTED, "interrupted", as_json)
    except _NO_ARGUMENTS as problem:
        sys.stderr.write(problem.format_message() + "\n")
        return USAGE
    except click.ClickException as problem:
        return _report("Usage", USAGE, _usage_text(problem), as_json)
    except HotpatchError as problem:
        _debug()
        return _report(type(problem).__name__, problem.exit_code, _one_line(str(problem)), as_json)
    except Exception as problem:  # noqa: BLE001 - the outermost edge: a line, no traceback
        _debug()
        return _report_unexpected(problem, as_json)


def _open_outputs() -> None:
    """Somewhere to speak to, that takes every character: whoever started this may have closed stdout, or may
    read ASCII alone."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - open to the end
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _run(arguments: list[str]) -> int:
    """The command's own exit code.  Not by `cli.main`, which takes broken pipes and interrupts for itself."""
    if instruction := os.environ.get(COMPLETION):
        return shell_complete(cli, {}, "hotpatch", COMPLETION, instruction)
    try:
        with cli.make_context("hotpatch", arguments) as context:
            returned = cli.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    return returned if isinstance(returned, int) else 0


def _report_unexpected(problem: Exception, as_json: bool) -> int:
    known = _from_os_error(problem) if isinstance(problem, OSError) else None
    if known is not None:
        return _report(type(known).__name__, known.exit_code, str(known), as_json)
    detail = _one_line(str(problem))
    text = f"unexpected {type(problem).__name__}{': ' if detail else ''}{detail}; this is a bug in hotpatch"
    if not os.environ.get("HOTPATCH_DEBUG"):
        text += ", run again with HOTPATCH_DEBUG=1 for the traceback"
    return _report(type(problem).__name__, BUG, text, as_json)


def _from_os_error(problem: OSError) -> HotpatchError | None:
    """A full disk or a missing right is the user's to mend, wherever it showed itself."""
    where = f"{problem.filename}: " if problem.filename else ""
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(f"{where}no space left on the device; free some and run the command again")
    if problem.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        reason = (problem.strerror or "permission denied").lower()
        return NotWritable(f"{where}{reason}; run the command as a user who may")
    return None


def _usage_text(problem: click.ClickException) -> str:
    text = _one_line(problem.format_message()).rstrip(".")
    for theirs, ours in _PLAINER.items():
        text = text.replace(theirs, ours)
    text = text[:1].lower() + text[1:]
    context = getattr(problem, "ctx", None)
    where = context.command_path if context is not None else "hotpatch"
    return f"{text} (see {where} --help)"


def _report(error: str, code: int, message: str, as_json: bool) -> int:
    if as_json:
        answer: dict[str, Any] = {"error": error, "code": code, "message": message}
        write_json(answer)
    else:
        sys.stderr.write(f"hotpatch: {message}\n")
    return code


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _debug() -> None:
    if os.environ.get("HOTPATCH_DEBUG"):
        import traceback  # and with it much that every command would pay for

        traceback.print_exc()
