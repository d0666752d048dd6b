"""A bundle from a release, signatures added to it, and a look inside.

`build`, `sign` and `inspect` are the whole of a bundle's life outside a service.  A service never calls
them: it takes bundles through `trust.accept` alone.  Pure functions, but for the signer's own devices.
"""

from __future__ import annotations

from attrs import evolve, frozen
from securesystemslib.signer import Signer

from hotpatch.bundle import container, statement
from hotpatch.bundle.container import Container
from hotpatch.errors import BuildFailed, KeyProblem
from hotpatch.release import Release


@frozen
class Inspection:
    """What an unjudged bundle says of itself.  Nothing in it may be acted upon."""

    release: Release
    keys: tuple[str, ...]
    """Ids of the keys that claim to have signed it."""


def build(release: Release) -> bytes:
    """The bundle of `release`, unsigned.  `release.digest` is not looked at.

    Raises `BundleTooLarge`, and `BuildFailed` where the release could not be read back as it is, so that no
    bundle leaves here that a service would not understand.
    """
    bundle = container.pack(
        Container({statement.ROLE: statement.write(release)}, statement.files_of(release))
    )
    found = inspect(bundle).release
    if evolve(found, digest="") != evolve(release, digest=""):
        raise BuildFailed("the release holds a value that a bundle can't carry: it comes back changed")
    return bundle


def sign(bundle: bytes, signer: Signer) -> bytes:
    """`bundle` with one more signature, or with the signature of the same key made anew.

    Raises `BundleError` if it is no sound bundle: nobody should sign what can't be read.
    """
    contents = container.unpack(bundle)
    parsed = statement.read(contents)
    statement.check_files(parsed, contents.files)
    metadata = parsed.metadata
    try:
        signature = signer.sign(parsed.payload)
    except Exception as problem:  # signers are devices and services, each with errors of its own
        raise KeyProblem(f"the key could not sign: {problem}") from problem
    metadata.signatures[signature.keyid] = signature
    return container.pack(Container({statement.ROLE: statement.to_bytes(metadata)}, contents.files))


def inspect(bundle: bytes) -> Inspection:
    """Look inside without judging signatures, expiry or fitness.  Raises `BundleError`."""
    contents = container.unpack(bundle)
    parsed = statement.read(contents)
    statement.check_files(parsed, contents.files)
    release = statement.to_release(parsed, contents.files, statement.digest_of(bundle))
    return Inspection(release, tuple(parsed.signatures))
