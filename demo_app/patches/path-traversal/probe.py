"""A picture whose name leads to the shop's settings."""

from hotpatch_agent.load.wire import Request


def requests(nonce):
    return [Request("GET", "/images/" + ("../settings.py", "../search.py", "%2e%2e/settings.py")[nonce % 3])]


def judge(answers):
    if answers[0].status == 200 and b"from __future__ import annotations" in answers[0].body:
        return "old"
    return "new" if answers[0].status == 404 else None
