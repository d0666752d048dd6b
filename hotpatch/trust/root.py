"""The trust root: whose keys count for releases of a service, how many of them must sign, and until when.

It is TUF root metadata, `trust/root.json` in the service's home, signed by its own root keys.  The role
`targets` names the keys that sign releases, the role `root` those that may change the root itself.  A new
root counts only when enough root keys of the old one *and* of the new one have signed it (`succeed`), so
keys are added, retired and replaced without a moment in which anybody's word is enough.
"""

from __future__ import annotations

import stat
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from attrs import frozen
from securesystemslib.signer import Key, Signer, SSlibKey
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Role, Root
from tuf.api.serialization import DeserializationError, SerializationError
from tuf.api.serialization.json import JSONSerializer

from hotpatch.errors import KeyProblem
from hotpatch.trust.keys import NAME

MAX_ROOT: Final = 1024 * 1024
MAX_KEYS: Final = 64
RELEASES: Final = "targets"
"""The role whose keys sign releases."""


@frozen(eq=False)
class TrustRoot:
    """Root metadata whose own signatures have been checked.  Its expiry is for the user of it to judge."""

    metadata: Metadata[Root]

    @property
    def version(self) -> int:
        """Counts the changes of the root, from 1."""
        return self.metadata.signed.version

    @property
    def expires(self) -> datetime:
        """Until when it counts; UTC."""
        return self.metadata.signed.expires

    @property
    def threshold(self) -> int:
        """How many different keys must sign a release."""
        return self.metadata.signed.roles[RELEASES].threshold

    @property
    def release_keys(self) -> tuple[str, ...]:
        """Ids of the keys that sign releases."""
        return tuple(self.metadata.signed.roles[RELEASES].keyids)


def name_of(root: TrustRoot, key_id: str) -> str:
    """What people call a key: its name, if the root knows it, and the beginning of its id."""
    key = root.metadata.signed.keys.get(key_id)
    name = key.unrecognized_fields.get(NAME) if key else None
    return f"{name} ({key_id[:8]})" if isinstance(name, str) and name.isprintable() else key_id[:8]


def parse(data: bytes) -> TrustRoot:
    """A trust root from its file's contents.

    Raises `KeyProblem` if it isn't signed by enough of its own root keys, or no release could ever be signed.
    """
    if len(data) > MAX_ROOT:
        raise KeyProblem(f"the trust root has {len(data):,} bytes; {MAX_ROOT:,} are allowed")
    try:
        metadata: Metadata[Root] = Metadata.from_bytes(data)
        payload = metadata.signed_bytes
    except (DeserializationError, SerializationError) as problem:
        raise KeyProblem(f"the trust root is no TUF metadata: {problem}") from None
    root = metadata.signed
    if not isinstance(root, Root):
        raise KeyProblem("the trust root is TUF metadata of another role than 'root'")
    _check_keys(root)
    _check_signed(root.get_root_verification_result(None, payload, metadata.signatures).verified)
    return TrustRoot(metadata)


def succeed(current: TrustRoot, data: bytes) -> TrustRoot:
    """The next root after `current`.  Raises `KeyProblem` unless its number follows and enough root keys of
    both have signed it."""
    following = parse(data)
    signed = following.metadata
    try:
        verdict = signed.signed.get_root_verification_result(
            current.metadata.signed, signed.signed_bytes, signed.signatures
        )
    except (ValueError, RepositoryError) as problem:
        raise KeyProblem(f"the new trust root does not follow the one in force: {problem}") from None
    if not verdict.verified:
        need = current.metadata.signed.roles[Root.type].threshold
        raise KeyProblem(
            f"the new trust root is signed by too few root keys of the one in force: {need} must sign it"
        )
    return following


def read(path: Path) -> TrustRoot:
    """The trust root in the file `path`.  Raises `KeyProblem`: missing, unsound, or writable by anybody."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_ROOT + 1)
        writable = any(place.stat().st_mode & stat.S_IWOTH for place in (path, path.parent))
    except FileNotFoundError:
        raise KeyProblem(
            f"there is no trust root {path}: make one with `hotpatch keygen KEY --trust HOME`"
        ) from None
    except OSError as problem:
        raise KeyProblem(f"the trust root {path} can't be read: {problem.strerror}") from None
    if writable:
        raise KeyProblem(f"anybody may write the trust root {path} or its folder: take that right away")
    return parse(data)


def create(key: SSlibKey, signer: Signer, expires: datetime) -> bytes:
    """The first root of a service: `key` alone, for releases and for the root itself; `signer` is its."""
    roles = {name: Role([], 1) for name in ("root", "timestamp", "snapshot", "targets")}
    root = Root(version=1, expires=expires, roles=roles, consistent_snapshot=False)
    root.add_key(key, Root.type)
    root.add_key(key, RELEASES)
    return _signed(Metadata(root), [signer])


def extend(
    current: TrustRoot,
    keys: Sequence[Key],
    threshold: int | None,
    signers: Sequence[Signer],
    expires: datetime,
    retired: Sequence[Key] = (),
) -> bytes:
    """The root that follows `current`: `keys` may sign releases too, `retired` ones no more.

    `threshold` of all of them must; without one the old one stays.  Raises `KeyProblem` where `signers`
    are too few or not root keys, a retired key was none, or the threshold is above the number of keys.
    """
    root = Metadata[Root].from_bytes(current.metadata.to_bytes()).signed
    may = root.roles[Root.type].keyids
    for signer in signers:
        if (key_id := signer.public_key.keyid) not in may:
            who = ", ".join(name_of(current, each) for each in may)
            raise KeyProblem(f"the key {name_of(current, key_id)} may not change the trust root; {who} may")
    root.version += 1
    root.expires = expires
    for key in retired:
        if key.keyid not in root.roles[RELEASES].keyids:
            raise KeyProblem(f"the key {key.keyid[:8]} can't be retired: the trust root does not have it")
        root.revoke_key(key.keyid, RELEASES)
    for key in keys:
        root.add_key(key, RELEASES)
    if threshold is not None:
        root.roles[RELEASES].threshold = threshold
    data = _signed(Metadata(root), signers)
    succeed(current, data)
    return data


def _signed(metadata: Metadata[Root], signers: Sequence[Signer]) -> bytes:
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes(JSONSerializer(compact=False))


def _check_signed(enough: bool) -> None:
    if not enough:
        raise KeyProblem(
            "the trust root is not signed by enough of its own root keys: it is damaged or forged"
        )


def _check_keys(root: Root) -> None:
    if len(root.keys) > MAX_KEYS:
        raise KeyProblem(f"the trust root has {len(root.keys)} keys; {MAX_KEYS} are allowed")
    # one key under two ids would count twice towards a threshold
    values = [
        key.keyval.get("public") if isinstance(key, SSlibKey) else key.keyid for key in root.keys.values()
    ]
    if len(set(map(str, values))) != len(values):
        raise KeyProblem("the trust root holds one key under two ids")
    for name in (Root.type, RELEASES):
        role = root.roles[name]
        if role.threshold > len(role.keyids):
            raise KeyProblem(
                f"the trust root asks for {role.threshold} signatures of the role '{name}', "
                f"but has {len(role.keyids)} keys for it"
            )
