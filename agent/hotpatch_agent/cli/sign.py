"""`hotpatch sign`: one more signature on a bundle."""

from __future__ import annotations

from pathlib import Path

import click

from hotpatch_agent.cli.amounts import count
from hotpatch_agent.cli.command import cli_command
from hotpatch_agent.cli.output import OUTPUT
from hotpatch_agent.cli.signing import key_option, load_signers
from hotpatch_agent.cli.terminal import Terminal


@cli_command(
    "sign",
    examples=[
        "hotpatch sign shop-7.bundle --key release.key",
        "hotpatch sign shop-7.bundle --key bob.key -o shop-7.signed.bundle",
    ],
)
@click.argument("bundle", type=click.Path(path_type=Path))
@key_option(required=True)
@click.option(
    "-o",
    "--output",
    type=OUTPUT,
    help="Where to write the signed bundle; the bundle itself if not given.",
)
def command(terminal: Terminal, bundle: Path, keys: tuple[str, ...], output: Path | None) -> int:
    """Add a signature to a bundle.

    Look at it first, by `hotpatch show`: a signature says that you stand for what is inside.
    """
    from hotpatch import bundle as bundles
    from hotpatch_agent.home.disk import write_whole

    data = bundles.read(bundle)
    for signer in load_signers(keys):
        data = bundles.sign(data, signer)
    target = output or bundle
    write_whole(str(target.absolute()), data, "bundle")
    found = bundles.inspect(data)
    signatures = count(len(found.keys), "signature")
    return terminal.finish(
        f"{target} bears {signatures} now: release {found.release.version} of {found.release.service}.",
        {"bundle": str(target), "keys": list(found.keys), "digest": found.release.digest},
    )
