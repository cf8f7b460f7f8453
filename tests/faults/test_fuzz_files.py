"""A fuzz session of our own: files of every kind, broken in every way, through every verb and reader that takes them.

Whatever is in a file, it is read, or refused in one line: no traceback, no second of silence, no half a gigabyte.
The seed is fixed; `FUZZ_SEED` draws another session.
"""

from __future__ import annotations

import json
import os
import signal
import time
import traceback
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import click
import numpy as np
import pytest
import torch
from evalkit_fuzzing import broken_bytes, broken_json, broken_text
from safetensors.torch import save_file

from evalkit.checkpoints.audiocraft import read_export
from evalkit.checkpoints.find import open_checkpoint, stored_parameters
from evalkit.checkpoints.hub_files import look_over
from evalkit.checkpoints.keras import read_layers
from evalkit.checkpoints.tensors import read_tensors
from evalkit.checkpoints.torch_file import read_entry, read_torch
from evalkit.cli.main import build
from evalkit.comparison.record import read_run
from evalkit.core.errors import UserError
from evalkit.core.memory import growth_limited
from evalkit.core.resources import resource
from evalkit.core.yamlio import parse_yaml
from evalkit.fetch.manifests import read_manifest
from evalkit.fetch.weights import locate
from evalkit.generators.worker.manifest import read_worker
from evalkit.report.published import read_file
from evalkit.run.baseline import save_baseline
from evalkit.run.config import RunConfig, parse_changes
from evalkit.run.pipeline import run
from evalkit.run.plan import make_plan
from evalkit.run.progress import Silent
from evalkit.store.features import FeatureCache
from evalkit.store.ledger import Ledger
from evalkit.suites.load import load_suite
from evalkit.suites.references import pair_reference, save_pair_reference, set_reference

SEED = int(os.environ.get("FUZZ_SEED", "13"))
MOST_SECONDS = 1.0
"""Of the processor, for one file."""

MOST_GROWTH = 500 << 20
_HANGS = 30
Break = Callable[[Random, bytes], bytes]

SUITE = """
name = "own"
title = "My own"
version = "1"
protocol = "own-1"
size = "full"
licence = ""
citation = ""
[prompts]
file = "own.jsonl"
group = "source"
labels = "labels"
count = 4
no_reference = ["s3"]
[metrics.duration_error]
weights = "sound"
[metrics.fd_openl3]
weights = "openl3-mini"
reference = "set.npz"
[metrics.kl_passt]
weights = "passt-mini"
reference = "pairs.npz"
direction = "reference||generated"
"""
TINY = SUITE.partition("[metrics.fd_openl3]")[0].replace('size = "full"', 'size = "mini"')
WORKER = """
file = "w.py"
requirements = "r.txt"
python = "3.10"
[timeouts]
load = 1800
[models.tone]
sample_rate = 16000
channels = 1
max_seconds = 30
needs = ["tone"]
copied = { tone = "torch" }
[models.tone.presets.default]
pitch = 440
"""
CONFIG = "a: 1\nb: [x, 2.5, true]\nc:\n  d: {e: f, g: null}\nseanet: {dimension: 128, ratios: [8, 5, 4, 2]}\n"


@dataclass(frozen=True)
class Target:
    """`file` is broken in one of the ways `breaks`, then `read` is called; `seconds` it may take, `share` is how much
    of a session is its."""

    file: Path
    read: Callable[[], object]
    breaks: tuple[Break, ...] = (broken_bytes,)
    seconds: float = MOST_SECONDS
    share: int = 10


@dataclass
class Bench:
    """One good file of each kind under `root`, and what reads it."""

    root: Path
    targets: dict[str, Target] = field(default_factory=dict)

    def add(self, name: str, file: Path, read: Callable[[], object], *breaks: Break, **more: float) -> None:
        self.targets[name] = Target(file, read, (broken_bytes, *breaks), **more)  # type: ignore[arg-type]


def verb(*words: str) -> Callable[[], object]:
    """`evalkit WORDS` in this process, without the last step that turns an error into a line."""

    def typed() -> object:
        app = build((words[0],))
        return app(list(words), standalone_mode=False)

    return typed


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    root = tmp_path_factory.mktemp("fuzz")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVALKIT_HOME", str(root / "home"))
        patch.chdir(root)
        made = Bench(root)
        for add in (_suites, _runs, _tables, _weights, _models):
            add(made)
        for name, target in made.targets.items():  # each good file is read, or nothing below says anything
            try:
                target.read()
            except click.exceptions.Exit:
                pass
            except Exception as error:
                raise AssertionError(f"{name}: the whole file is not read") from error
        yield made


def _suites(made: Bench) -> None:
    rows = [
        {"id": f"p{n}", "prompt": f"rain {n}", "seconds": 0.2, "source": f"s{n}", "labels": ["a", "b"]}
        for n in range(4)
    ]
    folder = made.root / "suite"
    folder.mkdir()
    (folder / "own.toml").write_text(SUITE)
    (folder / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "own.csv").write_text("id,prompt,seconds\n" + "".join(f'p{n},"rain, {n}",0.2\n' for n in range(9)))
    (folder / "csv.toml").write_text(
        TINY.replace("own.jsonl", "own.csv").partition("group")[0] + "[metrics.duration_error]\nweights='sound'\n"
    )
    draw = np.random.default_rng(0)
    np.savez(folder / "set.npz", mean=draw.normal(size=8), covariance=np.eye(8), frames=np.int64(99), clips=np.int64(9))
    save_pair_reference(folder / "pairs.npz", {f"p{n}": np.ones(5, np.float32) / 5 for n in range(4)})
    suite = load_suite(str(folder / "own.toml"))
    text = (broken_text,)
    made.add("suite", folder / "own.toml", verb("suites", str(folder / "own.toml")), *text, share=30)
    made.add("prompts jsonl", folder / "own.jsonl", verb("suites", str(folder / "own.toml"), "--json"), *text, share=15)
    made.add("prompts csv", folder / "own.csv", verb("suites", str(folder / "csv.toml")), *text, share=15)
    made.add("npz set", folder / "set.npz", lambda: set_reference(suite.metrics["fd_openl3"]), share=15)
    made.add("npz pairs", folder / "pairs.npz", lambda: pair_reference(suite.metrics["kl_passt"]), share=15)


def _runs(made: Bench) -> None:
    folder, base = made.root / "run", made.root / "base.json"
    (made.root / "suite" / "tiny.toml").write_text(TINY)
    plan = make_plan(RunConfig(model="mock", suite=str(made.root / "suite" / "tiny.toml"), out=folder))
    run(plan, Silent())
    record = read_run(folder)
    save_baseline(record, base)
    check = verb("check", str(folder), "--baseline", str(base), "--metric", "duration_error")
    report = verb("report", str(folder), "--audio", "none", "--out", str(made.root / "page.html"))
    for name in ("run.json", "scores.json"):
        made.add(f"check {name}", folder / name, check, broken_json, share=10)
        made.add(f"report {name}", folder / name, _whole_run(folder, report), broken_json, seconds=5, share=10)
    made.add("check samples", folder / "samples.parquet", _whole_run(folder, check), share=15)
    made.add("report samples", folder / "samples.parquet", _whole_run(folder, report), seconds=5, share=15)
    bundle = verb("bundle", str(folder), "--out", str(made.root / "one.evalkit.zip"))
    made.add("bundle samples", folder / "samples.parquet", _whole_run(folder, bundle), share=5)
    made.add("baseline", base, check, broken_json, share=30)
    made.add("ledger", folder / "ledger.jsonl", lambda: Ledger(folder / "ledger.jsonl"), broken_text, share=20)
    again = RunConfig(model="mock", suite=str(made.root / "suite" / "tiny.toml"), out=folder)
    made.add("resume run.json", folder / "run.json", lambda: run(make_plan(again), Silent()), broken_json, seconds=5)
    made.add("resume ledger", folder / "ledger.jsonl", lambda: run(make_plan(again), Silent()), broken_text, seconds=5)


def _whole_run(folder: Path, read: Callable[[], object]) -> Callable[[], object]:
    """Read the run as a finished one whatever its files hold: run.json vouches for the broken ones."""

    def vouched() -> object:
        from evalkit.core.ids import digest_file

        kept = (folder / "run.json").read_bytes()
        try:
            facts = json.loads(kept)
            facts["finished"] |= {name: digest_file(folder / file) for name, file in _FILES.items()}
            (folder / "run.json").write_text(json.dumps(facts))
        except (ValueError, TypeError, KeyError):
            pass
        try:
            return read()
        finally:
            (folder / "run.json").write_bytes(kept)

    return vouched


_FILES = {"scores": "scores.json", "samples": "samples.parquet"}


def _tables(made: Bench) -> None:
    folder = made.root / "worker"
    folder.mkdir()
    (folder / "worker.toml").write_text(WORKER)
    (folder / "w.py").touch()
    (folder / "r.txt").write_text("numpy==1.0\n")
    made.add("worker", folder / "worker.toml", lambda: read_worker(folder), broken_text, share=20)
    manifest = made.root / "manifest.toml"
    manifest.write_bytes(next(resource("baselines").glob("musicgen/manifest.toml")).read_bytes())
    made.add("manifest", manifest, lambda: read_manifest(manifest), broken_text, share=20)
    figures = made.root / "figures.json"
    figures.write_bytes(next((resource("reports") / "published").glob("*.json")).read_bytes())
    made.add("published", figures, lambda: read_file(figures), broken_json, share=15)
    option = made.root / "option"
    option.write_text('{"a": [1, 2.5, "x"]}')
    made.add("set", option, lambda: parse_changes([f"a={option.read_text('utf-8', 'replace')}"]), broken_json)
    config = made.root / "config.yaml"
    config.write_text(CONFIG)
    made.add("yaml", config, lambda: parse_yaml(config.read_text("utf-8", "replace"), config), broken_text, share=20)
    cache = FeatureCache(made.root / "cache", "k")
    cache.put("a" * 64, np.ones((3, 4), np.float32))
    made.add("features", cache.path("a" * 64), lambda: cache.get("a" * 64))


def _weights(made: Bench) -> None:
    folder = made.root / "weights"
    folder.mkdir()
    tensors = {f"t{n}": torch.ones(n + 1, 3) for n in range(5)}
    save_file(tensors, folder / "x.safetensors", {"format": "pt"})
    made.add("safetensors", folder / "x.safetensors", lambda: read_tensors(folder / "x.safetensors"), share=20)
    torch.save({"state_dict": tensors, "model_config": {"a": [1, {"b": 2}]}}, folder / "x.ckpt")
    made.add("torch", folder / "x.ckpt", lambda: read_torch(folder / "x.ckpt"), share=15)
    made.add("torch config", folder / "x.ckpt", lambda: read_entry(folder / "x.ckpt", "model_config"))
    torch.save(tensors, folder / "old.pt", _use_new_zipfile_serialization=False)
    made.add("old torch", folder / "old.pt", lambda: read_torch(folder / "old.pt"))
    torch.save({"best_state": tensors, "xp.cfg": CONFIG}, folder / "state_dict.bin")
    made.add("export", folder / "state_dict.bin", lambda: read_export(folder / "state_dict.bin"))
    _keras(folder / "x.h5")
    made.add("h5", folder / "x.h5", lambda: read_layers(folder / "x.h5"), seconds=5, share=8)


def _keras(path: Path) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"conv"]
        group = file.create_group("conv")
        group.attrs["weight_names"] = [b"conv/kernel:0"]
        group.create_dataset("conv/kernel:0", data=np.ones((3, 4), np.float32))


def _models(made: Bench) -> None:
    import shutil

    from evalkit.embed.load import load_embedder
    from evalkit.generators.stable_audio.network import load_model

    for name in ("passt-mini", "clap-mini", "stable-audio-mini"):
        shutil.copytree(locate(name, {}), made.root / name)
    passt, clap, audio = (made.root / name for name in ("passt-mini", "clap-mini", "stable-audio-mini"))
    long = {"seconds": 10.0, "share": 3}
    made.add(
        "passt config",
        passt / "config.json",
        lambda: load_embedder("passt-mini", "cpu", {"passt-mini": passt}),
        broken_json,
        **long,
    )
    for file in ("config.json", "preprocessor_config.json", "tokenizer.json"):
        read = lambda: load_embedder("clap-mini", "cpu", {"clap-mini": clap})  # noqa: E731
        made.add(f"clap {file}", clap / file, read, broken_json, **long)
    made.add("hub folder", clap / "tokenizer_config.json", lambda: look_over(clap), broken_json, share=5)
    model = audio / "model_config.json"
    made.add("model config", model, lambda: stored_parameters(open_checkpoint(audio)), broken_json, share=10)
    made.add("model", model, lambda: load_model(audio, "cpu", "float32"), broken_json, **long)


@contextmanager
def _watched(case: str, most: float) -> Iterator[None]:
    """Whatever is no line for a person is a failure that names the case, as is what takes longer, or for ever."""

    def hung(_signal: int, _frame: types.FrameType | None) -> None:
        raise AssertionError(f"{case}: no end within {_HANGS} s")

    before = signal.signal(signal.SIGALRM, hung)
    signal.alarm(_HANGS)
    began = time.process_time()
    try:
        with growth_limited(MOST_GROWTH):
            yield
    except (UserError, click.exceptions.Exit):  # `main` makes one line of an error, and cuts that
        pass
    except AssertionError:
        raise
    except BaseException as error:
        raise AssertionError(f"{case}: {type(error).__name__}: {str(error)[:200]} at {_place(error)}") from error
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    spent = time.process_time() - began
    assert spent < most, f"{case}: {spent:.1f} s"


def _place(error: BaseException) -> str:
    """The last lines of evalkit's own that the error passed through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/evalkit/" in frame.filename]
    return " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames[:-4:-1])


def session(bench: Bench, files: int) -> None:
    shares, faults = sum(target.share for target in bench.targets.values()), []
    for name, target in bench.targets.items():
        whole = target.file.read_bytes()
        keep = {
            path: path.read_bytes()
            for path in target.file.parent.iterdir()
            if path.is_file() and path.stat().st_size < 1 << 20
        }
        for number in range(max(1, round(files * target.share / shares))):
            case = f"{name} {SEED}/{number}"
            draw = Random(case)
            target.file.write_bytes(draw.choice(target.breaks)(draw, whole))
            try:
                with _watched(case, target.seconds):
                    target.read()
            except AssertionError as fault:
                faults.append(str(fault))
            finally:
                for path, data in keep.items():
                    path.write_bytes(data)
                target.file.write_bytes(whole)
    assert not faults, "\n".join(faults[:40])


def test_broken_files_are_read_or_refused_in_a_line(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """A hundred of them, at every run of the tests."""
    session(bench, 100)
    capsys.readouterr()


@pytest.mark.slow
def test_two_thousand_broken_files_are_read_or_refused_in_a_line(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    session(bench, 2000)
    capsys.readouterr()
