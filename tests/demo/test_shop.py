"""The shop itself, by the eyes of its clients."""

from __future__ import annotations

from demo_app.cache import Cache
from tests.demo.conftest import Ask

BEGIN = """
import json, os
from demo_app.wsgi import app
client = app.test_client()
shop = app.extensions["shop"]
me = {"X-Customer": "port-amber-03"}
"""


def test_a_basket_becomes_an_order_at_its_price(ask: Ask) -> None:
    basket, order, orders = ask("""
        lines = [{"sku": "KI-KET-COP-0", "quantity": 2}]
        basket = client.post("/basket", json={"lines": lines}).get_json()
        order = client.post("/checkout", json={"basket": basket["id"]}, headers=me).get_json()
        answer = [basket, order, client.get("/orders", headers=me).get_json()["orders"]]
    """)
    assert order["total"] == basket["total"] > 0
    assert order["customer"]["id"] == 3
    assert {"id": order["id"], "total": order["total"]} in orders


def test_checkout_wants_a_customer(ask: Ask) -> None:
    assert ask("answer = client.post('/checkout', json={'basket': 'x'}).status_code") == 401


def test_a_body_that_makes_no_sense_is_the_clients_fault(ask: Ask) -> None:
    statuses = ask("""
        rows = [3, [{}], [3], [{"sku": 1, "quantity": "x"}]]
        bodies = ["", "[]", "{"] + [json.dumps({"lines": each}) for each in rows]
        kind = "application/json"
        answer = [client.post("/basket/quote", data=body, content_type=kind).status_code for body in bodies]
    """)
    assert statuses == [400] * 7


def test_rows_of_an_import_that_make_no_sense_are_the_clients_fault(ask: Ask) -> None:
    assert ask("answer = client.post('/basket/import', data='A,many').status_code") == 400


def test_the_cache_counts_its_hits(ask: Ask) -> None:
    cache = ask("""
        for _ in range(3):
            client.get("/catalogue/KI-KET-COP-0")
        answer = client.get("/version").get_json()["cache"]
    """)
    assert (cache["hits"], cache["misses"], cache["entries"]) == (2, 1, 1)


def test_a_visitor_gets_a_number_once_and_keeps_it(ask: Ask) -> None:
    first, second, told = ask("""
        first = client.get("/").headers.get("Set-Cookie", "")
        second = client.get("/").headers.get("Set-Cookie", "")
        answer = [first, second, client.get("/rollout").get_json()]
    """)
    number = first.partition(";")[0].removeprefix("visitor=")
    assert number.isdigit() and second == ""
    assert told == {"visitor": number, "answered_by": None, "rollout": None, "versions": []}


def test_a_stream_says_with_each_pulse_what_it_runs_on(ask: Ask) -> None:
    lines = ask("""
        stream = iter(client.get("/events").response)
        answer = [next(stream).decode() for _ in range(3)]
    """)
    assert [line.split("event: ")[1].split()[0] for line in lines] == ["hello", "pulse", "stream"]


def test_the_cache_keeps_the_newest_entries_and_no_more_than_it_may() -> None:
    cache = Cache(60.0, most=3)
    for number in range(5):
        cache.get_or_make(number, lambda number=number: number)  # type: ignore[misc]
    assert cache.warmth().entries == 3
    assert [cache.get_or_make(number, lambda: "made again") for number in (4, 3, 2, 1)] == [
        4,
        3,
        2,
        "made again",
    ]


def test_a_cached_value_ends_after_its_time() -> None:
    now = [0.0]
    cache = Cache(10.0, clock=lambda: now[0])
    values = iter("ab")
    found = []
    for now[0] in (0.0, 9.0, 11.0):
        found.append(cache.get_or_make("key", lambda: next(values)))
    assert found == ["a", "a", "b"]


def test_a_price_change_leaves_no_old_price_in_the_cache(ask: Ask) -> None:
    before, after, event = ask("""
        from demo_app.pricing import PriceDesk
        desk = PriceDesk(shop.database, shop.cache, shop.hub, 1.0, 0.0)
        inbox = shop.hub.subscribe()
        price = lambda: client.get("/catalogue/KI-KET-COP-0").get_json()["price"]
        desk._follow_prices()
        before = price()
        with shop.database.writing() as connection:
            connection.execute("UPDATE products SET price = 7 WHERE sku = 'KI-KET-COP-0'")
            connection.execute("INSERT INTO price_changes VALUES (9999, 'KI-KET-COP-0', 1, 7)")
        desk._follow_prices()
        event = inbox.get(timeout=30)
        while event.number and event.data.get("sku") != "KI-KET-COP-0":
            event = inbox.get(timeout=30)
        answer = [before, price(), event.data]
    """)
    assert before != 7 and after == 7
    assert event == {"sku": "KI-KET-COP-0", "before": 1, "after": 7}


def test_one_process_at_a_time_changes_prices(ask: Ask) -> None:
    mine, childs = ask("""
        from demo_app.pricing import Lease
        lease = Lease(shop.settings.data / "another")
        mine = lease.held()
        pid = os.fork()
        if not pid:
            os._exit(int(lease.held()))
        answer = [mine, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])]
    """)
    assert mine is True and childs == 0


def test_a_price_never_falls_below_the_lowest(ask: Ask) -> None:
    lowest = ask("""
        import random
        from demo_app.pricing import moved
        answer = min(moved(101, random.Random(seed)) for seed in range(200))
    """)
    assert lowest == 100


def test_the_page_is_whole_and_asks_nobody_else(ask: Ask) -> None:
    page = ask("answer = client.get('/').get_data(as_text=True)")
    assert "Port Amber Goods" in page and "/events" in page
    assert "http://" not in page and "https://" not in page


def test_the_index_is_the_same_each_time(ask: Ask) -> None:
    program = """
        import hashlib
        answer = [hashlib.sha256(shop.fingerprints.store).hexdigest(), len(shop.fingerprints.store)]
    """
    first, second = ask(program), ask(program)
    assert first == second and first[1] == 1 << 20


def test_without_hotpatch_there_is_no_release(ask: Ask) -> None:
    assert ask("answer = client.get('/version').get_json()['release']") is None


def test_an_application_made_before_a_fork_serves_after_it(ask: Ask) -> None:
    before, child = ask("""
        before = client.get("/catalogue/KI-KET-COP-0").status_code
        pid = os.fork()
        if not pid:
            paths = ["/catalogue/KI-KET-COP-1", "/orders", "/version", "/search?q=kettle"]
            os._exit(0 if all(client.get(path, headers=me).status_code == 200 for path in paths) else 9)
        answer = [before, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])]
    """)
    assert (before, child) == (200, 0)
