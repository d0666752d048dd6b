"""`hotpatch completion SHELL`: the script that a shell evaluates to complete commands, options and files."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from hotpatch_agent.cli.command import cli_command
from hotpatch_agent.cli.terminal import Terminal


@cli_command(
    "completion",
    examples=[
        'eval "$(hotpatch completion bash)"        # in ~/.bashrc',
        'eval "$(hotpatch completion zsh)"         # in ~/.zshrc',
        "hotpatch completion fish > ~/.config/fish/completions/hotpatch.fish",
    ],
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(terminal: Terminal, shell: str) -> int:
    """Print the completion script of a shell."""
    from hotpatch_agent.cli.main import COMPLETION, cli

    completion = get_completion_class(shell)
    if completion is None:
        raise click.UsageError(f"there is no completion for {shell}")
    script = completion(cli, {}, "hotpatch", COMPLETION).source()
    if terminal.as_json:
        return terminal.finish(f"The completion script of {shell}.", {"shell": shell, "script": script})
    click.echo(script)
    return 0
