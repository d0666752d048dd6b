"""Signing keys in files: an Ed25519 private key as PEM, perhaps under a passphrase; its public half as JSON.

A key is named by where it is: a plain path, or `kind:place` for the kinds of `_LOADERS`.  Keys in agents,
cards and key services come in there: whatever gives a securesystemslib `Signer` will do.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from attrs import frozen
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from securesystemslib.signer import CryptoSigner, Signer, SSlibKey

from hotpatch.errors import KeyProblem

_MAX_KEY_FILE: Final = 64 * 1024

NAME: Final = "name"
"""The field of a public key that holds what people call it.  No part of the key's id."""

Ask = Callable[[], str | None]
"""Called at most once, and only when a key is under a passphrase: the passphrase, None if there is none."""


@frozen(eq=False)
class NewKey:
    """A key pair that is in memory alone, until `write`."""

    signer: CryptoSigner
    key: SSlibKey
    """The public half, with its name."""
    _private: bytes

    def write(self, private: Path) -> None:
        """Write `private`, readable by its owner alone, and beside it the public half as `.pub`.

        Raises `KeyProblem` if either file is there already: a key is never overwritten.
        """
        public = public_path(private)
        if not private.parent.is_dir():
            raise KeyProblem(f"the key {private} can't be written: there is no folder {private.parent}")
        for path in (private, public):
            if path.exists():
                raise KeyProblem(
                    f"{path} is there already, and a key is never overwritten: choose another name"
                )
        _write_new(private, self._private, 0o600)
        text = json.dumps({"keyid": self.key.keyid, **self.key.to_dict()}, indent=1, sort_keys=True) + "\n"
        _write_new(public, text.encode(), 0o644)


def generate(name: str, passphrase: str | None) -> NewKey:
    """Make a key pair that people call `name`; its private half goes under `passphrase` if there is one."""
    secret = Ed25519PrivateKey.generate()
    protection: KeySerializationEncryption = NoEncryption()
    if passphrase:
        protection = BestAvailableEncryption(passphrase.encode())
    key = SSlibKey.from_crypto(secret.public_key())
    key.unrecognized_fields[NAME] = name
    private = secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)
    return NewKey(CryptoSigner(secret), key, private)


def public_path(private: Path) -> Path:
    """Where the public half of a key file stands: the same name with the ending `.pub`."""
    return private.with_suffix(".pub")


def _write_new(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def load_public(path: Path) -> SSlibKey:
    """The public key of a `.pub` file.  Raises `KeyProblem`."""
    try:
        told: Any = json.loads(_read(path))
        key_id = told.pop("keyid")
        key = SSlibKey.from_dict(key_id, told)
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise KeyProblem(f"{path} is no public key as `hotpatch keygen` writes it: {problem}") from None
    return key


def load_signer(where: str, ask: Ask) -> Signer:
    """The signer for the key at `where`.

    Raises `KeyProblem`: it is missing, unreadable, of an unknown kind, or the passphrase is wrong.
    """
    kind, colon, place = where.partition(":")
    if not colon or "/" in kind:
        kind, place = "file", where
    if kind not in _LOADERS:
        known = ", ".join(sorted(_LOADERS))
        raise KeyProblem(f"keys of the kind '{kind}' are not known here, only: {known}")
    return _LOADERS[kind](place, ask)


def _load_file(place: str, ask: Ask) -> Signer:
    path = Path(place)
    data = _read(path)
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyProblem(f"the private key {path} can be read by others than its owner: run chmod 600 {path}")
    if b"PRIVATE KEY" not in data:
        raise KeyProblem(f"{path} is no private key in PEM form")
    passphrase = ask() if b"ENCRYPTED" in data else None
    try:
        secret = load_pem_private_key(data, passphrase.encode() if passphrase else None)
    except TypeError:
        raise KeyProblem(
            f"the key {path} is under a passphrase: set HOTPATCH_PASSPHRASE or run the command in a terminal"
        ) from None
    except ValueError:
        reason = "its passphrase is another one" if passphrase else "the file is damaged"
        raise KeyProblem(f"the key {path} can't be opened: {reason}") from None
    if not isinstance(secret, Ed25519PrivateKey):
        raise KeyProblem(f"the key {path} is no Ed25519 key: make one with `hotpatch keygen`")
    return CryptoSigner(secret)


_LOADERS: Final[Mapping[str, Callable[[str, Ask], Signer]]] = {"file": _load_file}
"""By kind of key: how its signer is made from the rest of its name."""


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_KEY_FILE + 1)
    except OSError as problem:
        raise KeyProblem(
            f"the key {path} can't be read: {(problem.strerror or str(problem)).lower()}"
        ) from None
    if len(data) > _MAX_KEY_FILE:
        raise KeyProblem(f"{path} is too large to be a key")
    return data
