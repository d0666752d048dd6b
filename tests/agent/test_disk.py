"""A file is whole or not there, whatever dies, and errors name it."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hotpatch_agent.failpoint import VARIABLE
from hotpatch_agent.home.disk import NameTaken, OsFiles, discard, is_temporary, sweep, take_name, write_whole

from hotpatch.errors import DiskFull, NotWritable

STEPS = ["begin", "written", "synced", "named", "durable"]


class Failing(OsFiles):
    """The real disk, except that one call fails."""

    def __init__(self, call: str, code: int) -> None:
        self.call, self.code = call, code

    def _fail(self, call: str, path: str) -> None:
        if call == self.call:
            raise OSError(self.code, os.strerror(self.code), path)

    def create(self, path: str, data: bytes) -> None:
        super().create(path, data[: len(data) // 2] if self.call == "create" else data)
        self._fail("create", path)

    def sync(self, path: str) -> None:
        self._fail("sync", path)
        super().sync(path)

    def rename(self, source: str, target: str) -> None:
        self._fail("rename", target)
        super().rename(source, target)

    def link(self, source: str, target: str) -> None:
        self._fail("link", target)
        super().link(source, target)


def left(folder: Path) -> list[str]:
    return sorted(child.name for child in folder.iterdir())


def run(code: str, folder: Path, failpoint: str) -> int:
    program = f"from hotpatch_agent.home.disk import *\n{code}"
    environment = {**os.environ, VARIABLE: failpoint}
    done = subprocess.run([sys.executable, "-c", program, str(folder)], env=environment, timeout=60)
    return done.returncode


@pytest.mark.parametrize("step", STEPS)
def test_a_process_killed_in_a_write_leaves_the_old_file_or_the_new(tmp_path: Path, step: str) -> None:
    path = tmp_path / "note"
    write_whole(str(path), b"old", "note")

    code = run(
        "import sys; write_whole(sys.argv[1] + '/note', b'new' * 9999, 'note')", tmp_path, f"note.{step}"
    )

    assert code == -signal.SIGKILL
    assert path.read_bytes() == (b"old" if step in STEPS[:3] else b"new" * 9999)
    sweep(str(tmp_path))
    assert left(tmp_path) == ["note"]


@pytest.mark.parametrize("step", STEPS)
def test_a_process_killed_while_it_takes_a_name_has_taken_it_whole_or_not(tmp_path: Path, step: str) -> None:
    code = run("import sys; take_name(sys.argv[1] + '/1', b'one' * 9999, 'one')", tmp_path, f"one.{step}")

    assert code == -signal.SIGKILL
    sweep(str(tmp_path))
    assert left(tmp_path) == ([] if step in STEPS[:3] else ["1"])
    if step not in STEPS[:3]:
        assert (tmp_path / "1").read_bytes() == b"one" * 9999


@pytest.mark.parametrize("call", ["create", "sync", "rename"])
@pytest.mark.parametrize(
    ("code", "error"),
    [
        (errno.ENOSPC, DiskFull),
        (errno.EDQUOT, DiskFull),
        (errno.EFBIG, DiskFull),
        (errno.EACCES, NotWritable),
        (errno.EROFS, NotWritable),
        (errno.EIO, OSError),
    ],
)
def test_a_write_that_fails_leaves_the_old_file_and_no_other(
    tmp_path: Path, call: str, code: int, error: type[Exception]
) -> None:
    path = tmp_path / "note"
    write_whole(str(path), b"old", "note")

    with pytest.raises(error, match="note"):
        write_whole(str(path), b"new!", "note", Failing(call, code))

    assert path.read_bytes() == b"old"
    assert left(tmp_path) == ["note"]


@pytest.mark.parametrize("call", ["create", "sync", "link"])
def test_a_name_that_can_not_be_taken_for_lack_of_space_stays_free(tmp_path: Path, call: str) -> None:
    with pytest.raises(DiskFull, match="/1 "):
        take_name(str(tmp_path / "1"), b"one!", "one", Failing(call, errno.ENOSPC))

    assert left(tmp_path) == []


def test_a_real_file_size_limit_is_reported_as_a_full_disk(tmp_path: Path) -> None:
    program = (
        "import resource, signal, sys\n"
        "from hotpatch.errors import DiskFull\n"
        "from hotpatch_agent.home.disk import write_whole\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n"
        "    write_whole(sys.argv[1] + '/note', b'x' * 2000, 'note')\n"
        "except DiskFull as error:\n"
        "    raise SystemExit(25 if '/note ' in str(error) else 1)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], timeout=60)

    assert done.returncode == 25
    assert left(tmp_path) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_without_rights_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(NotWritable, match="note"):
        write_whole(str(tmp_path / "note"), b"new", "note")


def test_a_missing_folder_is_reported_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_whole(str(tmp_path / "gone" / "note"), b"new", "note")


def test_of_many_that_take_a_name_at_once_one_succeeds(tmp_path: Path) -> None:
    gate, winners = threading.Barrier(8), []

    def attempt(number: int) -> None:
        gate.wait()
        try:
            take_name(str(tmp_path / "1"), str(number).encode(), "one")
        except NameTaken:
            return
        winners.append(number)

    threads = [threading.Thread(target=attempt, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(winners) == 1
    assert (tmp_path / "1").read_bytes() == str(winners[0]).encode()
    assert left(tmp_path) == ["1"]


def test_a_writer_whose_temporary_file_is_swept_away_tries_again(tmp_path: Path) -> None:
    class Swept(OsFiles):
        swept = False

        def sync(self, path: str) -> None:
            if not self.swept and is_temporary(Path(path).name):
                self.swept = True
                sweep(str(tmp_path))
            super().sync(path)

    write_whole(str(tmp_path / "note"), b"new", "note", Swept())

    assert (tmp_path / "note").read_bytes() == b"new"


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    write_whole(str(tmp_path / "note"), b"new", "note")

    assert (tmp_path / "note").stat().st_mode & 0o777 == 0o600


def test_discarding_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    discard(str(tmp_path / "note"))


def test_a_read_stops_at_its_limit(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 100_000)

    assert OsFiles().read(str(tmp_path / "big"), 70_000) == b"x" * 70_000
    assert OsFiles().read(str(tmp_path / "big")) == b"x" * 100_000
