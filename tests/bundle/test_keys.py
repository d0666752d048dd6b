"""Key files: made once, for their owner alone, opened only with the right passphrase."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotpatch.errors import KeyProblem
from hotpatch.trust import keys


def no_passphrase() -> None:
    return None


def test_a_key_signs_what_its_public_half_verifies(tmp_path: Path) -> None:
    made = keys.generate("a", None)
    made.write(tmp_path / "a.key")
    signer = keys.load_signer(str(tmp_path / "a.key"), no_passphrase)
    keys.load_public(tmp_path / "a.pub").verify_signature(signer.sign(b"text"), b"text")
    assert keys.load_public(tmp_path / "a.pub") == made.key


def test_the_private_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    keys.generate("a", None).write(tmp_path / "a.key")
    assert (tmp_path / "a.key").stat().st_mode & 0o777 == 0o600


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    keys.generate("a", None).write(tmp_path / "a.key")
    (tmp_path / "a.key").chmod(0o640)
    with pytest.raises(KeyProblem, match="chmod 600"):
        keys.load_signer(str(tmp_path / "a.key"), no_passphrase)


@pytest.mark.parametrize("there", ["a.key", "a.pub"])
def test_a_key_is_never_overwritten(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("precious")
    with pytest.raises(KeyProblem, match="never overwritten"):
        keys.generate("a", None).write(tmp_path / "a.key")
    assert (tmp_path / there).read_text() == "precious"
    assert [path.name for path in tmp_path.iterdir()] == [there]


def test_a_passphrase_is_asked_for_only_where_there_is_one(tmp_path: Path) -> None:
    asked = []

    def ask() -> str:
        asked.append(True)
        return "secret"

    keys.generate("open", None).write(tmp_path / "open.key")
    keys.generate("shut", "secret").write(tmp_path / "shut.key")
    keys.load_signer(str(tmp_path / "open.key"), ask)
    assert asked == []
    keys.load_signer(str(tmp_path / "shut.key"), ask)
    assert asked == [True]


def test_a_key_under_a_passphrase_is_not_on_the_disk_in_the_clear(tmp_path: Path) -> None:
    keys.generate("a", "secret").write(tmp_path / "a.key")
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in (tmp_path / "a.key").read_bytes()


@pytest.mark.parametrize(("given", "text"), [("wrong", "another one"), (None, "under a"), ("", "under a")])
def test_a_wrong_or_missing_passphrase_is_said_so(tmp_path: Path, given: str | None, text: str) -> None:
    keys.generate("a", "secret").write(tmp_path / "a.key")
    with pytest.raises(KeyProblem, match=text):
        keys.load_signer(str(tmp_path / "a.key"), lambda: given)


def test_what_is_no_key_is_said_so(tmp_path: Path) -> None:
    path = tmp_path / "a.key"
    path.write_text("hello")
    path.chmod(0o600)
    with pytest.raises(KeyProblem, match="no private key"):
        keys.load_signer(str(path), no_passphrase)
    path.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    with pytest.raises(KeyProblem, match="damaged"):
        keys.load_signer(str(path), no_passphrase)
    with pytest.raises(KeyProblem, match="can't be read"):
        keys.load_signer(str(tmp_path / "none.key"), no_passphrase)
    with pytest.raises(KeyProblem, match="no public key"):
        keys.load_public(path)


def test_a_key_of_another_algorithm_is_refused(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    path = tmp_path / "a.key"
    path.write_bytes(
        generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    path.chmod(0o600)
    with pytest.raises(KeyProblem, match="no Ed25519 key"):
        keys.load_signer(str(path), no_passphrase)


def test_a_key_of_an_unknown_kind_names_the_known_ones() -> None:
    with pytest.raises(KeyProblem, match="'hsm' are not known here, only: file"):
        keys.load_signer("hsm:2?label=release", no_passphrase)


def test_a_public_key_that_lies_about_its_form_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pub"
    for text in ("[]", "1", '{"keyid":1}', '{"keyid":"a","keytype":"x","scheme":"y","keyval":{}}', "{"):
        path.write_text(text)
        with pytest.raises(KeyProblem):
            keys.load_public(path)


def test_a_key_bears_the_name_that_it_was_given(tmp_path: Path) -> None:
    keys.generate("alice", None).write(tmp_path / "a.key")
    assert keys.load_public(tmp_path / "a.pub").unrecognized_fields[keys.NAME] == "alice"
