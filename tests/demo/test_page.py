"""What a person sees in the shop's page while a release goes through its rollout, in a real browser."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hotpatch_agent.drill.inquiry import Inquiry
from hotpatch_agent.drill.operator import Operator, copy_demo
from hotpatch_agent.drill.service import HOST, Service, ServicePlan
from hotpatch_agent.drill.visitor import KEY, asks_rollout

from tests.demo.browser import Browser, executable
from tests.demo.conftest import PATCHES

CREEPING = PATCHES["some-users"]


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    executable()
    made = Operator(tmp_path, copy_demo(tmp_path / "deployed"))
    made.set_up(rollout='on_worse = "alert"\n')
    return made


@pytest.fixture
def service(operator: Operator, tmp_path: Path) -> Iterator[Service]:
    plan = ServicePlan(
        tmp_path,
        operator.deployed,
        workers=1,
        index_mib=1,
        index_seconds=0.0,
        arguments=operator.gunicorn_arguments(),
        environ={**operator.service_environ(), "DEMO_PRICE_INTERVAL": "0.1"},
    )
    with Service(plan) as running:
        running.wait_until_ready()
        yield running


@pytest.fixture
def browser(service: Service, tmp_path: Path) -> Iterator[Browser]:
    with Browser(tmp_path / "profile") as made:
        made.go(f"http://{HOST}:{service.port}/")
        shows(made, lambda: made.text("#lamp-text") == "event stream open")
        yield made


def shows(browser: Browser, condition: Callable[[], bool]) -> None:
    """The page comes to show this; otherwise the test fails with what it shows instead."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, browser.evaluate("document.body.innerText")
        time.sleep(0.05)


@pytest.mark.slow
def test_the_page_shows_who_answers_and_how_warm_it_is(browser: Browser, service: Service) -> None:
    shows(browser, lambda: browser.fact("yours") == "0" and browser.fact("stream") == "0")
    shows(browser, lambda: browser.text("#rollout") == "There is none.")
    shows(browser, lambda: int(browser.fact("hits")) > 0)
    shows(browser, lambda: "→" in browser.text("#events"))
    assert browser.fact("worker") == str(service.workers()[0])
    assert browser.fact("release") == "0"
    assert browser.evaluate("document.querySelectorAll('[data-sku]').length") == 6


@pytest.mark.slow
def test_the_page_shows_a_canary_to_those_who_get_it_while_its_stream_stays_open(
    browser: Browser, service: Service, operator: Operator
) -> None:
    bundle = operator.build(CREEPING)
    assert operator.try_push(bundle, "--canary", "50%", "--key", KEY).code == 0
    got = {number: asks_rollout(Inquiry(service), number)["answered_by"] for number in range(0, 80, 4)}
    chosen, spared = (next(number for number, release in got.items() if release == one) for one in (1, 0))

    be(browser, service, chosen)
    shows(browser, lambda: browser.fact("yours") == "1")
    shows(browser, lambda: "delivered with the morning round" in browser.text("#quote"))
    shows(browser, lambda: browser.text("#rollout").endswith("You get the new version."))
    assert browser.text("#rollout").startswith("Release 1 is watching, step 1 of 1 (50 %)")
    assert browser.evaluate("document.getElementById('share').style.width") == "50%"
    assert browser.text("tr.of-new td").startswith("release 1")
    assert browser.evaluate("document.querySelectorAll('#versions tr').length") == 2
    assert (browser.fact("stream"), browser.fact("release")) == ("0", "0")

    be(browser, service, spared)
    shows(browser, lambda: browser.text("#rollout").endswith("You get the old version."))
    shows(browser, lambda: browser.fact("yours") == "0" and "delivered" not in browser.text("#quote"))

    be(browser, service, next(number for number in range(3, 800, 4) if answered_by(service, number) == 1))
    shows(browser, lambda: browser.text("#quote") == "error 500")

    operator.must("abort", "--reason", "seen in the page")
    shows(browser, lambda: browser.text("#rollout") == "Release 1 is aborted: seen in the page.")
    shows(browser, lambda: browser.fact("yours") == "0" and "error" not in browser.text("#quote"))
    assert browser.text("#events").count("seen in the page") == 1
    assert (browser.fact("stream"), browser.fact("cuts")) == ("0", "0")


@pytest.mark.slow
def test_the_page_shows_a_release_go_live_while_its_stream_stays_on_the_old_one(
    browser: Browser, service: Service, operator: Operator
) -> None:
    shows(browser, lambda: "the discount should be" in browser.text("#quote"))
    operator.push(operator.build(PATCHES["wrong-total"]))
    shows(browser, lambda: "the discount is right" in browser.text("#quote"))
    shows(browser, lambda: (browser.fact("yours"), browser.fact("release")) == ("1", "1"))
    shows(browser, lambda: "release 1 is live (was 0)" in browser.text("#events"))
    assert (browser.fact("stream"), browser.fact("cuts")) == ("0", "0")


def be(browser: Browser, service: Service, visitor: int) -> None:
    """From now on the page's requests are this visitor's; nothing is loaded anew."""
    browser.set_cookie(f"http://{HOST}:{service.port}/", "visitor", str(visitor))


def answered_by(service: Service, visitor: int) -> int:
    found = asks_rollout(Inquiry(service), visitor)["answered_by"]
    assert isinstance(found, int), json.dumps(found)
    return found
