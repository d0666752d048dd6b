"""Small mistakes on the command line, and small terminals: one line that says what to change."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import attrs
import pytest
from hotpatch_agent.cli.init import KNOWN
from hotpatch_agent.home.terms import Terms

from .conftest import Cli

HOTPATCH = [sys.executable, "-m", "hotpatch_agent.cli"]
INIT = ("init", "--home", "home", "--service", "shop", "--environment", "test")


@pytest.mark.parametrize("typed", ["pus", "rolback", "stauts"])
def test_a_command_that_is_nearly_one_is_answered_with_that_one(cli: Cli, typed: str) -> None:
    meant = {"pus": "push", "rolback": "rollback", "stauts": "status"}[typed]
    ran = cli(typed)
    assert ran.code == 64 and f"did you mean '{meant}'?" in ran.err


def test_a_number_that_is_none_is_called_so(cli: Cli) -> None:
    assert "'x' is no whole number" in cli("log", "--home", "home", "-n", "x").err


@pytest.mark.parametrize("seconds", ["nan", "inf", "soon", "1e12"])
@pytest.mark.parametrize("command", ["status", "rollback", "reload", "promote"])
def test_a_wait_that_is_no_number_of_seconds_is_refused(cli: Cli, command: str, seconds: str) -> None:
    ran = cli(command, "--home", "home", f"--wait={seconds}")
    assert ran.code == 64 and "no number of seconds" in ran.err


@pytest.mark.parametrize("command", ["status", "rollback", "reload", "promote"])
def test_a_wait_below_nothing_is_refused(cli: Cli, command: str) -> None:
    ran = cli(command, "--home", "home", "--wait=-1")
    assert ran.code == 64 and "-1" in ran.err


@pytest.mark.parametrize("flag", ["--canary=5%", "--match=header:X-Canary=yes"])
def test_two_strategies_at_once_are_refused(cli: Cli, flag: str) -> None:
    cli(*INIT)
    ran = cli("push", "shop.bundle", "--home", "home", "--strategy", "rolling", flag)
    assert ran.code == 64 and "contradict" in ran.err


def test_a_wrong_flag_is_not_blamed_on_a_file_that_is_not_there(cli: Cli) -> None:
    cli(*INIT)
    ran = cli("push", "shop.bundle", "--home", "home", "--canary", "five")
    assert ran.code == 40 and ran.err.startswith("hotpatch: the flags: the step 'five'")


def test_a_wrong_setting_of_the_file_is_told_with_the_file(cli: Cli, tmp_path: Path) -> None:
    cli(*INIT)
    (tmp_path / "home" / "rollout.toml").write_text("deadline = 'never'\n")
    ran = cli("push", "shop.bundle", "--home", "home")
    assert ran.code == 40 and str(tmp_path / "home" / "rollout.toml") in ran.err


def test_a_setting_that_nothing_knows_is_kept_with_a_warning(cli: Cli) -> None:
    ran = cli(*INIT, "--set", "dead_line=20", "--json")
    assert ran.code == 0 and ran.data["settings"] == {"dead_line": "20"}
    assert "'dead_line'" in ran.err and "deadline?" in ran.err


def test_settings_that_mean_something_are_taken_without_a_word(cli: Cli) -> None:
    assert {field.name for field in attrs.fields(Terms)} < KNOWN
    assert cli(*INIT, "--set", "version_header=X-Release", "--set", "deadline=20").err == ""


def test_a_home_that_can_t_be_made_is_one_line(cli: Cli) -> None:
    ran = cli("init", "--home", "/proc/hotpatch", "--service", "shop", "--environment", "test")
    assert ran.code == 26 and "/proc/hotpatch can't be made" in ran.err


@pytest.mark.parametrize(
    "command", [("build", "--from", ".", "--to", ".", "-o"), ("sign", "any.bundle", "--key", "any.key", "-o")]
)
def test_a_file_in_a_folder_that_is_not_there_is_refused_before_any_work(
    cli: Cli, command: tuple[str, ...]
) -> None:
    ran = cli(*command, "nowhere/shop.bundle")
    assert ran.code == 64 and "there is no folder nowhere" in ran.err


def test_a_tree_that_is_neither_folder_nor_revision_is_named(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    ran = cli("plan", "--from", "old", "--to", "neww", "--app", "shop:app")
    assert ran.code == 31 and "'neww' is no folder" in ran.err


def test_a_probe_that_is_none_is_told_with_its_option(cli: Cli) -> None:
    (Path("old")).mkdir()
    (Path("new")).mkdir()
    ran = cli("build", "--from", "old", "--to", "new", "--http", "nonsense", "--service", "s",
              "--environment", "e", "--release", "1", "--app", "shop:app")  # fmt: skip
    assert ran.code == 64 and "--http" in ran.err


@pytest.mark.parametrize("mode", [(), ("--json",)])
def test_a_command_whose_output_was_closed_ends_without_a_traceback(
    tmp_path: Path, mode: tuple[str, ...]
) -> None:
    line = " ".join([*HOTPATCH, "drill", "--list", *mode, ">&-"])
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_terminal_that_reads_ascii_alone_gets_everything_in_ascii(cli: Cli, tmp_path: Path) -> None:
    done = subprocess.run(
        [*HOTPATCH, "status", "--home", "gröÖße"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 10 and "gr\\xf6" in done.stderr
    done = subprocess.run(
        [*HOTPATCH, "init", "--home", "größe", "--service", "s", "--environment", "e"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0 and "gr\\xf6" in done.stdout


def test_the_shell_completes_the_names_of_drills(tmp_path: Path) -> None:
    asked = {"_HOTPATCH_COMPLETE": "bash_complete", "COMP_WORDS": "hotpatch drill le", "COMP_CWORD": "2"}
    done = subprocess.run(
        HOTPATCH, env={**os.environ, **asked}, capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.stdout == "plain,leader-killed\n"
