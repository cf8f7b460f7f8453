"""`evalkit codec`: an autoencoder measured on recordings, with intervals, counts, and reasons for what failed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from evalkit_checkpoints import RATE, small_autoencoder
from safetensors.torch import load_file, save_file

Answer = tuple[int, str, str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Seven recordings: five good ones (one of them long, one mono at another rate), a silent and a broken one."""
    rng = np.random.default_rng(3)
    for index in range(4):
        tone = np.sin(np.arange(16000) * (0.05 + 0.02 * index))
        soundfile.write(tmp_path / f"good-{index}.wav", 0.2 * np.stack([tone, rng.normal(size=16000)], 1), 16000)
    soundfile.write(tmp_path / "long-mono.flac", 0.1 * rng.normal(size=6 * 22050), 22050)
    soundfile.write(tmp_path / "silent.wav", np.zeros((16000, 2)), 16000)
    (tmp_path / "broken.wav").write_bytes(b"RIFF not at all")
    return tmp_path


def test_a_table_and_json_with_intervals_and_counts(evalkit: Callable[..., Answer], folder: Path) -> None:
    code, out, _ = evalkit("codec", str(folder), "--json")
    told = json.loads(out)
    assert code == 0
    assert (told["n"], told["n_failed"], told["n_cut"]) == (5, 2, 1)
    assert set(told["failures"]) == {"silent.wav", "broken.wav"}
    assert told["seconds"] == pytest.approx(4 + 5.12)
    assert (told["latent_rate"], told["sample_rate"]) == (pytest.approx(16000 / 512), 16000)
    for name, entry in told["measures"].items():
        assert entry["low"] < entry["value"] < entry["high"], name
        values = [clip[name] for clip in told["clips"].values()]
        assert entry["value"] == pytest.approx(np.mean(values))
    code, out, _ = evalkit("codec", str(folder), "--limit", "3")
    assert code == 0
    assert "2 recordings of" in out and "1 failed" in out
    assert "stft_distance" in out and "si_sdr" in out and "n/a" in out


def test_the_same_seed_gives_the_same_numbers_and_the_mean_no_draw(
    evalkit: Callable[..., Answer], folder: Path
) -> None:
    words = ("codec", str(folder / ""), "--limit", "2", "--json")
    first, second, other, mean = (
        json.loads(evalkit(*words, *further)[1])["clips"] for further in ((), (), ("--seed", "1"), ("--mean",))
    )
    assert first == second
    assert first != other
    assert mean not in (first, other)


def test_the_shipped_autoencoder_keeps_more_than_noise_would(evalkit: Callable[..., Answer], tmp_path: Path) -> None:
    """A decoder that lost its weights would still give a table."""
    time = np.arange(32000) / 16000
    sound = 0.3 * np.sin(2 * np.pi * 440 * time) * np.exp(-2 * time)
    soundfile.write(tmp_path / "tone.wav", sound, 16000)
    measures = json.loads(evalkit("codec", str(tmp_path), "--json", "--mean")[1])["measures"]
    assert measures["si_sdr"]["value"] > 0
    assert measures["si_sdr"]["low"] is None


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("codec", "absent"), "absent: no such folder"),
        (("codec", "."), "holds no audio"),
        (("codec", "some", "--model", "mock"), "'mock' has no autoencoder"),
        (("codec", "some", "--model", "stable-audio"), "stable-audio-open-1.0"),
        (("codec", "some", "--limit", "0"), "--limit 0"),
        (("codec", "some", "--dtype", "int8"), "int8"),
    ],
)
def test_mistakes_are_one_line(
    evalkit: Callable[..., Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], named: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "some").mkdir()
    soundfile.write(tmp_path / "some" / "a.wav", np.ones(9), 16000)
    code, out, err = evalkit(*words)
    assert code == 2
    assert not out
    assert named in err
    assert err.count("\n") == 1


def test_nothing_measured_is_exit_1(evalkit: Callable[..., Answer], tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(16000), 16000)
    code, out, _ = evalkit("codec", str(tmp_path))
    assert code == 1
    assert "silent" in out


@pytest.mark.parametrize(("kind", "ratio", "latent"), [("s", 128, 6), ("l", 128, 6), ("oobleck", 128, 4)])
def test_an_autoencoder_by_itself_is_measured(
    evalkit: Callable[..., Answer], folder: Path, tmp_path: Path, kind: str, ratio: int, latent: int
) -> None:
    """SAME is published alone, and whoever trains an autoencoder has nothing else."""
    alone = small_autoencoder(tmp_path / f"my-{kind}", kind)
    words = ("codec", str(folder), "--checkpoint", str(alone), "--limit", "3", "--json")
    code, out, err = evalkit(*words)
    assert code == 0, err
    told = json.loads(out)
    assert (told["model"], told["n"], told["latent_channels"]) == (f"my-{kind}", 2, latent)
    assert told["latent_rate"] == pytest.approx(RATE / ratio)
    mean = json.loads(evalkit(*words, "--mean")[1])["clips"]
    assert (mean == told["clips"]) is (kind != "oobleck"), "SAME has no posterior to draw from"


def test_a_published_autoencoder_has_a_name(evalkit: Callable[..., Answer], folder: Path, tmp_path: Path) -> None:
    alone = small_autoencoder(tmp_path / "alone", "s")
    words = ("codec", str(folder), "--model", "same-s", "--limit", "3")
    code, out, _ = evalkit(*words, "--weights", f"same-s={alone}")
    assert code == 0
    assert "6 channels" in out
    code, _, err = evalkit(*words)
    assert code == 2
    assert "SAME-S" in err and "Stability AI Community License" in err


@pytest.mark.parametrize(("name", "kind", "told"), [("same-s", "l", "windows"), ("same-l", "s", "chunks")])
def test_a_published_autoencoder_is_not_the_other(
    evalkit: Callable[..., Answer], folder: Path, tmp_path: Path, name: str, kind: str, told: str
) -> None:
    """Either rebuilds sound, and the figures stood under the other's name."""
    alone = small_autoencoder(tmp_path / "alone", kind)
    code, out, err = evalkit("codec", str(folder), "--model", name, "--weights", f"{name}={alone}")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"is not {name}" in err and f": {told}" in err


@pytest.mark.parametrize("damage", ["lacking", "whole"])
def test_an_autoencoder_that_does_not_fit_is_told_before_it_is_read(
    evalkit: Callable[..., Answer], folder: Path, tmp_path: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SAME-L has 3.4 gigabytes."""
    alone = small_autoencoder(tmp_path / "alone", "l")
    tensors = load_file(alone / "model.safetensors")
    if damage == "lacking":
        del tensors["encoder.layers.2.bias"]
    else:
        tensors["encoder.layers.2.bias"] = tensors["encoder.layers.2.bias"].int()
    save_file(tensors, alone / "model.safetensors")

    def refuse(*args: object, **options: object) -> None:
        raise AssertionError("a tensor is read")

    monkeypatch.setattr("evalkit.checkpoints.tensors.safe_open", refuse)
    code, _, err = evalkit("codec", str(folder), "--checkpoint", str(alone))
    assert code == 2 and err.count("\n") == 1
    assert "encoder.layers.2.bias" in err


def test_an_autoencoder_is_no_model(evalkit: Callable[..., Answer], tmp_path: Path) -> None:
    """It was refused for the lack of an entry that it need not have."""
    alone = small_autoencoder(tmp_path / "alone", "s")
    code, _, err = evalkit("run", "--model", "stable-audio", "--checkpoint", str(alone), "--suite", "mini")
    assert code == 2
    assert "autoencoder by itself" in err and "evalkit codec" in err


def test_a_trained_autoencoder_is_its_moving_average(
    evalkit: Callable[..., Answer], folder: Path, tmp_path: Path
) -> None:
    """stable-audio-tools' trainer keeps the autoencoder under a prefix, its average under another, and its judges."""
    alone = small_autoencoder(tmp_path / "alone", "l")
    average = load_file(alone / "model.safetensors")
    trained = {f"autoencoder.{name}": 0 * tensor for name, tensor in average.items()}
    trained |= {f"autoencoder_ema.ema_model.{name}": tensor for name, tensor in average.items()}
    trained["discriminator.weight"] = next(iter(average.values())).clone()
    run = tmp_path / "run"
    run.mkdir()
    shutil.copy(alone / "model_config.json", run)
    save_file(trained, run / "model.safetensors")
    words = ("codec", str(folder), "--limit", "3", "--json", "--checkpoint")
    found, wanted = (json.loads(evalkit(*words, str(each))[1])["clips"] for each in (run, alone))
    assert found == wanted and found
    del trained["autoencoder_ema.ema_model.bottleneck.bias"]
    save_file(trained, run / "model.safetensors")
    code, _, err = evalkit(*words, str(run))
    assert code == 2
    assert "moving average is of another network" in err
