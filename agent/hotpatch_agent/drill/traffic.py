"""What the shop's customers do, and what its answers have to be: the traffic of drills and benchmarks."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hotpatch_agent.drill.patches import NONCES, Probe, load_probe
from hotpatch_agent.load.clients import Ask, Session
from hotpatch_agent.load.phases import NEUTRAL
from hotpatch_agent.load.wire import Answer, Request

CATEGORIES = ("kitchen", "garden", "desk", "music", "camping")
WORDS = ("copper kettle", "walnut lamp", "folding tent", "antique globe", "travel flask", "brass metronome")
SKUS = tuple(
    f"KI-{thing}-{manner}-{maker}" for thing in ("KET", "WHI") for manner in ("COP", "LIN") for maker in "012"
)
JSON = {"Content-Type": "application/json"}


class Shop:
    """`probes`: folders of patches whose probe is part of the traffic, at `share` of all sessions."""

    def __init__(self, probes: Sequence[str] = (), share: float = 0.5) -> None:
        named = [(Path(folder).name, load_probe(Path(folder) / "probe.py")) for folder in probes]
        # What takes several requests to tell is asked by the drill itself, not under load.
        self._probes: list[tuple[str, Probe]] = [each for each in named if len(each[1].requests(0)) == 1]
        self._share = share

    def session(self, chance: random.Random) -> Session:
        if self._probes and chance.random() < self._share:
            return probing(chance, *chance.choice(self._probes))
        return chance.choice((browsing, searching, buying, looking))(chance)


def expecting(status: int, right: Callable[[Any], bool]) -> Callable[[Answer], str | None]:
    """A judge of JSON answers that are the same in every version."""

    def judge(answer: Answer) -> str | None:
        return NEUTRAL if answer.status == status and right(json.loads(answer.body)) else None

    return judge


def adds_up(got: Any) -> bool:
    """Whether a basket's figures agree with its lines; for those with at most one line of five and more."""
    amounts = [line["price"] * line["quantity"] for line in got["lines"]]
    discount = sum(line["price"] * line["quantity"] // 10 for line in got["lines"] if line["quantity"] >= 5)
    shipping = 0 if not amounts or sum(amounts) - discount >= 5_000 else 490
    figures = (got["goods"], got["discount"], got["shipping"], got["total"])
    return figures == (sum(amounts), discount, shipping, sum(amounts) - discount + shipping)


def probing(chance: random.Random, name: str, probe: Probe) -> Session:
    """A probe's single request; of those that tell one visitor from another, about that visitor."""
    nonce = chance.randrange(NONCES)
    (request,) = probe.requests(nonce)
    who: Callable[[int], str] | None = getattr(probe, "who", None)
    subject = f"{name}: {who(nonce)}" if who is not None else name
    yield Ask(request, subject, lambda answer: probe.judge([answer]))


def browsing(chance: random.Random) -> Session:
    category = chance.choice(CATEGORIES)
    answer = yield Ask(
        Request("GET", f"/catalogue?category={category}&page={chance.randrange(4)}"),
        "catalogue",
        expecting(
            200, lambda got: got["products"] and {each["category"] for each in got["products"]} == {category}
        ),
    )
    if answer is not None:
        sku = chance.choice(json.loads(answer.body)["products"])["sku"]
        yield Ask(
            Request("GET", f"/catalogue/{sku}"), "product", expecting(200, lambda got: got["sku"] == sku)
        )
        yield Ask(
            Request("GET", f"/similar/{sku}"),
            "similar",
            expecting(200, lambda got: got["sku"] == sku and len(got["similar"]) == 6),
        )


def searching(chance: random.Random) -> Session:
    words = chance.choice(WORDS)
    yield Ask(
        Request("GET", "/search?q=" + words.replace(" ", "+")),
        "search",
        expecting(200, lambda got: got["coverage"] == 1.0 and got["hits"][0]["name"].lower() == words),
    )


def buying(chance: random.Random) -> Session:
    skus = chance.sample(SKUS, 2)
    lines = [
        {"sku": skus[0], "quantity": chance.randint(1, 9)},
        {"sku": skus[1], "quantity": chance.randint(1, 4)},
    ]
    basket = yield Ask(
        Request("POST", "/basket", json.dumps({"lines": lines}), JSON),
        "basket",
        expecting(201, lambda got: len(got["lines"]) == 2 and adds_up(got)),
    )
    if basket is None or chance.random() < 0.5:
        return
    filled = json.loads(basket.body)
    customer = f"port-amber-{chance.randint(9, 40):02}"
    yield Ask(
        Request("POST", "/checkout", json.dumps({"basket": filled["id"]}), {**JSON, "X-Customer": customer}),
        "checkout",
        expecting(201, lambda got: got["total"] == filled["total"] and adds_up(got)),
    )


def looking(chance: random.Random) -> Session:
    yield Ask(
        Request("GET", "/"),
        "page",
        lambda answer: NEUTRAL if answer.status == 200 and answer.body.endswith(b"</html>") else None,
    )
    yield Ask(Request("GET", "/version"), "version", expecting(200, lambda got: got["worker"] > 0))
