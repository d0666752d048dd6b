"""`hotpatch promote`: see `steer`."""

from __future__ import annotations

from hotpatch_agent.cli.steer import verb_command
from hotpatch_agent.rollout.states import Event

SUMMARY = """Go on to the next step, or all the way.

    The next step comes now, whatever the verdict; after the last one everybody gets the release. A rollout
    that is held or paused goes on from where it stands.
"""

command = verb_command(
    Event.PROMOTE, SUMMARY, ["hotpatch promote", "hotpatch promote --full --reason 'looks well'"]
)
