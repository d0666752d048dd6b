"""Changes by dotted names: those that concern a name are found without a look at all others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hotpatch.engine.syntax_trace import Related
from hotpatch.engine.syntax_units import related

NAMES = st.lists(st.sampled_from(["a", "b", "<locals>"]), min_size=1, max_size=4).map(".".join)


@given(things=st.lists(st.frozensets(NAMES, max_size=3), max_size=8), name=NAMES)
def test_they_are_those_that_a_look_at_all_would_find(things: list[frozenset[str]], name: str) -> None:
    index = Related[int]()
    for number, names in enumerate(things):
        index.add(number, names)
    assert index.to(name) == [n for n, names in enumerate(things) if any(related(one, name) for one in names)]
