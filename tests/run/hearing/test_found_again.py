"""What `score` computed is found again by `detect`, of every kind of network: the two feed it alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from evalkit.audio.level import loudness
from evalkit.fetch.weights import MINI_FOLDER
from evalkit.run.detect import Asked, Tried, detect, named_sounds
from evalkit.run.progress import Silent
from evalkit.run.variants import OWN

WORDS = {"a": "rain on a roof", "b": "a dog barks"}
JUDGES = {
    "clap_score": ("clap", "clap-mini"),
    "kl_passt": ("passt", "passt-mini"),
    "fd_openl3": ("openl3-env", "openl3-mini"),
}


RATES = {"clap_score": 48000, "kl_passt": 32000, "fd_openl3": 48000}
"""The networks' own: there is little to convert, and few sounds are to be embedded."""


def write(folder: Path, seed: int, seconds: float = 1.2, rate: int = 48000, channels: int = 1) -> Path:
    """Off their middle; of two channels that differ, at another rate, no choice is without effect."""
    folder.mkdir(parents=True)
    for number, name in enumerate(WORDS):
        draw = np.random.default_rng([seed, number])
        time = np.arange(round(seconds * rate))[:, None] / rate
        tone = np.sin(2 * np.pi * (200 + 150 * number + 80 * seed) * time) * (1, 0.4)
        sound = 0.3 * (tone + draw.normal(0, 0.3, (len(time), 2))) * (0.3 + 0.2 * np.sin(9 * time)) + 0.02
        soundfile.write(folder / f"{name}.wav", sound[:, :channels], rate, subtype="PCM_24")
    return folder


def tried(metric: str, ours: Path, theirs: Path, **more: object) -> Tried:
    name, mini = JUDGES[metric]
    references = {} if metric == "clap_score" else {"gt": named_sounds(theirs)}
    texts = WORDS if metric == "clap_score" else {}
    weights = {name: (name, MINI_FOLDER / mini)}
    return detect(Asked(metric, named_sounds(ours), references, weights, texts=texts, **more), Silent())  # type: ignore[arg-type]


@pytest.mark.parametrize("metric", ["clap_score", "fd_openl3", pytest.param("kl_passt", marks=pytest.mark.slow)])
def test_what_score_computes_is_the_first_variant(tmp_path: Path, metric: str) -> None:
    """Else a number of the Stable Audio papers would be explained by something that it is not."""
    first_of_all(tmp_path, metric, RATES[metric], 1)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("metric", JUDGES)
def test_it_is_where_every_choice_matters(tmp_path: Path, metric: str) -> None:
    first_of_all(tmp_path, metric, 22050, 2)


def first_of_all(tmp_path: Path, metric: str, rate: int, channels: int) -> None:
    import evalkit

    seconds = 6.1 if metric == "kl_passt" else 1.2  # of several windows
    ours, theirs = (write(tmp_path / name, seed, seconds, rate, channels) for seed, name in enumerate(("one", "gt"), 1))
    run = evalkit.score(ours, prompts=WORDS, reference=theirs, out=tmp_path / "run")
    value = run.scores[metric].value
    found = tried(metric, ours, theirs)
    groups = found.ranked(value)
    assert groups[0][0].off < 1e-5 and groups[0][0].variant.protocols == (OWN,)
    assert len(found.matches) >= 200 and len(groups) >= 10 and groups[1][0].off > 1e-5
    assert found.matches[0].variant.protocols == (OWN,) and not found.left_out


def test_a_loudness_that_was_asked_for_is_found(tmp_path: Path) -> None:
    """Sounds that somebody brought to -23 LUFS before they were scored as they are."""
    ours = write(tmp_path / "as-made", 1)
    louder = tmp_path / "louder"
    louder.mkdir()
    for path in ours.iterdir():
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        gain = 10 ** ((-23 - (loudness(samples.T, rate) or 0)) / 20)
        soundfile.write(louder / path.name, samples * gain, rate, subtype="FLOAT")
    wanted = next(
        each
        for each in tried("clap_score", louder, ours).matches
        if not each.variant.fed.preparation.peak and each.variant.protocols == ()  # type: ignore[attr-defined]
    )
    found = tried("clap_score", ours, ours, loudness=(-14.0, -23.0)).ranked(wanted.value)[0]
    assert found[0].off < 1e-4 and {each.variant.facts["loudness"] for each in found} == {-23.0}
    assert not any(each.variant.facts["peak"] for each in found), "a peak would undo it"


def test_sounds_without_a_prompt_are_left_out_and_told(tmp_path: Path) -> None:
    ours = write(tmp_path / "one", 1)
    (ours / "a.wav").rename(ours / "nobody's\n.wav")
    left = tried("clap_score", ours, ours).left_out
    assert [Path(name).name for name in left] == ["nobody's\n.wav"] and "no prompt" in next(iter(left.values()))
