"""A worker that dies, hangs, is out of memory, prints, or sends nonsense: the right rows, and the other items complete.

Real processes: evalkit as it is typed, its worker, and what that worker started.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import evalkit_fakes
import pytest

import evalkit

FAKES = Path(__file__).resolve().parent.parent / "fakes"
DRILL = FAKES / "drill_worker"
MOODS = {
    "killed": ("error", "killed by SIGKILL"),
    "hung": ("error", "no answer in 2 s"),
    "oom always": ("oom", "out of memory"),
    "mono": ("verdict", "wrong_shape: (1, 3200) instead of (2, 3200)"),
    "nan samples": ("verdict", "nonfinite: 1 of 6400"),
    "double": ("verdict", "wrong_dtype: float64"),
    "short": ("verdict", "short: 1600 frames instead of 3200"),
    "huge": ("error", "8589934592 bytes"),
}
GOOD = ["a dog", "printing", "rain", "oom", "wind", "a cat"]


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    path = os.pathsep.join((str(FAKES), str(Path(evalkit.__file__).parent.parent)))
    environment = {**os.environ, "PYTHONPATH": path, "EVALKIT_HOME": str(folder / "home"), "TMPDIR": str(folder)}
    command = [sys.executable, "-m", "evalkit_fakes", *words]
    return subprocess.Popen(
        command, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=_heed_interrupts,
    )  # fmt: skip


def _heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def left_running(folder: Path) -> list[str]:
    """Workers whose private folder lies in `folder`; within three seconds they are to be none."""
    deadline = time.monotonic() + 3
    while True:
        found = []
        for entry in Path("/proc").glob("[0-9]*/environ"):
            try:
                if f"TMPDIR={folder}/evalkit-worker-".encode() in entry.read_bytes():
                    found.append(entry.parent.name)
            except OSError:
                continue
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


def records(folder: Path) -> dict[str, dict[str, object]]:
    lines = [json.loads(line) for line in (folder / "out" / "ledger.jsonl").read_text().splitlines()]
    return {line["id"]: line for line in lines}


@pytest.mark.slow
def test_every_mishap_is_a_row_and_the_others_complete(tmp_path: Path) -> None:
    mixed = [mood for pair in zip(MOODS, [*GOOD, *GOOD][: len(MOODS)], strict=True) for mood in pair]
    rows = [(f"p{number}", text, 0.4) for number, text in enumerate(mixed)]
    suite = evalkit_fakes.write_suite(tmp_path / "suite", rows)
    words = ("generate", "--model", f"worker:{DRILL}:drill", "--suite", str(suite), "--out", "out", "--json")
    process = start(tmp_path, *words)
    told, complaints = process.communicate(timeout=200)
    assert process.returncode == 0, complaints
    found = records(tmp_path)
    for key, text, _ in rows:
        record = found[key]
        if text in MOODS:
            kind, message = MOODS[text]
            assert (record["status"], record["kind"]) == ("failed", kind), (text, record)
            assert message in str(record["error"]), (text, record)
        else:
            assert record["status"] == "ok", (text, record)
    assert json.loads(told)["n_ok"] == len(MOODS), "stdout is JSON, whatever the worker printed"
    assert left_running(tmp_path) == [] and not list(tmp_path.glob("evalkit-worker-*"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_run_leaves_no_worker(number: int, tmp_path: Path) -> None:
    """Also where the worker is at work and will not answer for minutes."""
    suite = evalkit_fakes.write_suite(tmp_path / "suite", [("a", "hung", 0.4)])
    process = start(tmp_path, "generate", "--model", f"worker:{DRILL}:drill", "--suite", str(suite), "--out", "out")
    deadline = time.monotonic() + 20
    while not list(tmp_path.glob("evalkit-worker-*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(1.0)  # it loads, and then hangs for two seconds
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == (-9 if number == signal.SIGKILL else 130)
    assert left_running(tmp_path) == []
    assert not list(tmp_path.glob("evalkit-worker-*"))
