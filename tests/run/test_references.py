"""References of a suite, before any work: inspected like generated sounds, each sound once, no gap in silence."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import evalkit_fakes
import numpy as np
import pytest
import soundfile

from evalkit.audio.encode import wav_bytes
from evalkit.core.errors import UserError
from evalkit.fetch.home import evalkit_home
from evalkit.metrics.base import MetricInputs, MetricResult
from evalkit.run.config import RunConfig
from evalkit.run.pipeline import Outcome, run
from evalkit.run.plan import make_plan
from evalkit.run.progress import Silent
from evalkit.suites.references import save_pair_reference

RATE = 8000
Score = Callable[..., Outcome]


class Told(Silent):
    """Keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


class SetSeen:
    """The mean level of the reference."""

    card = replace(evalkit_fakes.LEVEL.card, name="set_seen", reference="set")

    def compute(self, inputs: MetricInputs) -> MetricResult:
        assert inputs.set_reference is not None
        reference = inputs.set_reference
        return MetricResult(float(reference.mean[1]), None, None, 0.95, "none", len(inputs.ids), reference.clips, {})


class PairSeen:
    """The level of each prompt's reference."""

    card = replace(evalkit_fakes.LEVEL.card, name="pair_seen", reference="pair")

    def compute(self, inputs: MetricInputs) -> MetricResult:
        assert inputs.pair_reference is not None
        values = {key: float(inputs.pair_reference[key][1]) for key in inputs.ids}
        return MetricResult(1.0, None, None, 0.95, "none", len(values), len(inputs.pair_reference), values)


SET, PAIR = SetSeen(), PairSeen()


def noise(seed: int, seconds: float = 0.5) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.3, 0.3, (1, round(seconds * RATE))).astype(np.float32)


@pytest.fixture
def references(tmp_path: Path) -> Path:
    """Eight recordings p0 ... p7 in `ref`."""
    folder = tmp_path / "ref"
    folder.mkdir()
    for number in range(8):
        (folder / f"p{number}.wav").write_bytes(wav_bytes(noise(number), RATE))
    return folder


@pytest.fixture
def score(go: Any, tmp_path: Path, references: Path) -> Score:
    """`score("set")` runs Moody on eight prompts against the folder `ref`, or against `reference`, a file."""

    def score(kind: str, reference: str = "", more: str = "", progress: Silent | None = None, **config: Any) -> Outcome:
        rows = [(f"p{number}", "a sound", 0.5) for number in range(8)]
        manifest = evalkit_fakes.write_suite(tmp_path / "suite", rows)
        text = manifest.read_text().partition("[metrics.")[0] + more
        text += f'[metrics."{__name__}:{kind.upper()}"]\nweights = "cheap-a"\n'
        text += f'reference = "{reference}"\n' if reference else f'[reference]\naudio = "{references}"\n'
        manifest.write_text(text)
        plan = make_plan(RunConfig(**{"model": "evalkit_fakes:Moody", "suite": str(manifest), **config}))
        return run(plan, progress or Silent())

    return score


def entry(outcome: Outcome) -> dict[str, Any]:
    (only,) = outcome.scores.values()
    return dict(only)


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("p1", wav_bytes(noise(1) * 0, RATE), "silent"),
        ("p2", wav_bytes(noise(1)[:, :2], RATE), "short: 2 samples"),
        ("p3", wav_bytes(noise(1), RATE)[:1000], "truncated"),
        ("p4", b"<html>not found</html>", "unreadable"),
        ("p5", wav_bytes(np.tile(noise(1), (5, 1)), RATE), "too_many_channels"),
        ("extra", b"", "unreadable"),
    ],
)
@pytest.mark.parametrize("kind", ["set", "pair"])
def test_a_recording_that_cannot_be_used_ends_the_command_before_a_sound_is_made(
    kind: str, name: str, data: bytes, why: str, score: Score, references: Path, tmp_path: Path
) -> None:
    (references / f"{name}.wav").write_bytes(data)
    with pytest.raises(UserError, match=rf"1 of \d reference recordings cannot be used: '{name}.wav' \({why}"):
        score(kind)
    assert not evalkit_fakes.Moody.calls
    assert not (tmp_path / "runs").exists()


def test_all_faults_are_told_at_once(score: Score, references: Path) -> None:
    (references / "p1.wav").write_bytes(b"nothing")
    (references / "p2.wav").write_bytes(wav_bytes(noise(1) * 0, RATE))
    (references / "p3.wav").rename(references / "q9.wav")
    with pytest.raises(
        UserError, match=r"no reference for 1 of 8 prompts: 'p3'.*2 of 8 .*'p1.wav' .*'p2.wav' \(silent"
    ):
        score("pair")


def test_what_does_not_forbid_the_use_is_warned_of(score: Score, references: Path) -> None:
    (references / "p1.wav").write_bytes(wav_bytes(noise(1, 0.2), RATE))
    (references / "p2.wav").write_bytes(wav_bytes(noise(1) * 10, RATE))
    (warning,) = (each for each in entry(score("set"))["warnings"] if "reference" in each)
    assert "1 short ('p1.wav': 0.20 of 0.5 s)" in warning
    assert "1 clipped ('p2.wav')" in warning


def test_a_sound_counts_once_in_whatever_files_it_lies(score: Score, references: Path) -> None:
    """Copies have no distance from one another: density, coverage and KAD would be about them alone."""
    before = entry(score("set"))
    for number in range(8):
        samples, rate = soundfile.read(references / f"p{number}.wav", dtype="float32")
        (references / f"copy-{number}.wav").write_bytes((references / f"p{number}.wav").read_bytes())
        soundfile.write(references / f"other-{number}.flac", samples, rate, subtype="PCM_24")
    after = entry(score("set"))
    assert after["n_reference"] == before["n_reference"] == 8
    assert after["value"] == before["value"]
    assert any("16 of 24 reference recordings are copies" in each for each in after["warnings"])


def test_recordings_that_are_copies_still_serve_each_its_prompt(score: Score, references: Path) -> None:
    for number in range(8):
        (references / f"p{number}.wav").write_bytes(wav_bytes(noise(number % 2), RATE))
    found = entry(score("pair"))
    assert (found["n"], found["n_reference"]) == (8, 8)


def test_a_missing_recording_is_refused_and_a_meant_gap_is_not(score: Score, references: Path) -> None:
    (references / "p3.wav").unlink()
    with pytest.raises(UserError, match=r"no reference for 1 of 8 prompts: 'p3'"):
        score("pair")
    assert not evalkit_fakes.Moody.calls
    found = entry(score("pair", more='no_reference = ["p3"]\n'))
    assert (found["n"], found["n_failed"]) == (7, 0)
    assert entry(score("set"))["n"] == 8


def test_a_misnamed_recording_is_found_and_told(score: Score, references: Path) -> None:
    (references / "p3.wav").rename(references / "P3 .wav")
    told = Told()
    assert entry(score("pair", progress=told))["n"] == 8
    assert any("'p3' is 'P3 .wav'" in note for note in told.notes)


def test_prompts_beyond_the_limit_need_no_recording(score: Score, references: Path) -> None:
    (references / "p7.wav").unlink()
    assert entry(score("pair", limit=4))["n"] == 4


def test_a_file_of_pairs_that_lacks_prompts_is_refused(score: Score, tmp_path: Path) -> None:
    rows = {f"p{number}": np.zeros(3, np.float32) for number in range(7)}
    save_pair_reference(tmp_path / "suite" / "pairs.npz", rows)
    with pytest.raises(UserError, match=r"pairs.npz: no reference for 1 of 8 prompts: 'p7'"):
        score("pair", "pairs.npz")
    save_pair_reference(tmp_path / "suite" / "pairs.npz", {**rows, "P7.wav": np.zeros(3, np.float32)})
    assert entry(score("pair", "pairs.npz"))["n"] == 8


def test_a_file_of_other_dimensions_is_refused_before_a_sound_is_made(score: Score, tmp_path: Path) -> None:
    save_pair_reference(tmp_path / "suite" / "p.npz", {f"p{number}": np.zeros(5, np.float32) for number in range(8)})
    with pytest.raises(UserError, match=r"p.npz: has 5 dimensions, and cheap-a gives 3"):
        score("pair", "p.npz")
    assert not evalkit_fakes.Moody.calls


def test_statistics_of_which_no_distance_can_be_taken_are_refused_before_a_sound_is_made(
    score: Score, tmp_path: Path
) -> None:
    (tmp_path / "suite").mkdir()
    counts = {"frames": np.int64(50), "clips": np.int64(10)}
    np.savez(tmp_path / "suite" / "s.npz", mean=np.zeros(3), covariance=-np.eye(3), **counts)
    with pytest.raises(UserError, match=r"s.npz: the statistics cannot be used"):
        score("set", "s.npz")
    assert not evalkit_fakes.Moody.calls
    np.savez(tmp_path / "suite" / "s.npz", mean=np.zeros(3), covariance=np.eye(3), **counts)
    assert entry(score("set", "s.npz"))["n_reference"] == 10


def test_weights_that_do_not_load_are_found_before_a_sound_is_made(
    score: Score, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise UserError("w.h5: damaged")

    with monkeypatch.context() as patch:
        patch.setattr(sys.modules["evalkit.embed.load"], "load_embedder", broken)
        with pytest.raises(UserError, match="damaged"):
            score("set")
    assert not evalkit_fakes.Moody.calls
    assert score("set").n_ok == 8


def test_a_suite_that_names_no_reference_is_refused_before_a_sound_is_made(score: Score, references: Path) -> None:
    for path in references.iterdir():
        path.unlink()
    with pytest.raises(UserError, match=r"reference audio: .*holds no audio"):
        score("set")
    assert not evalkit_fakes.Moody.calls


def test_what_was_found_of_a_recording_is_kept_by_its_content(
    score: Score, references: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = score("set")
    (note, *_) = (evalkit_home() / "cache" / "recordings").rglob("*.json")
    decoded: list[Path] = []
    monkeypatch.setattr("evalkit.run.recordings.decode", decoded.append)
    again = score("set", seed=1)
    assert not decoded
    assert entry(again)["value"] == entry(first)["value"]
    note.write_text(json.dumps({"version": 1, "digest": "0" * 64}))
    with pytest.raises(AttributeError):
        score("set", seed=2)  # a note that is damaged or of another file is not believed
