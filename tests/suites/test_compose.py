"""A suite that a person describes by a captions file, a folder of recordings and judges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from evalkit.suites.base import Suite
from evalkit.suites.brief import Brief
from evalkit.suites.load import load_suite


def sounds(folder: Path, *names: str) -> Path:
    """A folder with a short sound of its own under each name."""
    folder.mkdir(exist_ok=True)
    for number, name in enumerate(names, start=1):
        samples = np.random.default_rng(number).normal(0, 0.1, 1600)
        soundfile.write(folder / name, samples, 16000)
    return folder


def captions(folder: Path, text: str = "id,caption\na,rain\nb,a dog\nc,wind\n") -> Path:
    path = folder / "captions.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def _no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))


def told(suite: Suite) -> str:
    return "\n".join(suite.notes)


def test_recordings_named_by_ids_are_pairs(tmp_path: Path) -> None:
    suite = load_suite(Brief(captions(tmp_path), reference=str(sounds(tmp_path / "gt", "a.wav", "b.wav", "c.wav"))))
    assert [prompt.text for prompt in suite.prompts] == ["rain", "a dog", "wind"]
    assert "kl_passt" in suite.metrics and "paired with all 3" in told(suite)


def test_recordings_under_other_names_are_a_set_and_kl_is_left_out(tmp_path: Path) -> None:
    suite = load_suite(Brief(captions(tmp_path), reference=str(sounds(tmp_path / "gt", "x.wav", "y.wav", "z.wav"))))
    assert "as a set" in told(suite) and "fd_openl3" in suite.metrics
    assert "kl_passt" not in suite.metrics and "named by a prompt's id" in suite.left_out["kl_passt"]


def test_the_digest_is_of_what_is_said_not_of_where_it_lies(tmp_path: Path) -> None:
    """A baseline of yesterday must stay comparable after the files were moved, and not after a word was changed."""
    first = load_suite(Brief(captions(tmp_path), reference=sounds(tmp_path / "gt", "a.wav", "b.wav", "c.wav")))
    moved = tmp_path / "elsewhere"
    (tmp_path / "gt").rename(tmp_path / "renamed")
    moved.mkdir()
    again = load_suite(Brief(captions(moved), reference=tmp_path / "renamed"))
    other = load_suite(Brief(captions(moved, "id,caption\na,rain\nb,a cat\nc,wind\n"), reference=tmp_path / "renamed"))
    assert (first.name, first.digest) == (again.name, again.digest)
    assert first.digest != other.digest
    sounds(tmp_path / "renamed", "b.wav")
    assert load_suite(Brief(captions(tmp_path), reference=tmp_path / "renamed")).digest != first.digest
