"""The load's own questions."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

from hotpatch_agent.drill.traffic import probing
from hotpatch_agent.load.wire import Request


def test_no_question_of_a_probe_is_put_twice_in_a_run() -> None:
    """Its answer would come out of the shop's cache, from before the release went live."""
    probe: Any = SimpleNamespace(requests=lambda nonce: [Request("GET", f"/{nonce}")])
    paths = [next(probing(random.Random(seed), "any", probe)).request.path for seed in range(20_000)]
    assert len(set(paths)) == len(paths)
