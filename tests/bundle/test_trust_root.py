"""The trust root: it must be signed by itself, and changed only by those who may."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from securesystemslib.signer import SSlibKey
from tuf.api.metadata import Metadata, Root

from hotpatch import trust
from hotpatch.errors import KeyProblem
from hotpatch.trust import root as trust_root

from .forge import ALICE, BOB, MALLORY, NOW, expectation, honest_release, root_of, signed

LATER = NOW + timedelta(days=300)


def first() -> trust.TrustRoot:
    return trust_root.parse(trust_root.create(ALICE.public_key, ALICE, LATER))


def edited(change: object, *signers: object) -> bytes:
    """Alice's root, changed by `change`, signed by `signers`."""
    metadata = Metadata[Root].from_bytes(first().metadata.to_bytes())
    change(metadata.signed)  # type: ignore[operator]
    metadata.signatures = {}
    for signer in signers:
        metadata.sign(signer, append=True)  # type: ignore[arg-type]
    return metadata.to_bytes()


def test_the_first_root_names_one_key_for_everything() -> None:
    root = first()
    assert (root.version, root.threshold, root.release_keys) == (1, 1, (ALICE.public_key.keyid,))
    assert root.expires == LATER


def test_a_root_that_was_changed_by_hand_is_refused() -> None:
    data = trust_root.create(ALICE.public_key, ALICE, LATER)
    told = json.loads(data)
    told["signed"]["roles"]["targets"]["threshold"] = 1
    told["signed"]["version"] = 2
    with pytest.raises(KeyProblem, match="damaged or forged"):
        trust_root.parse(json.dumps(told).encode())


def test_a_root_signed_by_another_than_its_own_key_is_refused() -> None:
    with pytest.raises(KeyProblem, match="damaged or forged"):
        trust_root.parse(edited(lambda root: None, MALLORY))


def test_a_root_that_no_release_could_satisfy_is_refused() -> None:
    def change(root: Root) -> None:
        root.roles["targets"].threshold = 2

    with pytest.raises(KeyProblem, match="asks for 2 signatures"):
        trust_root.parse(edited(change, ALICE))


def test_one_key_under_two_ids_is_refused() -> None:
    def change(root: Root) -> None:
        twin = SSlibKey("f" * 64, "ed25519", "ed25519", dict(ALICE.public_key.keyval))
        root.add_key(twin, "targets")
        root.roles["targets"].threshold = 2

    with pytest.raises(KeyProblem, match="one key under two ids"):
        trust_root.parse(edited(change, ALICE))


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b"[" * 10_000, b'{"signed":{"_type":"root"}}'])
def test_what_is_no_root_is_refused(data: bytes) -> None:
    with pytest.raises(KeyProblem):
        trust_root.parse(data)


def test_metadata_of_another_role_is_no_root() -> None:
    from hotpatch import bundle
    from hotpatch.bundle import container

    statement = container.unpack(bundle.build(honest_release())).statements["targets"]
    with pytest.raises(KeyProblem, match="another role"):
        trust_root.parse(statement)


def test_a_key_added_by_the_root_key_may_sign_releases() -> None:
    root = trust_root.parse(trust_root.extend(first(), [BOB.public_key], None, [ALICE], LATER))
    assert root.version == 2
    assert trust.accept(signed(honest_release(), BOB), root, expectation()).version == 5


def test_a_key_may_not_add_itself() -> None:
    with pytest.raises(KeyProblem, match="may not change the trust root"):
        trust_root.extend(first(), [MALLORY.public_key], None, [MALLORY], LATER)


def test_a_release_key_may_not_change_the_root() -> None:
    root = trust_root.parse(trust_root.extend(first(), [BOB.public_key], None, [ALICE], LATER))
    with pytest.raises(KeyProblem, match="may not change the trust root"):
        trust_root.extend(root, [MALLORY.public_key], None, [BOB], LATER)


def test_a_root_that_nobody_signed_is_not_made() -> None:
    with pytest.raises(KeyProblem, match="not signed by enough"):
        trust_root.extend(first(), [BOB.public_key], None, [], LATER)


def test_a_root_that_skips_a_number_does_not_succeed() -> None:
    def skip(root: Root) -> None:
        root.version = 3

    with pytest.raises(KeyProblem, match="does not follow"):
        trust_root.succeed(first(), edited(skip, ALICE))


def test_a_root_of_a_stranger_does_not_succeed() -> None:
    def takeover(root: Root) -> None:
        root.version = 2
        root.add_key(MALLORY.public_key, "root")
        root.revoke_key(ALICE.public_key.keyid, "root")

    with pytest.raises(KeyProblem, match="too few root keys"):
        trust_root.succeed(first(), edited(takeover, MALLORY))


def test_a_root_handed_over_by_both_keys_succeeds() -> None:
    def hand_over(root: Root) -> None:
        root.version = 2
        root.add_key(BOB.public_key, "root")
        root.revoke_key(ALICE.public_key.keyid, "root")

    assert trust_root.succeed(first(), edited(hand_over, ALICE, BOB)).version == 2


def test_a_threshold_above_the_number_of_keys_is_refused() -> None:
    with pytest.raises(KeyProblem, match="asks for 2"):
        trust_root.extend(first(), [], 2, [ALICE], LATER)


def test_reading_names_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(KeyProblem, match="there is no trust root"):
        trust.read_root(tmp_path / "root.json")


def test_a_root_that_anybody_may_write_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "root.json"
    path.write_bytes(trust_root.create(ALICE.public_key, ALICE, LATER))
    assert trust.read_root(path).version == 1
    path.chmod(0o666)
    with pytest.raises(KeyProblem, match="anybody may write"):
        trust.read_root(path)
    path.chmod(0o644)
    tmp_path.chmod(0o777)
    with pytest.raises(KeyProblem, match="anybody may write"):
        trust.read_root(path)


def test_the_helper_roots_of_these_tests_are_what_they_say() -> None:
    assert root_of(ALICE, BOB, threshold=2).threshold == 2
