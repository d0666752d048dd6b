"""`hotpatch retry`: see `steer`."""

from __future__ import annotations

from hotpatch_agent.cli.steer import verb_command
from hotpatch_agent.rollout.states import Event

SUMMARY = """Begin the rollout again that was rolled back or aborted, from its first step.
"""

command = verb_command(Event.RETRY, SUMMARY, ["hotpatch retry"])
