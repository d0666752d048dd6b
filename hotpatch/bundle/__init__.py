"""Bundles: the one file that carries a release.

    data = bundle.build(release)              # unsigned bytes
    data = bundle.sign(data, signer)          # once a key
    bundle.inspect(data).release              # what it says of itself; proves nothing

A service takes bundles through `trust.accept`.  What needs python-tuf (70 ms, 20 MiB) is imported when it is
first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hotpatch.bundle.container import read

if TYPE_CHECKING:
    from hotpatch.bundle.compose import Inspection, build, inspect, sign

__all__ = ["Inspection", "build", "inspect", "read", "sign"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from hotpatch.bundle import compose

        return getattr(compose, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
