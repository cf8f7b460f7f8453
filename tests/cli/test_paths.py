"""Files by the path that people have: the hub's cache and its links, `~`, and one line for what leads nowhere."""

from __future__ import annotations

import hashlib
import inspect
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import evalkit_fakes
import numpy as np
import pytest
from evalkit_checkpoints import small_config, small_t5, write_folder

from evalkit.audio.encode import wav_bytes
from evalkit.cli.main import VERBS
from evalkit.cli.paths import typed as parser
from evalkit.fetch.weights import MINI_FOLDER

Answer = tuple[int, str, str]
COMMIT = "f21265c1e2710b3bd2386596943f0007f55f802e"


def hub_cache(root: Path, folder: Path, repository: str = "someone--small-sounds") -> Path:
    """The folder as huggingface_hub keeps it: `snapshots/<commit>/<file>`, links to `blobs/<sha256>`."""
    place = root / f"models--{repository}"
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        blob = place / "blobs" / hashlib.sha256(file.read_bytes()).hexdigest()
        link = place / "snapshots" / COMMIT / file.relative_to(folder)
        blob.parent.mkdir(parents=True, exist_ok=True)
        link.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, blob)
        link.symlink_to(Path(*[".."] * (len(link.relative_to(place).parts) - 1)) / "blobs" / blob.name)
    return place / "snapshots" / COMMIT


def generate(path: Path, *further: str) -> tuple[str, ...]:
    words = ("generate", "--model", "stable-audio", "--checkpoint", str(path), "--limit", "1")
    return (*words, "--out", "made", "--preset", "fast", "--set", "steps=1", *further)


def model_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "run.json").read_text())["model"]
    return found


def test_a_checkpoint_of_the_hubs_cache_runs_by_folder_file_and_link(
    evalkit: Callable[..., Answer], tmp_path: Path
) -> None:
    snapshot = hub_cache(tmp_path / "hub", write_folder(tmp_path / "plain"))
    (tmp_path / "link").symlink_to(snapshot)
    (tmp_path / "mine.safetensors").symlink_to(snapshot / "model.safetensors")
    (tmp_path / "mine.json").symlink_to(snapshot / "model_config.json")
    found = []
    for place in (snapshot, snapshot / "model.safetensors", tmp_path / "link", tmp_path / "mine.safetensors"):
        code, _, err = evalkit(*generate(place))
        assert code == 0, (place, err)
        model = model_of(tmp_path / "made")
        assert model["revision"] == COMMIT
        found.append((model["name"], model["weights"]))
        shutil.rmtree(tmp_path / "made")
    assert {name for name, _ in found[:3]} == {"stable-audio@small-sounds"} and found[3][0] == "stable-audio@mine"
    assert len({weights for _, weights in found}) == 1


def test_weights_and_text_towers_of_the_hubs_cache(evalkit: Callable[..., Answer], tmp_path: Path) -> None:
    tower = hub_cache(tmp_path / "hub", small_t5(tmp_path / "t5", width=768), "google-t5--t5-base")
    folder = write_folder(tmp_path / "plain", small_config("t5-base"))
    code, out, err = evalkit(*generate(folder, "--weights", f"t5-base={tower}"))
    assert code == 0, out + err
    for name in ("openl3-mini", "passt-mini", "clap-mini"):
        weights = hub_cache(tmp_path / "hub", MINI_FOLDER / name, f"someone--{name}")
        code, _, err = evalkit(
            "run", "--model", "mock", "--limit", "4", "--out", f"by-{name}", "--weights", f"{name}={weights}",
            "--no-report",
        )  # fmt: skip
        assert code in (0, 1) and "evalkit: --" not in err, err
        told = json.loads((tmp_path / f"by-{name}" / "run.json").read_text())["metrics"].values()
        assert {each.get("revision") for each in told if each["embedder"] == name} == {COMMIT}


def test_a_baseline_of_the_hubs_cache_is_told_apart_and_loads(tmp_path: Path) -> None:
    from evalkit.generators.load import load_generator

    snapshot = hub_cache(tmp_path / "hub", MINI_FOLDER / "audiogen-mini")
    generator = load_generator("audiogen-mini", {"audiogen-mini": snapshot})
    assert generator.spec.revision == COMMIT
    assert generator.spec.weights == load_generator("audiogen-mini", {}).spec.weights
    generator.load("cpu", "float32")
    assert load_generator("audiogen-mini", {}, snapshot).spec.name == "audiogen-mini@small-sounds"


def test_a_link_that_leads_nowhere_is_one_line(evalkit: Callable[..., Answer], tmp_path: Path) -> None:
    snapshot = hub_cache(tmp_path / "hub", write_folder(tmp_path / "plain"))
    (snapshot / "model.safetensors").resolve().unlink()
    for place in (snapshot, snapshot / "model.safetensors"):
        code, _, err = evalkit(*generate(place))
        assert code == 2 and err.count("\n") == 1 and "leads to ../../blobs/" in err, err
    code, _, err = evalkit("run", "--model", "mock", "--weights", f"openl3={snapshot / 'model.safetensors'}")
    assert code == 2 and err.count("\n") == 1 and "leads to ../../blobs/" in err, err


def test_a_tilde_is_the_home_in_every_verb(typed: Any, tmp_path: Path) -> None:
    home = tmp_path / "me"
    rows = [("p0", "a dog", 0.5), ("p1", "rain", 0.5)]
    evalkit_fakes.write_suite(home / "suite", rows)
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, (1, 8000)).astype(np.float32)
    (home / "made").mkdir()
    for name, _, _ in rows:
        (home / "made" / f"{name}.wav").write_bytes(wav_bytes(noise, 16000))
    write_folder(home / "checkpoint")
    for words in (
        ("run", "--model", "mock", "--suite", "~/suite/tiny.toml", "--out", "~/out"),
        ("report", "~/out", "--out", "~/pages/page.html"),
        ("check", "~/out", "--baseline", "~/base.json", "--save"),
        ("check", "~/out", "--baseline=~/base.json", "--junit", "~/junit.xml"),
        ("score", "~/made", "--suite", "~/suite/tiny.toml", "--out", "~/scored", "--no-report"),
        ("suites", "~/suite/tiny.toml"),
    ):
        done = typed(*words, HOME=str(home))
        assert done.returncode == 0, (words, done.stderr)
    words = generate(Path("~/checkpoint"), "--init", "~/made/p0.wav", "--set", "init_noise_level=5")
    done = typed(*words, module="evalkit", HOME=str(home))
    assert done.returncode == 0, done.stderr
    made = ("out/run.json", "pages/page.html", "base.json", "junit.xml", "scored/run.json")
    assert all((home / name).is_file() for name in made)
    assert not (tmp_path / "~").exists()


def test_every_path_on_the_command_line_is_read_by_the_one_parser() -> None:
    import importlib

    for verb in VERBS:
        function = getattr(importlib.import_module(f"evalkit.cli.{verb}"), verb)
        for name, parameter in inspect.signature(function).parameters.items():
            if "Path" in str(parameter.annotation):
                assert parameter.default.parser is parser, (verb, name)


def test_an_empty_path_is_refused_before_anything_is_written(typed: Any, tmp_path: Path) -> None:
    done = typed("run", "--model", "mock", "--out", "")
    assert done.returncode == 2 and "is a variable not set" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "run.json").exists()


@pytest.mark.parametrize("home", ["file/home", "/proc/evalkit", "~nobody-of-this-name"])
def test_an_evalkit_home_that_cannot_be_written_is_told_before_any_sound_is_made(
    typed: Any, tmp_path: Path, home: str
) -> None:
    (tmp_path / "file").touch()
    suite = str(evalkit_fakes.write_suite(tmp_path / "suite", [("p0", "a dog", 0.5)]))
    words = ("run", "--model", "evalkit_fakes:Moody", "--suite", suite, "--out", "out")
    done = typed(*words, EVALKIT_HOME=home)
    told = [line for line in done.stderr.splitlines() if "names code" not in line]
    assert done.returncode == 2 and len(told) == 1 and "Traceback" not in done.stderr, done.stderr
    assert "EVALKIT_HOME" in done.stderr or "no such home folder" in done.stderr
    assert not (tmp_path / "out" / "audio").exists() and "a model that prints" not in done.stdout
    assert typed(*words).returncode == 0, "and with another folder the same command works"
    assert "nothing to do" in typed(*words, EVALKIT_HOME="file/home").stdout, "a finished run needs no folder to write"
