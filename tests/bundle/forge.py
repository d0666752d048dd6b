"""Bundles as an attacker makes them: by hand, past everything that `build` would refuse.

A `Forge` is the attacker's bench: the honest release as plain values, and keys to sign what became of it.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgpack
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.formats import encode_canonical
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata

from hotpatch import bundle, trust
from hotpatch.bundle import container
from hotpatch.errors import BundleError
from hotpatch.plan import Edit, Effect, Grade, Plan
from hotpatch.release import Check, Release
from hotpatch.trust import root as trust_root

NOW = datetime(2030, 5, 17, 12, 0, tzinfo=UTC)
PYTHON = "cpython-311 3.11.7"
OLD = b"def price():\n    return 1\n"
NEW = b"def price():\n    return 2\n"


def key(seed: int) -> CryptoSigner:
    """A key pair that is the same in every run."""
    return CryptoSigner(Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))


ALICE, BOB, MALLORY = key(1), key(2), key(3)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


RUNNING = {"shop/pricing.py": sha256(OLD), "shop/cart.py": sha256(b"cart = []\n")}


def honest_release(**changes: Any) -> Release:
    """The release that everything here begins with."""
    values: dict[str, Any] = {
        "service": "shop",
        "environment": "production",
        "version": 5,
        "created": NOW,
        "expires": NOW + timedelta(days=7),
        "message": "Price was wrong: 1 € too little",
        "python": PYTHON,
        "app": "shop.wsgi:app",
        "base": RUNNING,
        "sources": {"shop/pricing.py": NEW, "shop/new.py": b"NEW = True\n", "shop/cart.py": None},
        "measurement": b"measured\x00\xff",
        "plan": Plan(
            (Edit("shop.pricing", "price", "body", Effect.LIVE, "its body changed", Grade.CANARY, 1),),
            ("nothing else",),
        ),
        "checks": (
            Check("price", "python", "def check_price():\n    assert True\n"),
            Check("page", "http", path="/", headers={"Accept": "text/html"}, status=200, contains="Shop"),
        ),
        "transformers": "def transform(state):\n    return state\n",
        "settings": {"barrier_ms": "200"},
    }
    return Release(**{**values, **changes})


def root_of(*keys: CryptoSigner, threshold: int = 1, expires: datetime | None = None) -> trust.TrustRoot:
    """A trust root that names `keys`, the first of which is also its root key."""
    until = expires or NOW + timedelta(days=300)
    root = trust_root.parse(trust_root.create(keys[0].public_key, keys[0], until))
    if len(keys) > 1 or threshold > 1:
        others = [each.public_key for each in keys[1:]]
        root = trust_root.parse(trust_root.extend(root, others, threshold, [keys[0]], until))
    return root


def expectation(**changes: Any) -> trust.Expectation:
    values: dict[str, Any] = {
        "service": "shop",
        "environment": "production",
        "highest_version": 4,
        "now": NOW,
        "python": PYTHON,
        "running_digest": RUNNING.get,
    }
    return trust.Expectation(**{**values, **changes})


def signed(release: Release, *signers: CryptoSigner) -> bytes:
    """The honest way: built and signed."""
    data = bundle.build(release)
    for signer in signers:
        data = bundle.sign(data, signer)
    return data


class Forge:
    """The honest bundle taken apart.  Change anything, then `make`."""

    def __init__(self, release: Release | None = None) -> None:
        contents = container.unpack(bundle.build(release or honest_release()))
        statement = json.loads(contents.statements["targets"])
        self.signed: dict[str, Any] = statement["signed"]
        self.files: dict[str, bytes] = dict(contents.files)
        self.outer: dict[str, Any] = {}
        self.signers: Sequence[CryptoSigner] = (ALICE,)
        self.edit_signatures: Callable[[list[dict[str, Any]]], None] = lambda signatures: None

    @property
    def release(self) -> dict[str, Any]:
        found: dict[str, Any] = self.signed["release"]
        return found

    def add(self, name: str, data: bytes) -> None:
        """A file, listed with its true length and digest."""
        self.files[name] = data
        self.signed["targets"][name] = {"length": len(data), "hashes": {"sha256": sha256(data)}}

    def drop(self, name: str) -> None:
        del self.files[name], self.signed["targets"][name]

    def statement(self) -> bytes:
        """Signed as python-tuf would understand it, so that only the forgery is wrong."""
        payload = encode_canonical(self.signed).encode()
        # where it is not even TUF metadata any more, the raw canonical form has to do
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
            twin = Metadata.from_dict({"signatures": [], "signed": copy.deepcopy(self.signed)})
            payload = twin.signed_bytes
        signatures = sorted((each.sign(payload).to_dict() for each in self.signers), key=lambda s: s["keyid"])
        self.edit_signatures(signatures)
        return compact({"signatures": signatures, "signed": self.signed, **self.outer})

    def make(self) -> bytes:
        return pack([["targets", self.statement()]], sorted(self.files.items()))


def forged(change: Callable[[Forge], Any]) -> Callable[[], bytes]:
    """The honest bundle with one change, signed by a trusted key afterwards."""

    def make() -> bytes:
        forge = Forge()
        change(forge)
        return forge.make()

    return make


def stopped(make: Callable[[], bytes], error: type[BundleError], text: str) -> None:
    """The bundle is refused with this very class of error and this part of its text, on one line."""
    with pytest.raises(error) as caught:
        trust.accept(make(), root_of(ALICE, BOB), expectation())
    assert type(caught.value) is error
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


def compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def pack(statements: Any, files: Any, form: Any = 1, kind: Any = "hotpatch-bundle") -> bytes:
    """The layout of a bundle around anything at all."""
    found: bytes = msgpack.packb([kind, form, statements, [list(pair) for pair in files]], use_bin_type=True)
    return found
