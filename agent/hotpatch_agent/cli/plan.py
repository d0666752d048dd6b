"""`hotpatch plan`: what applying a release would do, edit by edit, with the reason for each."""

from __future__ import annotations

from pathlib import Path

import click

from hotpatch.plan import Plan
from hotpatch_agent.cli.command import cli_command, optional_home_option
from hotpatch_agent.cli.plan_view import plan_data, show_plan, summary
from hotpatch_agent.cli.preparing import source_options
from hotpatch_agent.cli.terminal import Terminal


@cli_command(
    "plan",
    examples=[
        "hotpatch plan shop-7.bundle",
        "hotpatch plan --from v1.4 --to fix-price --app shop.wsgi:app",
        "hotpatch plan --from /srv/shop/current --to . --home /srv/shop/hotpatch",
    ],
)
@click.argument("bundle", required=False, type=click.Path(path_type=Path))
@source_options
@optional_home_option
def command(
    terminal: Terminal,
    bundle: Path | None,
    old: str | None,
    new: str | None,
    repository: Path,
    below: str,
    app: str | None,
    python: str,
    modules: tuple[str, ...],
    unread: tuple[str, ...],
    as_service: bool,
    home: Path | None,
) -> int:
    """Show what applying a release would do, edit by edit.

    Give a BUNDLE, or two trees by --from and --to, which are then started and measured here. An edit is live
    if it can be made in a running worker, reload if workers have to be replaced for it, refuse if neither can
    be done soundly.
    """
    if (bundle is None) == (new is None):
        raise click.UsageError("give either a BUNDLE, or two trees by --from and --to")
    if bundle is not None:
        found, measured, left_out = _of_bundle(bundle)
    else:
        from hotpatch_agent.cli.origin import origin_of
        from hotpatch_agent.cli.preparing import prepare

        origin = origin_of(old, new, repository, below, app, python, modules, unread, as_service, home)
        with terminal.busy("Starting and measuring both versions"):
            prepared = prepare(origin, measured=True)
        found, measured, left_out = prepared.plan, True, prepared.change.left_out
    show_plan(terminal, found)
    for path in left_out:
        terminal.say(f"  left out, no part of the program: {path}", style="dim")
    if not measured:
        return terminal.finish(
            "This release was not measured when it was built; the service measures it when it is pushed.",
            {"measured": False, **plan_data(found)},
        )
    return terminal.finish(summary(found), {"measured": True, "left_out": left_out, **plan_data(found)})


def _of_bundle(path: Path) -> tuple[Plan, bool, tuple[str, ...]]:
    from hotpatch import bundle as bundles

    release = bundles.inspect(bundles.read(path)).release
    return release.plan, bool(release.measurement), ()
