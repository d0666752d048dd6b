"""A search for a word that every text has."""

import json

from hotpatch_agent.load.wire import Request


def requests(nonce):
    return [Request("GET", f"/search?q={('the', 'of', 'who', '%20')[nonce % 4]}")]


def judge(answers):
    if answers[0].status == 500:
        return "old"
    return "new" if answers[0].status == 200 and json.loads(answers[0].body)["hits"] == [] else None
