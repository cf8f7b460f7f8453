"""Each judge fetched from where its weights are published, loaded and scored with: weights drawn from a seed in the
published formats, under pins of their own; and a worker's model, whose environment is not here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import evalkit_fakes
import numpy as np
import pytest
from evalkit_hub import FakeHub, online, serving_hub, typed
from evalkit_judges import PINS, lay_out

import evalkit
from evalkit.audio.encode import float_wav_bytes
from evalkit.fetch.published import PUBLISHED
from evalkit.fetch.weights import MINI_FOLDER

JUDGES = [("openl3-env", "passt", "clap"), ("openl3-music", "passt", "clap-music")]
FAKES = Path(evalkit_fakes.__file__).parent


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with serving_hub() as served:
        yield served


def start(folder: Path, *words: str, **environment: str) -> tuple[int, str, str]:
    """As `typed`, with the pins of the stand-ins; their networks are as large as the published ones."""
    path = os.pathsep.join((str(FAKES), str(Path(evalkit.__file__).parent.parent)))
    own = {"PYTHONPATH": path, "EVALKIT_HOME": str(folder / "home"), PINS: str(folder / "pins.json")}
    done = subprocess.run(
        [sys.executable, "-m", "evalkit_judges", *words], cwd=folder, env={**os.environ, **own, **environment},
        capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def own_suite(folder: Path) -> tuple[str, ...]:
    """Three prompts of a second, and a recording of each."""
    (folder / "own.csv").write_text("id,caption,seconds\na,a dog,1\nb,rain,1\nc,wind,1\n", encoding="utf-8")
    (folder / "real").mkdir()
    draw = np.random.default_rng(3)
    for name in "abc":
        noise = draw.normal(0, 0.1, (1, 44100)).astype(np.float32)
        (folder / "real" / f"{name}.wav").write_bytes(float_wav_bytes(noise, 44100))
    return "--prompts", "own.csv", "--reference", "real"


@pytest.mark.slow
@pytest.mark.parametrize("judges", JUDGES, ids=["of sounds", "of music"])
def test_the_table_each_judge_is_fetched_loaded_and_scores(
    judges: tuple[str, ...], hub: FakeHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """judge x fetched x loaded x scored, from a mirror's folder; then once more, without one."""
    pins = lay_out(tmp_path / "mirror", (*judges, "clap_tokenizer"))
    (tmp_path / "pins.json").write_text(json.dumps(pins), encoding="utf-8")
    described = (*own_suite(tmp_path), "--judges", ",".join(judges))
    off = online(hub, tmp_path, EVALKIT_OFFLINE="1", HF_HUB_OFFLINE="1")
    mirrored = {**off, "EVALKIT_MIRROR": str(tmp_path / "mirror")}
    fetch = ("fetch", "for", "run", "--model", "mock", *described, "--json")
    code, out, told = start(tmp_path, *fetch, "--yes", **mirrored)
    assert code == 0, told
    needs = {each["name"]: each for each in json.loads(out)["needs"]}
    assert {*judges, "clap_tokenizer"} <= set(needs) and json.loads(out)["files_fetched"] == len(pins)
    run = ("run", "--model", "mock", *described, "--out", "made", "--json", "--no-report")
    code, out, told = start(tmp_path, *run, **off)
    assert code == 0, told
    scores = json.loads(out)["scores"]
    assert all(scores[name]["n"] == 3 for name in ("fd_openl3", "kl_passt", "clap_score"))
    with capsys.disabled():
        for judge in judges:
            print(f"\n{judge:<12} fetched, one of {len(pins)} files   loaded   scored", end=" ")
    code, out, told = start(tmp_path, *fetch, **off)
    assert code == 0 and json.loads(out)["files_fetched"] == 0, told


def test_clap_as_a_folder_of_the_hub_is_used_where_the_library_put_it(hub: FakeHub, tmp_path: Path) -> None:
    """The other form in which CLAP is published: nothing to bring, and no tokenizer beside it."""
    repository = PUBLISHED["clap"].repositories[1]
    hub.add(repository.hub, MINI_FOLDER / "clap-mini", repository.revision)
    asked = f"import huggingface_hub as h; h.snapshot_download({repository.hub!r}, revision={repository.revision!r})"
    environment = {**os.environ, **online(hub, tmp_path)}
    subprocess.run([sys.executable, "-c", asked], env=environment, cwd=tmp_path, check=True, capture_output=True)
    off = online(hub, tmp_path, HF_HUB_OFFLINE="1", EVALKIT_OFFLINE="1")
    described = (*own_suite(tmp_path), "--judges", "clap")
    code, out, told = typed(tmp_path, "fetch", "for", "run", "--model", "mock", *described, "--json", **off)
    assert code == 0, told
    needs = {each["name"]: each["state"] for each in json.loads(out)["needs"] if each["kind"] == "weights"}
    assert needs == {"clap": "in the Hugging Face cache"} and json.loads(out)["files_fetched"] == 0
    run = ("run", "--model", "mock", *described, "--out", "made", "--json", "--no-report")
    code, out, told = typed(tmp_path, *run, **off)
    assert code == 0 and json.loads(out)["scores"]["clap_score"]["n"] == 3, told


@pytest.mark.slow
def test_a_judges_file_with_another_digest_is_refused(hub: FakeHub, tmp_path: Path) -> None:
    pins = lay_out(tmp_path / "mirror", ("openl3-env",))
    (tmp_path / "pins.json").write_text(json.dumps(dict.fromkeys(pins, "0" * 40)), encoding="utf-8")
    words = ("--model", "mock", *own_suite(tmp_path), "--judges", "openl3-env", "--yes")
    away = online(hub, tmp_path, EVALKIT_OFFLINE="1", EVALKIT_MIRROR=str(tmp_path / "mirror"))
    code, _, told = start(tmp_path, "fetch", "for", "run", *words, **away)
    assert code == 2 and "0000000" in told and not list((tmp_path / "home").rglob("*.h5.gz"))


@pytest.mark.parametrize(
    ("model", "weights"),
    [
        ("audioldm2-48k", ["audioldm2-48k", "clap_tokenizer"]),
        ("audiogen-medium-audiocraft", ["audiogen-medium", "t5-large"]),
        ("tangoflux", ["tangoflux", "flan-t5-large"]),
    ],
)
def test_a_workers_model_is_listed_with_the_environment_that_it_wants(
    model: str, weights: list[str], hub: FakeHub, tmp_path: Path
) -> None:
    """Its packages come from a package index, its weights from the hub: one list names both."""
    words = ("fetch", "for", "run", "--model", model, "--suite", "mini")
    code, out, told = typed(tmp_path, *words, **online(hub, tmp_path, EVALKIT_OFFLINE="1"))
    listed = [line.split()[1] for line in out.splitlines() if line.startswith("weights")]
    assert code == 2 and listed == weights, out
    assert f"{model} runs in an environment of its own: evalkit baselines install" in told
