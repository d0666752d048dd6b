"""Damage and chance: whatever becomes of the bytes, the answer is a `BundleError` or a release."""

from __future__ import annotations

import functools

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotpatch import bundle, trust
from hotpatch.bundle import bounds, container, fields, plan_form
from hotpatch.bundle.container import MAGIC, Container
from hotpatch.errors import BundleCutShort, BundleError, BundleTooLarge, NotABundle

from .forge import ALICE, Forge, compact, expectation, honest_release, pack, root_of, signed


@functools.cache
def honest() -> bytes:
    return signed(honest_release(), ALICE)


@functools.cache
def root() -> trust.TrustRoot:
    return root_of(ALICE)


def refused(data: bytes) -> BundleError:
    with pytest.raises(BundleError) as caught:
        trust.accept(data, root(), expectation())
    return caught.value


def test_a_bundle_cut_at_any_length_is_cut_short() -> None:
    data = honest()
    for length in range(len(data)):
        assert type(refused(data[:length])) is BundleCutShort, length


@pytest.mark.parametrize("bit", [0, 3, 7])
def test_no_flipped_bit_goes_unnoticed(bit: int) -> None:
    data = honest()
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 1 << bit
        refused(bytes(damaged))


def test_a_declared_length_is_refused_before_anything_of_it_is_there() -> None:
    for header in (b"\x90\xdd", b"\x90\x91\x92\xdb", b"\x90\x91\x92\xa1a\xc6"):
        with pytest.raises(BundleTooLarge):
            container.unpack(MAGIC + b"\x01" + header + b"\xff\xff\xff\xff")


@given(st.binary(max_size=300))
def test_any_bytes_give_a_bundle_error(data: bytes) -> None:
    refused(data)


@given(st.binary(max_size=300))
def test_any_bytes_after_the_magic_give_a_bundle_error(data: bytes) -> None:
    refused(MAGIC + data)


LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(), st.text(max_size=9), st.binary()
)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(ANYTHING, ANYTHING)
def test_any_msgpack_in_the_layout_gives_a_bundle_error(statements: object, files: object) -> None:
    refused(MAGIC + b"\x01" + msgpack.packb(statements) + msgpack.packb(files))


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=9)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_as_the_statement_gives_a_bundle_error(value: object) -> None:
    refused(pack([["targets", compact(value)]], sorted(Forge().files.items())))


@st.composite
def one_field_replaced(draw: st.DrawFn) -> bytes:
    """The honest statement with one value, anywhere in its signed part, replaced; signed by a trusted key."""
    forge = Forge()
    place: object = forge.signed
    while True:
        assert isinstance(place, dict | list)
        keys = sorted(place) if isinstance(place, dict) else list(range(len(place)))
        key = draw(st.sampled_from(keys))
        if isinstance(place[key], dict | list) and place[key] and draw(st.booleans()):
            place = place[key]
            continue
        place[key] = draw(JSON)
        return forge.make()


@settings(max_examples=300, deadline=None)
@given(one_field_replaced())
def test_a_signed_statement_with_any_field_replaced_is_a_release_or_a_bundle_error(data: bytes) -> None:
    try:
        release = trust.accept(data, root(), expectation())
    except BundleError:
        return
    assert release.service == "shop"
    assert all(bounds.path_fault(path) is None for path in (*release.sources, *release.base))


@given(st.dictionaries(st.text(max_size=20), st.binary(max_size=50), max_size=6))
def test_what_is_packed_is_unpacked_as_it_was(files: dict[str, bytes]) -> None:
    contents = Container({"targets": b"{}"}, files)
    data = container.pack(contents)
    assert container.unpack(data) == contents
    assert container.pack(container.unpack(data)) == data


@given(
    st.lists(st.tuples(st.text(max_size=20), st.binary(max_size=50)), max_size=5),
    st.lists(st.tuples(st.text(max_size=20), st.binary(max_size=50)), max_size=5),
    st.integers(0, 300),
)
def test_what_is_accepted_is_what_msgpack_would_read(statements: object, files: object, form: int) -> None:
    data = msgpack.packb(["hotpatch-bundle", form, statements, files], use_bin_type=True)
    try:
        found = container.unpack(data)
    except BundleError:
        return
    layout = msgpack.unpackb(data)
    assert layout[1] == container.FORMAT
    assert [*map(list, found.statements.items())] == layout[2]
    assert [*map(list, found.files.items())] == layout[3]


@pytest.mark.parametrize("length", [0, 1, 31, 32, 255, 256, 1000])
def test_a_name_of_any_length_is_read_as_it_was_written(length: int) -> None:
    contents = Container({}, {"n" * length: b"c" * (65_000 + length)})
    assert container.unpack(container.pack(contents)) == contents


@pytest.mark.parametrize("count", [0, 1, 15, 16, 4096])
def test_any_number_of_files_is_read_as_it_was_written(count: int) -> None:
    contents = Container({}, {f"{number:05}": b"x" for number in range(count)})
    assert container.unpack(container.pack(contents)) == contents


@given(st.binary(max_size=200))
def test_any_bytes_as_a_plan_give_a_bundle_error_or_a_plan(data: bytes) -> None:
    try:
        plan = plan_form.load(data)
    except BundleError:
        return
    assert plan_form.dump(plan) == data


@given(JSON)
def test_strict_json_is_read_in_one_form_only(value: object) -> None:
    data = fields.write(value)
    if isinstance(value, dict):
        fields.read(data, "it")
        with pytest.raises(NotABundle):
            fields.read(data + b" ", "it")
    else:
        with pytest.raises(NotABundle):
            fields.read(data, "it")


@given(st.text(max_size=30))
def test_a_path_without_fault_stays_below_its_root(path: str) -> None:
    import posixpath

    if bounds.path_fault(path) is None:
        assert posixpath.normpath(posixpath.join("/root", path)) == f"/root/{path}"


def test_inspecting_is_as_careful_as_accepting() -> None:
    data = honest()
    for length in range(0, len(data), 7):
        with pytest.raises(BundleCutShort):
            bundle.inspect(data[:length])
