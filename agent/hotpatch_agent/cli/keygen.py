"""`hotpatch keygen`: a key pair, and the trust root that says whose releases a service accepts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
from attrs import frozen

from hotpatch.errors import KeyProblem, NoHome
from hotpatch_agent.cli.amounts import count, duration
from hotpatch_agent.cli.command import cli_command
from hotpatch_agent.cli.signing import load_signers, new_passphrase
from hotpatch_agent.cli.terminal import Terminal

if TYPE_CHECKING:
    from securesystemslib.signer import SSlibKey

    from hotpatch.trust import TrustRoot
    from hotpatch.trust.keys import NewKey


@frozen
class _Wish:
    """What is to become of the trust root, besides the new key."""

    added: Sequence[SSlibKey]
    retired: Sequence[SSlibKey]
    threshold: int | None
    until: datetime


@cli_command(
    "keygen",
    examples=[
        "hotpatch keygen release.key",
        "hotpatch keygen release.key --passphrase --trust /srv/shop/hotpatch",
        "hotpatch keygen bob.key --trust /srv/shop/hotpatch --root-key release.key",
        "hotpatch keygen --add carol.pub --threshold 2 --trust /srv/shop/hotpatch --root-key release.key",
        "hotpatch keygen --retire bob.pub --trust /srv/shop/hotpatch --root-key release.key",
    ],
)
@click.argument("key", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--passphrase", is_flag=True, help="Put the private key under a passphrase.")
@click.option(
    "--trust",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="HOME",
    help="Make this service's trust root, or let it trust the key as well.",
)
@click.option(
    "--root-key",
    "root_keys",
    multiple=True,
    metavar="FILE",
    help="A key that may change the trust root: the first one it ever trusted. May be repeated.",
)
@click.option(
    "--add",
    "added",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Trust this public key (.pub) too; may be repeated.",
)
@click.option(
    "--retire",
    "retired",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="No longer trust this public key (.pub) for releases; may be repeated.",
)
@click.option("--threshold", type=click.IntRange(1, 64), help="How many different keys must sign a release.")
@click.option(
    "--expires",
    type=duration,
    metavar="TIME",
    default="365d",
    show_default=True,
    help="How long the trust root counts before it must be renewed.",
)
def command(
    terminal: Terminal,
    key: Path | None,
    passphrase: bool,
    trust: Path | None,
    root_keys: tuple[str, ...],
    added: tuple[Path, ...],
    retired: tuple[Path, ...],
    threshold: int | None,
    expires: timedelta,
) -> int:
    """Make a signing key, and the trust root that names it.

    KEY is the file of the new private key; its public half gets the ending .pub. The first key of a trust
    root signs releases and may change the root. Without KEY, --trust renews the root or changes it.
    """
    if key is None and trust is None:
        raise click.UsageError("name the KEY file to make, or the --trust root to change")
    if trust is None and (root_keys or added or retired or threshold):
        raise click.UsageError("--root-key, --add, --retire and --threshold belong to --trust")
    if trust is not None and not trust.is_dir():
        raise NoHome(f"there is no home folder at {trust}: make one with `hotpatch init`")
    from hotpatch.trust import keys as key_files

    wish = _Wish(
        added=[key_files.load_public(path) for path in added],
        retired=[key_files.load_public(path) for path in retired],
        threshold=threshold,
        until=datetime.now(UTC) + expires,
    )
    secret = new_passphrase() if passphrase and key is not None else None
    made = key_files.generate(key.stem, secret) if key is not None else None
    changed = _changed_root(trust, made, root_keys, wish) if trust else []
    told: list[str] = []
    data: dict[str, object] = {}
    if made is not None and key is not None:
        made.write(key)
        told.append(f"Made the key {key} ({made.key.keyid[:8]}); keep it secret.")
        data |= {"key": str(key), "keyid": made.key.keyid}
    if trust is not None:
        root = _write(trust / "trust", changed)
        told.append(
            f"{trust} trusts {count(len(root.release_keys), 'key')}, and a release needs "
            f"{count(root.threshold, 'signature')}; the root counts until {root.expires:%Y-%m-%d}."
        )
        data |= {
            "trust": str(trust / "trust" / "root.json"),
            "version": root.version,
            "threshold": root.threshold,
            "keys": list(root.release_keys),
            "expires": root.expires,
        }
    return terminal.finish(" ".join(told), data)


def _changed_root(home: Path, made: NewKey | None, root_keys: Sequence[str], wish: _Wish) -> list[bytes]:
    """The roots that follow the one of `home`, or begin it.  Writes nothing."""
    from hotpatch.trust import root as roots

    path = home / "trust" / "root.json"
    if path.exists():
        if not root_keys:
            raise KeyProblem(
                f"{home} has a trust root already: name a key that may change it with --root-key"
            )
        added = [made.key, *wish.added] if made else wish.added
        signers = load_signers(root_keys)
        return [roots.extend(roots.read(path), added, wish.threshold, signers, wish.until, wish.retired)]
    if made is None:
        raise KeyProblem(f"there is no trust root in {home} yet: name the KEY to begin with")
    first = roots.create(made.key, made.signer, wish.until)
    if not wish.added and wish.threshold is None:
        return [first]
    second = roots.extend(roots.parse(first), wish.added, wish.threshold, [made.signer], wish.until)
    return [first, second]


def _write(folder: Path, changed: list[bytes]) -> TrustRoot:
    """Write the roots, the last of which comes into force."""
    from hotpatch.trust import root as roots
    from hotpatch_agent.home.disk import write_whole

    folder.mkdir(mode=0o700, exist_ok=True)
    for data in changed:
        # every former root stays, so that whoever knows an old one can follow the chain to the newest
        write_whole(str(folder / f"{roots.parse(data).version}.root.json"), data, "trust root")
    write_whole(str(folder / "root.json"), changed[-1], "trust root")
    return roots.parse(changed[-1])
