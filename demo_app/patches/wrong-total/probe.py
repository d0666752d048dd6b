"""A basket with two long lines: what is its discount, given the prices in the answer?"""

import json

from hotpatch_agent.load.wire import Request

SKUS = [f"GA-{thing}-{manner}-{maker}" for thing in ("TRO", "RAK") for manner in ("COP", "WAL", "LIN") for maker in (0, 1, 2)]


def requests(nonce):
    first, second = SKUS[nonce % len(SKUS)], SKUS[(nonce + 7) % len(SKUS)]
    lines = [{"sku": first, "quantity": 6}, {"sku": second, "quantity": 5}]
    return [Request("POST", "/basket/quote", json.dumps({"lines": lines}), {"Content-Type": "application/json"})]


def judge(answers):
    answer = answers[0]
    if answer.status != 200:
        return None
    got = json.loads(answer.body)
    amounts = [line["price"] * line["quantity"] for line in got["lines"]]
    if len(amounts) != 2 or got["goods"] != sum(amounts) or got["total"] != got["goods"] - got["discount"]:
        return None
    if got["discount"] == sum(amount // 10 for amount in amounts):
        return "new"
    return "old" if got["discount"] == amounts[-1] // 10 else None
