"""The frame around all commands: found by name, imported late, one line and one code for whatever happens."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import click
import pytest
from hotpatch_agent.cli import main as frame
from hotpatch_agent.cli.command import Command, cli_command
from hotpatch_agent.cli.terminal import Terminal

from hotpatch import errors

from .conftest import Cli

NAMES = [name for section in frame.COMMANDS.values() for name in section]
HOTPATCH = [sys.executable, "-m", "hotpatch_agent.cli"]


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Terminal], int]], None]:
    """Puts a function in the place of the command `status`."""

    def plant(function: Callable[[Terminal], int]) -> None:
        module = ModuleType("hotpatch_agent.cli.status")
        module.__spec__ = ModuleSpec(module.__name__, None)
        module.command = cli_command("status", examples=["hotpatch status"])(function)  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, module.__name__, module)

    return plant


def raising(error: BaseException) -> Callable[[Terminal], int]:
    def command(terminal: Terminal) -> int:
        raise error

    return command


def test_help_lists_every_command_with_its_summary(cli: Cli) -> None:
    ran = cli("--help")
    assert ran.code == 0
    for section in frame.COMMANDS.values():
        for name, summary in section.items():
            assert f"  {name}" in ran.out
            assert summary in ran.out


def test_help_imports_neither_commands_nor_heavy_libraries() -> None:
    program = (
        "import sys\n"
        "from hotpatch_agent.cli.main import main\n"
        "code = main(['--help'])\n"
        "heavy = {'rich', 'tuf', 'securesystemslib', 'cryptography', 'msgpack', 'watchdog', 'gunicorn'}\n"
        "found = heavy & set(sys.modules)\n"
        "own = {m for m in sys.modules if m.startswith('hotpatch_agent.cli.')}\n"
        "sys.exit(repr((found, own)) if found or len(own) > 2 else code)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


OLD_CLICK = """
import sys, click
from click import exceptions
if hasattr(exceptions, "NoArgsIsHelpError"):
    del exceptions.NoArgsIsHelpError, click.ParamType.__class_getitem__, click.ParamType.__orig_bases__
    setattr(click.ParamType, "__class_getitem__", None)
from hotpatch_agent.cli.main import COMMANDS, main
for section in COMMANDS.values():
    for name in section:
        assert main([name, "--help"]) == 0, name
sys.exit(main(["show", "nowhere.bundle"]))
"""
"""Without what click 8.2 brought: an application may ask for 8.1."""


def test_commands_work_with_the_click_that_applications_may_have(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", OLD_CLICK], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == errors.NotABundle.exit_code, done.stderr
    assert "nowhere.bundle" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_examples_and_speaks_json(cli: Cli, name: str) -> None:
    ran = cli(name, "--help")
    assert ran.code == 0
    assert "Examples:\n  hotpatch " in ran.out or 'Examples:\n  eval "$(hotpatch ' in ran.out
    assert "--json" in ran.out


@pytest.mark.parametrize("name", NAMES)
def test_the_summary_in_the_table_is_the_command_s_own(name: str) -> None:
    command = frame.cli.get_command(click.Context(frame.cli), name)
    assert isinstance(command, Command)
    summary = next(section[name] for section in frame.COMMANDS.values() if name in section)
    assert (command.help or "").split("\n\n")[0].replace("\n", " ").strip() == summary
    assert command.name == name


def test_a_command_whose_module_is_not_there_is_not_listed(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame, "COMMANDS", {"Nothing": {"absent": "Is not there."}})
    assert "absent" not in cli("--help").out
    assert cli("absent").code == 64


def test_an_error_is_one_line_and_its_own_code(
    cli: Cli, planted: Callable[[Callable[[Terminal], int]], None]
) -> None:
    planted(raising(errors.WrongKey("the bundle\nis not   signed by a friend")))
    ran = cli("status")
    assert (ran.code, ran.out) == (16, "")
    assert ran.err == "hotpatch: the bundle is not signed by a friend\n"


def test_an_error_is_one_object_with_json(
    cli: Cli, planted: Callable[[Callable[[Terminal], int]], None]
) -> None:
    planted(raising(errors.Busy("another release is on its way")))
    ran = cli("status", "--json")
    assert (ran.code, ran.err) == (27, "")
    assert ran.data == {"error": "Busy", "code": 27, "message": "another release is on its way"}


def test_a_bug_is_one_line_too_and_says_how_to_see_more(
    cli: Cli, planted: Callable[[Callable[[Terminal], int]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    planted(raising(ZeroDivisionError("division by zero")))
    ran = cli("status")
    assert (ran.code, ran.out) == (70, "")
    assert ran.err.count("\n") == 1
    assert "ZeroDivisionError: division by zero" in ran.err
    assert "HOTPATCH_DEBUG=1" in ran.err
    monkeypatch.setenv("HOTPATCH_DEBUG", "1")
    assert "Traceback" in cli("status").err


@pytest.mark.parametrize(
    ("error", "code", "name"),
    [
        (OSError(28, "No space left on device", "/srv/x"), 25, "DiskFull"),
        (PermissionError(13, "Permission denied", "/srv/x"), 26, "NotWritable"),
        (OSError(30, "Read-only file system", "/srv/x"), 26, "NotWritable"),
        (KeyboardInterrupt(), 130, "Interrupted"),
        (click.Abort(), 130, "Interrupted"),
        (RuntimeError("x"), 70, "RuntimeError"),
    ],
)
def test_what_the_system_says_has_a_code_as_well(
    cli: Cli,
    planted: Callable[[Callable[[Terminal], int]], None],
    error: BaseException,
    code: int,
    name: str,
) -> None:
    planted(raising(error))
    assert cli("status").code == code
    assert cli("status", "--json").data["error"] == name


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["--nonsense"], ["show"], ["show", "--nonsense"], ["completion", "tcsh"]]
)
def test_a_command_line_that_makes_no_sense_is_64_and_points_to_help(cli: Cli, arguments: list[str]) -> None:
    ran = cli(*arguments)
    assert (ran.code, ran.out) == (64, "")
    assert ran.err.startswith("hotpatch: ")
    assert ran.err.endswith("--help)\n")
    assert ran.err.count("\n") == 1


def test_without_a_command_it_shows_its_help(cli: Cli) -> None:
    ran = cli()
    assert ran.code == 64
    assert "Make a release:" in ran.err


def test_a_command_s_number_is_the_exit_code(
    cli: Cli, planted: Callable[[Callable[[Terminal], int]], None]
) -> None:
    planted(lambda terminal: terminal.finish("Did not go well.", {"a": 1}, 2))
    ran = cli("status")
    assert (ran.code, ran.out, ran.err) == (2, "Did not go well.\n", "")
    assert cli("status", "--json").data == {"a": 1, "message": "Did not go well.", "code": 2}


def test_a_reader_that_goes_away_is_no_bug() -> None:
    process = subprocess.Popen(
        [*HOTPATCH, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(60) == 141


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_asks_hotpatch_for_what_comes_next(cli: Cli, shell: str) -> None:
    ran = cli("completion", shell)
    assert ran.code == 0
    assert f"_HOTPATCH_COMPLETE={shell}_complete" in ran.out


@pytest.mark.parametrize(("words", "offered"), [("hotpatch ke", "keygen"), ("hotpatch show --fi", "--file")])
def test_completion_offers_commands_and_options(words: str, offered: str) -> None:
    done = subprocess.run(
        HOTPATCH,
        env={
            **os.environ,
            "_HOTPATCH_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(words.count(" ")),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"plain,{offered}" in done.stdout.splitlines()


def test_a_home_must_be_named_where_it_is_needed(cli: Cli) -> None:
    ran = cli("status")
    assert ran.code == errors.NoHome.exit_code
    assert "HOTPATCH_HOME" in ran.err
