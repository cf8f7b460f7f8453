"""The workers that ship: described as the manifests say, pinned to the last package, and free of pickles.

What they compute needs their own environments: EVALKIT_TEST_BASELINES is an EVALKIT_HOME in which `evalkit baselines
install audiogen` was done.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from evalkit_baselines import same
from evalkit_checkpoints import small_t5

from evalkit.core.errors import UserError
from evalkit.core.resources import resource
from evalkit.fetch.environment import is_ready, require_pinned
from evalkit.fetch.manifests import baselines
from evalkit.generators.base import GENERATORS
from evalkit.generators.worker.generator import Isolated, from_name
from evalkit.generators.worker.harness import load_build
from evalkit.generators.worker.manifest import MANIFEST, read_worker

FOLDERS = sorted(path.parent for path in resource("baselines").glob(f"*/{MANIFEST}"))
MODELS = [name for name, model in baselines().items() if model.worker]
EXPORTS = Path(__file__).parents[1] / "golden" / "audiogen"
GREEDY = {"top_k": 250, "temperature": 0.0, "cfg": 3.0}


@pytest.mark.parametrize("folder", FOLDERS, ids=[folder.name for folder in FOLDERS])
def test_a_shipped_worker_is_whole_and_pinned(folder: Path) -> None:
    manifest = read_worker(folder)
    assert manifest.requirements is not None and manifest.complete
    require_pinned(manifest.requirements)
    assert callable(load_build(manifest.file)), "importable without the packages of its environment"
    for name in manifest.models:
        assert from_name(f"worker:{folder.name}:{name}", {}).spec.name == name
        assert baselines()[name].worker, "registered under its own name too"


@pytest.mark.parametrize("name", MODELS)
def test_both_files_say_the_same_of_a_model(name: str) -> None:
    """The one is what is fetched and listed, the other what is run."""
    model, spec = baselines()[name], GENERATORS.load(name)().spec
    for key in ("family", "sample_rate", "channels", "window_seconds", "max_seconds", "licence", "parameters"):
        assert getattr(spec, key) == getattr(model, key), key
    assert (spec.needs, spec.batch_size, spec.default_preset) == (model.needs, model.batch_size, model.default_preset)
    assert spec.presets[model.default_preset] == model.presets[model.default_preset]


@pytest.mark.parametrize("name", MODELS)
def test_without_its_environment_a_model_says_what_to_type(name: str) -> None:
    with pytest.raises(UserError, match=f"evalkit baselines install {baselines()[name].family}"):
        GENERATORS.load(name)().load("cpu", "float32")


def test_weights_that_a_worker_has_none_of_are_refused(tmp_path: Path) -> None:
    """Given in vain they would look as if they had been used."""
    with pytest.raises(UserError, match="none of its own"):
        GENERATORS.load("audiogen-medium-audiocraft")({"audiogen-medium-audiocraft": tmp_path})


WRONG = {
    "tangoflux": {"steps": 0, "cfg": 1, "shift": 3},
    "audioldm2-48k": {"steps": "many", "cfg": True, "eta": 2},
    "audiogen-medium-audiocraft": {"top_k": 2.5, "temperature": -1, "cfg": "much"},
}


@pytest.mark.parametrize("name", MODELS)
def test_all_options_out_of_range_are_told_before_a_worker_is_started(name: str) -> None:
    """Its environment and its weights are not even here."""
    generator: Isolated = GENERATORS.load(name)()
    with pytest.raises(UserError) as error:
        generator.check_options({**generator.spec.presets[generator.spec.default_preset], **WRONG[name]})
    assert all(each in str(error.value) for each in WRONG[name])
    for options in generator.spec.presets.values():
        generator.check_options({**options, "cfg": 2.0})


@pytest.fixture
def audiocraft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Isolated:
    """AudioGen's small exports by audiocraft's own package; skips where its environment is not installed."""
    home = os.environ.get("EVALKIT_TEST_BASELINES")
    if home is None:
        pytest.skip("EVALKIT_TEST_BASELINES names no EVALKIT_HOME with installed baselines")
    monkeypatch.setenv("EVALKIT_HOME", home)
    weights = {"audiogen-medium": EXPORTS, "t5-large": small_t5(tmp_path / "t5", width=24)}
    generator: Isolated = GENERATORS.load("audiogen-medium-audiocraft")(weights)
    assert generator.environment is not None
    if not is_ready(generator.environment):
        pytest.skip(f"evalkit baselines install audiogen was not done in {home}")
    return generator


@pytest.mark.slow
def test_the_adapter_sounds_as_audiocraft_s_own_package(audiocraft: Isolated, tmp_path: Path) -> None:
    """The same files, through everything: text, tokens without drawing, windows beyond 10 s, codec."""
    adapter = GENERATORS.load("audiogen-medium")({"audiogen-medium": EXPORTS, "t5-large": tmp_path / "t5"})
    prompts, seconds = ["word3 word4", "word9", "word1 word2 word5"], [1.0, 3.7, 12.3]
    sounds = []
    for generator in (audiocraft, adapter):
        generator.load("cpu", "float32")
        try:
            sounds.append(generator.generate(prompts, seconds, [1, 2, 3], GREEDY).audio)
        finally:
            generator.close()
    for theirs, ours, length in zip(*sounds, seconds, strict=True):
        assert theirs.shape == (1, round(length * 16000))
        assert same(ours, theirs, 1e-5)


@pytest.mark.slow
def test_audiocraft_s_seeds_hold_in_a_batch(audiocraft: Isolated) -> None:
    """It draws for a whole batch at once, so the worker samples item by item."""
    options = {"top_k": 250, "temperature": 1.0, "cfg": 3.0}
    audiocraft.load("cpu", "float32")
    try:
        both = audiocraft.generate(["word3", "word4 word5"], [1.0, 1.0], [7, 8], options).audio
        alone = audiocraft.generate(["word4 word5"], [1.0], [8], options).audio
        other = audiocraft.generate(["word4 word5"], [1.0], [9], options).audio
    finally:
        audiocraft.close()
    assert np.array_equal(both[1], alone[0]) and not np.array_equal(other[0], alone[0])
