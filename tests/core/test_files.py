"""Files on the disk: whole or not at all, whatever kills the writer; and one line for what a disk refuses."""

from __future__ import annotations

import errno
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import evalkit
import evalkit.core.files
from evalkit.core.errors import UserError
from evalkit.core.files import PREFIX, CannotWrite, refusal, require_place, sweep, write_bytes
from evalkit.core.jsonio import append_line, read_json

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(evalkit.__file__).parent.parent)}
HOLDER = """
import sys, time
from pathlib import Path
from evalkit.core.files import landing
with landing(Path(sys.argv[1])) as part:
    part.write_bytes(b"half")
    print(part, flush=True)
    time.sleep(60)
"""


def writer(path: Path) -> tuple[subprocess.Popen[str], Path]:
    """Another process in the middle of writing a file, and what it writes to."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    return child, Path(child.stdout.readline().strip())


@pytest.fixture(autouse=True)
def _nothing_swept_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evalkit.core.files, "_swept", set())


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    write_bytes(path, b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="No space"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old" and [each.name for each in tmp_path.iterdir()] == ["a.json"]


def test_a_write_killed_at_any_moment_leaves_a_whole_file(tmp_path: Path) -> None:
    """SIGKILL while a file is rewritten without a pause: a reader finds one whole version or another."""
    path = tmp_path / "a.json"
    code = (
        "import sys; from pathlib import Path; from evalkit.core.jsonio import write_json\n"
        "n = 0\n"
        "while True: n += 1; write_json(Path(sys.argv[1]), [n] * 100_000)"
    )
    for _ in range(5):
        child = subprocess.Popen([sys.executable, "-c", code, str(path)], env=ENVIRONMENT)
        while not path.exists():
            time.sleep(0.01)
        time.sleep(random.uniform(0.0, 0.1))
        child.send_signal(signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
        value = read_json(path)
        assert len(value) == 100_000 and len(set(value)) == 1


def test_what_a_killed_writer_left_goes_with_the_next_write_and_a_living_ones_stays(tmp_path: Path) -> None:
    dead, left = writer(tmp_path / "a.npy")
    alive, written = writer(tmp_path / "b.npy")
    try:
        dead.send_signal(signal.SIGKILL)
        dead.wait()
        assert left.exists()
        write_bytes(tmp_path / "c.npy", b"c")
        assert not left.exists() and written.exists()
    finally:
        alive.send_signal(signal.SIGKILL)
        alive.wait()
    sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["c.npy"]


def test_a_sweep_leaves_downloads_links_and_other_peoples_files_alone(tmp_path: Path) -> None:
    kept = [tmp_path / ".part-model.safetensors", tmp_path / "landing-x", tmp_path / "outside"]
    for path in kept:
        path.write_bytes(b"x")
    (tmp_path / f"{PREFIX}link").symlink_to(tmp_path / "outside")
    os.mkfifo(tmp_path / f"{PREFIX}pipe")
    sweep(tmp_path)
    sweep(tmp_path / "absent")
    assert all(path.exists() for path in kept)


def test_the_writers_lock_outlasts_a_sweep_between_making_and_locking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one moment in which a file in the making looks like a leftover."""
    plain, times = evalkit.core.files.tempfile.mkstemp, []

    def swept(**words: object) -> tuple[int, str]:
        made = plain(**words)  # type: ignore[call-overload]
        if not times:
            Path(made[1]).unlink()
        times.append(made)
        return made

    monkeypatch.setattr(evalkit.core.files.tempfile, "mkstemp", swept)
    write_bytes(tmp_path / "a", b"whole")
    assert (tmp_path / "a").read_bytes() == b"whole" and len(times) == 2


def special(folder: Path) -> dict[str, Path]:
    """One of each: a folder, a pipe, a socket, and a device where this user may make one."""
    places = {"a folder": folder / "folder", "a pipe": folder / "pipe", "a socket": folder / "socket"}
    places["a folder"].mkdir()
    os.mkfifo(places["a pipe"])
    with socket.socket(socket.AF_UNIX) as each:
        each.bind(str(places["a socket"]))
    if os.getuid() == 0:
        places["a device"] = folder / "device"
        os.mknod(places["a device"], 0o20666, os.makedev(1, 3))
    return places


def test_what_is_no_file_is_refused_before_and_while_writing_and_not_replaced(tmp_path: Path) -> None:
    for kind, place in special(tmp_path).items():
        before = place.lstat()
        for attempt in (require_place, lambda path: write_bytes(path, b"x")):
            with pytest.raises(UserError, match=f"{place.name}: is {kind}"):
                attempt(place)
        assert place.lstat().st_ino == before.st_ino
        link = tmp_path / "link"
        link.symlink_to(place)
        with pytest.raises(UserError, match=f"link: is {kind}"):
            require_place(link)
        link.unlink()


def test_a_place_that_is_typed_may_be_a_link_and_one_inside_a_run_folder_is_replaced(tmp_path: Path) -> None:
    """A run folder from elsewhere may hold a link to any file of this user."""
    (tmp_path / "target").write_bytes(b"mine")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    assert require_place(tmp_path / "link") == tmp_path / "target"
    write_bytes(tmp_path / "link", b"new")
    assert (tmp_path / "target").read_bytes() == b"mine" and (tmp_path / "link").read_bytes() == b"new"


@pytest.mark.parametrize("name", ["file/x", "a" * 300, "loop", "loop/x"])
def test_a_place_where_no_file_can_be_is_one_line(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(UserError) as told:
        require_place(tmp_path / name)
    assert str(tmp_path / name) in told.value.message and told.value.hint


def test_an_absent_place_is_made(tmp_path: Path) -> None:
    place = require_place(tmp_path / "a" / "b" / "c")
    assert not (tmp_path / "a").exists()
    write_bytes(place, b"x")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ENOENT, errno.EIO])
def test_whatever_a_disk_refuses_names_the_file_and_the_way_out(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)
    path = tmp_path / "page.html"
    for write in (lambda: write_bytes(path, b"x"), lambda: append_line(path, {})):
        with pytest.raises(CannotWrite) as raised:
            write()
        told = refusal(raised.value)
        assert told is not None and str(path) in told.message and os.strerror(code) in told.message and told.hint


def test_what_is_no_refusal_stays_a_bug() -> None:
    assert refusal(FileNotFoundError(errno.ENOENT, "No such file", "evalkit/assets/style.css")) is None
    assert refusal(OSError("something else")) is None
    assert refusal(PermissionError(errno.EACCES, "Permission denied", "/x")) is not None
