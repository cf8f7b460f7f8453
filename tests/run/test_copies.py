"""A model that gives back its suite's recordings is told so: in the row of the sound and beside the number."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import soundfile

from evalkit.core.ids import digest_file
from evalkit.report.records import read_runs
from evalkit.run.copies import marked, near_copies
from evalkit.run.plan import Plan
from evalkit.run.progress import Silent
from evalkit.run.recordings import inspect_all
from evalkit.store.ledger import Record

RATE = 16_000
Evalkit = Callable[..., tuple[int, str, str]]
HERE = cast(Plan, SimpleNamespace(folder=SimpleNamespace(resolve=Path)))


def field(seed: int, seconds: float = 3.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    size = int(seconds * RATE)
    slow = np.interp(np.arange(size), np.linspace(0, size, 30), rng.uniform(0.02, 0.3, 30))
    return np.asarray(slow * rng.standard_normal(size), dtype=np.float32)


@pytest.fixture
def recordings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Path]:
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))
    (tmp_path / "recordings").mkdir()
    found = {}
    for seed in range(20):
        found[f"r{seed}"] = tmp_path / "recordings" / f"r{seed}.wav"
        soundfile.write(found[f"r{seed}"], field(seed), RATE)
    return found


def record(path: Path) -> Record:
    return Record(path.stem, path.stem, "ok", audio=str(path), sha256=digest_file(path))


def test_planted_copies_are_found_and_nothing_else(recordings: dict[str, Path], tmp_path: Path) -> None:
    silence = np.zeros(3 * RATE, np.float32)
    sounds = {
        "mp3": (0.3 * field(7)[100:], "mp3"),
        "later": (np.concatenate([field(90, 0.5), field(4)[: 2 * RATE]]), "flac"),
        "a-second-of-three": (np.concatenate([field(4, 1.0), field(91, 2.0)]), "wav"),
        "own": (field(92), "wav"),
        "silent": (silence, "wav"),
        "constant": (silence + 0.3, "wav"),
        "short": (field(7)[: RATE // 4], "wav"),
    }
    records = {}
    for name, (sound, kind) in sounds.items():
        soundfile.write(tmp_path / f"{name}.{kind}", sound, RATE)
        records[name] = record(tmp_path / f"{name}.{kind}")
    records["gone"] = Record("gone", "gone", "ok", audio=str(tmp_path / "gone.wav"), sha256="0" * 64)
    records["failed"] = Record("failed", "failed", "failed", "error", "no")
    known = inspect_all(recordings, Silent())
    found = near_copies(HERE, records, known, Silent())
    assert {name: copy.recording for name, copy in found.items()} == {"mp3": "r7", "later": "r4"}
    assert found["mp3"].share > 0.9 and 0.6 < found["later"].share < 0.95
    assert near_copies(HERE, records, {}, Silent()) == {} and near_copies(HERE, {}, known, Silent()) == {}

    told = marked(records, found)
    assert [name for name, each in told.items() if "near_copy" in each.verdicts] == ["mp3", "later"]
    assert marked(told, found) == told


def test_a_catalogue_is_made_once(recordings: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another run on the same suite decodes no recording again, but those that it has copied."""
    known = inspect_all(recordings, Silent())
    soundfile.write(tmp_path / "own.wav", field(50), RATE)
    records = {"own": record(tmp_path / "own.wav")}
    assert near_copies(HERE, records, known, Silent()) == {}
    monkeypatch.setattr("evalkit.run.copies.decode", None)
    assert near_copies(HERE, records, known, Silent()) == {}


@pytest.mark.slow
def test_a_scored_folder_says_so_beside_its_number_and_in_its_rows(
    evalkit: Evalkit, recordings: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "made").mkdir()
    rows = ["id,prompt,seconds"]
    for place in range(6):
        sound = 0.5 * field(place)[50:] if place < 2 else field(60 + place)
        soundfile.write(tmp_path / "made" / f"p{place}.wav", sound, RATE)
        rows.append(f"p{place},noise number {place},3")
    (tmp_path / "own.csv").write_text("\n".join(rows) + "\n")
    code, out, err = evalkit(
        *("score", "made", "--prompts", "own.csv", "--reference", "recordings", "--judges", "mini", "--device", "cpu"),
        *("--out", "a-run"),
    )
    assert code == 0, out + err
    scores: dict[str, Any] = json.loads((tmp_path / "a-run" / "scores.json").read_text())
    told = [text for text in scores["fd_openl3"]["warnings"] if "near-copies" in text]
    assert told == ["2 of 6 sounds are near-copies of reference recordings: 'p0' of 'r0.wav', 'p1' of 'r1.wav'"]
    items = {item.id: item.verdicts for item in read_runs([tmp_path / "a-run"])[0].items}
    assert [name for name, verdicts in items.items() if "near_copy" in verdicts] == ["p0", "p1"]
