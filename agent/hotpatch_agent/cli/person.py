"""Who asks: the name that goes into the ledger."""

from __future__ import annotations

import getpass


def person() -> str:
    """The user's name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody without a name"
