"""Releases that follow one another in workers that go on living: what is kept to take the first back is in
nobody's way at the next."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hotpatch_agent.home import facts

from tests.agent.pushing import Pusher, settled
from tests.agent.shop import APP, bodies, make

ROWS = {
    "a function": ("def named(): return '{}'\n", "named()"),
    "a method": ("class Box:\n    def label(self): return '{}'\n", "Box().label()"),
    "a class of another layout": ("class Box:\n    __slots__ = ('{0}',)\n    name = '{0}'\n", "Box().name"),
    "a default": ("def named(): return '{}'\ndef told(by=named): return by()\n", "told()"),
    "what objects are given": (
        "class Box:\n    def __init__(self): self.name = '{0}'; self.{0} = 1\ndef named(): return '{0}'\n",
        "named()",
    ),
}


def shop(text: str, answer: str, name: str) -> Mapping[str, str]:
    return {**APP, "shop.py": f"{text.format(name)}\ndef answer(path): return {answer.format(name)}\n"}


@pytest.mark.parametrize("what", ROWS)
def test_what_one_release_changes_the_next_takes_away(pusher: Pusher, what: str) -> None:
    text, answer = ROWS[what]
    one, two = (shop(text, answer, name) for name in ("one", "two"))
    three = shop("", "'three'", "")
    with make(pusher, files=one) as service:
        settled(pusher, service, 2)
        workers = service.workers()
        for old, new, name in ((one, two, "two"), (two, three, "three")):
            end = pusher.push(dict(old), dict(new))
            assert isinstance(end, facts.Settled), end
            assert set(bodies(service, 10)) == {name}
        assert service.workers() == workers
        for name in ("two", "one"):
            pusher.roll_back()
            assert set(bodies(service, 10)) == {name}
        assert service.workers() == workers


TAKEN = """
from dataclasses import dataclass

@dataclass(frozen=True)
class Settings:
    name: str

CONF = Settings({name!r})

class Box:
    def __init__(self): self.conf = CONF

BOXES = {{}}

def answer(path): return BOXES.setdefault("one", Box()).conf.name
"""


def test_what_objects_took_while_it_served_is_the_new_one_and_the_old_one_again(pusher: Pusher) -> None:
    old, new = ({**APP, "shop.py": TAKEN.format(name=name)} for name in ("one", "two"))
    with make(pusher, files=old) as service:
        settled(pusher, service, 2)
        workers = service.workers()
        assert set(bodies(service, 10)) == {"one"}
        end = pusher.push(dict(old), dict(new))
        assert isinstance(end, facts.Settled), end
        assert set(bodies(service, 10)) == {"two"}
        pusher.roll_back()
        assert set(bodies(service, 10)) == {"one"}
        assert service.workers() == workers
