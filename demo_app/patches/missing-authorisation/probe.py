"""Somebody's order, asked for by nobody."""

import json

from hotpatch_agent.load.wire import Request


def requests(nonce):
    return [Request("GET", f"/orders/{1 + nonce % 8}")]


def judge(answers):
    if answers[0].status == 200 and "address" in json.loads(answers[0].body)["customer"]:
        return "old"
    return "new" if answers[0].status == 401 else None
