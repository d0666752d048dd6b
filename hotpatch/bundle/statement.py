"""A release as TUF targets metadata and files, and back.

The metadata's own fields hold the release's number (`version`), its expiry and each file's length and
digest; everything else that a release says stands in one further field, `release`, signed like the rest:

    {"_type": "targets", "version": 7, "expires": ..., "targets": {name: {"length", "hashes"}},
     "release": {"service": ..., "environment": ..., "base": {path: digest}, "checks": [...], ...}}

Files are named `source/<path>`, `check/<name>.py`, `measurement`, `plan` and `transformers`, so that TUF's
delegations by path pattern are delegations by module.

`read` parses and judges form alone; `check_files` and `to_release` expect that the signatures have been
judged.  Imports python-tuf, which is heavy: import this module late.  Pure functions; thread-safe.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

from attrs import frozen
from securesystemslib.signer import Signature
from tuf.api.exceptions import LengthOrHashMismatchError
from tuf.api.metadata import Metadata, TargetFile, Targets
from tuf.api.serialization import DeserializationError, SerializationError
from tuf.api.serialization.json import JSONSerializer

from hotpatch.bundle import bounds, fields, plan_form
from hotpatch.bundle.container import Container
from hotpatch.errors import BundleTooLarge, NotABundle, WrongKey
from hotpatch.release import Check, Release

ROLE: Final = "targets"
"""The one role whose statement a bundle of this format carries."""
FIELD: Final = "release"
MEASUREMENT: Final = "measurement"
PLAN: Final = "plan"
TRANSFORMERS: Final = "transformers"
SOURCE: Final = "source/"
CHECK: Final = "check/"

MAX_VERSION: Final = 2**53 - 1
"""The largest number that every reader of JSON agrees on."""
_SIGNATURE: Final = re.compile(r"([0-9a-f]{2}){1,4096}")
_SPEC: Final = re.compile(r"1\.[0-9]{1,3}(\.[0-9]{1,3})?")
_METHOD: Final = re.compile(r"[A-Z]{1,16}")


@frozen(eq=False)
class Statement:
    """A bundle's signed statement, well formed, its signatures not judged."""

    metadata: Metadata[Targets]
    payload: bytes
    """What the signatures are over."""
    release: fields.Fields
    """The release's own fields, not read yet; `to_release` takes them out, once."""

    @property
    def signatures(self) -> Mapping[str, Signature]:
        """By key id."""
        return self.metadata.signatures


# -- from a release to bytes -------------------------------------------------------------------


def files_of(release: Release) -> dict[str, bytes]:
    """Every file that a bundle of `release` carries, by its name in the bundle."""
    found = {MEASUREMENT: release.measurement, PLAN: plan_form.dump(release.plan)}
    for path, text in release.sources.items():
        if text is not None:
            found[SOURCE + path] = text
    for check in release.checks:
        if check.kind == "python":
            found[f"{CHECK}{check.name}.py"] = check.source.encode()
    if release.transformers:
        found[TRANSFORMERS] = release.transformers.encode()
    return found


def write(release: Release) -> bytes:
    """The statement of `release`, without a signature."""
    targets = {name: TargetFile.from_data(name, data) for name, data in files_of(release).items()}
    described: dict[str, Any] = {
        "service": release.service,
        "environment": release.environment,
        "created": fields.write_time(release.created),
        "message": release.message,
        "python": release.python,
        "app": release.app,
        "base": dict(release.base),
        "removed": sorted(path for path, text in release.sources.items() if text is None),
        "checks": [_check_as_dict(check) for check in release.checks],
        "settings": dict(release.settings),
    }
    if release.data:
        described["data"] = dict(release.data)
    signed = Targets(
        version=release.version,
        expires=release.expires,
        targets=targets,
        unrecognized_fields={FIELD: described},
    )
    return to_bytes(Metadata(signed))


def to_bytes(metadata: Metadata[Targets]) -> bytes:
    """The one form of a statement; its signatures in the order of their key ids."""
    metadata.signatures = dict(sorted(metadata.signatures.items()))
    return metadata.to_bytes(JSONSerializer(compact=True))


def _check_as_dict(check: Check) -> dict[str, Any]:
    if check.kind == "python":
        return {"name": check.name, "kind": check.kind}
    return {
        "name": check.name,
        "kind": check.kind,
        "method": check.method,
        "path": check.path,
        "body": check.body,
        "headers": dict(check.headers),
        "status": check.status,
        "contains": check.contains,
    }


# -- from bytes to a release -------------------------------------------------------------------


def read(container: Container) -> Statement:
    """Parse the container's statement, strictly.  Raises `NotABundle` or `BundleTooLarge`."""
    if set(container.statements) != {ROLE}:
        roles = ", ".join(map(repr, container.statements)) or "none"
        raise NotABundle(f"the bundle must carry the statement '{ROLE}' alone, not {roles}")
    data = container.statements[ROLE]
    outer = fields.read(data, "the statement")
    _check_signatures(outer)
    signed = outer.object("signed")
    outer.done()
    signed.text("_type", 32, re.compile(ROLE))
    signed.text("spec_version", 16, _SPEC)
    signed.number("version", 1, MAX_VERSION)
    signed.time("expires")
    _check_targets(signed.object("targets"))
    release = signed.object(FIELD)
    signed.done()
    try:
        metadata: Metadata[Targets] = Metadata.from_bytes(data)
        payload = metadata.signed_bytes
    except (DeserializationError, SerializationError) as problem:
        raise NotABundle(f"the statement is no TUF metadata: {problem}") from None
    return Statement(metadata, payload, release)


def _check_signatures(outer: fields.Fields) -> None:
    last = ""
    for item in outer.objects("signatures", bounds.MAX_SIGNATURES):
        key = item.text("keyid", 64, fields.SHA256)
        item.text("sig", 8192, _SIGNATURE)
        item.done()
        if key <= last:
            raise NotABundle(
                "the statement's signatures are not in the order of their keys, or one is there twice"
            )
        last = key


def _check_targets(targets: fields.Fields) -> None:
    names = targets.names()
    if len(names) > bounds.MAX_FILES:
        raise BundleTooLarge(f"the statement lists {len(names):,} files; {bounds.MAX_FILES:,} are allowed")
    for name in names:
        target = targets.object(name)
        target.number("length", 0, bounds.MAX_FILE)
        hashes = target.object("hashes")
        hashes.text("sha256", 64, fields.SHA256)
        hashes.done()
        target.done()


def check_files(statement: Statement, files: Mapping[str, bytes]) -> None:
    """Every file that the statement lists is there with its length and digest, and no other.

    Raises `WrongKey`: the signatures are not over these files.
    """
    listed = statement.metadata.signed.targets
    for name in sorted(listed.keys() - files.keys()):
        raise WrongKey(f"the file '{name}', which the signed statement lists, is not in the bundle")
    for name in sorted(files.keys() - listed.keys()):
        raise WrongKey(f"the bundle has a file '{name}' that its signed statement does not list")
    for name, target in listed.items():
        try:
            target.verify_length_and_hashes(files[name])
        except LengthOrHashMismatchError:
            raise WrongKey(f"the file '{name}' is not the one that was signed: its digest differs") from None


def to_release(statement: Statement, files: Mapping[str, bytes], digest: str) -> Release:
    """The release that the statement and its files describe.  Call it once, after `check_files`.

    Raises `NotABundle` or `BundleTooLarge` where what was signed makes no sense.
    """
    signed, told = statement.metadata.signed, statement.release
    rest = dict(files)
    created = told.time("created")
    removed = told.texts("removed", bounds.MAX_FILES)
    base = told.mapping("base", bounds.MAX_BASE, 64, fields.SHA256)
    release = Release(
        service=told.text("service", 64, fields.NAME),
        environment=told.text("environment", 64, fields.NAME),
        version=signed.version,
        created=created,
        expires=signed.expires,
        message=told.text("message"),
        python=told.text("python", 256),
        app=told.text("app", 1024),
        base=base,
        sources=_sources(rest, removed, base),
        measurement=_pop(rest, MEASUREMENT),
        plan=plan_form.load(_pop(rest, PLAN)),
        checks=tuple(_check(item, rest) for item in told.objects("checks", bounds.MAX_CHECKS)),
        transformers=_program(rest.pop(TRANSFORMERS), TRANSFORMERS) if TRANSFORMERS in rest else "",
        settings=_settings(told),
        data=told.mapping("data", bounds.MAX_BASE, 64, fields.SHA256) if told.has("data") else {},
        digest=digest,
    )
    told.done()
    for name in sorted(rest):
        raise NotABundle(f"the bundle has a file '{name}' that is no part of a release")
    _check_names(release)
    return release


def digest_of(data: bytes) -> str:
    """The digest by which a bundle, or a source file, is known: SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _pop(files: dict[str, bytes], name: str) -> bytes:
    if name not in files:
        raise NotABundle(f"the bundle has no file '{name}'")
    return files.pop(name)


def _program(data: bytes, name: str) -> str:
    if len(data) > bounds.MAX_SOURCE:
        raise BundleTooLarge(f"'{name}' has {len(data):,} bytes; {bounds.MAX_SOURCE:,} are allowed")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise NotABundle(f"'{name}' is no text in UTF-8") from None


def _sources(
    files: dict[str, bytes], removed: tuple[str, ...], base: Mapping[str, str]
) -> dict[str, bytes | None]:
    found: dict[str, bytes | None] = {}
    for name in [name for name in files if name.startswith(SOURCE)]:
        if len(files[name]) > bounds.MAX_SOURCE:
            raise BundleTooLarge(
                f"'{name}' has {len(files[name]):,} bytes; {bounds.MAX_SOURCE:,} are allowed"
            )
        found[name.removeprefix(SOURCE)] = files.pop(name)
    for path in removed:
        if path in found:
            raise NotABundle(f"'{path}' is both changed and removed")
        if path not in base:
            raise NotABundle(f"'{path}' is removed, but the base does not have it")
        found[path] = None
    if not found:
        raise NotABundle("the release changes no file")
    return found


def _check(item: fields.Fields, files: dict[str, bytes]) -> Check:
    name = item.text("name", 64, fields.NAME)
    kind = item.text("kind", 16)
    if kind == "python":
        file = f"{CHECK}{name}.py"
        check = Check(name=name, kind=kind, source=_program(_pop(files, file), file))
    elif kind == "http":
        check = Check(
            name=name,
            kind=kind,
            method=item.text("method", 16, _METHOD),
            path=item.text("path", 8192),
            body=item.text("body", bounds.MAX_TEXT),
            headers=item.mapping("headers", 64, 4096),
            status=item.number("status", 100, 599),
            contains=item.text("contains", bounds.MAX_TEXT),
        )
    else:
        raise NotABundle(
            f"the check '{name}' is of the kind {kind!r}, which this version of hotpatch does not know"
        )
    item.done()
    return check


def _settings(told: fields.Fields) -> dict[str, str]:
    settings = told.mapping("settings", bounds.MAX_SETTINGS, 1024)
    for key in settings:
        if not fields.SETTING.fullmatch(key):
            raise NotABundle(f"a setting has a name that it may not have: {key[:80]!r}")
    return settings


def _check_names(release: Release) -> None:
    paths = sorted({*release.sources, *release.base, *release.data})
    for path in paths:
        if fault := bounds.path_fault(path):
            raise NotABundle(f"the path {path[:200]!r} {fault}")
    after = [path for path in paths if release.sources.get(path, b"") is not None]
    if folder := bounds.overlap(after):
        raise NotABundle(f"'{folder}' would be a file and a folder")
    names = [check.name for check in release.checks]
    if len(set(names)) != len(names):
        raise NotABundle("two checks have the same name")
