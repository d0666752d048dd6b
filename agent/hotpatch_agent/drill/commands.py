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
HOTPATCH = (sys.executable, "-m", "hotpatch_agent.cli")


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


class Running:
    """`hotpatch ARGUMENTS --json`, under way in a process group of its own."""

    def __init__(self, *arguments: object, environ: Mapping[str, str]) -> None:
        self._words = [str(word) for word in arguments]
        self._began = time.monotonic()
        self._process = subprocess.Popen(
            [*HOTPATCH, *self._words, "--json"],
            env={**os.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )

    def finish(self, longest: float = LONGEST_SECONDS) -> Done:
        """Wait for its end.  DrillFailed if it says nothing that can be read, or never ends; its whole
        process group is ended in any case."""
        try:
            out, errors = self._process.communicate(timeout=longest)
        except subprocess.TimeoutExpired:
            said = f"hotpatch {' '.join(self._words)} has not ended in {longest:.0f} s"
            raise DrillFailed(said) from None
        finally:
            self.end()
        seconds = time.monotonic() - self._began
        lines = out.splitlines()
        try:
            answer = json.loads(lines[-1])
        except (IndexError, ValueError):
            said = " ".join((out + errors).split())[-400:]
            code = self._process.returncode
            raise DrillFailed(f"hotpatch {self._words[0]} ended with code {code}: {said}") from None
        return Done(self._words[0], self._process.returncode, self._began, seconds, answer)

    def end(self) -> None:
        """Whatever is left of it.  Harmless to repeat."""
        end_group(self._process)


def run(*arguments: object, environ: Mapping[str, str], longest: float = LONGEST_SECONDS) -> Done:
    """`hotpatch ARGUMENTS --json`, from its start to its end; see `Running.finish`."""
    return Running(*arguments, environ=environ).finish(longest)


def end_group(process: subprocess.Popen[Any]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    finally:
        process.wait()
