"""`hotpatch abort`: see `steer`."""

from __future__ import annotations

from hotpatch_agent.cli.steer import verb_command
from hotpatch_agent.rollout.states import Event

SUMMARY = """Take the release back, for good.

    Nobody who has it keeps it, and nothing tries it again by itself; `hotpatch retry` does.
"""

command = verb_command(Event.ABORT, SUMMARY, ["hotpatch abort --reason 'totals are wrong'"])
