"""Functions that were put in front of others at run time, as tracing agents do: they stay, and what they call
is the new code."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

from hotpatch.errors import PatchRefused

from . import codes
from .match import Match, Pair
from .reading import MISSING

if TYPE_CHECKING:
    from .merge import Merger


def refuse_if_strict(
    merger: Merger, pair: Pair, live: Any, change: tuple[types.CodeType, types.CodeType], where: str
) -> None:
    """One that takes what the old function took would be called as the new one is."""
    parent, step = merger.old.parents[pair[0]]
    above = merger.locator.locate(parent) if parent >= 0 else MISSING
    front = MISSING if above is MISSING else merger.locator.child(above, step, pair[0])
    if front is live or type(front) is not types.FunctionType:
        return
    before, after = map(codes.parameters, change)
    if before != after and codes.parameters(merger.view.code(front)) == before:
        raise PatchRefused(
            f"{where} takes other arguments, and what stands in front of it takes the old ones"
        )


def since_the_start(were: Match) -> set[int]:
    """ids of functions that stand where the old start had others: their parts are theirs."""
    functions = [
        pair for pair in were.pairs if were.old.kind(pair[0]) == "function" == were.new.kind(pair[1])
    ]
    return {
        id((were.old.objects or ())[live])
        for live, o in functions
        if were.old.nodes[live][3].body != were.new.nodes[o][3].body
    }
