"""`evalkit fetch for run` of a model in a process of its own: its weights come from the hub, are copied without being
executed, and offline the worker makes sounds of them.

The shipped worker wants audiocraft's environment: EVALKIT_TEST_BASELINES is an EVALKIT_HOME in which `evalkit baselines
install audiogen` was done.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evalkit_checkpoints import small_t5
from evalkit_hub import FakeHub, online, serving_hub, typed

from evalkit.audio.decode import decode
from evalkit.fetch.published import PUBLISHED

COPYING = Path(__file__).parents[1] / "fakes" / "copying_worker"
AUDIOGEN = Path(__file__).parents[1] / "generators" / "golden" / "audiogen"


@pytest.fixture
def published(tmp_path: Path) -> Any:
    """The hub with AudioGen's two files and T5, each at its published commit, and a suite of three prompts."""
    (tmp_path / "one.csv").write_text("id,prompt,seconds\na,word3 word4,1\nb,word5 word6,1\nc,word7,0.5\n")
    described = 'name = "one"\ntitle = "One"\nversion = "1"\nprotocol = "none"\nsize = "full"\n'
    scored = '[prompts]\nfile = "one.csv"\n[metrics.clap_score]\nweights = "clap-mini"\n'
    (tmp_path / "one.toml").write_text(described + scored)
    with serving_hub() as hub:
        for name, folder in (("audiogen-medium", AUDIOGEN), ("t5-large", small_t5(tmp_path / "t5", width=24))):
            repository = PUBLISHED[name].repositories[0]
            hub.add(repository.hub, folder, repository.revision)
        yield hub


def fetched_then_offline(model: str, hub: FakeHub, folder: Path, **more: str) -> dict[str, Any]:
    """What the run said, which asked nobody for anything."""
    words = ("--model", model, "--suite", "one.toml")
    code, out, told = typed(folder, "fetch", "for", "run", *words, "--yes", "--json", **online(hub, folder), **more)
    assert code == 0, told
    assert {each["name"] for each in json.loads(out)["needs"]} == {"audiogen-medium", "t5-large", "one.toml"}
    asked = len(hub.log)
    off = online(hub, folder, HF_HUB_OFFLINE="1", EVALKIT_OFFLINE="1")
    code, out, told = typed(folder, "run", *words, "--out", "made", "--json", "--no-report", **off, **more)
    assert code == 0, told
    assert len(hub.log) == asked
    made: dict[str, Any] = json.loads(out)
    return made


@pytest.mark.slow
def test_a_worker_s_weights_are_fetched_copied_and_heard_offline(published: FakeHub, tmp_path: Path) -> None:
    """Its sound is the published tensors themselves."""
    from safetensors.numpy import load_file

    from evalkit.checkpoints.audiocraft import read_export

    made = fetched_then_offline(f"worker:{COPYING}", published, tmp_path)
    assert (made["n_ok"], made["n_failed"]) == (3, 0)
    exports = [read_export(AUDIOGEN / f"{stem}.bin").tensors for stem in ("state_dict", "compression_state_dict")]
    tensors = [table[key].float().numpy() for table in exports for key in sorted(table)]
    tensors += [each for _, each in sorted(load_file(tmp_path / "t5" / "model.safetensors").items())]
    values = np.concatenate([each.ravel() for each in tensors])
    expected = np.clip(values[:: len(values) // 8000][:8000], -1, 1)
    np.testing.assert_array_equal(decode(tmp_path / "made" / "audio" / "a.wav").samples[0], expected)


@pytest.mark.slow
def test_the_shipped_worker_is_fetched_for_and_generates_offline(published: FakeHub, tmp_path: Path) -> None:
    """audiocraft itself, from AudioGen's small exports."""
    installed = Path(os.environ.get("EVALKIT_TEST_BASELINES", "")) / "baselines"
    if not any(installed.glob("audiogen-*/ready.json")) or not installed.is_absolute():
        pytest.skip("EVALKIT_TEST_BASELINES names no EVALKIT_HOME in which evalkit baselines install audiogen was done")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "baselines").symlink_to(installed)
    made = fetched_then_offline("audiogen-medium-audiocraft", published, tmp_path)
    assert (made["n_ok"], made["n_failed"]) == (3, 0)
    model = json.loads((tmp_path / "made" / "run.json").read_text())["model"]
    assert model["revision"], "which commit was fetched is recorded"
