"""Worker classes as parameters: two of them in every run, the others where time is no matter.

What differs between classes (`test_classes`, `test_leaving`) is tested for each of them in every run; a long
test of what is the same everywhere has one class of threads and one of an event loop, and `make exhaustive`
has the rest.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

IN_EVERY_RUN = frozenset({"gthread", "asgi", "asgi websocket"})


def by_class(names: Iterable[str]) -> list[object]:
    return [
        name if name in IN_EVERY_RUN else pytest.param(name, marks=pytest.mark.exhaustive) for name in names
    ]
