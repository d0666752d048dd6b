"""The shop's parts, held together by one object that each request finds again by `shop()`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import current_app

if TYPE_CHECKING:
    from demo_app.cache import Cache
    from demo_app.database import Database
    from demo_app.events import Hub
    from demo_app.pricing import PriceDesk
    from demo_app.search import TermIndex
    from demo_app.settings import Settings
    from demo_app.similar import Fingerprints

EXTENSION = "shop"


@dataclass(frozen=True, eq=False)
class Shop:
    settings: Settings
    database: Database
    cache: Cache
    hub: Hub
    terms: TermIndex
    fingerprints: Fingerprints
    prices: PriceDesk
    started: float
    """When this application object was made, in seconds since 1970."""


def shop() -> Shop:
    """The shop of the application that answers the current request."""
    found: Shop = current_app.extensions[EXTENSION]
    return found
