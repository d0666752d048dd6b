"""Keys on the command line: `--key`, and where a passphrase comes from."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from hotpatch.errors import KeyProblem

if TYPE_CHECKING:
    from securesystemslib.signer import Signer

PASSPHRASE: Final = "HOTPATCH_PASSPHRASE"
"""The environment variable that holds the passphrase of a key, for where nobody can be asked."""


def key_option(required: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--key`, once for each key; handed to the command as `keys`."""
    return click.option(
        "--key",
        "keys",
        multiple=True,
        required=required,
        metavar="FILE",
        help=f"Sign with this private key; may be repeated. Its passphrase: ${PASSPHRASE}, or you are asked.",
    )


def load_signers(keys: Sequence[str]) -> list[Signer]:
    """The signers of these key files.  Raises `KeyProblem`."""
    from hotpatch.trust.keys import load_signer

    return [load_signer(key, lambda key=key: ask_passphrase(key)) for key in keys]  # type: ignore[misc]


def ask_passphrase(key: str) -> str | None:
    """The passphrase of an existing key: from the environment, else from whoever sits at the terminal."""
    if (given := os.environ.get(PASSPHRASE)) is not None:
        return given
    if not sys.stdin.isatty():
        return None
    answer: str = click.prompt(f"Passphrase of {key}", hide_input=True, err=True)
    return answer


def new_passphrase() -> str:
    """A passphrase for a new key: from the environment, else asked for twice.  Raises `KeyProblem`."""
    given = os.environ.get(PASSPHRASE)
    if given is None:
        if not sys.stdin.isatty():
            raise KeyProblem(f"nobody can be asked for a passphrase here: set {PASSPHRASE}")
        given = click.prompt("New passphrase", hide_input=True, confirmation_prompt=True, err=True)
    if not given:
        raise KeyProblem("an empty passphrase protects nothing: give another one, or leave --passphrase out")
    return str(given)
