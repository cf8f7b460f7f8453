"""Two hundred wrong suites: whoever makes one is told all that is wrong in one go, before anything is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest
from evalkit_wrong_suites import MANIFEST, ROWS, WrongSuite, wrong_suite, wrong_suites

from evalkit.core.errors import UserError
from evalkit.run.config import RunConfig
from evalkit.run.plan import make_plan
from evalkit.suites.load import load_outline


@pytest.fixture(autouse=True)
def nothing_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def loaded(*words: object, **more: object) -> None:
        raise AssertionError("something was loaded while a fault was known")

    # What these modules themselves call: nobody else can have kept a name of it for after the test.
    for place in ("evalkit.audio.decode.survey", "evalkit.checkpoints.tensors.safe_open"):
        monkeypatch.setattr(place, loaded)


@pytest.mark.parametrize("suite", wrong_suites(300), ids=lambda suite: f"{suite.form}: {'; '.join(suite.names)}")
def test_all_that_is_wrong_is_told_in_one_go(tmp_path: Path, suite: WrongSuite) -> None:
    manifest = suite.write(tmp_path)
    with pytest.raises(UserError) as refused:
        make_plan(RunConfig(model="mock", suite=str(manifest)))
    told = str(refused.value)
    missing = [each for each in suite.told if each not in told]
    assert not missing, told


def test_without_a_fault_it_is_a_suite(tmp_path: Path) -> None:
    """So that what is refused above is refused for what was planted."""
    suite = wrong_suite(())
    assert load_outline(str(suite.write(tmp_path))).count == 6
    assert suite.manifest == MANIFEST and suite.prompts.count(b"\n") == len(ROWS)


def test_a_wrong_model_and_wrong_options_are_told_with_the_wrong_suite(tmp_path: Path) -> None:
    manifest = wrong_suite(("a misspelt title", "an empty text")).write(tmp_path)
    changes = {"stpes": 5, "cfg_scal": 2}
    with pytest.raises(UserError) as refused:
        make_plan(RunConfig(model="stable-audio-mini", suite=str(manifest), preset="fas", changes=changes))
    for each in ("'tilte'", "line 3: 'prompt' is empty", "'fas'", "'stpes'", "'cfg_scal'"):
        assert each in str(refused.value)


def test_what_is_not_here_is_told_in_one_go_with_the_command_that_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a fresh machine the headline command names prompts, references, model and judges at once."""
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(UserError) as refused:
        make_plan(RunConfig(model="stable-audio", suite="audiocaps", changes={"stpes": 5}))
    told = str(refused.value)
    for each in ("audiocaps-test.csv", "'stpes'", "openl3-env", "__batch4.npz", "passt", "probabilities.pkl", "clap"):
        assert each in told
    with pytest.raises(UserError) as refused:
        make_plan(RunConfig(model="stable-audio", suite="audiocaps"))
    told = str(refused.value)
    assert "stable-audio-open-1.0" in told and "fetch for run --model stable-audio --suite audiocaps" in told
