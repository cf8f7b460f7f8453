"""The other families behind evalkit's contract, from the command line: what runs, and what is said where it cannot."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from evalkit_baselines import small_musicgen

from evalkit.cli.main import main
from evalkit.core.errors import MissingWeights, UserError
from evalkit.generators.base import GENERATORS

Answer = tuple[int, str, str]


@pytest.fixture
def evalkit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., Answer]:
    """`evalkit(*arguments)` in tmp_path -> (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))

    def call(*arguments: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["evalkit", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return call


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


def test_what_is_missing_is_said_before_anything_runs(evalkit: Callable[..., Answer]) -> None:
    code, _, err = evalkit("generate", "--model", "audiogen-medium", "--suite", "mini", "--out", "made")
    assert code == 2
    assert "facebook/audiogen-medium" in err and "CC BY-NC 4.0" in err
    assert "Traceback" not in err


def test_a_model_that_needs_another_environment_says_so() -> None:
    """Its weights being here would not help: the package's pins cannot live beside ours."""
    with pytest.raises(UserError, match="environment of its own"):
        GENERATORS.load("audioldm2-48k")().load("cpu", "float32")


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
