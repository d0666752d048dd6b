"""Attacks on trust: whose a bundle is, whether it is whole, whether it fits here and now.

Every attack is a row: its name, how the bundle is made, the error that must stop it, and a part of the
error's text, so that the right rule spoke and no other.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from importlib.machinery import EXTENSION_SUFFIXES
from typing import Any

import pytest

from hotpatch import trust
from hotpatch.errors import (
    BaseDiffers,
    BundleError,
    Expired,
    NotABundle,
    OldVersion,
    Unsigned,
    WrongKey,
    WrongPython,
    WrongService,
)

from .forge import (
    ALICE,
    BOB,
    MALLORY,
    NEW,
    NOW,
    RUNNING,
    Forge,
    compact,
    expectation,
    forged,
    honest_release,
    pack,
    root_of,
    signed,
    stopped,
)

Attack = Callable[[], bytes]


def honest() -> bytes:
    return signed(honest_release(), ALICE)


def patched(old: bytes, new: bytes) -> Attack:
    """The honest, signed bundle with some of its bytes exchanged."""

    def make() -> bytes:
        data = signed(honest_release(), ALICE)
        assert data.count(old) >= 1
        return data.replace(old, new, 1)

    return make


def restated(change: Callable[[dict[str, Any]], Any]) -> Attack:
    """The statement changed after it was signed, its signatures kept."""

    def make() -> bytes:
        forge = Forge()
        statement = json.loads(forge.statement())
        change(statement["signed"])
        return pack([["targets", compact(statement)]], sorted(forge.files.items()))

    return make


def files_of_another_release() -> bytes:
    forge, other = Forge(), Forge(honest_release(sources={"shop/pricing.py": b"import os\n"}))
    forge.statement()
    return pack([["targets", forge.statement()]], sorted(other.files.items()))


def two_files_swapped() -> bytes:
    forge = Forge()
    statement = forge.statement()
    files = dict(forge.files)
    a, b = "source/shop/new.py", "source/shop/pricing.py"
    files[a], files[b] = files[b], files[a]
    return pack([["targets", statement]], sorted(files.items()))


def signature_borrowed() -> bytes:
    """A true signature by Alice, but of another statement."""
    other, forge = Forge(honest_release(version=9)), Forge()
    theirs = json.loads(other.statement())["signatures"]
    return pack(
        [["targets", compact({"signatures": theirs, "signed": forge.signed})]], sorted(forge.files.items())
    )


def signature_renamed() -> bytes:
    """Mallory signs and writes Alice's key id beside it."""
    forge = Forge()
    forge.signers = (MALLORY,)
    forge.edit_signatures = lambda signatures: signatures[0].update(keyid=ALICE.public_key.keyid)
    return forge.make()


def _without(name: str) -> bytes:
    forge = Forge()
    statement = forge.statement()
    del forge.files[name]
    return pack([["targets", statement]], sorted(forge.files.items()))


def _with(name: str) -> bytes:
    forge = Forge()
    statement = forge.statement()
    return pack([["targets", statement]], sorted({**forge.files, name: b"evil"}.items()))


ATTACKS: list[tuple[str, Attack, type[BundleError], str]] = [
    # -- signatures
    ("no signature", lambda: signed(honest_release()), Unsigned, "not signed"),
    ("a stranger's signature", lambda: signed(honest_release(), MALLORY), WrongKey, "does not trust"),
    ("a stranger's signature under a known name", signature_renamed, WrongKey, "does not fit"),
    ("a true signature of another release", signature_borrowed, WrongKey, "does not fit"),
    (
        "a signature of zeros",
        forged(lambda f: setattr(f, "edit_signatures", lambda s: s[0].update(sig="00" * 64))),
        WrongKey,
        "does not fit",
    ),
    (
        "a signature that is no hexadecimal",
        forged(lambda f: setattr(f, "edit_signatures", lambda s: s[0].update(sig="zz"))),
        NotABundle,
        "form",
    ),
    (
        "the expiry moved after signing",
        restated(lambda s: s.update(expires="2040-01-01T00:00:00Z")),
        WrongKey,
        "fit",
    ),
    ("the version raised after signing", restated(lambda s: s.update(version=50)), WrongKey, "fit"),
    (
        "the service changed after signing",
        restated(lambda s: s["release"].update(service="shop2")),
        WrongKey,
        "fit",
    ),
    ("the base emptied after signing", restated(lambda s: s["release"].update(base={})), WrongKey, "fit"),
    (
        "a digest exchanged after signing",
        restated(lambda s: s["targets"]["plan"]["hashes"].update(sha256="0" * 64)),
        WrongKey,
        "fit",
    ),
    # -- contents
    ("a source changed after signing", patched(NEW, NEW.replace(b"2", b"3")), WrongKey, "digest differs"),
    ("a check weakened after signing", patched(b"assert True", b"assert None"), WrongKey, "digest differs"),
    ("the measurement changed", patched(b"measured\0", b"measured\1"), WrongKey, "digest differs"),
    ("files of another signed release", files_of_another_release, WrongKey, "file"),
    ("two files swapped", two_files_swapped, WrongKey, "file"),
    ("a file left out", lambda: _without("source/shop/new.py"), WrongKey, "not in the bundle"),
    ("a file put in", lambda: _with("source/evil.py"), WrongKey, "does not list"),
    # -- elsewhere, earlier, other
    ("another service", lambda: signed(honest_release(service="bank"), ALICE), WrongService, "'bank'"),
    (
        "another environment",
        lambda: signed(honest_release(environment="staging"), ALICE),
        WrongService,
        "'staging'",
    ),
    (
        "expired",
        lambda: signed(honest_release(expires=NOW - timedelta(seconds=1)), ALICE),
        Expired,
        "expired",
    ),
    ("expires this very second", lambda: signed(honest_release(expires=NOW), ALICE), Expired, "expired"),
    ("replayed", lambda: signed(honest_release(version=4), ALICE), OldVersion, "4"),
    ("long ago", lambda: signed(honest_release(version=1), ALICE), OldVersion, "4"),
    (
        "another Python",
        lambda: signed(honest_release(python="cpython-312 3.12.1"), ALICE),
        WrongPython,
        "3.12.1",
    ),
    (
        "another patch level of Python",
        lambda: signed(honest_release(python="cpython-311 3.11.8"), ALICE),
        WrongPython,
        "",
    ),
    (
        "another base",
        lambda: signed(honest_release(base={**honest_release().base, "shop/pricing.py": "0" * 64}), ALICE),
        BaseDiffers,
        "shop.pricing differs",
    ),
    (
        "a base that isn't there",
        lambda: signed(honest_release(base={**honest_release().base, "shop/gone.py": "0" * 64}), ALICE),
        BaseDiffers,
        "shop.gone is not there",
    ),
]


@pytest.mark.parametrize(("make", "error", "text"), [pytest.param(*row[1:], id=row[0]) for row in ATTACKS])
def test_an_attack_is_stopped_by_the_rule_that_is_for_it(
    make: Attack, error: type[BundleError], text: str
) -> None:
    stopped(make, error, text)


def test_the_honest_bundle_is_accepted() -> None:
    release = trust.accept(honest(), root_of(ALICE, BOB), expectation())
    assert release.version == 5
    assert release.sources["shop/pricing.py"] == NEW


def test_one_key_signing_twice_does_not_meet_a_threshold_of_two() -> None:
    data = signed(honest_release(), ALICE, ALICE)
    with pytest.raises(Unsigned, match=r"1 signature .* asks for 2"):
        trust.accept(data, root_of(ALICE, BOB, threshold=2), expectation())


def test_a_stranger_does_not_count_towards_the_threshold() -> None:
    data = signed(honest_release(), ALICE, MALLORY)
    with pytest.raises(Unsigned, match="asks for 2"):
        trust.accept(data, root_of(ALICE, BOB, threshold=2), expectation())


def test_two_keys_meet_a_threshold_of_two() -> None:
    data = signed(honest_release(), ALICE, BOB)
    assert trust.accept(data, root_of(ALICE, BOB, threshold=2), expectation()).version == 5


def test_a_stranger_beside_enough_trusted_keys_does_no_harm() -> None:
    data = signed(honest_release(), ALICE, MALLORY)
    assert trust.accept(data, root_of(ALICE, BOB), expectation()).version == 5


def test_an_expired_trust_root_accepts_nothing() -> None:
    root = root_of(ALICE, expires=NOW - timedelta(days=1))
    with pytest.raises(Expired, match="trust root expired"):
        trust.accept(honest(), root, expectation())


def test_a_file_that_the_release_adds_must_not_be_there() -> None:
    running = {**RUNNING, "shop/new.py": "1" * 64}
    with pytest.raises(BaseDiffers, match=r"shop\.new is there already"):
        trust.accept(honest(), root_of(ALICE), expectation(running_digest=running.get))


@pytest.mark.parametrize("found", [None, "1" * 64])
def test_a_data_file_that_it_was_measured_with_must_be_in_place(found: str | None) -> None:
    data = signed(honest_release(data={"templates/page.html": "2" * 64}), ALICE)
    running = {**RUNNING} if found is None else {**RUNNING, "templates/page.html": found}
    with pytest.raises(BaseDiffers, match=r"templates/page\.html; it carries none of them, so put"):
        trust.accept(data, root_of(ALICE), expectation(running_digest=running.get))


def test_a_native_module_that_is_another_is_no_data_file_to_be_put_in_place() -> None:
    module = f"shop/fast{EXTENSION_SUFFIXES[0]}"
    data = signed(honest_release(data={module: "2" * 64}), ALICE)
    running = {**RUNNING, module: "1" * 64}
    with pytest.raises(BaseDiffers, match=r"native modules are others .*hotpatch reload"):
        trust.accept(data, root_of(ALICE), expectation(running_digest=running.get))


def test_a_release_is_accepted_where_its_data_files_are_in_place() -> None:
    asked = {"templates/page.html": "2" * 64}
    data = signed(honest_release(data=asked), ALICE)
    running = {**RUNNING, **asked}
    release = trust.accept(data, root_of(ALICE), expectation(running_digest=running.get))
    assert release.data == asked


def test_a_release_without_measurement_fits_any_python() -> None:
    data = signed(honest_release(measurement=b"", python="cpython-313 3.13.0"), ALICE)
    assert trust.accept(data, root_of(ALICE), expectation()).measurement == b""
