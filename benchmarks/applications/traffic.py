"""What is asked all the time while a release goes in: harmless requests whose answers are known."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from hotpatch_agent.load.clients import Ask, Session
from hotpatch_agent.load.phases import NEUTRAL
from hotpatch_agent.load.wire import Answer, Request

from benchmarks.applications.client import normal_text, parse

OLD, NEW = "old", "new"
Known = Mapping[str, Mapping[str, Sequence[tuple[int, str]]]]
"""By request line, for OLD and NEW: the answers that the release gives, each with its status and text."""


class Asked:
    """`answers` is a JSON file of Known.  An answer of both releases is right at any time, one of a single
    release as the phases say, and no other ever."""

    def __init__(self, answers: str) -> None:
        found: Known = json.loads(Path(answers).read_text())
        self._labels = {line: labels(releases) for line, releases in found.items()}

    def session(self, chance: random.Random) -> Session:
        line = chance.choice(sorted(self._labels))
        method, target, body, headers = parse(line)
        labels_of_line = self._labels[line]

        def judge(answer: Answer) -> str | None:
            text = normal_text(answer.body.decode("utf-8", "replace"))
            return labels_of_line.get((answer.status, text))

        request = Request(method, target, body.decode(), headers)
        yield Ask(request, line, judge)


def labels(releases: Mapping[str, Sequence[tuple[int, str]]]) -> dict[tuple[int, str], str]:
    old, new = ({(status, text) for status, text in releases[name]} for name in (OLD, NEW))
    return {answer: NEUTRAL if answer in old & new else OLD if answer in old else NEW for answer in old | new}
