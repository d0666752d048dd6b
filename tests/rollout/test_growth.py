"""The check of kind `memory`: every worker of the master is seen, and compared with itself."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hotpatch_agent.rollout.strategy_file import read

from hotpatch.errors import StrategyInvalid

SERVICE = """
import json, os, sys
from hotpatch_agent.rollout import checks, growth
from hotpatch_agent.rollout.strategy import CheckSpec

def worker():
    go, gone = os.pipe(), os.pipe()
    if (pid := os.fork()) == 0:
        os.read(go[0], 1)
        kept = b"x" * (64 << 20)
        os.write(gone[1], b"x")
        os.read(go[0], 1)
        os._exit(len(kept) == 0)
    return pid, go[1], gone[0]

def leader(grows, pid):
    spec = CheckSpec("they don't grow", "memory", most=32.0)
    said = [checks.run(spec, 7)]
    os.write(grows[0], b"x"); os.read(grows[1], 1)
    said += [checks.run(spec, 7), checks.run(spec, 8)]
    print(json.dumps([[one.yes, one.reason, pid] for one in said]), flush=True)
    os._exit(0)

pid, go, gone = worker()
if (leading := os.fork()) == 0:
    leader((go, gone), pid)
os.waitpid(leading, 0)
os.write(go, b"x")
os.waitpid(pid, 0)
"""


def looks() -> list[Any]:
    done = subprocess.run(
        [sys.executable, "-c", SERVICE], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found


def test_a_worker_that_grows_is_named_with_what_it_grew_by_and_a_new_release_begins_anew() -> None:
    first, second, other_release = looks()
    assert first[0] is True
    assert second[0] is False
    assert f"worker {second[2]} has grown by 6" in second[1] and "more than 32 MiB" in second[1]
    assert other_release[0] is True


@pytest.mark.parametrize("setting", ["", "most = 0"])
def test_a_memory_check_must_say_how_much_is_too_much(setting: str) -> None:
    text = f'[[check]]\nname = "memory"\nkind = "memory"\n{setting}\n'
    with pytest.raises(StrategyInvalid, match="by how many MiB may a worker grow"):
        read(text, {})


def test_a_memory_check_is_read_with_its_bound() -> None:
    (check,) = read('[[check]]\nname = "memory"\nkind = "memory"\nmost = 48\n', {}).checks
    assert (check.kind, check.most, check.critical) == ("memory", 48.0, True)
