"""Attacks on the form of a bundle: what it is, how large, how it is written.

Every attack is a row: its name, how the bundle is made, the error that must stop it, and a part of the
error's text, so that the right rule spoke and no other.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hotpatch import trust
from hotpatch.bundle import bounds
from hotpatch.bundle.container import MAGIC
from hotpatch.errors import (
    BundleCutShort,
    BundleError,
    BundleTooLarge,
    NotABundle,
)

from .forge import (
    ALICE,
    BOB,
    RUNNING,
    Forge,
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


def path(bad: str) -> Attack:
    return forged(lambda forge: forge.add(f"source/{bad}", b"pwned = 1\n"))


def base_path(bad: str) -> Attack:
    return forged(lambda forge: forge.release["base"].update({bad: "0" * 64}))


def duplicate_key_in_statement() -> bytes:
    forge = Forge()
    text = forge.statement().replace(b'"version":5', b'"version":5,"version":6')
    return pack([["targets", text]], sorted(forge.files.items()))


def long_form_of_a_length() -> bytes:
    """The same contents, but the first count written in five bytes instead of one."""
    data = honest()
    return data.replace(MAGIC + b"\x01\x91", MAGIC + b"\x01\xdd\x00\x00\x00\x01", 1)


def raw(*parts: bytes) -> Attack:
    return lambda: MAGIC + b"\x01" + b"".join(parts)


DEEP = b"[" * 100_000 + b"]" * 100_000
HUGE = b"\xff\xff\xff\xff"


ATTACKS: list[tuple[str, Attack, type[BundleError], str]] = [
    # -- no bundle at all
    ("empty file", lambda: b"", BundleCutShort, "empty"),
    ("a text", lambda: b"#!/bin/sh\nrm -rf /\n", NotABundle, "does not begin"),
    ("a pickle", lambda: b"\x80\x04\x95\x1c\x00\x00\x00cposix\nsystem\n.", NotABundle, "does not begin"),
    ("a zip archive", lambda: b"PK\x03\x04" + b"\0" * 64, NotABundle, "does not begin"),
    ("another kind of msgpack", lambda: pack([], [], kind="hotpatch-bunble"), NotABundle, "does not begin"),
    ("a later format", lambda: pack([], [], form=2), NotABundle, "format 2"),
    ("a format that is a text", lambda: pack([], [], form="1"), NotABundle, "no number"),
    ("a format that is a truth value", lambda: pack([], [], form=True), NotABundle, "no number"),
    # -- bounds
    ("larger than any bundle", lambda: MAGIC + b"\0" * bounds.MAX_BUNDLE, BundleTooLarge, "allowed"),
    ("4 Gi statements declared", raw(b"\xdd", HUGE), BundleTooLarge, "statements"),
    ("4 Gi files declared", raw(b"\x90\xdd", HUGE), BundleTooLarge, "files"),
    ("a statement of 4 GiB declared", raw(b"\x91\x92\xa7targets\xc6", HUGE), BundleTooLarge, "allowed"),
    ("a file of 4 GiB declared", raw(b"\x90\x91\x92\xa1a\xc6", HUGE), BundleTooLarge, "allowed"),
    ("a name of 4 GiB declared", raw(b"\x90\x91\x92\xdb", HUGE), BundleTooLarge, "allowed"),
    ("a name of 64 KiB", lambda: pack([], [("a" * 65000, b"")]), BundleTooLarge, "allowed"),
    (
        "a file one byte too long",
        lambda: pack([], [("a", b"\0" * (bounds.MAX_FILE + 1))]),
        BundleTooLarge,
        "'a'",
    ),
    (
        "a file of 47 MiB declared, not there",
        raw(b"\x90\x91\x92\xa1a\xc6\x02\xf0\0\0"),
        BundleCutShort,
        "within",
    ),
    ("too many files", lambda: pack([], [(f"{i:05}", b"") for i in range(5000)]), BundleTooLarge, "files"),
    (
        "too many statements",
        lambda: pack([[f"{i}", b""] for i in range(9)], []),
        BundleTooLarge,
        "statements",
    ),
    (
        "a source of 5 MiB",
        forged(lambda f: f.add("source/a.py", b"#" * 5 * 2**20)),
        BundleTooLarge,
        "source/a.py",
    ),
    (
        "too long a message",
        forged(lambda f: f.release.update(message="x" * 20_000)),
        BundleTooLarge,
        "message",
    ),
    (
        "too many settings",
        forged(lambda f: f.release.update(settings={f"a{i}": "" for i in range(65)})),
        BundleTooLarge,
        "settings",
    ),
    (
        "too large a base",
        forged(lambda f: f.release["base"].update({f"m{i}.py": "0" * 64 for i in range(17_000)})),
        BundleTooLarge,
        "base",
    ),
    (
        "too many signatures",
        forged(lambda f: setattr(f, "edit_signatures", lambda s: s.extend(dict(s[0]) for _ in range(40)))),
        BundleTooLarge,
        "signatures",
    ),
    # -- msgpack and JSON bombs
    ("nested arrays where a file belongs", raw(b"\x90\x91\x92\xa1a", b"\x91" * 500_000), NotABundle, "else"),
    ("an array of 100 Mi where a file belongs", raw(b"\x90\x91\x92\xa1a\xdd\x06\0\0\0"), NotABundle, "else"),
    ("a map of 4 Gi where a file belongs", raw(b"\x90\x91\x92\xa1a\xdf", HUGE), NotABundle, "else"),
    ("an array of 4 Gi where a file belongs", raw(b"\x90\x91\x92\xa1a\xdd", HUGE), NotABundle, "else"),
    ("an extension where a file belongs", raw(b"\x90\x91\x92\xa1a\xd6\x2a\0\0\0\0"), NotABundle, "else"),
    ("a timestamp where a name belongs", raw(b"\x90\x91\x92\xd6\xff\0\0\0\0"), NotABundle, "else"),
    ("a name that is not UTF-8", raw(b"\x90\x91\x92\xa1\xff\xc4\x00"), NotABundle, "else"),
    ("a byte that msgpack does not define", raw(b"\xc1"), NotABundle, "else"),
    ("nested JSON", lambda: pack([["targets", DEEP]], []), NotABundle, "JSON"),
    (
        "nested JSON below the bound on values",
        lambda: pack([["targets", b'{"a":' * 50_000 + b"1" + b"}" * 50_000]], []),
        NotABundle,
        "JSON",
    ),
    (
        "JSON nested as deep as any reader goes",
        lambda: pack([["targets", b'{"a":' * 100 + b"1" + b"}" * 100]], []),
        NotABundle,
        "deeper than",
    ),
    (
        "a million empty lists",
        lambda: pack([["targets", b"[" + b"[]," * 10**6 + b"1]"]], []),
        BundleTooLarge,
        "",
    ),
    (
        "a number of a million digits",
        lambda: pack([["targets", b'{"a":' + b"9" * 10**6 + b"}"]], []),
        NotABundle,
        "",
    ),
    ("not a number", lambda: pack([["targets", b'{"a":NaN}']], []), NotABundle, "JSON"),
    ("a fraction", lambda: pack([["targets", b'{"a":1.5}']], []), NotABundle, "JSON"),
    # -- one form only
    ("a name's length in its long form", raw(b"\x90\x91\x92\xd9\x01a\xc4\x00"), NotABundle, "one form"),
    ("contents' length in its long form", raw(b"\x90\x91\x92\xa1a\xc5\x00\x01x"), NotABundle, "one form"),
    ("a count in its long form", raw(b"\x90\xdc\x00\x00"), NotABundle, "one form"),
    ("three parts where two belong", raw(b"\x90\x91\x93\xa1a\xc4\x00\xc4\x00"), NotABundle, "other parts"),
    ("a format in its long form", lambda: MAGIC + b"\xcc\x01\x90\x90", NotABundle, "no number"),
    ("bytes after the end", lambda: honest() + b"\0", NotABundle, "goes on"),
    ("two bundles in a row", lambda: honest() * 2, NotABundle, "goes on"),
    ("a length in its long form", long_form_of_a_length, NotABundle, "one form"),
    ("a file twice", lambda: pack([], [("a", b"1"), ("a", b"2")]), NotABundle, "twice"),
    ("files out of order", lambda: pack([], [("b", b""), ("a", b"")]), NotABundle, "order"),
    ("a key of the statement twice", duplicate_key_in_statement, NotABundle, "one form"),
    (
        "blanks in the statement",
        lambda: pack([["targets", Forge().statement().replace(b",", b", ")]], sorted(Forge().files.items())),
        NotABundle,
        "one form",
    ),
    (
        "signatures in another order",
        forged(lambda f: (setattr(f, "signers", (ALICE, BOB)), setattr(f, "edit_signatures", list.reverse))),
        NotABundle,
        "order",
    ),
    # -- fields that are missing, unknown or of another type
    ("no statement", lambda: pack([], sorted(Forge().files.items())), NotABundle, "targets"),
    (
        "a second statement",
        lambda: pack([["root", b"{}"], ["targets", Forge().statement()]], sorted(Forge().files.items())),
        NotABundle,
        "alone",
    ),
    (
        "a field beside the signed ones",
        forged(lambda f: f.outer.update(note="x")),
        NotABundle,
        "does not know",
    ),
    ("a signed field too many", forged(lambda f: f.signed.update(extra=1)), NotABundle, "does not know"),
    (
        "a delegation",
        forged(lambda f: f.signed.update(delegations={"keys": {}, "roles": []})),
        NotABundle,
        "know",
    ),
    ("a release field too many", forged(lambda f: f.release.update(run="rm")), NotABundle, "does not know"),
    (
        "a target with custom data",
        forged(lambda f: f.signed["targets"]["plan"].update(custom={})),
        NotABundle,
        "know",
    ),
    ("no service", forged(lambda f: f.release.pop("service")), NotABundle, "missing"),
    ("no base", forged(lambda f: f.release.pop("base")), NotABundle, "missing"),
    ("a service that is a number", forged(lambda f: f.release.update(service=5)), NotABundle, "no text"),
    ("a service with a line break", forged(lambda f: f.release.update(service="shop\n")), NotABundle, "form"),
    ("a version that is a text", forged(lambda f: f.signed.update(version="6")), NotABundle, "no number"),
    (
        "a version that is a truth value",
        forged(lambda f: f.signed.update(version=True)),
        NotABundle,
        "no number",
    ),
    ("version 0", forged(lambda f: f.signed.update(version=0)), NotABundle, "between"),
    ("a version beyond JSON", forged(lambda f: f.signed.update(version=2**60)), NotABundle, "between"),
    (
        "an expiry in another form",
        forged(lambda f: f.signed.update(expires="2031-1-1T0:0:0Z")),
        NotABundle,
        "time",
    ),
    ("an expiry without end", forged(lambda f: f.signed.update(expires="never")), NotABundle, "time"),
    ("metadata of another role", forged(lambda f: f.signed.update(_type="root")), NotABundle, "form"),
    ("another TUF", forged(lambda f: f.signed.update(spec_version="2.0.0")), NotABundle, "form"),
    (
        "a second digest",
        forged(lambda f: f.signed["targets"]["plan"]["hashes"].update(md5="0" * 32)),
        NotABundle,
        "does not know",
    ),
    (
        "a weak digest",
        forged(lambda f: f.signed["targets"]["plan"].update(hashes={"md5": "0" * 32})),
        NotABundle,
        "sha256",
    ),
    (
        "a plan with an unknown effect",
        forged(lambda f: f.add("plan", b'{"edits":[],"notes":[1]}')),
        NotABundle,
        "text",
    ),
    ("a plan that is no JSON", forged(lambda f: f.add("plan", b"cos\nsystem\n")), NotABundle, "JSON"),
    ("no plan", forged(lambda f: f.drop("plan")), NotABundle, "'plan'"),
    ("no measurement", forged(lambda f: f.drop("measurement")), NotABundle, "'measurement'"),
    ("a signed file that is no part", forged(lambda f: f.add("setup.sh", b"rm")), NotABundle, "no part"),
    (
        "a check of an unknown kind",
        forged(lambda f: f.release["checks"][0].update(kind="shell")),
        NotABundle,
        "kind",
    ),
    ("a check without its source", forged(lambda f: f.drop("check/price.py")), NotABundle, "check/price.py"),
    (
        "a check named as a path",
        forged(lambda f: f.release["checks"][1].update(name="../x")),
        NotABundle,
        "form",
    ),
    (
        "two checks of one name",
        forged(lambda f: f.release["checks"].append(dict(f.release["checks"][1]))),
        NotABundle,
        "same name",
    ),
    ("a check that is not text", forged(lambda f: f.add("check/price.py", b"\xff\xfe")), NotABundle, "UTF-8"),
    (
        "nothing changed",
        forged(
            lambda f: (
                [f.drop(n) for n in list(f.files) if n.startswith("source/")] + [f.release.update(removed=[])]
            )
        ),
        NotABundle,
        "no file",
    ),
    # -- paths
    ("a path that climbs", path("../../etc/cron.d/x"), NotABundle, "'..'"),
    ("a path that climbs in the middle", path("shop/../../x.py"), NotABundle, "'..'"),
    ("an absolute path", path("/etc/passwd"), NotABundle, "absolute"),
    ("a path with an empty segment", path("shop//x.py"), NotABundle, "segment"),
    ("a path with a dot segment", path("./x.py"), NotABundle, "'.'"),
    ("a path that ends in a slash", path("shop/x.py/"), NotABundle, "segment"),
    ("an empty path", path(""), NotABundle, "empty"),
    ("a path of Windows", path("..\\x.py"), NotABundle, "character"),
    ("a path on a drive", path("C:x.py"), NotABundle, "character"),
    ("a path with a NUL", path("x.py\0.txt"), NotABundle, "character"),
    ("a path with a line break", path("x\n.py"), NotABundle, "character"),
    ("a segment of 300 characters", path("x" * 300), NotABundle, "character"),
    ("a file that is also a folder", path("shop/new.py/x.py"), NotABundle, "a file and a folder"),
    ("a base path that climbs", base_path("../secret"), NotABundle, "'..'"),
    ("an absolute base path", base_path("/etc/shadow"), NotABundle, "absolute"),
    (
        "a removed path that climbs",
        forged(lambda f: (f.release["removed"].append("../x"), f.release["base"].update({"../x": "0" * 64}))),
        NotABundle,
        "'..'",
    ),
    (
        "a removed file that the base lacks",
        forged(lambda f: f.release["removed"].append("x.py")),
        NotABundle,
        "base",
    ),
    (
        "a file changed and removed",
        forged(lambda f: f.release["removed"].append("shop/pricing.py")),
        NotABundle,
        "both",
    ),
]


@pytest.mark.parametrize(("make", "error", "text"), [pytest.param(*row[1:], id=row[0]) for row in ATTACKS])
def test_an_attack_is_stopped_by_the_rule_that_is_for_it(
    make: Attack, error: type[BundleError], text: str
) -> None:
    stopped(make, error, text)


def test_no_rule_about_the_base_looks_outside_the_program() -> None:
    asked: list[str] = []

    def look(path: str) -> str | None:
        asked.append(path)
        return RUNNING.get(path)

    for bad in ("../secret", "/etc/shadow"):
        with pytest.raises(BundleError):
            trust.accept(base_path(bad)(), root_of(ALICE), expectation(running_digest=look))
    assert asked == []
