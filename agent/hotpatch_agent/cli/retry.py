"""`hotpatch retry`: see `steer`."""

from __future__ import annotations

from hotpatch_agent.cli.steer import verb_command
from hotpatch_agent.rollout.states import Event

SUMMARY = """Begin a release again that was taken back.

    From its first step, with all checks, after a rollback or an abort.
"""

command = verb_command(Event.RETRY, SUMMARY, ["hotpatch retry"])
