"""Memory that a release has taken goes back to the system when the release has gone."""

from __future__ import annotations

import subprocess
import sys

MIB = 1 << 20
PROGRAM = """
from hotpatch_agent.process.memory import give_back, used
pairs = [(bytearray(60_000), bytearray(1_000)) for _ in range(1_000)]
kept = [small for _, small in pairs]
del pairs
before = used()
give_back()
print(before - used())
"""


def test_what_lies_between_things_in_use_goes_back_too() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60
    )
    assert int(done.stdout) > 40 * MIB
