"""The patches that come with the demo application: faults with their fixes, and bad patches."""

from __future__ import annotations

import importlib.util
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol, cast

from attrs import field, frozen

from hotpatch_agent.drill import diff
from hotpatch_agent.load.wire import Answer, Request

NONCES: Final = 1 << 32
"""From below this the load draws its nonces: so many that of a drill's thousands hardly any comes twice,
to be answered out of the shop's cache by the version before."""


class Probe(Protocol):
    """Tells the shop with a fault from the shop without it."""

    def requests(self, nonce: int) -> Sequence[Request]:
        """What to ask, one after another; another `nonce` asks in other words."""

    def judge(self, answers: Sequence[Answer]) -> str | None:
        """`old`, `new`, `erred` for an error that the new version is known for, or None if these answers come
        from neither."""

    # A patch that is not the same for all visitors has one function more, `who(nonce) -> str`: whom that
    # nonce's requests are from, as far as it matters.


@frozen
class Patch:
    name: str
    kind: str
    """`fault` (the shop has it, the patch mends it), `bad` (the patch must be refused), `creeping` (passes
    every check and is worse in use: a canary has to show it) or `awkward` (the service has a hard time)."""
    title: str
    folder: Path
    refused_by: str = ""
    """For a bad patch, the command that refuses it: `build` or `push`."""
    exit_codes: tuple[int, ...] = ()
    settings: tuple[str, ...] = ()
    """What its author chooses, as `hotpatch build --set` takes it."""
    builder: Mapping[str, str] = field(factory=dict)
    """Variables that are set where it is built, and only there."""

    @property
    def checks(self) -> Path:
        return self.folder / "checks.py"

    def changed(self, tree: Path) -> dict[str, str]:
        """The new text of each file that the patch changes in a tree that holds `demo_app`."""
        changes = diff.parse((self.folder / "change.diff").read_text())
        files = {change.path: (tree / change.path).read_text() for change in changes}
        return diff.apply(changes, files)

    def apply(self, tree: Path) -> None:
        for path, text in self.changed(tree).items():
            (tree / path).write_text(text)

    def probe(self) -> Probe:
        return load_probe(self.folder / "probe.py")


def load_probe(path: Path) -> Probe:
    spec = importlib.util.spec_from_file_location(f"probe_{path.parent.name.replace('-', '_')}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return cast(Probe, module)


def demo_root() -> Path:
    """The folder that holds `demo_app`: the checkout, or a folder of the installed package."""
    package = Path(__file__).resolve().parents[1]
    for root in (package / "_demo", package.parents[1]):
        if (root / "demo_app" / "wsgi.py").is_file():
            return root
    raise FileNotFoundError(
        f"the demo application is neither in {package / '_demo'} nor in {package.parents[1]}"
    )


def read_patches(demo: Path) -> Mapping[str, Patch]:
    """All patches of a tree that holds `demo_app`, by name: faults first, then bad ones."""
    found = []
    for file in sorted((demo / "demo_app" / "patches").glob("*/patch.toml")):
        values = tomllib.loads(file.read_text())
        found.append(
            Patch(
                name=file.parent.name,
                kind=values["kind"],
                title=values["title"],
                folder=file.parent,
                refused_by=values.get("refused_by", ""),
                exit_codes=tuple(values.get("exit_codes", ())),
                settings=tuple(values.get("settings", ())),
                builder=values.get("builder", {}),
            )
        )
    return {patch.name: patch for patch in sorted(found, key=lambda each: (each.kind != "fault", each.name))}
