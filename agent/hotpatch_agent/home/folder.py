"""The home folder of a service: where its parts are, how it is made and found.

The folder is the bus between the people who push and the workers who serve.  Who may write it may offer a
bundle; only who holds the keys can make one count.  It is made for its owner alone (mode 0700).
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import field, frozen

from hotpatch.errors import NoHome, NotAService, NotWritable
from hotpatch_agent import wire
from hotpatch_agent.home.disk import explained, write_whole

VARIABLE: Final = "HOTPATCH_HOME"
FORMAT: Final = 1
_FOLDERS: Final = ("trust", "spool", "ledger", "bundles", "workers")


@frozen
class Service:
    """What the folder belongs to.  A bundle must name this service and this environment."""

    name: str
    environment: str
    app: str
    """What gunicorn loads: `module:object`; empty if it is not known yet."""
    root: str = ""
    """The folder that the program is started from; empty: the one that gunicorn works in."""
    settings: Mapping[str, str] = field(factory=dict)
    """The service's own choices where a release makes none: the names are those of `terms.Terms`."""
    format: int = FORMAT


@frozen
class Home:
    """A home folder that was found to be one.  Paths only; nothing is held open."""

    path: Path
    service: Service

    @functools.cached_property
    def trust(self) -> Path:
        """Root metadata and public keys."""
        return self.path / "trust"

    @functools.cached_property
    def spool(self) -> Path:
        """Bundles and requests arrive here, by rename."""
        return self.path / "spool"

    @functools.cached_property
    def ledger(self) -> Path:
        """One file a decision."""
        return self.path / "ledger"

    @functools.cached_property
    def bundles(self) -> Path:
        """Accepted bundles, named by their digest."""
        return self.path / "bundles"

    @functools.cached_property
    def workers(self) -> Path:
        """One status file and one lock file a worker."""
        return self.path / "workers"

    @functools.cached_property
    def dirty(self) -> Path:
        """The same for gunicorn's dirty workers; there only where there are some."""
        return self.path / "dirty"

    @functools.cached_property
    def masters(self) -> Path:
        """One lock file a gunicorn master: there is one, and during `USR2` a second."""
        return self.path / "masters"

    @functools.cached_property
    def leader_lock(self) -> Path:
        """Held by the worker that decides."""
        return self.ledger / "leader.lock"

    @functools.cached_property
    def start_lock(self) -> Path:
        """Held by a worker while it finds out whether it is to start on a release on trial."""
        return self.ledger / "start.lock"

    def bundle(self, digest: str) -> Path:
        """Where the accepted bundle of this digest is kept."""
        return self.bundles / f"{digest}.bundle"


def locate(given: str | os.PathLike[str] | None, environ: Mapping[str, str]) -> Path:
    """The folder that was meant: the one given, else the one that HOTPATCH_HOME names; NoHome if neither."""
    named = os.fspath(given) if given else environ.get(VARIABLE, "")
    if not named:
        raise NoHome(f"no home folder was named: give --home FOLDER or set {VARIABLE}")
    return Path(named).absolute()


def open_home(path: Path) -> Home:
    """The home at this path.  Raises NoHome if nothing is there, NotAService if it is something else."""
    card = path / "service.json"
    try:
        data = card.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        if not path.exists():
            raise NoHome(f"there is no home folder at {path}; make one with `hotpatch init`") from error
        raise NotAService(f"{path} is not the home of a service: it has no service.json") from error
    except PermissionError as error:
        raise NotWritable(f"{card} can't be read by this user; run as the folder's owner") from error
    try:
        service = wire.load(Service, data)
    except wire.Malformed as error:
        raise NotAService(
            f"{path} is not the home of a service: service.json is unreadable ({error})"
        ) from error
    if service.format != FORMAT:
        raise NotAService(
            f"{path} was made by another hotpatch (format {service.format}, this one knows {FORMAT}); "
            "use the hotpatch that the service uses"
        )
    return Home(path, service)


def create(path: Path, service: Service) -> Home:
    """Make the home folder of a service, or bring an existing one's service.json up to date.

    Safe to repeat: what is there stays.  Raises NotWritable or DiskFull; NotAService if the folder holds
    something else.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        strangers = sorted(set(os.listdir(path)) - {"service.json", *_FOLDERS})  # noqa: PTH208
        if strangers and not (path / "service.json").exists():
            raise NotAService(f"{path} holds something else ({strangers[0]}); name an empty or new folder")
        for name in _FOLDERS:
            (path / name).mkdir(mode=0o700, exist_ok=True)
    except FileExistsError as error:
        raise NotAService(f"{error.filename} is a file, not a folder; name another place") from error
    except OSError as error:
        raise explained(error, str(error.filename or path)) from error
    write_whole(str(path / "service.json"), wire.dump(service), "service")
    return Home(path, service)
