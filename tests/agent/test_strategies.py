"""Every strategy under the worker classes, under load: to its good end, and taken back by itself."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hotpatch_agent.home import facts
from hotpatch_agent.rollout.progress import Progress
from hotpatch_agent.rollout.states import Station

from tests.agent.by_class import by_class
from tests.agent.pushing import Pusher, settled
from tests.agent.service import wait_until
from tests.agent.test_classes import make, version
from tests.agent.visitors import Visits, visiting
from tests.rollout.servers import serving

CLASSES = pytest.mark.parametrize("name", by_class(["sync", "gthread", "asgi"]))
EASY = "[analysis]\nerror_tolerance = 0.3\nslow_tolerance = [0.4, 0.4, 0.4]\n"
"""Lets an equal release pass after few requests: a test's load is small."""
TESTER = {"X-Tester": "yes"}
IN_EACH_WORKER: Mapping[str, Mapping[str, str]] = {
    "blue-green": {"strategy": "blue-green", "keep": "0.5s"},
    "by share": {"strategy": "canary", "steps": "30% 0.5s..90s,60% 0.5s..90s"},
    "by match": {"strategy": "canary", "match": "header:X-Tester=yes", "steps": "100% 0.5s..90s"},
}
BY_WORKERS: Mapping[str, Mapping[str, str]] = {
    "all-at-once": {"keep": "0.5s"},
    "rolling": {"strategy": "rolling", "healthy": "0.5s"},
    "by workers": {"strategy": "canary", "by": "workers", "steps": "50% 0.5s..90s"},
}
GROUPS = pytest.mark.parametrize("group", [IN_EACH_WORKER, BY_WORKERS], ids=["in each worker", "by workers"])
LONG = pytest.mark.timeout(400)
"""Several rollouts in one service."""


def ended(pusher: Pusher, release: int) -> Progress:
    """The rollout of this release, once it is over."""

    def over() -> Progress | None:
        found = pusher.progress()
        return found if found is not None and found.version == release and found.ended else None

    found: Progress = wait_until(over, f"the rollout of release {release} ends", 120.0)
    return found


def all_well(*visits: Visits) -> bool:
    return all(not one.lost and {status for status, _ in one.answers} == {200} for one in visits)


@LONG
@CLASSES
@GROUPS
def test_every_strategy_ends_well(pusher: Pusher, name: str, group: Mapping[str, Mapping[str, str]]) -> None:
    service, files = make(pusher, name)
    with service:
        settled(pusher, service, 2)
        (pusher.home.path / "rollout.toml").write_text(EASY)
        with visiting(service) as users, visiting(service, TESTER, clients=1) as testers:
            before = files
            for number, (kind, strategy) in enumerate(group.items(), 1):
                after = version(files, kind)
                pusher.begin(before, after, **strategy)
                assert ended(pusher, number).station is Station.PROMOTED, kind
                assert users.settle() == {kind}
                wait_until(lambda: not pusher.busy(), "the service has settled")
                before = after
    assert all_well(users, testers)
    assert len(pusher.of_kind(facts.Committed)) == len(group)


def failing(files: Mapping[str, str]) -> dict[str, str]:
    """A version that fails."""
    return {**files, "shop.py": files["shop.py"].replace("return VERSION", "raise ValueError(path)")}


@LONG
@CLASSES
@GROUPS
def test_every_strategy_takes_itself_back(
    pusher: Pusher, name: str, group: Mapping[str, Mapping[str, str]]
) -> None:
    service, files = make(pusher, name)
    with service, serving(status=500) as site:
        settled(pusher, service, 2)
        check = f"[[check]]\nname = 'orders'\nkind = 'http'\nurl = '{site.url}/'\nevery = '0.2s'\n"
        with visiting(service) as users, visiting(service, TESTER, clients=1) as testers:
            for number, (kind, strategy) in enumerate(group.items(), 1):
                flips = kind in ("blue-green", "all-at-once")
                # Whoever has flipped can compare no more: a check has to say it.
                (pusher.home.path / "rollout.toml").write_text(check if flips else "")
                after = version(files, "new") if flips else failing(files)
                patience = {"keep": "90s"} if flips else {"healthy": "90s"} if kind == "rolling" else {}
                pusher.begin(files, after, **{**strategy, **patience})
                found = ended(pusher, number)
                assert found.station is Station.ROLLED_BACK, kind
                assert ("check orders" if flips else "error") in found.reason, kind
                assert users.settle() == {"one"} and testers.settle() == {"one"}
                wait_until(lambda: not pusher.busy(), "the service has settled")
                assert {one.stack for one in settled(pusher, service, 2)} == {()}
    assert not users.lost and not testers.lost
