"""Live objects carried to a new shape by a push, on real gunicorn, and back by a rollback."""

from __future__ import annotations

import pytest
from hotpatch_agent.home import facts
from hotpatch_agent.home.facts import How

from tests.agent.pushing import Pusher, settled
from tests.agent.service import Service, wait_until
from tests.agent.shop import APP, bodies, make

OLD = {
    **APP,
    "shop.py": """
CARTS = {}

class Cart:
    def __init__(self, total):
        self.total = total

    def tell(self):
        return f"{self.total}"

def answer(path):
    name, _, total = path.strip("/").partition("/")
    if total:
        CARTS[name] = Cart(int(total))
    return CARTS[name].tell() if name in CARTS else "none"
""",
}
NEW = {
    **OLD,
    "shop.py": OLD["shop.py"]
    .replace("self.total = total\n", "self.total = total\n        self.currency = str('EUR')\n")
    .replace('f"{self.total}"', 'f"{self.total} {self.currency}"'),
}
CONSTANT = {**NEW, "shop.py": NEW["shop.py"].replace("str('EUR')", "'EUR'")}
GIVES_CURRENCY = """
from hotpatch.transform import attribute

@attribute("shop.Cart", "currency")
def currency(cart):
    return "GBP" if cart.total > 100 else "EUR"
"""
IN_CENTS = {
    **OLD,
    "shop.py": OLD["shop.py"]
    .replace("self.total = total", "self.cents = total * 100")
    .replace("{self.total}", "{self.cents} ct"),
}
TO_CENTS = """
from hotpatch.transform import shape

@shape("shop.Cart")
def cents(attributes):
    return {"cents": attributes.pop("total") * 100, **attributes}
"""
AND_BACK = """
@cents.back
def total(attributes):
    return {"total": attributes.pop("cents") // 100, **attributes}
"""


def went_in(pusher: Pusher) -> How:
    """How the last release did."""
    fact = pusher.of_kind(facts.Committed)[-1]
    assert isinstance(fact, facts.Committed)
    return fact.how


def test_objects_that_live_lack_an_attribute_so_the_worker_is_replaced(pusher: Pusher) -> None:
    with make(pusher, workers=1, files=OLD) as service:
        settled(pusher, service, 1)
        service.body("/ann/200")
        end = pusher.push(OLD, NEW)
        assert isinstance(end, facts.Settled)
        assert went_in(pusher) is How.RELOAD
        assert bodies(service, 1, "/ann") == ["none"]


def with_pids(files: dict[str, str]) -> dict[str, str]:
    """The same, with each answer after the pid of the worker that gives it."""
    telling = 'return f"{os.getpid()} " + (CARTS[name].tell() if name in CARTS else "none")'
    text = files["shop.py"].replace('return CARTS[name].tell() if name in CARTS else "none"', telling)
    return {**files, "shop.py": f"import os\n{text}"}


def by_worker(service: Service, path: str) -> dict[str, str]:
    """What each of two workers answers."""
    found: dict[str, str] = {}

    def both() -> bool:
        pid, _, told = service.body(path).partition(" ")
        found[pid] = told
        return len(found) == 2

    wait_until(both, "both workers have answered")
    return found


def test_a_constant_is_given_to_objects_that_live_in_each_worker_and_taken_again(pusher: Pusher) -> None:
    old, new = with_pids(OLD), with_pids(CONSTANT)
    with make(pusher, workers=2, files=old) as service:
        settled(pusher, service, 2)
        pids = by_worker(service, "/ann/200").keys()
        assert isinstance(pusher.push(old, new), facts.Settled)
        assert went_in(pusher) is How.LIVE
        settled(pusher, service, 2)
        assert by_worker(service, "/ann") == dict.fromkeys(pids, "200 EUR")
        assert isinstance(pusher.roll_back(), facts.Settled)
        settled(pusher, service, 2)
        assert by_worker(service, "/ann") == dict.fromkeys(pids, "200")


def test_with_a_transformer_the_objects_that_live_are_carried_and_come_back(pusher: Pusher) -> None:
    with make(pusher, workers=1, files=OLD) as service:
        settled(pusher, service, 1)
        service.body("/ann/200")
        pid = service.body("/pid")
        end = pusher.push(OLD, NEW, transformers=GIVES_CURRENCY)
        assert isinstance(end, facts.Settled)
        assert went_in(pusher) is How.LIVE
        assert bodies(service, 1, "/ann") == ["200 GBP"]
        assert service.body("/bob/7") == "7 EUR"
        assert isinstance(pusher.roll_back(), facts.Settled)
        assert [service.body(f"/{name}") for name in ("ann", "bob", "pid")] == ["200", "7", pid]


@pytest.mark.parametrize(
    ("transformers", "afterwards"), [(TO_CENTS + AND_BACK, ["200", "7"]), (TO_CENTS, ["none", "none"])]
)
def test_what_was_made_since_goes_the_authors_way_back_or_takes_a_new_worker(
    pusher: Pusher, transformers: str, afterwards: list[str]
) -> None:
    with make(pusher, workers=1, files=OLD) as service:
        settled(pusher, service, 1)
        service.body("/ann/200")
        end = pusher.push(OLD, IN_CENTS, transformers=transformers)
        assert isinstance(end, facts.Settled)
        assert went_in(pusher) is How.LIVE
        assert service.body("/bob/7") == "700 ct"
        assert service.body("/ann") == "20000 ct"
        pusher.roll_back()
        settled(pusher, service, 1)
        assert [service.body("/ann"), service.body("/bob")] == afterwards


def test_a_transformer_that_fails_has_the_worker_replaced(pusher: Pusher) -> None:
    with make(pusher, workers=1, files=OLD) as service:
        settled(pusher, service, 1)
        service.body("/ann/200")
        end = pusher.push(OLD, NEW, transformers=GIVES_CURRENCY.replace("cart.total", "cart.sum"))
        assert isinstance(end, facts.Settled)
        assert went_in(pusher) is How.RELOAD
        assert service.body("/ann/7") == "7 EUR"
