"""Mutated sounds through all that evalkit does with a sound file: a verdict each, no traceback, no hang, no growth.

Case N is the same bytes in every session: `python tests/fakes/fuzz_sounds.py FOLDER N 1` repeats it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fuzz_sounds
import pytest

import evalkit as package

SECONDS, MEGABYTES = 1.0, 500
HERE = Path(fuzz_sounds.__file__)


def session(folder: Path, first: int, count: int) -> dict[str, Any]:
    """A process of its own, as a decoder that crashes takes its process along."""
    path = os.pathsep.join((str(HERE.parent), str(Path(package.__file__).parent.parent)))
    command = [sys.executable, str(HERE), str(folder), str(first), str(count)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path})
    assert done.returncode == 0, f"died at {sorted(folder.glob('case*'))}: {done.stderr[-2000:]}"
    assert done.stderr == "", "a library's own message, without the name of the file"
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def check(found: dict[str, Any], count: int) -> None:
    assert found["wrong"] == []
    assert found["slowest"][0] < SECONDS, f"case {found['slowest'][1]}"
    assert found["grown_mb"] < MEGABYTES, f"case {found['most_at_once_mb'][1]}"
    outcomes = found["outcomes"]
    assert sum(outcomes.values()) == count
    assert set(outcomes) >= {"ok", "truncated", "unreadable"}, "a mutation that nothing survives, or that hurts nothing"


def test_a_few_hundred_mutated_sounds(tmp_path: Path) -> None:
    check(session(tmp_path, 0, 300), 300)


@pytest.mark.slow
def test_ten_thousand_mutated_sounds(tmp_path: Path) -> None:
    check(session(tmp_path, 0, 10_000), 10_000)


def write_suite(folder: Path, ids: list[str]) -> Path:
    """A suite of measures that need no weights."""
    (folder / "s.csv").write_text("id,prompt,seconds\n" + "".join(f"{each},rain,0.33\n" for each in ids))
    head = "\n".join(f'{key} = "{key}"' for key in ("name", "title", "version", "protocol", "licence", "citation"))
    measures = "".join(f'[metrics.{name}]\nweights = "sound"\n' for name in ("silence_share", "clipping_share"))
    text = f'{head}\nsize = "mini"\n[prompts]\nfile = "s.csv"\n{measures}'
    (folder / "s.toml").write_text(text)
    return folder / "s.toml"


def test_verbs_take_mutated_sounds(evalkit: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    """`score` names each by its verdict, `report` shows what came of it; the whole ones among them are scored."""
    folder = tmp_path / "sounds"
    folder.mkdir()
    for number in range(30):
        (folder / f"c{number}.{fuzz_sounds.case(number)[0].rsplit('.', 1)[1]}").write_bytes(fuzz_sounds.case(number)[1])
    for name in ("wav", "mp3", "m4a", "webm"):
        (folder / f"whole-{name}.{name}").write_bytes(fuzz_sounds.whole()[name])
    suite = write_suite(tmp_path, sorted(path.stem for path in folder.iterdir()))
    out = tmp_path / "run"
    code, told, errors = evalkit("score", str(folder), "--suite", str(suite), "--out", str(out))
    assert code in (0, 1), told + errors
    records = {line["id"]: line for line in map(json.loads, (out / "ledger.jsonl").read_text().splitlines())}
    assert {records[f"whole-{name}"]["status"] for name in ("wav", "mp3", "m4a", "webm")} == {"ok"}
    assert records["whole-m4a"]["reader"].startswith("ffmpeg"), "a report tells who read a file"
    failed = [record for record in records.values() if record["status"] == "failed"]
    assert failed
    assert all(record["error"].startswith(tuple(record["verdicts"])) for record in failed)
    code, told, errors = evalkit("report", str(out), "--out", str(tmp_path / "page.html"))
    assert code == 0, told + errors
    assert "sounds read by" in (tmp_path / "page.html").read_text()
