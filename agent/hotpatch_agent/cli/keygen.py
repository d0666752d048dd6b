"""`hotpatch keygen`: a key pair, and the trust root that says whose releases a service accepts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hotpatch.errors import KeyProblem, NoHome
from hotpatch_agent.cli.amounts import count, duration
from hotpatch_agent.cli.command import cli_command
from hotpatch_agent.cli.signing import load_signers, new_passphrase
from hotpatch_agent.cli.terminal import Terminal

if TYPE_CHECKING:
    from securesystemslib.signer import SSlibKey

    from hotpatch.trust import TrustRoot


@cli_command(
    "keygen",
    examples=[
        "hotpatch keygen release.key",
        "hotpatch keygen release.key --passphrase --trust /srv/shop/hotpatch",
        "hotpatch keygen bob.key --trust /srv/shop/hotpatch --root-key release.key",
        "hotpatch keygen --add carol.pub --threshold 2 --trust /srv/shop/hotpatch --root-key release.key",
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
    threshold: int | None,
    expires: timedelta,
) -> int:
    """Make a signing key, and the trust root that names it.

    KEY is the file of the new private key; its public half gets the ending .pub. The first key of a trust
    root signs releases and may change the root. Without KEY, --trust renews the root or changes it.
    """
    if key is None and trust is None:
        raise click.UsageError("name the KEY file to make, or the --trust root to change")
    if trust is None and (root_keys or added or threshold):
        raise click.UsageError("--root-key, --add and --threshold belong to --trust")
    if trust is not None and not trust.is_dir():
        raise NoHome(f"there is no home folder at {trust}: make one with `hotpatch init`")
    from hotpatch.trust import keys as key_files

    others = [key_files.load_public(path) for path in added]
    if trust is not None and not (trust / "trust" / "root.json").exists() and key is None:
        raise KeyProblem(f"there is no trust root in {trust} yet: name the KEY to begin with")
    secret = new_passphrase() if passphrase and key is not None else None
    made = key_files.generate(key, secret) if key is not None else None
    told: list[str] = [f"Made the key {key} ({made.keyid[:8]}); keep it secret."] if made else []
    data: dict[str, object] = {"key": str(key), "keyid": made.keyid} if made else {}
    if trust is not None:
        root = _trust(trust, key, made, secret, others, root_keys, threshold, datetime.now(UTC) + expires)
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


def _trust(
    home: Path,
    key: Path | None,
    made: SSlibKey | None,
    secret: str | None,
    others: list[SSlibKey],
    root_keys: tuple[str, ...],
    threshold: int | None,
    until: datetime,
) -> TrustRoot:
    """Make the trust root of `home`, or the one that follows it, and write it there."""
    from hotpatch.trust import keys as key_files
    from hotpatch.trust import root as roots
    from hotpatch_agent.disk import write_whole

    folder = home / "trust"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / "root.json"
    if path.exists():
        if not root_keys:
            raise KeyProblem(
                f"{home} has a trust root already: name a key that may change it with --root-key"
            )
        new = [made, *others] if made else others
        root = roots.read(path)
        data = roots.extend(root, new, threshold, load_signers(root_keys), until)
    else:
        assert made is not None
        signer = key_files.load_signer(str(key), lambda: secret)
        data = roots.create(made, signer, until)
        if others or threshold:
            first = roots.parse(data)
            write_whole(str(folder / "1.root.json"), data, "trust root")
            data = roots.extend(first, others, threshold, [signer], until)
    root = roots.parse(data)
    # every former root stays, so that whoever knows an old one can follow the chain to the newest
    write_whole(str(folder / f"{root.version}.root.json"), data, "trust root")
    write_whole(str(path), data, "trust root")
    return root
