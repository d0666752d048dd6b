"""The environment that a process was started in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def environment_of(pid: int) -> Mapping[str, str]:
    """What the process, or whom it was forked from, was given when it was started; what it has set since is
    not in it.  Raises OSError where it is gone, or somebody else's."""
    parts = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    pairs = (os.fsdecode(part).partition("=") for part in parts if b"=" in part)
    return {name: value for name, _, value in pairs}
