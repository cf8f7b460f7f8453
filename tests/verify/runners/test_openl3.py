"""The runner of OpenL3: seeded weights in the published layout, on a sound that is fetched by its blob id."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import save_file

from evalkit.audio.encode import wav_bytes
from evalkit.embed.openl3 import network_of_keras
from evalkit.nets.openl3 import OpenL3Config
from evalkit.originals.seeded import openl3 as openl3_seeded
from evalkit.verify.answer_files import Case
from evalkit.verify.runners.base import Place
from evalkit.verify.runners.openl3 import Windows
from evalkit.verify.signals import sounds
from evalkit.verify.verdict import Tolerance

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A pinned source, served by a mirror that is a folder."""
    (clip, *_) = sounds()
    data = wav_bytes(clip.samples[:1], clip.rate)
    place = tmp_path / "mirror" / "github" / "some" / "where" / COMMIT / "chirp.wav"
    place.parent.mkdir(parents=True)
    place.write_bytes(data)
    monkeypatch.setenv("EVALKIT_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))
    blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
    return {"repo": "some/where", "commit": COMMIT, "path": "chirp.wav", "blob": blob}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return openl3_seeded.save(tmp_path_factory.mktemp("openl3") / "openl3_audio_mel256_music-v0_4_0.h5.gz")


def answers(path: Path, sound: dict[str, str]) -> dict[int, Any]:
    case = Case("x", {}, "", None, {}, Tolerance())
    made = Windows(Place("openl3-music", path))
    return {size: made.answer(replace(case, input={"embedding": size, "sound": sound})) for size in (6144, 512)}


def test_the_512_numbers_are_the_maxima_of_the_6144(weights: Path, sound: dict[str, str]) -> None:
    """What makes the published 6144 an answer for the 512 that evalkit scores with (marl/openl3, models.py 89-102)."""
    found = answers(weights, sound)
    assert found[6144].shape == (4, 6144) and found[512].shape == (4, 512)
    assert np.array_equal(found[6144].reshape(4, 12, 512).max(1), found[512])
    assert found[512].std() > 0.01


def test_seeded_answers_are_met_and_one_changed_weight_is_wrong(
    held: Callable[..., Any], changed: Callable[..., Path], tmp_path: Path, weights: Path, sound: dict[str, str]
) -> None:
    found = answers(weights, sound)
    rows = {"rows": 1e-3, "absolute": 0.0}
    cases = [(str(size), {"embedding": size, "sound": sound}, "", found[size], rows) for size in found]
    assert [each.result for each in held("openl3", "openl3-music", cases, weights)] == ["equal", "equal"]
    folder = tmp_path / "own"
    folder.mkdir()
    net = network_of_keras(weights, OpenL3Config())
    save_file({name: tensor.contiguous() for name, tensor in net.state_dict().items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(asdict(OpenL3Config())))
    other = changed(folder, "model.safetensors", "conv2d_2.bias", 3)
    assert [each.result for each in held("openl3", "openl3-music", cases, other)] == ["wrong", "wrong"]


def test_a_sound_that_cannot_be_had_is_a_reason(held: Callable[..., Any], weights: Path, tmp_path: Path) -> None:
    source = {"repo": "some/where", "commit": COMMIT, "path": "nowhere.wav", "blob": "0" * 40}
    case = ("x", {"embedding": 512, "sound": source}, "", [[0.0]])
    (found,) = held("openl3", "openl3-music", [case], weights)
    assert found.result == "skipped" and "its sound cannot be had" in found.reason
