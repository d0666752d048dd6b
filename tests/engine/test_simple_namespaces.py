"""`types.SimpleNamespace`: an object like others, though C makes it."""

from __future__ import annotations

from .conftest import Program

CONF = "from types import SimpleNamespace\nconf = SimpleNamespace(host='a', port=1)\nHELD = [conf]\n"


def test_what_came_to_one_since_the_start_stays_where_the_edit_changes_another_part(program: Program) -> None:
    program.runs({"conf.py": CONF})
    conf = program.module("conf")
    conf.HELD[0].seen = 4
    outcome = program.patch({"conf.py": CONF.replace("port=1", "port=2, tls=True")})
    assert outcome, outcome.reasons
    assert vars(conf.conf) == {"host": "a", "port": 2, "seen": 4, "tls": True}
    assert conf.conf is conf.HELD[0]
    assert outcome.undo is not None
    outcome.undo.revert()
    assert vars(conf.conf) == {"host": "a", "port": 1, "seen": 4}


def test_one_that_comes_is_built(program: Program) -> None:
    program.runs({"conf.py": CONF})
    conf = program.module("conf")
    outcome = program.patch({"conf.py": CONF + "more = SimpleNamespace(of=conf, limit=3)\n"})
    assert outcome, outcome.reasons
    assert conf.more.limit == 3
    assert conf.more.of is conf.conf


def test_a_part_that_was_set_since_and_that_the_edit_changes_too_is_for_its_author_to_say(
    program: Program,
) -> None:
    program.runs({"conf.py": CONF})
    conf = program.module("conf")
    conf.conf.port = 9
    outcome = program.patch({"conf.py": CONF.replace("port=1", "port=2")})
    assert not outcome
    assert conf.conf.port == 9
