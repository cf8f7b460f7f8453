"""Before any work: whatever is known to end a run is told in one go, and no network is loaded while that is so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from evalkit.core.errors import MissingWeights, UserError
from evalkit.core.faults import Faults
from evalkit.run import preflight
from evalkit.run.config import RunConfig
from evalkit.run.plan import make_plan
from evalkit.run.preflight import look
from evalkit.run.progress import Silent

MANIFEST = """
name = "own"
[prompts]
file = "own.csv"
"""
PROMPTS = "id,prompt,seconds\na,rain,2\nb,wind,2\nc,a dog,2\n"


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A suite's folder in an empty EVALKIT_HOME, where loading a network is a failure of the test."""

    def load(*words: object) -> None:
        raise AssertionError("a network was loaded while a fault was known")

    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(preflight, "open_embedder", load)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.csv").write_text(PROMPTS)
    return tmp_path


def refused(folder: Path, metrics: str, **asked: object) -> Faults:
    (folder / "own.toml").write_text(MANIFEST + metrics)
    config = RunConfig(suite=str(folder / "own.toml"), **asked)  # type: ignore[arg-type]
    with pytest.raises(Faults) as caught:
        look(make_plan(config), "score", Silent())
    return caught.value


def test_every_weights_file_and_every_reference_that_is_not_here_is_one_list(suite: Path) -> None:
    """Told one at a time, a person fetches five times and waits five times."""
    metrics = """
[metrics.clap_score]
weights = "clap"
[metrics.kl_passt]
weights = "passt"
reference = "pairs.npz"
[metrics.fd_openl3]
weights = "openl3-env"
reference = "set.npz"
"""
    faults = refused(suite, metrics, model="audioldm2").errors
    missing = [str(each) for each in faults if isinstance(each, MissingWeights)]
    assert len(missing) == 4 and all("evalkit fetch weights" in each and "licence" in each for each in missing)
    assert [str(each) for each in faults[4:-1]] == [
        f"{suite / name}: no such reference file" for name in ("pairs.npz", "set.npz")
    ]
    assert faults[-1].hint == f"evalkit fetch for run --model audioldm2 --suite {suite / 'own.toml'}"


def test_a_model_s_text_tower_is_in_the_list_too(suite: Path) -> None:
    metrics = '[metrics.clap_score]\nweights = "clap"\n'
    told = [each.message for each in refused(suite, metrics, model="stable-audio").errors]
    assert [name for name in ("stable-audio", "t5-base", "clap") for each in told if f"weights {name} are" in each] == [
        "stable-audio", "t5-base", "clap",
    ]  # fmt: skip


def test_recordings_that_are_no_sound_and_ids_without_one_are_told_with_the_weights(suite: Path) -> None:
    sounds = suite / "sounds"
    sounds.mkdir()
    noise = np.random.default_rng(0).normal(0, 0.1, 16000)
    soundfile.write(sounds / "a.wav", noise, 16000)
    (sounds / "b.wav").write_text("no sound")
    soundfile.write(sounds / "x.wav", noise * 0, 16000)
    metrics = '[metrics.kl_passt]\nweights = "passt"\n[reference]\naudio = "sounds"\n'
    told = str(refused(suite, metrics, model="mock"))
    for each in ("weights passt are not here", "no reference for 1 of 3 prompts: 'c'", "'b.wav'", "'x.wav' (silent"):
        assert each in told


def test_a_place_that_cannot_be_written_and_a_device_that_is_not_here_are_told_with_the_rest(suite: Path) -> None:
    out = suite / "out"
    (out / "scores.json").mkdir(parents=True)
    metrics = '[metrics.clap_score]\nweights = "clap"\n'
    told = str(refused(suite, metrics, model="mock", out=out, device="cuda:77"))
    for each in ("scores.json", "--device cuda:77", "weights clap are not here"):
        assert each in told


def test_a_metric_on_another_family_s_features_is_known_without_a_network(suite: Path) -> None:
    metrics = '[metrics.clap_score]\nweights = "openl3-mini"\n[metrics.is_passt]\nweights = "clap-mini"\n'
    told = str(refused(suite, metrics, model="mock"))
    assert "clap_score is of clap, and openl3-mini is of openl3" in told and "is_passt is of passt" in told


@pytest.mark.parametrize(
    ("preset", "changes", "told"),
    [
        (None, {"steps": 0, "cfg": "x", "cfg_rescale": 2, "stpes": 1}, ("steps is", "cfg is", "a share", "'stpes'")),
        ("fst", {"steps": 0, "sampler": "k-huen"}, ("'fst'", "steps is a whole number", "k-heun")),
        ("fast", {"init_audio": "gone.wav", "steps": 1.5, "compile": 1}, ("gone.wav", "steps is", "compile is true")),
        (None, {"trim_silence": 3, "seconds_start": -1, "eta": "a"}, ("trim_silence", "seconds_start", "option eta")),
    ],
)  # fmt: skip
def test_all_options_that_do_not_fit_are_told_at_once(
    preset: str | None, changes: dict[str, object], told: tuple[str, ...]
) -> None:
    with pytest.raises(UserError) as caught:
        make_plan(RunConfig(model="stable-audio-mini", preset=preset, changes=changes))
    missing = [each for each in told if each not in str(caught.value)]
    assert not missing, str(caught.value)


@pytest.mark.parametrize(
    ("model", "changes", "count"),
    [
        ("mock", {"kind": "x", "bursts": 0}, 2),
        ("audiogen-mini", {"top_k": "a", "temperature": -1, "topk": 3}, 3),
        ("audioldm-mini", {"steps": 0, "cfg": 0.5}, 2),
    ],
)
def test_so_are_those_of_every_family(model: str, changes: dict[str, object], count: int) -> None:
    with pytest.raises(Faults) as caught:
        make_plan(RunConfig(model=model, changes=changes))
    assert len(caught.value.errors) == count, str(caught.value)
