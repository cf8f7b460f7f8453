"""Every family's adapter as it is typed, from small random weights in the published layout: generated, scored, and
held to the rules of a generator."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import evalkit_baselines
import evalkit_fakes
import pytest
from evalkit_checkpoints import small_t5

Answer = tuple[int, str, str]
EXPORTS = Path(__file__).resolve().parent.parent / "generators" / "golden" / "audiogen"
CHANGES = {
    "audioldm": "steps=2",
    "audioldm2": "steps=2",
    "musicgen": "top_k=8",
    "audiogen": "top_k=8",
    "ace-step": "steps=1",
}
MODELS = {
    "audioldm-s": ("audioldm", 16000, 1),
    "audioldm2": ("audioldm2", 16000, 1),
    "musicgen-small": ("musicgen", 32000, 1),
    "musicgen-stereo-small": ("musicgen", 32000, 2),
    "audiogen-medium": ("audiogen", 16000, 1),
    "ace-step-1.5": ("ace-step", 48000, 2),
}


APART = ("ace-step-1.5",)
"""Whose memory is looked at in a process of its own: its sounds are large beside what this one has let go of."""


def _apart(*words: str) -> Answer:
    done = subprocess.run([sys.executable, "-m", "evalkit", *words], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def published(model: str, weights: Path) -> None:
    """The files of a model where `evalkit models` says that they go."""
    if model == "audioldm-s":
        evalkit_baselines.small_audioldm(weights / "audioldm-s-full-v2")
    elif model == "audioldm2":
        evalkit_baselines.small_audioldm2(weights / "audioldm2")
    elif model == "ace-step-1.5":
        evalkit_baselines.small_ace_step(weights / "acestep-v15-xl-turbo-diffusers")
    elif model == "audiogen-medium":
        shutil.copytree(EXPORTS, weights / model, ignore=shutil.ignore_patterns("*.npz"))
        small_t5(weights / "t5-large", width=24)
    else:
        evalkit_baselines.small_musicgen(weights / model, MODELS[model][2])


@pytest.fixture
def cheap_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cheap embedder behind every weights name, for one test: what scores is not what is tried here."""
    import evalkit.run.manifest

    monkeypatch.setattr(evalkit.run.manifest, "locate", evalkit_fakes.locate)
    loader = SimpleNamespace(load_embedder=evalkit_fakes.load_embedder)
    monkeypatch.setitem(sys.modules, "evalkit.embed.load", loader)


@pytest.mark.slow
@pytest.mark.usefixtures("cheap_scores")
@pytest.mark.parametrize("model", MODELS)
def test_a_published_folder_runs_is_scored_and_keeps_the_rules(
    model: str, evalkit: Callable[..., Answer], tmp_path: Path
) -> None:
    """Batch invariance is among the rules: two of the sounds that it asks for share a call of the adapter."""
    family, rate, channels = MODELS[model]
    published(model, tmp_path / "home" / "weights")
    rows = [("a", "word1 word2", 1.0), ("b", "word3", 1.0), ("c", "word9", 0.37)]
    suite = evalkit_fakes.write_suite(tmp_path / "suite", rows)
    words = ("--model", model, "--suite", str(suite), "--out", "made", "--set", CHANGES[family])
    code, _, err = evalkit("run", *words)
    assert code == 0, err
    record = json.loads((tmp_path / "made" / "run.json").read_text())
    assert (record["model"]["family"], record["model"]["sample_rate"]) == (family, rate)
    assert record["model"]["channels"] == channels and record["model"]["weights"]
    assert set(record["speed"]["parts"]) >= {"text", "sample", "decode"}
    ledger = [json.loads(line) for line in (tmp_path / "made" / "ledger.jsonl").read_text().splitlines()]
    assert {row["id"]: row["status"] for row in ledger} == {"a": "ok", "b": "ok", "c": "ok"}
    check = ("models", "check", model, "--set", CHANGES[family], "--json")
    code, out, err = evalkit(*check) if model not in APART else _apart(*check)
    assert code == 0, out + err
    told = json.loads(out)
    assert told["broken"] == [] and all(each["ok"] for each in told["rules"])
