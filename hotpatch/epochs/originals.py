"""Code that was made to read aliases, and the code that it was made from.

A closure that a renamed body made outlives the body: it reads `TIMEOUT@1` for as long as it lives, though it
is the application's own.  The next release has to know it for what it is in the sources.

Thread-safety: entries are made under the versions' lock; one goes when its renamed code dies, in any thread,
by one `dict.pop`.
"""

from __future__ import annotations

import weakref
from types import CodeType
from typing import Any

from hotpatch.epochs.names import codes_within

_originals: dict[int, tuple[weakref.ref[CodeType], CodeType]] = {}


def note(renamed: CodeType, original: CodeType) -> None:
    """`renamed` came out of `names.rename` of `original`; so did the code nested in it."""
    for made, source in zip(codes_within(renamed), codes_within(original), strict=True):
        if made is not source and id(made) not in _originals:
            _originals[id(made)] = weakref.ref(made, _forgetter(id(made))), source


def _forgetter(key: int) -> Any:
    return lambda _dead: _originals.pop(key, None)


def original(code: CodeType) -> CodeType:
    """The code as it stands in the sources: what `code` was made from, or itself."""
    found = _originals.get(id(code))
    return code if found is None else found[1]
