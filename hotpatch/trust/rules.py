"""The rules by which a service accepts a bundle, in the order in which they are applied.

 1. *size*: the bundle is at most `bounds.MAX_BUNDLE` bytes.  (`BundleTooLarge`)
 2. *container*: it is msgpack of the known format, whole, within all bounds, in its one form.
    (`NotABundle`, `BundleCutShort`, `BundleTooLarge`)
 3. *statement*: it carries one statement, TUF targets metadata in its one form, with no field that this
    version doesn't know.  (`NotABundle`, `BundleTooLarge`)
 4. *root*: the service's trust root has not expired.  Its own signatures were checked when it was read.
    (`Expired`)
 5. *signatures*: as many different keys as the root's threshold demands have signed the statement, each
    named by the root for releases.  (`Unsigned`, `WrongKey`)
 6. *files*: the files are exactly those that the statement lists, each with its length and SHA-256.
    (`WrongKey`)
 7. *release*: what was signed makes sense: every field has its type, every path stays below the program's
    root, every removed file is part of the base.  (`NotABundle`, `BundleTooLarge`)
 8. *service*: the release is for this service and this environment.  (`WrongService`)
 9. *expiry*: the statement has not expired.  (`Expired`)
10. *version*: the release's number is above every number that the ledger has seen.  (`OldVersion`)
11. *python*: it was measured on the very Python that serves; a release without measurement fits any.
    (`WrongPython`)
12. *base*: every source file that the release was built against is the one that runs, and a file that it
    adds isn't there yet; every data file that it was measured with is in place.  (`BaseDiffers`)

Until 5 holds nothing is known but bytes, and they are only parsed, within bounds.  Until 12 holds nothing of
the bundle has been executed, imported, unmarshalled, unpickled or written anywhere.  What remains for
others: that the change does what its author says (the plan and the smoke checks), and that one release
goes through at a time (the ledger).

The rules are pure but for `Expectation.running_digest`.  Thread-safe and fork-safe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.machinery import EXTENSION_SUFFIXES
from typing import Final

from attrs import evolve, frozen

from hotpatch.bundle import container as container_layer
from hotpatch.bundle import statement as statement_layer
from hotpatch.bundle.bounds import MAX_BUNDLE
from hotpatch.bundle.change import some
from hotpatch.bundle.container import Container
from hotpatch.bundle.statement import Statement
from hotpatch.errors import (
    BaseDiffers,
    BundleError,
    BundleTooLarge,
    Expired,
    OldVersion,
    Unsigned,
    WrongKey,
    WrongPython,
    WrongService,
)
from hotpatch.pace import breathe
from hotpatch.release import Release
from hotpatch.trust.expectation import Expectation
from hotpatch.trust.root import RELEASES, TrustRoot, name_of


@frozen(eq=False)
class _Case:
    """A bundle on its way through the rules: what is known of it so far."""

    data: bytes
    root: TrustRoot
    expectation: Expectation
    container: Container | None = None
    statement: Statement | None = None
    release: Release | None = None


@frozen
class Rule:
    """`apply` gives the case back, perhaps with more known about it, or raises why the bundle is refused.

    It may be asked only when `needs`, a field of the case, is known.
    """

    name: str
    says: str
    needs: str
    apply: Callable[[_Case], _Case]


@frozen
class Finding:
    """What one rule says of one bundle.  `error` is None where it holds; `skipped`: why it was not asked."""

    rule: str
    says: str
    error: BundleError | None = None
    skipped: str = ""


def accept(data: bytes, root: TrustRoot, expectation: Expectation) -> Release:
    """The release that the bundle `data` carries, if every rule holds.

    Raises the `BundleError` of the first rule that doesn't; nothing else, whatever `data` is.
    """
    case = _Case(data, root, expectation)
    for rule in RULES:
        case = rule.apply(case)
        breathe()
    assert case.release is not None
    return case.release


def examine(
    data: bytes, root: TrustRoot, expectation: Expectation, leave_out: Mapping[str, str] | None = None
) -> Iterator[Finding]:
    """Every rule's finding, for people: goes on after a failure where later rules can still be asked.

    `leave_out` gives rules not to ask, by name, with the reason.  Nothing may be accepted by this function.
    """
    case = _Case(data, root, expectation)
    for rule in RULES:
        if leave_out and rule.name in leave_out:
            yield Finding(rule.name, rule.says, skipped=leave_out[rule.name])
        elif getattr(case, rule.needs) is None:
            yield Finding(rule.name, rule.says, skipped="an earlier rule does not hold")
        else:
            try:
                case = rule.apply(case)
            except BundleError as error:
                yield Finding(rule.name, rule.says, error=error)
            else:
                yield Finding(rule.name, rule.says)


# -- what it is: rules 1 to 3 ------------------------------------------------------------------


def _size(case: _Case) -> _Case:
    if len(case.data) > MAX_BUNDLE:
        raise BundleTooLarge(f"the bundle has {len(case.data):,} bytes; {MAX_BUNDLE:,} are allowed")
    return case


def _container(case: _Case) -> _Case:
    return evolve(case, container=container_layer.unpack(case.data))


def _statement(case: _Case) -> _Case:
    assert case.container is not None
    return evolve(case, statement=statement_layer.read(case.container))


# -- whose it is: rules 4 to 7 -----------------------------------------------------------------


def _root(case: _Case) -> _Case:
    if case.root.expires <= case.expectation.now:
        raise Expired(
            f"the service's trust root expired on {case.root.expires:%Y-%m-%d}, so it accepts nothing: "
            "renew it with `hotpatch keygen --trust HOME --root-key KEY`"
        )
    return case


def _signatures(case: _Case) -> _Case:
    assert case.statement is not None
    signatures, need = case.statement.signatures, case.root.threshold
    if not signatures:
        raise Unsigned(
            f"the bundle is not signed; this service asks for {_count(need, 'signature')}: "
            "sign it with `hotpatch sign`"
        )
    verdict = case.root.metadata.signed.get_verification_result(
        RELEASES, case.statement.payload, dict(signatures)
    )
    if verdict.verified:
        return case
    broken = [key for key in verdict.unsigned if key in signatures]
    if broken:
        raise WrongKey(
            f"the signature by key {_keys(broken, case.root)} does not fit the bundle's contents: "
            "they were changed after it was signed"
        )
    if not verdict.signed:
        raise WrongKey(
            f"the bundle is signed by {_keys(signatures, case.root)}, which this service does not trust; "
            f"it trusts {_keys(case.root.release_keys, case.root)}"
        )
    raise Unsigned(
        f"the bundle bears {_count(len(verdict.signed), 'signature')} that this service trusts; "
        f"it asks for {need}: sign it with {_count(verdict.missing, 'further key')}"
    )


def _files(case: _Case) -> _Case:
    assert case.container is not None
    assert case.statement is not None
    statement_layer.check_files(case.statement, case.container.files)
    return case


def _release(case: _Case) -> _Case:
    assert case.container is not None
    assert case.statement is not None
    digest = statement_layer.digest_of(case.data)
    return evolve(case, release=statement_layer.to_release(case.statement, case.container.files, digest))


# -- whether it fits here and now: rules 8 to 12 -----------------------------------------------


def _service(case: _Case) -> _Case:
    release, here = _known(case), case.expectation
    for what, meant, found in (
        ("service", release.service, here.service),
        ("environment", release.environment, here.environment),
    ):
        if meant != found:
            raise WrongService(f"the release is for the {what} '{meant}'; this is '{found}'")
    return case


def _expiry(case: _Case) -> _Case:
    release = _known(case)
    if release.expires <= case.expectation.now:
        raise Expired(
            f"release {release.version} expired at {release.expires:%Y-%m-%d %H:%M} UTC: build it again"
        )
    return case


def _version(case: _Case) -> _Case:
    release, highest = _known(case), case.expectation.highest_version
    if release.version <= highest:
        raise OldVersion(
            f"release {release.version} is not newer than release {highest}, which this service has seen: "
            f"build it again as release {highest + 1} or above"
        )
    return case


def _python(case: _Case) -> _Case:
    release, here = _known(case), case.expectation.python
    if release.measurement and release.python != here:
        raise WrongPython(
            f"the release was measured on {release.python}, this service runs {here}: "
            "build it with that interpreter (`--python`)"
        )
    return case


def _base(case: _Case) -> _Case:
    release = _known(case)
    faults = []
    for path, digest in sorted(release.base.items()):
        found = case.expectation.running_digest(path)
        if found is None:
            faults.append(f"{module_name(path)} is not there")
        elif found != digest:
            faults.append(
                f"{module_name(path)} differs (it runs {found[:8]}, the release knows {digest[:8]})"
            )
    faults += [
        f"{module_name(path)} is there already, the release adds it"
        for path in sorted(release.sources.keys() - release.base.keys())
        if case.expectation.running_digest(path) is not None
    ]
    if faults:
        more = f" and {len(faults) - 3} more" if len(faults) > 3 else ""
        raise BaseDiffers(
            f"the service does not run what the release was built against: {', '.join(faults[:3])}{more}; "
            "build it against the sources that run"
        )
    if missing := [
        path
        for path, digest in sorted(release.data.items())
        if case.expectation.running_digest(path) != digest
    ]:
        if native := [path for path in missing if path.endswith(tuple(EXTENSION_SUFFIXES))]:
            raise BaseDiffers(
                f"native modules are others than the service has: {some(native)}; a process keeps those that "
                "it has loaded, so deploy the new version and start the workers anew: `hotpatch reload`"
            )
        raise BaseDiffers(
            f"the release was measured with other data files than the service has: {some(missing)}; it "
            "carries none of them, so put the new ones in place below the program's root and push it again"
        )
    return case


def module_name(path: str) -> str:
    """The dotted name by which people know the source file `path`."""
    name = path.removesuffix(".py").replace("/", ".")
    return name.removesuffix(".__init__") or name


def _known(case: _Case) -> Release:
    assert case.release is not None
    return case.release


def _keys(ids: Iterable[str], root: TrustRoot) -> str:
    return ", ".join(name_of(root, key) for key in ids)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


RULES: Final[tuple[Rule, ...]] = (
    Rule("size", "its size is within bounds", "data", _size),
    Rule("container", "it is a whole bundle of a known format", "data", _container),
    Rule("statement", "it carries one well-formed statement", "container", _statement),
    Rule("root", "the trust root has not expired", "data", _root),
    Rule("signatures", "enough trusted keys have signed it", "statement", _signatures),
    Rule("files", "its files are those that were signed", "statement", _files),
    Rule("release", "what was signed makes sense", "statement", _release),
    Rule("service", "it is for this service and environment", "release", _service),
    Rule("expiry", "it has not expired", "release", _expiry),
    Rule("version", "it is newer than all that was seen", "release", _version),
    Rule("python", "it was measured on the Python that serves", "release", _python),
    Rule("base", "it was built against what runs", "release", _base),
)
