"""A command's voice: plain where nobody sees colours, silent but for one object with --json."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hotpatch_agent.cli.terminal import Terminal

PROGRAM = (
    "from hotpatch_agent.cli.terminal import Terminal\n"
    "t = Terminal(False)\n"
    "t.say('green', style='green'); t.table(['a', 'b'], [('x' * 200, 2)]); t.finish('Done.', {})\n"
)


def on_a_terminal(**environment: str) -> str:
    """What the program above writes when its stdout is a terminal."""
    master, slave = pty.openpty()
    base = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdout=slave,
        env={**base, "TERM": "xterm-256color", "COLUMNS": "80", **environment},
    )
    os.close(slave)
    out = b""
    while True:
        try:
            part = os.read(master, 4096)
        except OSError:  # a pty whose other end is closed says EIO
            break
        if not part:
            break
        out += part
    os.close(master)
    assert process.wait(60) == 0
    return out.decode()


def test_colours_on_a_terminal_and_none_where_they_are_not_wanted() -> None:
    assert "\x1b[" in on_a_terminal()
    assert "\x1b[3" not in on_a_terminal(NO_COLOR="1")


def test_a_pipe_gets_plain_text_uncut(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal(False)
    terminal.say("[bold]text[/bold] :smile: 42", style="red")
    terminal.table(["name", "value"], [("x" * 300, 1), ("y", "z")])
    terminal.finish("Done.", {"a": 1})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "[bold]text[/bold] :smile: 42"
    assert lines[1].split() == ["name", "value"]
    assert lines[2] == f"{'x' * 300}  1"
    assert lines[-1] == "Done."
    assert all(line == line.rstrip() for line in lines)


def test_json_is_one_line_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal(True)
    terminal.say("text")
    terminal.table(["a"], [("b",)])
    terminal.rows([("c",)])
    terminal.console.print("progress")
    with terminal.busy("working"):
        pass
    assert (
        terminal.finish(
            "Done.", {"at": datetime(2030, 1, 1, tzinfo=UTC), "where": Path("/x"), "s": {"b", "a"}}
        )
        == 0
    )
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert json.loads(out) == {
        "code": 0,
        "message": "Done.",
        "at": "2030-01-01T00:00:00+00:00",
        "where": "/x",
        "s": ["a", "b"],
    }


def test_a_value_without_json_form_is_a_mistake_of_the_command() -> None:
    with pytest.raises(TypeError, match="no JSON form"):
        Terminal(True).finish("Done.", {"x": object()})


def test_a_warning_goes_to_stderr_in_both_modes(capsys: pytest.CaptureFixture[str]) -> None:
    for as_json in (False, True):
        Terminal(as_json).warn("look out")
        assert capsys.readouterr() == ("", "hotpatch: look out\n")
