"""A full disk, a place that is none, a folder that cannot be written: one line, exit 2, and what was done is kept."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import evalkit_fakes
import pytest
from evalkit_process import BOUND, finish


def words(folder: Path, *more: str, seconds: float = 0.4) -> tuple[str, ...]:
    rows = [(f"p{number}", "rain", seconds) for number in range(4)]
    suite = evalkit_fakes.write_suite(folder / "suite", rows)
    return ("run", "--model", "evalkit_fakes:Moody", "--suite", str(suite), "--out", "out", *more)


def refused(told: str, *named: str) -> bool:
    """One line of evalkit's own that names the file, and no traceback."""
    last = told.strip().splitlines()[-1]
    return "Traceback" not in told and last.startswith("evalkit: ") and all(name in last for name in named)


def at_most(size: int) -> tuple[str, str]:
    return ("evalkit_process:files_at_most", str(size))


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run `out`."""
    folder = tmp_path_factory.mktemp("scored")
    code, _, told = finish(folder, *words(folder, "--no-report"))
    assert code == 0, told
    return folder


def test_a_report_that_the_disk_refuses_leaves_the_run_and_its_scores(tmp_path: Path) -> None:
    line = words(tmp_path, "--json")
    code, out, told = finish(tmp_path, *line, before=at_most(30_000))
    answer = json.loads(out)
    assert code == 2 and refused(told, "out/report.html", "File too large"), told
    assert answer["report"] is None and answer["scores"]["evalkit_fakes:LEVEL"]["n"] == 4
    assert json.loads((tmp_path / "out" / "run.json").read_text())["status"] == "success"
    code, out, told = finish(tmp_path, *line)
    assert code == 0 and json.loads(out)["reused"] and (tmp_path / "out" / "report.html").exists(), told


def test_a_run_that_the_disk_refuses_is_gone_on_with(scored: Path, tmp_path: Path) -> None:
    line = words(tmp_path, "--no-report")
    code, _, told = finish(tmp_path, *line, before=at_most(3_000))
    assert code == 2 and refused(told, "out/audio/", "File too large"), told
    assert json.loads((tmp_path / "out" / "run.json").read_text())["status"] == "error"
    assert not list((tmp_path / "out").rglob(".landing-*"))
    code, _, told = finish(tmp_path, *line)
    assert code == 0, told
    assert (tmp_path / "out" / "scores.json").read_bytes() == (scored / "out" / "scores.json").read_bytes()


@pytest.mark.skipif(os.getuid() != 0, reason="mounting a small disk takes root")
def test_a_full_disk_is_one_line_in_every_stage(scored: Path, tmp_path: Path) -> None:
    """A disk of its own, a little larger each time: what is full first differs, the answer does not."""
    disk = tmp_path / "out"
    disk.mkdir()
    line = words(tmp_path)
    for size in ("24k", "64k", "104k", "120k"):
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(disk)], check=False)
        if mounted.returncode:
            pytest.skip("this machine mounts nothing")
        try:
            code, _, told = finish(tmp_path, *line)
            assert code == 2 and refused(told, "out/", "No space left on device"), (size, told)
            subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)
            code, _, told = finish(tmp_path, *line)
            assert code == 0, told
            assert (disk / "scores.json").read_bytes() == (scored / "out" / "scores.json").read_bytes()
        finally:
            subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize(
    "name", ["run.json", "ledger.jsonl", "scores.json", "samples.parquet", "report.html", ".lock", "pipe"]
)
def test_a_folder_or_a_pipe_in_the_place_of_a_runs_file_is_told_before_the_work(name: str, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    if name == "pipe":
        os.mkfifo(tmp_path / "out" / "ledger.jsonl")
    else:
        (tmp_path / "out" / name).mkdir()
    code, _, told = finish(tmp_path, *words(tmp_path))
    assert code == 2 and refused(told, "ledger.jsonl: is a pipe" if name == "pipe" else f"{name}: is a folder"), told
    assert "to do" not in told and not (tmp_path / "out" / "audio").exists()


def test_a_file_in_the_place_of_the_sounds_is_told_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "audio").write_text("")
    code, _, told = finish(tmp_path, *words(tmp_path))
    assert code == 2 and refused(told, "out/audio") and "to do" not in told, told


@pytest.mark.parametrize("locked", ["out", "out/ledger.jsonl", "out/audio", "."])
def test_what_cannot_be_written_is_told_before_the_work(locked: str, tmp_path: Path) -> None:
    line = words(tmp_path, "--no-report")
    if locked != ".":
        code, _, told = finish(tmp_path, "generate", *line[1:-1], before=BOUND)
        assert code == 0, told
    kept = sorted(tmp_path.rglob("*"))
    (tmp_path / locked).chmod(0o444 if (tmp_path / locked).is_file() else 0o555)
    code, _, told = finish(tmp_path, *line, "--retry-failed", before=BOUND)
    assert code == 2 and refused(told, "out"), told
    assert "to do" not in told and sorted(tmp_path.rglob("*")) == kept
    (tmp_path / locked).chmod(0o755)
    code, _, told = finish(tmp_path, *line, "--retry-failed", before=BOUND)
    assert code == 0, told


def places(folder: Path) -> dict[str, str]:
    """Places where no file can be written, and what is said of each."""
    (folder / "folder").mkdir()
    (folder / "file").write_text("")
    os.mkfifo(folder / "pipe")
    found = {"folder": "is a folder", "pipe": "is a pipe", "file/page": "Not a directory", "/proc/none/x": "/proc/none"}
    if os.getuid() == 0:
        os.mknod(folder / "device", 0o20666, os.makedev(1, 7))
        found["device"] = "is a device"
    return found


def test_pages_baselines_and_verdicts_are_written_over_files_alone(scored: Path, tmp_path: Path) -> None:
    saved = tmp_path / "saved.json"
    code, _, told = finish(tmp_path, "check", str(scored / "out"), "--baseline", str(saved), "--save")
    assert code == 0, told
    for place, said in places(tmp_path).items():
        for line in (
            ("report", str(scored / "out"), "--out", place),
            ("check", str(scored / "out"), "--baseline", place, "--save"),
            ("check", str(scored / "out"), "--baseline", str(saved), "--junit", place),
        ):
            code, _, told = finish(tmp_path, *line)
            assert code == 2 and refused(told, place, said), (line, told)
    assert (tmp_path / "pipe").is_fifo() and (tmp_path / "folder").is_dir()


def test_a_joint_page_that_cannot_be_is_told_before_both_runs(tmp_path: Path) -> None:
    (tmp_path / "out" / "report.html").mkdir(parents=True)
    line = list(words(tmp_path))
    line[2] = "mock,evalkit_fakes:Moody"
    code, _, told = finish(tmp_path, *line)
    assert code == 2 and refused(told, "out/report.html: is a folder") and "to do" not in told, told


def test_verdicts_that_the_disk_refuses_are_told_all_the_same(scored: Path, tmp_path: Path) -> None:
    saved = tmp_path / "saved.json"
    finish(tmp_path, "check", str(scored / "out"), "--baseline", str(saved), "--save")
    line = ("check", str(scored / "out"), "--baseline", str(saved), "--junit", "verdicts.xml")
    code, out, told = finish(tmp_path, *line, before=at_most(10))
    assert code == 2 and refused(told, "verdicts.xml", "File too large") and "verdict" in out, told


@pytest.mark.parametrize("device", ["mps", "cuda:9", "nonsense", "meta"])
def test_a_device_that_is_not_here_is_told_before_anything_is_promised(device: str, tmp_path: Path) -> None:
    code, _, told = finish(tmp_path, *words(tmp_path, "--device", device))
    assert code == 2 and refused(told, f"--device {device} cannot be used here"), told
    assert "to do" not in told and not (tmp_path / "out").exists()


@pytest.mark.parametrize("model", ["stable-audio", "musicgen-small", "audiogen-medium-audiocraft"])
@pytest.mark.parametrize("verb", ["run", "generate"])
def test_a_model_that_is_not_here_is_told_before_anything_is_promised(verb: str, model: str, tmp_path: Path) -> None:
    line = list(words(tmp_path))
    code, _, told = finish(tmp_path, verb, "--model", model, *line[3:])
    assert code == 2 and ("not here" if "audiocraft" not in model else "is not installed here") in told, told
    assert "Traceback" not in told and "to do" not in told and not (tmp_path / "out").exists()
