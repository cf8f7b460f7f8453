"""A whole run: every failure counted by name, nothing done twice, nothing lost."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import evalkit_fakes
import numpy as np
import pandas as pd
import pytest

from evalkit.audio.encode import wav_bytes
from evalkit.core import versions
from evalkit.core.errors import UserError
from evalkit.report.page import write_report
from evalkit.store.features import FeatureCache
from evalkit.store.layout import RunFolder

REASONS = {
    "raise": "ValueError: this prompt is too hard",
    "short": "short: 2000 frames instead of 4000",
    "long": "long: 8000 frames instead of 4000",
    "not a number": "nonfinite: 2 of 8000 samples are NaN or infinite",
    "int16": "wrong_dtype: int16 instead of float32",
    "float64": "wrong_dtype: float64 instead of float32",
    "mono": "wrong_shape: (1, 4000) instead of (2, 4000)",
    "list": "wrong_type: list instead of a numpy array",
    "silent": "silent",
}


def manifest(folder: RunFolder) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(folder.run_json.read_text())
    return content


def test_every_way_to_fail_is_a_named_row_and_counted(go: Any) -> None:
    outcome = go(["good", *REASONS, "oom fits alone", "good too"])
    table = pd.read_parquet(outcome.plan.folder.samples)
    errors = [None if pd.isna(error) else error for error in table["error"]]
    assert dict(zip(table["prompt"], errors, strict=True)) == {
        "good": None,
        **REASONS,
        "oom fits alone": None,
        "good too": None,
    }
    assert list(table["status"]).count("ok") == outcome.n_ok == 3
    for entry in outcome.scores.values():
        assert (entry["n"], entry["n_failed"], entry["protocol"]) == (3, len(REASONS), "tiny-1")
    assert table["evalkit_fakes:LEVEL"].notna().tolist() == (table["status"] == "ok").tolist()
    assert manifest(outcome.plan.folder)["status"] == "success"


def test_scores_of_random_weights_are_under_a_protocol_of_their_own(go: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that neither a leaderboard nor the gate can hold them against a model's."""
    monkeypatch.setattr(evalkit_fakes.Moody, "spec", replace(evalkit_fakes.Moody.spec, size="random"))
    outcome = go(["good"])
    assert {entry["protocol"] for entry in outcome.scores.values()} == {"tiny-1; random weights"}
    assert manifest(outcome.plan.folder)["size"] == "random"


def test_a_number_made_with_other_versions_than_were_tested_says_so(go: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the record and on the page, where someone looks who gets another number."""
    monkeypatch.setattr(versions, "pinned", lambda: {"numpy": "0.1.2", "torch": version("torch").partition("+")[0]})
    folder = go(["good"]).plan.folder
    told = f"numpy {version('numpy')} (tested with 0.1.2)"
    assert manifest(folder)["versions"]["other than tested"] == told
    assert told in write_report([folder.root], folder.root / "page.html", audio="none").read_text()


def test_a_wrong_rate_fails_by_name(go: Any) -> None:
    assert set(go(["a"], changes={"rate": 44100}).failures.values()) == {"wrong_rate: 44100 Hz instead of 8000 Hz"}


def test_a_finished_run_again_loads_nothing_and_writes_nothing(go: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first = go(["a", "b", "silent"])
    files = {path: path.stat().st_mtime_ns for path in first.plan.folder.root.rglob("*") if path.name != ".lock"}
    monkeypatch.setenv("MOODY_LOAD", "refuse")
    loads = evalkit_fakes.Cheap.loads
    again = go(["a", "b", "silent"])
    assert again.reused and again.scores == first.scores and again.failures == first.failures
    assert evalkit_fakes.Cheap.loads == loads
    assert files == {
        path: path.stat().st_mtime_ns for path in first.plan.folder.root.rglob("*") if path.name != ".lock"
    }


def test_an_error_is_tried_once_more_and_then_left_until_asked_for(go: Any) -> None:
    prompts = ["a", "raise"]
    outcomes = [go(prompts) for _ in range(3)]
    assert [outcome.reused for outcome in outcomes] == [False, False, True]
    assert not go(prompts, retry_failed=True).reused


@pytest.mark.parametrize("lost", ["audio", "audio bytes", "scores", "scores bytes", "samples", "ledger", "ledger line"])
def test_whatever_is_lost_or_changed_is_made_again_alone(lost: str, go: Any) -> None:
    prompts = [f"sound {number}" for number in range(9)]
    folder = go(prompts).plan.folder
    before = folder.scores.read_bytes()
    clip = folder.clip("p5")
    victim = {"audio": clip, "scores": folder.scores, "samples": folder.samples, "ledger": folder.ledger}[
        lost.split()[0]
    ]
    if lost.endswith("line"):
        victim.write_text("".join(victim.read_text().splitlines(keepends=True)[:3]) + '{"key": "to')
    elif lost.endswith("bytes"):
        victim.write_bytes(victim.read_bytes()[:-7] + b"garbage")
    else:
        victim.unlink()
    untouched = folder.clip("p0").stat().st_mtime_ns
    evalkit_fakes.Moody.calls.clear()
    assert not go(prompts).reused
    assert folder.scores.read_bytes() == before
    assert lost == "ledger" or folder.clip("p0").stat().st_mtime_ns == untouched
    batches = {"audio": 1, "audio bytes": 1, "ledger": 3, "ledger line": 3}.get(lost, 0)
    assert len(evalkit_fakes.Moody.calls) == batches, "a batch is made again as the same batch"


def test_a_damaged_feature_is_made_again_and_not_trusted(go: Any, tmp_path: Path) -> None:
    outcome = go(["a", "b"])
    before = outcome.plan.folder.scores.read_bytes()
    entries = sorted((tmp_path / "home").rglob("*.npy"))
    for entry in entries:
        entry.write_bytes(entry.read_bytes()[:-1])
    outcome.plan.folder.scores.unlink()
    go(["a", "b"])
    assert outcome.plan.folder.scores.read_bytes() == before and len(entries) > 3
    key = next(iter((tmp_path / "home/cache/features").iterdir())).name
    assert all(FeatureCache(entry.parent.parent.parent, key) for entry in entries)


def test_features_are_shared_between_runs_by_content(go: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same sounds under another folder: nothing is embedded twice, only looked up."""
    first = go(["a", "b"])
    calls: list[int] = []
    monkeypatch.setattr(evalkit_fakes.Cheap, "embed", lambda self, clips: calls.append(len(clips)))
    again = go(["a", "b"], out=Path("elsewhere"))
    assert again.scores == first.scores and not calls


def test_a_sound_that_cannot_be_embedded_is_counted_and_named(go: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = evalkit_fakes.Cheap.embed
    loud: list[str] = []

    def embed(self: Any, clips: Any) -> Any:
        loud.extend(clip.digest for clip in clips if not loud)
        if clips[0].digest == loud[0]:
            raise RuntimeError("no such window")
        return whole(self, clips)

    monkeypatch.setattr(evalkit_fakes.Cheap, "embed", embed)
    entry = go(["a", "b", "c"]).scores["evalkit_fakes:LEVEL"]
    assert (entry["n"], entry["n_failed"]) == (2, 1)
    assert "'p0' could not be embedded by cheap-a: RuntimeError: no such window" in entry["warnings"]


def test_no_number_is_null_with_a_reason_and_never_nan(go: Any) -> None:
    outcome = go(["silent", "silent"])
    for entry in outcome.scores.values():
        assert entry["value"] is None and entry["n"] == 0 and entry["n_failed"] == 2 and entry["warnings"]
    assert "NaN" not in outcome.plan.folder.scores.read_text()


def test_another_run_in_the_same_out_folder_is_refused_by_what_differs(go: Any) -> None:
    go(["a"], out=Path("here"))
    with pytest.raises(UserError, match=r"here: holds another run \(other seed"):
        go(["a"], out=Path("here"), seed=2)


def test_a_folder_of_something_else_is_not_written_into(go: Any, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.tex").write_text("x")
    with pytest.raises(UserError, match=r"chapter1\.tex"):
        go(["a"], out=tmp_path / "thesis")


def test_an_error_and_a_ctrl_c_are_recorded_and_the_next_command_goes_on(
    go: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = go(["a", "b"], out=Path("undisturbed")).plan.folder.scores.read_bytes()
    for error, status in ((KeyboardInterrupt(), "cancelled"), (RuntimeError("a bug"), "error")):
        with monkeypatch.context() as patch:
            patch.setattr("evalkit.run.pipeline.score_all", _raiser(error))
            with pytest.raises(type(error)):
                go(["a", "b"], out=Path(status))
        assert manifest(RunFolder(Path(status)))["status"] == status
        go(["a", "b"], out=Path(status))
        assert manifest(RunFolder(Path(status)))["status"] == "success"
        assert (Path(status) / "scores.json").read_bytes() == undisturbed


def test_a_full_disk_is_one_line_and_loses_nothing(go: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("evalkit.run.pipeline.write_samples", _raiser(OSError(28, "No space left on device", "x/y")))
        with pytest.raises(UserError, match="x/y: No space left"):
            go(["a"])
    evalkit_fakes.Moody.calls.clear()
    assert go(["a"]).n_ok == 1 and not evalkit_fakes.Moody.calls


def test_a_scored_folder_is_not_copied_and_its_gaps_are_rows(go: Any, tmp_path: Path) -> None:
    audio = tmp_path / "made elsewhere"
    audio.mkdir()
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, (2, 22050)).astype(np.float32)
    for name in ("p0", "p2", "stranger"):
        (audio / f"{name}.wav").write_bytes(wav_bytes(noise, 44100))
    (audio / "p3.wav").write_bytes(b"<html>not found</html>")
    (audio / "p4.wav").write_bytes(wav_bytes(noise * 0, 44100))
    outcome = go(["a", "b", "c", "d", "e"], model=f"folder:{audio}")
    reasons = {key: reason.split(":")[0] for key, reason in outcome.failures.items()}
    assert reasons == {"p1": "missing", "p3": "unreadable", "p4": "silent"}
    table = pd.read_parquet(outcome.plan.folder.samples).set_index("id")
    assert table.loc["p0", "audio"] == str(audio / "p0.wav") and not outcome.plan.folder.audio.exists()
    assert table.loc["p0", "sample_rate"] == 44100 and {e["n"] for e in outcome.scores.values()} == {2}


def test_a_folder_scored_again_after_a_gap_was_filled_is_scored_anew(go: Any, tmp_path: Path) -> None:
    audio, noise = tmp_path / "a", np.random.default_rng(0).uniform(-0.3, 0.3, (1, 8000)).astype(np.float32)
    audio.mkdir()
    (audio / "p0.wav").write_bytes(wav_bytes(noise, 16000))
    assert go(["a", "b"], model=f"folder:{audio}", out=Path("o")).n_ok == 1
    (audio / "p1.wav").write_bytes(wav_bytes(noise, 16000))
    assert go(["a", "b"], model=f"folder:{audio}", out=Path("o")).n_ok == 2


def test_hostile_ids_stay_in_the_folder(tmp_path: Path, go: Any) -> None:
    from evalkit.run.config import RunConfig
    from evalkit.run.pipeline import run
    from evalkit.run.plan import make_plan
    from evalkit.run.progress import Silent

    ids = ["../x", "/etc/x", "A", "a", "x" * 300, "CON", "é", "a b", "..", "-rf"]
    suite = evalkit_fakes.write_suite(tmp_path / "hostile", [(each, "a sound", 0.5) for each in ids])
    outcome = run(make_plan(RunConfig(model="mock", suite=str(suite), out=tmp_path / "out")), Silent())
    assert outcome.n_ok == len(ids) == len(list((tmp_path / "out" / "audio").iterdir()))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "hostile", "out"]


def _raiser(error: BaseException) -> Any:
    def raise_it(*_: object, **__: object) -> None:
        raise error

    return raise_it


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (44100, 2), (48000, 1)])
def test_every_format_is_scored_mono_and_stereo_at_any_rate(
    suffix: str, rate: int, channels: int, go: Any, tmp_path: Path
) -> None:
    import soundfile

    (tmp_path / "made").mkdir()
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, (rate // 2, channels))
    soundfile.write(tmp_path / "made" / f"p0.{suffix}", noise, rate)
    outcome = go(["a"], model=f"folder:{tmp_path / 'made'}")
    assert outcome.failures == {} and outcome.scores["evalkit_fakes:LEVEL"]["n"] == 1


def test_on_a_cpu_sounds_are_embedded_one_at_a_time(go: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a feature depends on no neighbour at all, and any number of workers finds the same in the cache."""
    together: list[int] = []
    plain = evalkit_fakes.Cheap.embed

    def embed(self: evalkit_fakes.Cheap, clips: Any) -> list[np.ndarray]:
        together.append(len(clips))
        return plain(self, clips)

    monkeypatch.setattr(evalkit_fakes.Cheap, "embed", embed)
    go([f"good {number}" for number in range(20)])
    assert set(together) == {1} and len(together) == 2 * 20
