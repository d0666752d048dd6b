"""`hotpatch pause`: see `steer`."""

from __future__ import annotations

from hotpatch_agent.cli.steer import verb_command
from hotpatch_agent.rollout.states import Event

SUMMARY = """Stop where it is; the clock stands.

    It stands until `hotpatch resume`. A version that is found to be worse goes back all the same.
"""

command = verb_command(Event.PAUSE, SUMMARY, ["hotpatch pause"])
