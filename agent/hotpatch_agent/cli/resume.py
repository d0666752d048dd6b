"""`hotpatch resume`: see `steer`."""

from __future__ import annotations

from hotpatch_agent.cli.steer import verb_command
from hotpatch_agent.rollout.states import Event

SUMMARY = """Go on where the rollout was paused or has stopped by itself.
"""

command = verb_command(Event.RESUME, SUMMARY, ["hotpatch resume"])
