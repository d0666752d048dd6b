"""hotpatch as an operator uses it: the real command line, in processes of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from hotpatch_agent.drill.failure import DrillFailed

LONGEST_SECONDS = 300.0


@frozen
class Done:
    """A command that has ended.  `began` by the machine's monotonic clock; `answer` is its JSON object."""

    command: str
    code: int
    began: float
    seconds: float
    answer: Mapping[str, Any]

    @property
    def message(self) -> str:
        return str(self.answer.get("message", ""))


def run(*arguments: object, environ: Mapping[str, str], longest: float = LONGEST_SECONDS) -> Done:
    """`hotpatch ARGUMENTS --json`.  DrillFailed if it says nothing that can be read, or never ends; its whole
    process group is ended in any case."""
    words = [str(word) for word in arguments]
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "hotpatch_agent.cli", *words, "--json"],
        env={**os.environ, **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    try:
        out, errors = process.communicate(timeout=longest)
    except subprocess.TimeoutExpired:
        raise DrillFailed(f"hotpatch {' '.join(words)} has not ended in {longest:.0f} s") from None
    finally:
        end_group(process)
    seconds = time.monotonic() - began
    lines = out.splitlines()
    try:
        answer = json.loads(lines[-1])
    except (IndexError, ValueError):
        said = " ".join((out + errors).split())[-400:]
        raise DrillFailed(f"hotpatch {words[0]} ended with code {process.returncode}: {said}") from None
    return Done(words[0], process.returncode, began, seconds, answer)


def end_group(process: subprocess.Popen[str]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    finally:
        process.wait()
