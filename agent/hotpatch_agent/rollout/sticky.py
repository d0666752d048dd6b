"""Which requests belong to the canary: by a key of the request, hashed to one of a fixed number of buckets.

A key (a cookie, a header, the client's address) always falls into the same bucket during a rollout, in every
worker and after every restart.  The canary with share p has the lowest p * BUCKETS buckets, so shares nest:
whoever is in at 5 % is in at 25 %.  The salt is the release's digest: each rollout draws its lots anew, so
that it isn't the same people who try every release.

Where `hotpatch.epochs.sticky` has points on a line, here are buckets, because they can be counted.  The
bucket is also the unit of judgement (`judge`): the lots were drawn for buckets, so a bucket counts once.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

BUCKETS: Final = 16_384


def bucket_of(key: str, salt: str) -> int:
    """The bucket of a key; about a microsecond.  Any text will do, also one with lone surrogates."""
    data = f"{salt}\0{key}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(data, digest_size=4).digest(), "big") % BUCKETS


def border(share: float) -> int:
    """Buckets below this number are in: at least one where the share is not nought."""
    if share <= 0:
        return 0
    return min(BUCKETS, max(1, round(share * BUCKETS)))


def true_share(share: float) -> float:
    """The share that `border` really gives: what the judgement has to reckon with."""
    return border(share) / BUCKETS
