"""Workers where the disk is full, evalkit's folder cannot be written, or another run has the folder: one line, exit 2,
no process left, and what was done is gone on with, to the byte."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from evalkit_drills import content, write_drill
from evalkit_process import BOUND, finish, start
from evalkit_processes import children, lives, stands_still, wait_for

AT_MOST = "evalkit_process:files_at_most"
Words = Callable[..., tuple[str, ...]]


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Words:
    """`words(out, *more)` is a run of six prompts; a judge is looked at by workers."""
    monkeypatch.setenv("EVALKIT_DRILLS", str(tmp_path))
    suite = write_drill(tmp_path, [f"sound {number}" for number in range(6)], judge=True)

    def words(out: str, *more: str) -> tuple[str, ...]:
        model = ("--model", "evalkit_drills:Drilled", "--suite", str(suite), "--out", out, "--no-report")
        return ("run", *model, *more)

    return words


SHARED = ("--workers", "2")


def refused(told: str, *named: str) -> bool:
    """One line of evalkit's own that names the file, and no traceback."""
    last = told.strip().splitlines()[-1]
    return "Traceback" not in told and last.startswith("evalkit: ") and all(name in last for name in named)


@pytest.fixture
def nobody_left(tmp_path: Path) -> Iterator[None]:
    """No worker that loaded the model outlives its command."""
    yield
    loads = tmp_path / "loads"
    begun = [int(pid) for pid in loads.read_text().split()] if loads.exists() else []
    wait_for(lambda: not any(map(lives, begun)), 10)


@pytest.fixture
def whole(tmp_path: Path, words: Words) -> dict[str, bytes]:
    """What one process makes of it that nobody disturbs."""
    code, _, told = finish(tmp_path, *words("whole", "--anew"), module="evalkit_drills")
    assert code == 0, told
    return content(tmp_path / "whole")


@pytest.mark.usefixtures("nobody_left")
def test_a_disk_that_refuses_a_sound_ends_the_run_and_its_workers(
    tmp_path: Path, words: Words, whole: dict[str, bytes]
) -> None:
    """Files may be as large as a record of the ledger and no larger: neither is there memory for common weights."""
    line = words("out", "--anew", *SHARED)
    code, _, told = finish(tmp_path, *line, before=(AT_MOST, "3000"), module="evalkit_drills")
    assert code == 2 and refused(told, "out/audio/", "File too large"), told
    assert not list((tmp_path / "out").rglob(".landing-*"))
    code, _, told = finish(tmp_path, *line, module="evalkit_drills")
    assert code == 0 and content(tmp_path / "out") == whole, told


@pytest.mark.usefixtures("nobody_left")
@pytest.mark.skipif(os.getuid() != 0, reason="mounting a small disk takes root")
def test_a_disk_that_is_full_ends_the_run_and_its_workers(
    tmp_path: Path, words: Words, whole: dict[str, bytes]
) -> None:
    disk, line = tmp_path / "out", words("out", "--anew", *SHARED)
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48k", "none", str(disk)], check=False).returncode:
        pytest.skip("this machine mounts nothing")
    try:
        code, _, told = finish(tmp_path, *line, module="evalkit_drills")
        assert code == 2 and refused(told, "out/", "No space left on device"), told
        subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)
        code, _, told = finish(tmp_path, *line, module="evalkit_drills")
        assert code == 0 and content(disk) == whole, told
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.usefixtures("nobody_left")
def test_a_folder_of_evalkits_that_cannot_be_written_is_told_before_a_sound_is_made(
    tmp_path: Path, words: Words
) -> None:
    """Workers would make hours of sounds, and their features could not be kept."""
    (tmp_path / "home").mkdir(mode=0o555)
    code, _, told = finish(tmp_path, *words("out", *SHARED), before=BOUND, module="evalkit_drills")
    assert code == 2 and refused(told, "home"), told
    assert not (tmp_path / "out").exists() and not (tmp_path / "loads").exists()
    (tmp_path / "home").chmod(0o755)
    code, _, told = finish(tmp_path, *words("out", *SHARED), before=BOUND, module="evalkit_drills")
    assert code == 0, told


@pytest.mark.usefixtures("nobody_left")
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="processes are found in /proc")
def test_a_second_run_of_a_folder_is_refused_and_the_first_ends_as_if_alone(
    tmp_path: Path, words: Words, whole: dict[str, bytes]
) -> None:
    """The first one's workers are held in close(), so that it is at work for certain."""
    line = words("out", "--anew", *SHARED)
    first = start(tmp_path, *line, module="evalkit_drills", DRILL_CLOSE="frozen once")
    wait_for(lambda: any(map(stands_still, children(first.pid))))
    code, _, told = finish(tmp_path, *line, module="evalkit_drills")
    assert code == 2 and refused(told, "another evalkit is at work", f"process {first.pid}"), told
    for pid in filter(stands_still, children(first.pid)):
        os.kill(pid, signal.SIGCONT)
    _, told = first.communicate(timeout=120)
    assert first.returncode == 0 and content(tmp_path / "out") == whole, told
