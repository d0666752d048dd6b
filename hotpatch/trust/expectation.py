"""What a service expects of a bundle: the facts about itself that the acceptance rules compare with.

A value, made anew for each bundle by whoever runs the service.  Cheap to import.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from attrs import frozen


@frozen(eq=False)
class Expectation:
    """The service as the rules see it."""

    service: str
    environment: str
    highest_version: int
    """The highest release number that the ledger has ever seen, accepted or not; 0 for none."""
    now: datetime
    """With a time zone."""
    python: str
    """`release.python_tag()` of the process that serves."""
    running_digest: Callable[[str], str | None]
    """For a path below the program's root: SHA-256 in hexadecimal of the source that runs (on disk, or from
    the ledger's head where a release already replaced it), or None if there is no such source.  It is called
    only with paths that can't leave the root."""
