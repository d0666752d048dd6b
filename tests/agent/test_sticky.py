"""A canary's lots on real services: by header, cookie, client address, a function of the service's own."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Iterator, Mapping
from typing import Final

import pytest
from attrs import define
from hotpatch_agent.home import facts
from hotpatch_agent.rollout.states import Event, Station

from tests.agent.by_class import by_class
from tests.agent.pushing import Pusher, settled
from tests.agent.service import WAIT, Service, wait_until
from tests.agent.test_classes import CLASSES, make, version

USERS: Final = tuple(range(2, 42))
KEYS: Final = ("header:X-User", "cookie:session", "address", "function:shop:user_of")
USER_OF: Final = """
def user_of(request):
    query = request.get("QUERY_STRING") or request["query_string"].decode()
    return query.removeprefix("user=") or None
"""


@define
class Shop:
    """The service, asked by users that say who they are in every way at once."""

    service: Service

    def answer(self, user: int) -> str:
        # Anything below 127.0.0.0/8 is this machine.
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.service.port, timeout=WAIT, source_address=(f"127.0.0.{user}", 0)
        )
        with contextlib.closing(connection):
            headers = {"X-User": f"user {user}", "Cookie": f"first=1; session=s{user}"}
            connection.request("GET", f"/?user={user}", headers=headers)
            return connection.getresponse().read().decode()

    def who_is_in(self) -> set[int]:
        """Those who get the new version; each is asked until both workers are likely to have answered."""
        answers = {user: {self.answer(user) for _ in range(4)} for user in USERS}
        assert all(len(seen) == 1 for seen in answers.values()), answers
        return {user for user, seen in answers.items() if seen == {"two"}}


@contextlib.contextmanager
def canary(pusher: Pusher, old: Mapping[str, str], key: str) -> Iterator[None]:
    """The change to version two, for 30 % of those whom the key tells apart; called off in the end."""
    shares = {"strategy": "canary", "steps": "30%,70%", "manual": "yes", "analysis": "no", "key": key}
    ends = len(pusher.of_kind(facts.Failed))
    pusher.begin(old, version(old, "two"), **shares)
    pusher.stands_at(Station.WATCHING, step=0)
    yield
    pusher.ask(Event.ABORT)
    wait_until(lambda: len(pusher.of_kind(facts.Failed)) > ends, "the canary has ended")
    wait_until(lambda: all(one.adoption is None for one in pusher.statuses()), "it is forgotten")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", by_class(["gthread", "gevent", "asgi", "uvicorn"]))
def test_users_stay_where_they_are_and_a_larger_share_has_those_of_the_smaller(
    pusher: Pusher, name: str
) -> None:
    of = CLASSES[name][1]
    service, _ = make(pusher, name)
    files = {**of, "shop.py": of["shop.py"] + USER_OF}
    service.write(files)
    with service:
        settled(pusher, service, 2)
        shop = Shop(service)
        drawn: dict[str, set[int]] = {}
        for key in KEYS:
            with canary(pusher, files, key):
                small = drawn[key] = shop.who_is_in()
                pusher.ask(Event.PROMOTE)
                pusher.stands_at(Station.WATCHING, step=1)
                large = shop.who_is_in()
            assert set() < small <= large < set(USERS), key
            assert shop.who_is_in() == set(), "nobody has it after the abort"
        assert len({frozenset(users) for users in drawn.values()}) == len(KEYS), "lots are drawn anew"


@pytest.mark.parametrize("name", ["gthread", "asgi"])
def test_who_has_no_key_gets_the_old_version_and_status_counts_both(pusher: Pusher, name: str) -> None:
    service, files = make(pusher, name, workers=1)
    with service:
        settled(pusher, service, 1)
        shares = {"strategy": "canary", "steps": "99%", "manual": "yes", "analysis": "no"}
        pusher.begin(files, version(files, "two"), key="header:X-User", **shares)
        pusher.stands_at(Station.WATCHING)
        assert {service.body() for _ in range(20)} == {"one"}
        wait_until(lambda: "two" in {Shop(service).answer(user) for user in USERS}, "some user is in")

        def counted() -> bool:
            versions = pusher.statuses()[0].counters.versions
            answered = {one.release: one for one in versions if one.requests and one.p99 is not None}
            return answered.keys() == {0, 1} and not any(one.errors for one in answered.values())

        wait_until(counted, "the status tells of requests and latencies of both versions")
