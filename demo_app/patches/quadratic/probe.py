"""Imports, some twelve times as long as others: how many times as long do they take?"""

import json

from hotpatch_agent.load.wire import Request

SHORT, TIMES = 400, 12
HEADERS = {"Content-Type": "text/csv"}


def requests(nonce):
    def rows(count):
        return "".join(f"LIST-{nonce}-{number},1\n" for number in range(count))

    short, long = (Request("POST", "/basket/import", rows(count), HEADERS) for count in (SHORT, SHORT * TIMES))
    # Several of each, for the shortest time says most about the work.
    return [short, short, short, long, long]


def judge(answers):
    if any(answer.status != 200 for answer in answers):
        return None
    if [json.loads(answer.body)["unknown"] for answer in answers] != [SHORT] * 3 + [SHORT * TIMES] * 2:
        return None
    short = min(answer.seconds for answer in answers[:3])
    long = min(answer.seconds for answer in answers[3:])
    # Twelve times as long for what grows with the rows, 144 times for what grows with their square.
    return "old" if long > 42 * short else "new"
