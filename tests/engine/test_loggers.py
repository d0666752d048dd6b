"""A logger's level that changes is a level that holds."""

from __future__ import annotations

import logging

from tests.engine.conftest import Program

SOURCE = """
import logging
log = logging.getLogger("hotpatch.tests.levels")
log.setLevel(logging.{})
"""


def test_what_the_new_level_lets_through_is_heard(program: Program) -> None:
    program.runs({"levels_of.py": SOURCE.format("INFO")})
    log = program.module("levels_of").log
    below = logging.getLogger("hotpatch.tests.levels.below")
    assert not log.isEnabledFor(logging.DEBUG)
    assert not below.isEnabledFor(logging.DEBUG)
    outcome = program.patch({"levels_of.py": SOURCE.format("DEBUG")})
    assert outcome, outcome.reasons
    assert log.isEnabledFor(logging.DEBUG)
    assert below.isEnabledFor(logging.DEBUG)
    assert outcome.undo is not None
    outcome.undo.revert()
    assert not log.isEnabledFor(logging.DEBUG)
    assert not below.isEnabledFor(logging.DEBUG)
