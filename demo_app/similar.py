"""Products like this one: the fingerprint index, the part that is slow to load and large in memory.

It stands for any model: each product has a fingerprint of equal length, and two products are as alike as
their fingerprints have bits in common.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, Response, abort, jsonify

from demo_app.shop import shop

MIB = 1 << 20
COMPARED_BYTES = 512
MOST_SIMILAR = 6

routes = Blueprint("similar", __name__)


@dataclass(frozen=True, eq=False)
class Fingerprints:
    """`store` holds the fingerprints of `skus`, one after another, `length` bytes each; never changed."""

    skus: tuple[str, ...]
    length: int
    store: bytearray
    load_seconds: float

    def heads(self) -> list[int]:
        """The part of each fingerprint that is compared, as one number."""
        view = memoryview(self.store)
        starts = range(0, self.length * len(self.skus), self.length)
        return [int.from_bytes(view[start : start + min(self.length, COMPARED_BYTES)]) for start in starts]

    def similar(self, sku: str) -> list[tuple[str, float]]:
        """The most similar other products, each with the share of bits in common.  KeyError if unknown."""
        if sku not in self.skus:
            raise KeyError(sku)
        heads = self.heads()
        mine = heads[self.skus.index(sku)]
        bits = 8 * min(self.length, COMPARED_BYTES)
        alike = [
            (1 - (mine ^ head).bit_count() / bits, other)
            for other, head in zip(self.skus, heads, strict=True)
        ]
        alike.sort(key=lambda pair: (-pair[0], pair[1]))
        return [(other, round(share, 4)) for share, other in alike if other != sku][:MOST_SIMILAR]


def load(skus: Sequence[str], mib: int, seconds: float) -> Fingerprints:
    """The index, `mib` MiB of it, the same bytes each time; takes at least `seconds`, spread evenly as by a
    model store that delivers block by block."""
    began = time.monotonic()
    store = bytearray()
    chance = random.Random(4711)
    for block in range(mib):
        store += chance.randbytes(MIB)
        due = began + seconds * (block + 1) / mib
        time.sleep(max(0.0, due - time.monotonic()))
    return Fingerprints(tuple(skus), len(store) // len(skus), store, time.monotonic() - began)


@routes.get("/similar/<sku>")
def similar(sku: str) -> Response:
    fingerprints = shop().fingerprints
    try:
        found = shop().cache.get_or_make(("similar", sku), lambda: fingerprints.similar(sku))
    except KeyError:
        abort(404, "no such product")
    return jsonify(sku=sku, similar=[{"sku": other, "alike": share} for other, share in found])
