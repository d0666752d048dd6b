"""`hotpatch resume`: see `steer`."""

from __future__ import annotations

from hotpatch_agent.cli.steer import verb_command
from hotpatch_agent.rollout.states import Event

SUMMARY = """Go on where it was stopped.

    Whether a person had paused it or it had stopped by itself.
"""

command = verb_command(Event.RESUME, SUMMARY, ["hotpatch resume"])
