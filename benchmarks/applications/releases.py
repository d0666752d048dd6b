"""Releases and what they need, from the package index into a cache folder (RELEASES_CACHE)."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

CACHE = Path(os.environ.get("RELEASES_CACHE", Path.home() / ".cache" / "hotpatch-releases"))
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


class NotFetchedError(Exception):
    """A release, or something that it needs, could not be had."""


def release(package: str, version: str) -> Path:
    """The folder with the release's files, as they are installed; downloaded once."""
    folder = CACHE / f"{package}-{version}"
    if folder.exists():
        return folder
    with tempfile.TemporaryDirectory() as name:
        wheel = ("wheel", "--quiet", "--no-deps", "--wheel-dir", name, f"{package}=={version}")
        _pip(*wheel)
        unpacked = Path(name, "unpacked")
        shutil.unpack_archive(next(Path(name).glob("*.whl")), unpacked, "zip")
        CACHE.mkdir(parents=True, exist_ok=True)
        part = CACHE / f".{package}-{version}.{os.getpid()}"
        shutil.move(unpacked, part)
        part.rename(folder)
    return folder


def needed(requirements: Sequence[str], package: str) -> Path:
    """A folder with these requirements installed, without the package that is itself patched."""
    text = "\n".join(sorted(requirements))
    folder = CACHE / f"needs-{PYTHON}-{hashlib.sha256(f'{package} {text}'.encode()).hexdigest()[:16]}"
    if not folder.exists():
        part = folder.with_name(f".{folder.name}.{os.getpid()}")
        part.mkdir(parents=True)
        try:
            if requirements:
                _pip("install", "--quiet", "--target", str(part), *requirements)
            _without(part, package)
            part.rename(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return folder


def _without(folder: Path, package: str) -> None:
    """The package's own files come from the release under test."""
    for info in folder.glob("*.dist-info"):
        if info.name.rpartition("-")[0].split("-")[0].lower().replace("_", "-") != package.lower().replace(
            "_", "-"
        ):
            continue
        for line in (info / "RECORD").read_text().splitlines():
            file = (folder / line.split(",")[0]).resolve()
            if folder.resolve() in file.parents:
                file.unlink(missing_ok=True)


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise NotFetchedError((lines or [done.stderr.strip()[-200:]])[0])
