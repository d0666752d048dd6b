"""What has no parallel form goes in in one step that no request straddles, on real services; where a request
does not end in time the release waits, says for whom, and goes in by itself."""

from __future__ import annotations

from typing import Final

import pytest
from hotpatch_agent.home import facts
from hotpatch_agent.home.status import Phase, Status

from hotpatch.plan import Grade
from tests.agent.gates import doors
from tests.agent.pushing import Pusher, settled
from tests.agent.service import wait_until
from tests.agent.shop import APP, BOX, IN_ONE_STEP, bodies, make, stream
from tests.agent.test_old_code import AWAIT

LOOKS: Final = """
import time

def answer(path):
    first = look()
    time.sleep(0.004)
    return f"{first} {look()}"
"""
EDITS: Final[dict[str, tuple[str, str]]] = {
    "an item of a dict": (
        "TABLE = {'name': 'one', 'other': 1}\ndef look(): return TABLE['name']\n",
        "TABLE = {'name': 'two', 'other': 1}\ndef look(): return TABLE['name']\n",
    ),
    "an item of a dict, and the code that reads it": (
        "TABLE = {'name': 'one'}\ndef look(): return TABLE['name']\n",
        "TABLE = {'title': 'two'}\ndef look(): return TABLE['title']\n",
    ),
    "the contents of a list": (
        "NAMES = ['one']\ndef look(): return NAMES[-1]\n",
        "NAMES = ['one', 'two']\ndef look(): return NAMES[-1]\n",
    ),
    "a variable of a closure": (
        "def make(name):\n    def look(): return name\n    return look\nlook = make('one')\n",
        "def make(name):\n    def look(): return name\n    return look\nlook = make('two')\n",
    ),
    "a closure with more free variables": (
        "def make(a, b):\n    def look(): return a\n    return look\nlook = make('one', 'two')\n",
        "def make(a, b):\n    def look(): return (a, b)[1]\n    return look\nlook = make('one', 'two')\n",
    ),
    "a global that a function stores": (
        "NAME = 'one'\ndef rename(to):\n    global NAME\n    NAME = to\ndef look(): return NAME\n",
        "NAME = 'two'\ndef rename(to):\n    global NAME\n    NAME = to\ndef look(): return NAME\n",
    ),
    "an object's attribute": (
        "class Shop: pass\nSHOP = Shop()\nSHOP.name = 'one'\ndef look(): return SHOP.name\n",
        "class Shop: pass\nSHOP = Shop()\nSHOP.name = 'two'\ndef look(): return SHOP.name\n",
    ),
    "a class with other slots": (
        "class Shop:\n    __slots__ = ('name',)\n    def __init__(self): self.name = 'one'\n"
        "def look(): return Shop().name\n",
        "class Shop:\n    __slots__ = ('name', 'title')\n    def __init__(self): self.title = 'two'\n"
        "def look(): return Shop().title\n",
    ),
    "a special method": (
        "class Shop:\n    name = 'one'\nSHOP = Shop()\ndef look(): return SHOP.name\n",
        "class Shop:\n    name = 'one'\n    def __str__(self): return 'two'\nSHOP = Shop()\n"
        "def look(): return str(SHOP)\n",
    ),
}


def files(text: str) -> dict[str, str]:
    return {**APP, "shop.py": text + LOOKS}


@pytest.mark.parametrize("edit", EDITS)
def test_no_request_straddles_the_step(pusher: Pusher, edit: str) -> None:
    old, new = map(files, EDITS[edit])
    with make(pusher, files=old) as service:
        settled(pusher, service, 2)
        pids = service.workers()
        with service.load(clients=4) as load:
            end = pusher.push(old, new)
            assert isinstance(end, facts.Settled), end
            load.settle()
            back = pusher.roll_back()
            assert isinstance(back, facts.Settled), back
            load.settle()
        assert load.failed == []
        assert load.bodies().keys() == {"one one", "two two"}
        assert service.workers() == pids and not pusher.of_kind(facts.Replacing)
    assert pusher.planned(old, new).grade is Grade.BARRIER
    assert all(edit.grade_reason for edit in pusher.planned(old, new).edits if edit.grade is Grade.BARRIER)


STEPS: Final = {"gthread": ("gthread", BOX), "gevent": ("gevent", BOX), "asgi": ("asgi", AWAIT)}


def stepped(name: str) -> tuple[str, dict[str, str], dict[str, str]]:
    """A worker class, a program, and the same with a change that takes a step."""
    worker_class, program = STEPS[name]
    return (
        worker_class,
        {**program, "shop.py": BOX["shop.py"]},
        {**program, "shop.py": IN_ONE_STEP["shop.py"]},
    )


@pytest.mark.parametrize("name", STEPS)
def test_a_release_that_a_stream_holds_up_goes_in_by_itself_when_it_ends(pusher: Pusher, name: str) -> None:
    worker_class, old, new = stepped(name)
    with make(pusher, worker_class, workers=1, files=old) as service:
        settled(pusher, service, 1)
        pids = service.workers()
        with service.load(clients=2, pause=0.01) as load:
            with stream(service) as answers:
                pusher.offer(pusher.bundle(old, new, settings={"past_hold": "wait", "barrier_ms": "50"}))
                held = wait_until(lambda: in_phase(pusher, Phase.HELD), "the worker is held up")
                assert held.adoption is not None
                assert "did not end within" in held.adoption.reason
                (blocker,) = wait_until(lambda: named(pusher), "it says for whom it waits")
                assert blocker == "GET /long"
                assert set(bodies(service, 5)) == {"one"}
            wait_until(lambda: pusher.of_kind(facts.Settled), "it has gone in")
            load.settle()
        assert answers == ["one...one"]
        assert load.failed == []
        assert set(bodies(service, 5)) == {"two"}
        assert service.workers() == pids and not pusher.of_kind(facts.Replacing)
        (status,) = pusher.statuses()
        assert status.blockers == ()


def in_phase(pusher: Pusher, phase: Phase) -> Status | None:
    return next((one for one in pusher.statuses() if one.adoption and one.adoption.phase is phase), None)


def named(pusher: Pusher) -> list[str]:
    return [one.what for status in pusher.statuses() for one in status.blockers if one.what == "GET /long"]


def test_a_worker_that_is_ready_for_a_step_says_why_it_takes_one(pusher: Pusher) -> None:
    old, new = map(files, EDITS["a class with other slots"])
    with make(pusher, workers=1, files=old) as service, doors(pusher) as gates:
        settled(pusher, service, 1)
        gates.silent = {"before"}
        pusher.begin(old, new)
        ready = wait_until(lambda: in_phase(pusher, Phase.READY), "it is ready")
        assert not ready.beside
        assert "takes the place of Shop" in ready.adoption.reason


HOLDS: Final = """
import threading
import time

class Box:
    __slots__ = ({slots})

    def __init__(self):
        self.name = {name!r}

def look():
    return Box().name

def keep():
    held = Box()
    while True:
        time.sleep(0.05)
        held.name

threading.Thread(target=keep, name="the-keeper", daemon=True).start()
"""


def test_where_a_running_frame_holds_what_can_not_follow_the_plan_says_so_and_a_new_worker_is_started(
    pusher: Pusher,
) -> None:
    """The thread never leaves its frame, and the object in it has the old class's layout."""
    old = files(HOLDS.format(slots="'name',", name="one"))
    new = files(HOLDS.format(slots="'name', 'title'", name="two"))
    with make(pusher, workers=1, files=old) as service:
        settled(pusher, service, 1)
        with service.load(clients=2) as load:
            end = pusher.push(old, new)
            assert isinstance(end, facts.Settled), end
            load.settle()
        assert load.failed == []
        assert load.bodies().keys() == {"one one", "two two"}
        assert set(bodies(service, 5)) == {"two two"}
        (rehearsed,) = pusher.of_kind(facts.Rehearsed)
        assert isinstance(rehearsed, facts.Rehearsed) and rehearsed.how is facts.How.RELOAD
        assert "Box gets another layout" in rehearsed.reason
        assert len(pusher.of_kind(facts.Replacing)) == 1
