"""Two imports, one eight times as long: how many times as long does it take?"""

import json

from hotpatch_agent.load.wire import Request

SHORT, TIMES = 400, 8
HEADERS = {"Content-Type": "text/csv"}


def requests(nonce):
    def rows(count):
        return "".join(f"LIST-{nonce}-{number},1\n" for number in range(count))

    short, long = (Request("POST", "/basket/import", rows(count), HEADERS) for count in (SHORT, SHORT * TIMES))
    # The first of each size warms up what has nothing to do with the list.
    return [short, short, long]


def judge(answers):
    if any(answer.status != 200 for answer in answers):
        return None
    if [json.loads(answer.body)["unknown"] for answer in answers] != [SHORT, SHORT, SHORT * TIMES]:
        return None
    short, long = min(answer.seconds for answer in answers[:2]), answers[2].seconds
    return "old" if long > 3 * TIMES * short else "new"
