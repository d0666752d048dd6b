"""The goods and the customers that a new shop begins with: the same in every shop."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

THINGS = {
    "kitchen": ("kettle", "saucepan", "whisk", "colander", "teapot", "bread knife", "mortar", "ladle"),
    "garden": ("trowel", "watering can", "rake", "birdhouse", "hose", "lantern", "planter", "shears"),
    "desk": ("notebook", "fountain pen", "lamp", "paperweight", "inkwell", "blotter", "ruler", "globe"),
    "music": ("ukulele", "metronome", "kalimba", "tuning fork", "bongo", "recorder", "cymbal", "viola"),
    "camping": ("tent", "stove", "hammock", "compass", "sleeping bag", "flask", "head torch", "mallet"),
}
MANNERS = (
    "copper",
    "enamelled",
    "folding",
    "walnut",
    "travel",
    "antique",
    "midnight",
    "linen",
    "coral",
    "brass",
)
MAKERS = ("Aldous", "Birch & Daughters", "Corvid")


def products() -> Iterator[tuple[str, str, str, int, int, str]]:
    """(sku, name, category, price in cents, stock, description) of 1,200 products."""
    chance = random.Random(20_240_229)
    for category, things in THINGS.items():
        for thing in things:
            for manner in MANNERS:
                for number, maker in enumerate(MAKERS):
                    sku = f"{category[:2]}-{thing[:3]}-{manner[:3]}-{number}".replace(" ", "").upper()
                    name = f"{manner} {thing}".capitalize()
                    text = f"A {manner} {thing} by {maker}, for the {category} and for those who live in it."
                    yield sku, name, category, chance.randrange(300, 20_000), chance.randrange(5, 500), text


def customers() -> Iterator[tuple[int, str, str, str]]:
    """(id, token, e-mail, postal address) of forty customers."""
    for number in range(1, 41):
        yield (
            number,
            f"port-amber-{number:02}",
            f"customer{number}@example.org",
            f"{number} Harbour Row, Port Amber",
        )


def orders() -> Iterator[tuple[int, int, str, int]]:
    """(id, customer, lines as JSON, total in cents) of orders that came by post before the shop opened."""
    for number in range(1, 9):
        line = {"sku": f"KI-KET-COP-{number % 3}", "quantity": number, "price": 1_000}
        yield number, number, json.dumps([line]), 1_000 * number
