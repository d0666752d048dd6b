"""Building, signing, looking inside: what goes in comes out, and always as the same bytes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from attrs import evolve

from hotpatch import bundle, trust
from hotpatch.bundle import bounds, container
from hotpatch.errors import BuildFailed, BundleTooLarge, NotABundle
from hotpatch.plan import Plan

from .forge import ALICE, BOB, NOW, Forge, expectation, honest_release, root_of, sha256, signed


def test_what_was_built_is_what_is_accepted() -> None:
    data = signed(honest_release(), ALICE)
    accepted = trust.accept(data, root_of(ALICE), expectation())
    assert accepted == evolve(honest_release(), digest=sha256(data))


def test_the_same_release_gives_the_same_bytes() -> None:
    sources = honest_release().sources
    backwards = honest_release(sources=dict(reversed(sources.items())))
    assert bundle.build(honest_release()) == bundle.build(backwards)


def test_the_order_of_signing_leaves_no_trace() -> None:
    assert signed(honest_release(), ALICE, BOB) == signed(honest_release(), BOB, ALICE)


def test_signing_twice_by_one_key_changes_nothing() -> None:
    assert signed(honest_release(), ALICE, ALICE) == signed(honest_release(), ALICE)


def test_inspecting_names_the_keys_that_claim_to_have_signed() -> None:
    found = bundle.inspect(signed(honest_release(), BOB, ALICE))
    assert set(found.keys) == {ALICE.public_key.keyid, BOB.public_key.keyid}
    assert found.release.message == honest_release().message


def test_a_bundle_is_not_signed_if_its_files_are_not_those_listed() -> None:
    forge = Forge()
    forge.files["plan"] += b" "
    with pytest.raises(Exception, match="digest differs"):
        bundle.sign(forge.make(), ALICE)


def test_what_could_not_be_read_is_not_built() -> None:
    with pytest.raises(NotABundle, match=r"'\.\.'"):
        bundle.build(honest_release(sources={"../x.py": b""}))
    with pytest.raises(BundleTooLarge):
        bundle.build(honest_release(sources={"x.py": b"#" * (bounds.MAX_SOURCE + 1)}))


def test_what_would_come_back_changed_is_not_built() -> None:
    with pytest.raises(BuildFailed, match="comes back changed"):
        bundle.build(honest_release(created=NOW.replace(microsecond=5)))


def test_a_release_may_have_an_empty_plan_and_no_measurement() -> None:
    release = honest_release(measurement=b"", plan=Plan(()), checks=(), transformers="", settings={})
    assert evolve(bundle.inspect(bundle.build(release)).release, digest="") == release


def test_reading_a_bundle_names_the_missing_file(tmp_path: Path) -> None:
    with pytest.raises(NotABundle, match="there is no bundle"):
        bundle.read(tmp_path / "none.bundle")


def test_a_folder_or_pipe_is_no_bundle(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "."):
        with pytest.raises(NotABundle):
            bundle.read(tmp_path / name)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.bundle"
    with path.open("wb") as file:
        file.truncate(bounds.MAX_BUNDLE + 1)
    with pytest.raises(BundleTooLarge):
        bundle.read(path)


def test_reading_gives_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.bundle"
    path.write_bytes(signed(honest_release(), ALICE))
    assert container.unpack(bundle.read(path)).statements.keys() == {"targets"}


def test_importing_bundle_and_trust_does_not_import_tuf() -> None:
    program = (
        "import sys, hotpatch.bundle, hotpatch.trust\n"
        "assert not {'tuf', 'securesystemslib', 'cryptography'} & set(sys.modules), 'heavy'\n"
        "hotpatch.trust.preload()\n"
        "assert 'tuf.api.metadata' in sys.modules\n"
        "before = set(sys.modules); hotpatch.trust.accept; hotpatch.trust.read_root\n"
        "assert set(sys.modules) == before, set(sys.modules) - before\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
