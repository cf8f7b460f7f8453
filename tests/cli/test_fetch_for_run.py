"""`evalkit fetch for run` and `run --fetch`: the list, consent, and a run from what was brought; every family's model
in the layout that is published, from a hub on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from evalkit_baselines import small_ace_step, small_audioldm, small_audioldm2, small_musicgen
from evalkit_checkpoints import small_config, small_t5, write_folder
from evalkit_hub import GOOD, FakeHub, online, serving_hub, typed

from evalkit.fetch.published import PUBLISHED

AUDIOGEN = Path(__file__).resolve().parents[1] / "generators" / "golden" / "audiogen"


def small_stable_audio(folder: Path, window: int, objective: str = "v") -> Path:
    """With the rate, window and text tower of a published one; the other sizes are small."""
    config = small_config("t5-base")
    config |= {"sample_rate": 44100, "sample_size": window}
    model = config["model"]
    model["diffusion"]["diffusion_objective"] = objective
    model["conditioning"]["cond_dim"] = 768
    sizes = {"embed_dim": 768, "num_heads": 12, "depth": 1, "cond_token_dim": 768, "global_cond_dim": 1536}
    model["diffusion"]["config"] |= sizes
    autoencoder = model["pretransform"]["config"]
    autoencoder["downsampling_ratio"] = 2048
    for part in ("encoder", "decoder"):
        autoencoder[part]["config"]["strides"] = [8, 16, 16]
    return write_folder(folder, config)


def t5(folder: Path, width: int = 24) -> Path:
    return small_t5(folder, width=width)


Maker = Callable[[Path], Path]
MAKERS: dict[str, Maker] = {
    "stable-audio": lambda folder: small_stable_audio(folder, 2_097_152),
    "stable-audio-open-small": lambda folder: small_stable_audio(folder, 524_288, "rf_denoiser"),
    "t5-base": lambda folder: t5(folder, 768),
    "t5-large": t5,
    "audiogen-medium": lambda folder: AUDIOGEN,
    "audioldm-s": small_audioldm,
    "audioldm-m": small_audioldm,
    "audioldm-l": small_audioldm,
    "audioldm2": small_audioldm2,
    "audioldm2-large": small_audioldm2,
    "audioldm2-music": small_audioldm2,
    "musicgen-small": small_musicgen,
    "musicgen-medium": small_musicgen,
    "musicgen-large": small_musicgen,
    "musicgen-stereo-small": lambda folder: small_musicgen(folder, channels=2),
    "musicgen-stereo-medium": lambda folder: small_musicgen(folder, channels=2),
    "musicgen-stereo-large": lambda folder: small_musicgen(folder, channels=2),
    "ace-step-1.5": small_ace_step,
    "ace-step-1.5-base": lambda folder: small_ace_step(folder, turbo=False),
    "ace-step-1.5-sft": lambda folder: small_ace_step(folder, turbo=False),
    "ace-step-1.5-2b": small_ace_step,
}
MODELS = [name for name in MAKERS if not name.startswith("t5")]
FAST = ("stable-audio", "musicgen-small")
NEEDS = {"stable-audio": ("t5-base",), "stable-audio-open-small": ("t5-base",), "audiogen-medium": ("t5-large",)}
QUICK = {
    "stable": "steps=1",
    "audioldm": "steps=2",
    "audioldm2": "steps=2",
    "musicgen": "top_k=8",
    "audiogen": "top_k=8",
    "ace": "steps=1",
}
DECOYS = {"README.md": b"words", "model.ckpt": b"x" * 9000, "tf_model.h5": b"x" * 9000, "onnx/model.onnx": b"x"}


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with serving_hub() as served:
        yield served


def publish(hub: FakeHub, name: str, folder: Path) -> None:
    """A small checkpoint under its published repository and revision, with files of other frameworks beside it."""
    repository, published = PUBLISHED[name].repositories[0], PUBLISHED[name]
    made = MAKERS[name](folder / name)
    stored = hub.add(repository.hub, made, repository.revision, gated=published.gated)
    stored.files |= {path: content for path, content in DECOYS.items() if path not in stored.files}


@pytest.fixture
def suite(tmp_path: Path) -> str:
    """Three prompts, judged by a mini."""
    (tmp_path / "one.csv").write_text("id,prompt,seconds\na,word3 word4,1\nb,word5 word6,1\nc,word7,1\n")
    described = 'name = "one"\ntitle = "One"\nversion = "1"\nprotocol = "none"\nsize = "full"\nlicence = "CC0"\n'
    scored = 'citation = ""\n[prompts]\nfile = "one.csv"\n[metrics.clap_score]\nweights = "clap-mini"\n'
    (tmp_path / "one.toml").write_text(described + scored)
    return "one.toml"


@pytest.mark.parametrize("model", [pytest.param(m, marks=[] if m in FAST else pytest.mark.slow) for m in MODELS])
def test_the_table_each_model_is_fetched_loaded_and_generates(
    model: str, hub: FakeHub, suite: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """model x fetched x loaded x generated, then once more offline, from the cache."""
    for name in (model, *NEEDS.get(model, ())):
        publish(hub, name, tmp_path / "published")
    token = GOOD if PUBLISHED[model].gated else ""
    words = ["--model", model, "--suite", suite]
    code, out, told = typed(tmp_path, "fetch", "for", "run", *words, "--yes", "--json", **online(hub, tmp_path, token))
    assert code == 0, told
    needs = {each["name"]: each for each in json.loads(out)["needs"]}
    fetched = json.loads(out)["files_fetched"]
    assert set(needs) == {model, *NEEDS.get(model, ()), suite} and fetched
    assert not any(each["name"] in DECOYS for need in needs.values() for each in need["files"])
    run = ["run", *words, "--set", QUICK[model.partition("-")[0]], "--out", "made", "--json", "--no-report"]
    code, out, told = typed(tmp_path, *run, **online(hub, tmp_path, HF_HUB_OFFLINE="1", EVALKIT_OFFLINE="1"))
    assert code == 0, told
    made: dict[str, Any] = json.loads(out)
    record = json.loads((tmp_path / "made" / "run.json").read_text())
    commit = hub.repositories[PUBLISHED[model].repositories[0].hub].commit
    assert (made["n_ok"], record["model"]["revision"]) == (3, commit)
    with capsys.disabled():
        print(
            f"\n{model:<24} fetched {fetched:>2} files   loaded at {commit[:12]}   generated {made['n_ok']} of 3",
            end=" ",
        )


def test_the_list_comes_first_and_consent_before_the_first_byte(hub: FakeHub, suite: str, tmp_path: Path) -> None:
    publish(hub, "stable-audio", tmp_path / "published")
    publish(hub, "t5-base", tmp_path / "published")
    words = ("--model", "stable-audio", "--suite", suite)
    code, out, told = typed(tmp_path, "fetch", "for", "run", *words, **online(hub, tmp_path, GOOD))
    assert code == 2
    assert all(part in out for part in ("stabilityai/stable-audio-open-1.0", "t5-base", "to bring: ", "free: ", "yes"))
    assert "Stability AI Community License" in told and "--yes" in told and told.count("\n") == 1
    assert not hub.asked("/resolve/")
    code, out, told = typed(tmp_path, "run", *words, "--fetch", **online(hub, tmp_path))
    assert code == 2
    assert "is gated, and there is no token here" in told
    assert not hub.asked("/resolve/")


def test_all_that_cannot_be_had_is_told_at_once(hub: FakeHub, suite: str, tmp_path: Path) -> None:
    """Not one repository per try."""
    publish(hub, "stable-audio", tmp_path / "published")
    words = ("--model", "stable-audio,musicgen-small,audioldm-s", "--suite", suite)
    code, _, told = typed(tmp_path, "fetch", "for", "run", *words, "--yes", **online(hub, tmp_path))
    assert (code, told.count("\n")) == (2, 1)
    assert all(part in told for part in ("t5-base", "facebook/musicgen-small", "audioldm-s-full-v2", "is gated"))


def test_without_a_network_each_repository_is_named(hub: FakeHub, suite: str, tmp_path: Path) -> None:
    """The hub's address alone was told, once for each and never for which."""
    words = ("--model", "stable-audio", "--suite", suite)
    away = online(hub, tmp_path, HF_ENDPOINT="http://127.0.0.1:1")
    code, _, told = typed(tmp_path, "fetch", "for", "run", *words, **away)
    assert code == 2
    assert "stable-audio-open-1.0: the hub cannot be asked" in told and "t5-base: the hub cannot be asked" in told


def test_run_fetch_brings_and_runs_and_models_shows_the_cache(hub: FakeHub, suite: str, tmp_path: Path) -> None:
    publish(hub, "musicgen-small", tmp_path / "published")
    words = ("--model", "musicgen-small", "--suite", suite, "--set", "top_k=8", "--out", "made", "--json")
    code, out, told = typed(tmp_path, "run", *words, "--fetch", "--yes", **online(hub, tmp_path))
    assert code == 0, told
    assert json.loads(out)["n_ok"] == 3
    off = online(hub, tmp_path, HF_HUB_OFFLINE="1")
    facts = json.loads(typed(tmp_path, "models", "musicgen-small", "--json", **off)[1])
    assert facts["weights_here"] == "in the cache"
    listed = json.loads(typed(tmp_path, "fetch", "weights", "--json", **off)[1])
    assert next(each for each in listed if each["name"] == "musicgen-small")["here"].startswith("in the cache: ")


def test_half_a_snapshot_is_said_to_be_one_with_the_command_that_helps(
    hub: FakeHub, suite: str, tmp_path: Path
) -> None:
    """huggingface_hub hands out a snapshot with a file missing as if it were whole."""
    publish(hub, "musicgen-small", tmp_path / "published")
    assert typed(tmp_path, "fetch", "weights", "musicgen-small", "--yes", **online(hub, tmp_path))[0] == 0
    (gone,) = (tmp_path / "hf").rglob("snapshots/*/model.safetensors")
    gone.unlink()
    words = ("--model", "musicgen-small", "--suite", suite, "--set", "top_k=8", "--out", "made")
    code, _, told = typed(tmp_path, "run", *words, **online(hub, tmp_path, HF_HUB_OFFLINE="1"))
    assert code == 2
    assert "without 1 of its files (model.safetensors)" in told and "evalkit fetch weights musicgen-small" in told


def test_a_suite_that_options_describe_is_fetched_for_as_it_is_run(hub: FakeHub, tmp_path: Path) -> None:
    """Whatever `run` takes to describe a suite, `fetch for run` takes the same way."""
    publish(hub, "musicgen-small", tmp_path / "published")
    (tmp_path / "own.csv").write_text("ytid,words\na,word3 word4\nb,word5\nc,word6 word7\n")
    (tmp_path / "gt").mkdir()
    described = ("--prompts", "own.csv", "--columns", "id=ytid,text=words", "--judges", "mini", "--seconds", "1")
    words = ("--model", "musicgen-small", *described)
    code, out, told = typed(tmp_path, "fetch", "for", "run", *words, "--yes", "--json", **online(hub, tmp_path))
    assert code == 0, told
    assert next(each["name"] for each in json.loads(out)["needs"]) == "musicgen-small"
    run = ("run", *words, "--set", "top_k=8", "--out", "made", "--json", "--no-report")
    code, out, told = typed(tmp_path, *run, **online(hub, tmp_path, HF_HUB_OFFLINE="1"))
    assert code == 0, told
    assert json.loads(out)["n_ok"] == 3
    code, _, told = typed(tmp_path, "fetch", "weights", "passt", "--prompts", "own.csv", **online(hub, tmp_path))
    assert code == 2 and "go with `fetch for run`" in told


def test_offline_the_list_names_what_is_here_and_what_is_not(hub: FakeHub, suite: str, tmp_path: Path) -> None:
    publish(hub, "t5-base", tmp_path / "published")
    assert typed(tmp_path, "fetch", "weights", "t5-base", **online(hub, tmp_path))[0] == 0
    words = ("fetch", "for", "run", "--model", "stable-audio", "--suite", suite)
    code, out, told = typed(tmp_path, *words, **online(hub, tmp_path, HF_HUB_OFFLINE="1"))
    assert code == 2 and "HF_HUB_OFFLINE forbids" in told
    rows = {line.split()[1]: line for line in out.splitlines() if line.startswith("weights")}
    assert rows["stable-audio"].rstrip().endswith("not here")
    assert rows["t5-base"].rstrip().endswith("in the Hugging Face cache")


@pytest.mark.parametrize("away", ["offline", "an empty mirror"])
def test_before_anything_is_here_the_list_is_whole_and_so_is_what_cannot_be_had(
    away: str, hub: FakeHub, tmp_path: Path
) -> None:
    """The headline command on a fresh machine: model, text tower, judges and every file of the suite, none left out."""
    (tmp_path / "mirror").mkdir()
    more = {"EVALKIT_OFFLINE": "1"} if away == "offline" else {"EVALKIT_MIRROR": str(tmp_path / "mirror")}
    words = ("fetch", "for", "run", "--model", "stable-audio", "--suite", "audiocaps")
    code, out, told = typed(tmp_path, *words, **online(hub, tmp_path, **more))
    assert code == 2 and not hub.asked("/")
    first = [" ".join(line.split()[:2]) for line in out.splitlines()]
    for name in ("stable-audio", "t5-base", "openl3-env", "passt", "clap", "clap_tokenizer"):
        assert f"weights {name}" in first, out
    assert "suite audiocaps" in first, out
    for file in ("stable-audio-open-1.0", "t5-base", "mel256_env", "passt-s-f128", "laion_clap", "roberta-base"):
        assert file in told, told
    for file in ("audiocaps-test.csv", "__openl3hopsize0.5__batch4.npz", "__reference_probabilities.pkl"):
        assert file in told, told
    assert [line.split()[-1] for line in out.splitlines() if line.startswith(("weights", "suite"))] == ["here"] * 7


def test_weights_by_their_name_want_the_same_consent(hub: FakeHub, tmp_path: Path) -> None:
    publish(hub, "musicgen-small", tmp_path / "published")
    code, _, told = typed(tmp_path, "fetch", "weights", "musicgen-small", **online(hub, tmp_path))
    assert code == 2 and "CC BY-NC 4.0" in told and "--yes" in told
    assert not hub.asked("/resolve/")
    assert typed(tmp_path, "fetch", "weights", "musicgen-small", "--yes", **online(hub, tmp_path))[0] == 0
    again = typed(tmp_path, "fetch", "weights", "musicgen-small", **online(hub, tmp_path))
    assert again[0] == 0, "what is here is agreed to"


def test_a_mirror_s_folder_has_a_repository_of_the_hub(hub: FakeHub, suite: str, tmp_path: Path) -> None:
    """Fetched offline from a folder, under evalkit's own home, and run from there."""
    repository = PUBLISHED["musicgen-small"].repositories[0]
    place = tmp_path / "mirror" / "huggingface.co" / repository.hub / repository.revision
    MAKERS["musicgen-small"](place)
    (place / "README.md").write_text("words")
    off = online(hub, tmp_path, HF_HUB_OFFLINE="1", EVALKIT_OFFLINE="1", EVALKIT_MIRROR=str(tmp_path / "mirror"))
    words = ("--model", "musicgen-small", "--suite", suite)
    code, out, told = typed(tmp_path, "fetch", "for", "run", *words, "--yes", "--json", **off)
    assert code == 0, told
    files = [file["name"] for need in json.loads(out)["needs"] for file in need["files"]]
    assert "musicgen-small/config.json" in files and not any("README" in each for each in files)
    off["EVALKIT_MIRROR"] = ""
    run = ("run", *words, "--set", "top_k=8", "--out", "made", "--json", "--no-report")
    code, out, told = typed(tmp_path, *run, **off)
    assert code == 0, told
    assert json.loads(out)["n_ok"] == 3 and not hub.asked("/")


PYTHON = """
import sys, evalkit
try:
    yes = sys.argv[1] == "yes"
    run = evalkit.run("musicgen-small", "one.toml", options={"top_k": 8}, out="made", fetch=True, yes=yes)
except evalkit.UserError as error:
    sys.exit(f"{error}")
print(len(run.samples), len(run.failures))
"""


def test_from_python_a_run_fetches_and_asks_for_consent(hub: FakeHub, suite: str, tmp_path: Path) -> None:
    publish(hub, "musicgen-small", tmp_path / "published")

    def go(word: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **online(hub, tmp_path), "EVALKIT_HOME": str(tmp_path / "home")}
        command = [sys.executable, "-c", PYTHON, word]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    done = go("no")
    assert done.returncode == 1 and "licences that want your consent: musicgen-small: CC BY-NC 4.0" in done.stderr
    assert "with yes" in done.stderr and "--yes" not in done.stderr and not hub.asked("/resolve/")
    done = go("yes")
    assert done.stdout.split() == ["3", "0"], done.stderr
