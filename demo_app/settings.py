"""What the shop is told by its environment, read once when the application is made."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """Sizes in MiB, times in seconds."""

    data: Path
    """Folder of the SQLite file and the price lease; made and seeded at the first start."""
    index_mib: int = 100
    """Size of the fingerprint index in each process that loads it."""
    index_seconds: float = 2.0
    """The least time that loading the index takes, as from a model store over the network."""
    price_interval: float = 0.5
    """Time between two price changes, and between two looks at what other workers changed."""
    stream_seconds: float = 0.0
    """A stream of `/events` ends after this time; 0 for never.  Set it under sync workers, where a stream
    holds its whole worker."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        return cls(
            data=Path(environ.get("DEMO_DATA", "demo-data")),
            index_mib=int(environ.get("DEMO_INDEX_MB", "100")),
            index_seconds=float(environ.get("DEMO_INDEX_SECONDS", "2")),
            price_interval=float(environ.get("DEMO_PRICE_INTERVAL", "0.5")),
            stream_seconds=float(environ.get("DEMO_STREAM_SECONDS", "0")),
        )
