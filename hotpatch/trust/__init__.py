"""Trust: whose bundles count, and the rules by which one is accepted.

    root = trust.read_root(home / "trust" / "root.json")
    release = trust.accept(data, root, trust.Expectation(...))     # or the error that says why not

What needs python-tuf (70 ms, 20 MiB) is imported when it is first used; a server that forks its workers calls
`preload` first, so that all of them share the one copy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hotpatch.trust.expectation import Expectation

if TYPE_CHECKING:
    from hotpatch.trust.root import TrustRoot
    from hotpatch.trust.root import read as read_root
    from hotpatch.trust.rules import RULES, Finding, accept, examine

__all__ = ["RULES", "Expectation", "Finding", "TrustRoot", "accept", "examine", "preload", "read_root"]


def preload() -> None:
    """Import all that `accept` needs, for a master before it forks.  Opens no file, starts no thread."""
    from hotpatch.trust import rules  # noqa: F401


def __getattr__(name: str) -> Any:
    if name == "read_root":
        from hotpatch.trust.root import read

        return read
    if name == "TrustRoot":
        from hotpatch.trust.root import TrustRoot

        return TrustRoot
    if name in ("RULES", "Finding", "accept", "examine"):
        from hotpatch.trust import rules

        return getattr(rules, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
