"""A visitor asks for a quote: without a round (old), with one (new), or in vain (erred)."""

import json

from hotpatch_agent.load.wire import Request

VISITORS = 200
BODY = json.dumps({"lines": [{"sku": "GA-TRO-COP-0", "quantity": 2}]})


def visitor(nonce):
    return nonce % VISITORS


def who(nonce):
    return f"visitor {visitor(nonce)}"


def requests(nonce):
    headers = {"Content-Type": "application/json", "Cookie": f"visitor={visitor(nonce)}"}
    return [Request("POST", "/basket/quote", BODY, headers)]


def judge(answers):
    answer = answers[0]
    if answer.status == 500:
        return "erred"
    if answer.status != 200:
        return None
    return "new" if "delivery" in json.loads(answer.body) else "old"
