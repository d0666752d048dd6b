"""One of a million visitors asks for a quote: without a word on vouchers (old), with one (new), in vain (erred)."""

import json

from hotpatch_agent.load.wire import Request

BODY = json.dumps({"lines": [{"sku": "GA-TRO-COP-0", "quantity": 2}]})


def who(nonce):
    return "each fiftieth" if nonce and nonce % 50 == 0 else "all others"


def requests(nonce):
    headers = {"Content-Type": "application/json", "Cookie": f"visitor={nonce}"}
    return [Request("POST", "/basket/quote", BODY, headers)]


def judge(answers):
    answer = answers[0]
    if answer.status == 500:
        return "erred"
    if answer.status != 200:
        return None
    return "new" if "voucher" in json.loads(answer.body) else "old"
