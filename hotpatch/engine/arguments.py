"""What code hands over by name where it calls something, told from its instructions; and texts in it."""

from __future__ import annotations

import itertools
from types import CodeType

from . import codes, instructions


def keywords(code: CodeType) -> set[str]:
    """Names by which the code passes arguments."""
    found = set[str]()
    for part in codes.walk(code):
        for last, step in itertools.pairwise(instructions.of(part)):
            if step.opname == "DICT_MERGE":  # with others by two stars, names are the keys of a dictionary
                found |= texts(part)
            elif step.opname == "KW_NAMES":
                found |= set(part.co_consts[step.arg or 0])
            elif step.opname == "CALL_KW" and type(last.argval) is tuple:
                found |= set(last.argval)
    return found


def texts(code: CodeType) -> set[str]:
    """Every text in the code, those in tuples included."""
    consts = [const for part in codes.walk(code) for const in part.co_consts]
    found = [text for const in consts for text in (const if type(const) is tuple else (const,))]
    return {text for text in found if type(text) is str}
