"""The other families behind evalkit's contract, from the command line: what runs, and what is said where it cannot."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from evalkit_baselines import small_musicgen

from evalkit.core.errors import MissingWeights
from evalkit.fetch import weights
from evalkit.fetch.manifests import baselines
from evalkit.generators.base import GENERATORS
from evalkit.generators.baselines import BaselineGenerator

Answer = tuple[int, str, str]


def test_a_baseline_runs_from_the_command_line(evalkit: Callable[..., Answer], tmp_path: Path) -> None:
    small_musicgen(tmp_path / "home" / "weights" / "musicgen-small")
    words = ("--model", "musicgen-small", "--suite", "mini", "--limit", "2", "--out", "made", "--set", "top_k=8")
    code, out, err = evalkit("generate", *words)
    assert code == 0, err
    assert "2 of 2 prompts have audio" in out
    record: dict[str, Any] = json.loads((tmp_path / "made" / "run.json").read_text())
    assert record["model"]["family"] == "musicgen" and record["model"]["weights"]
    code, out, err = evalkit("models", "musicgen-small", "--json")
    facts = json.loads(out)
    assert (code, facts["weights_here"]) == (0, "here")


def test_a_model_that_ships_is_run_by_its_family_s_adapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From evalkit's own folder, whatever lies under EVALKIT_HOME; and an installation without it says so."""
    monkeypatch.setattr(weights, "MINI_FOLDER", tmp_path)
    monkeypatch.setattr(weights, "MINIS", ("tiny",))
    full = baselines()["musicgen-small"]
    model = replace(full, name="tiny", hub="", revision="", shipped=True, size="mini")
    assert BaselineGenerator(model, {}).spec.weights is None
    with pytest.raises(MissingWeights, match="install evalkit again"):
        BaselineGenerator(model, {}).load("cpu", "float32")
    small_musicgen(tmp_path / "tiny")
    generator = BaselineGenerator(model, {})
    assert generator.spec.weights and generator.spec.size == "mini"
    generator.load("cpu", "float32")
    made = generator.generate(["rain"], [0.5], [1], generator.spec.presets["card"])
    assert made.audio[0].shape == (1, 16000)


@pytest.mark.parametrize(
    ("model", "change", "told"),
    [
        ("musicgen-small", "top_k=2.5", "top_k is a whole number"),
        ("audiogen-medium", "temperature=-1", "not negative"),
        ("audioldm-m", "steps=many", "steps is a whole number"),
        ("audioldm2", "cfg=0", "cfg is a number from 1"),
    ],
)
def test_an_option_out_of_range_is_told_before_the_weights_are_missed(
    model: str, change: str, told: str, evalkit: Callable[..., Answer]
) -> None:
    code, _, err = evalkit("generate", "--model", model, "--suite", "mini", "--out", "made", "--set", change)
    assert code == 2
    assert told in err and "Traceback" not in err


def test_what_is_missing_is_said_before_anything_runs(evalkit: Callable[..., Answer]) -> None:
    code, _, err = evalkit("generate", "--model", "audiogen-medium", "--suite", "mini", "--out", "made")
    assert code == 2
    assert "facebook/audiogen-medium" in err and "CC BY-NC 4.0" in err
    assert "Traceback" not in err


def test_the_list_says_which_model_cannot_run_and_why(evalkit: Callable[..., Answer], tmp_path: Path) -> None:
    """Of audioldm2-48k, weights and environment are two things, and each is missed for itself."""
    facts = json.loads(evalkit("models", "audioldm2-48k", "--json")[1])
    assert (facts["weights_here"], facts["environment"]) == ("missing", "not installed")
    assert "evalkit baselines install audioldm2" in facts["how"] and "haoheliu/audioldm_48k" in facts["how"]
    for name, file in (("audioldm_48k", "audioldm_48k.pth"), ("roberta-base", "vocab.json")):
        (tmp_path / "home" / "weights" / name).mkdir(parents=True)
        (tmp_path / "home" / "weights" / name / file).touch()
    facts = json.loads(evalkit("models", "audioldm2-48k", "--json")[1])
    assert facts["weights_here"] == "no environment"
    assert facts["how"].startswith("its environment is not installed: evalkit baselines install audioldm2")


def test_the_commit_that_was_loaded_is_on_record(evalkit: Callable[..., Answer], tmp_path: Path) -> None:
    """Where the hub's own folder tells it: `main` is another model next month."""
    commit = "4c8334b02c6ec4e8664a91979669a501ec497792"
    snapshot = small_musicgen(tmp_path / "models--facebook--musicgen-small" / "snapshots" / commit)
    (tmp_path / "home" / "weights").mkdir(parents=True)
    (tmp_path / "home" / "weights" / "musicgen-small").symlink_to(snapshot)
    assert json.loads(evalkit("models", "musicgen-small", "--json")[1])["revision"] == commit
    words = ("--model", "musicgen-small", "--suite", "mini", "--limit", "1", "--out", "made", "--set", "top_k=8")
    code, _, err = evalkit("generate", *words)
    assert code == 0, err
    assert json.loads((tmp_path / "made" / "run.json").read_text())["model"]["revision"] == commit


def test_every_baseline_says_its_size_window_and_rate(evalkit: Callable[..., Answer]) -> None:
    listed = {each["name"]: each for each in json.loads(evalkit("models", "--json")[1])}
    for name, model in baselines().items():
        facts = listed[name]
        assert (facts["parameters"] or model.shipped) and facts["window_seconds"] == model.window_seconds
        assert facts["sample_rate"] == model.sample_rate


def test_weights_that_changed_make_another_run(tmp_path: Path) -> None:
    folder = small_musicgen(tmp_path)
    before = GENERATORS.load("musicgen-small")({"musicgen-small": folder}).spec.weights
    (folder / "README.md").write_text("words")
    assert GENERATORS.load("musicgen-small")({"musicgen-small": folder}).spec.weights == before
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"more": 1}))
    assert GENERATORS.load("musicgen-small")({"musicgen-small": folder}).spec.weights not in (None, before)


def test_a_checkpoint_of_one_s_own_has_a_name_of_its_own(tmp_path: Path) -> None:
    """Its sounds must not be filed under the published model's name."""
    generator = GENERATORS.load("musicgen-small")({}, checkpoint=small_musicgen(tmp_path / "my-run"))
    assert generator.spec.name == "musicgen-small@my-run"
    generator.load("cpu", "float32")


def test_a_part_that_is_missing_is_named(tmp_path: Path) -> None:
    """audiocraft's files hold no T5, and nothing else would say where to get it."""
    with pytest.raises(MissingWeights, match="t5-large"):
        GENERATORS.load("audiogen-medium")({"audiogen-medium": tmp_path}).load("cpu", "float32")


def test_a_whole_snapshot_is_the_model_that_evalkits_selection_of_it_is(tmp_path: Path) -> None:
    """A repository holds a model several times over, for other frameworks too; the run id is of what is read."""
    folder = small_musicgen(tmp_path)
    before = GENERATORS.load("musicgen-small")({"musicgen-small": folder}).spec.weights
    for decoy in (
        "pytorch_model.bin",
        "state_dict.bin",
        "tf_config.json",
        "onnx/config.json",
        "notes.txt",
        "model.ckpt",
    ):
        (folder / decoy).parent.mkdir(exist_ok=True)
        (folder / decoy).write_bytes(b"another framework's")
    assert GENERATORS.load("musicgen-small")({"musicgen-small": folder}).spec.weights == before
    (folder / "generation_config.json").write_text("{}")
    assert GENERATORS.load("musicgen-small")({"musicgen-small": folder}).spec.weights != before
