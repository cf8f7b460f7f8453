"""`evalkit fetch`, typed in a process of its own, against a server on this machine."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from evalkit_mirror import Published, blob, publish
from evalkit_server import Served, serving

import evalkit
from evalkit.core.resources import resource
from evalkit.fetch.sources import GitSource, place
from evalkit.suites.load import load_outline
from evalkit.suites.pinned import pinned_files

Typed = Callable[..., "subprocess.CompletedProcess[str]"]

PLAIN = {"EVALKIT_OFFLINE": "", "no_proxy": "127.0.0.1"}

COUNTS = {
    "audiocaps": "4,875 prompts over 975 clips, 881 reference clips, 4,405 scored by KL",
    "musiccaps": "5,521 prompts over 5,521 clips, 5,434 reference clips, 5,434 scored by KL",
    "musiccaps-nosinging": "2,218 prompts over 2,218 clips, 2,184 reference clips, 2,184 scored by KL",
    "song-describer": "1,106 prompts over 706 clips, 706 reference clips, 1,106 scored by KL",
    "song-describer-nosinging": "586 prompts over 446 clips, 446 reference clips, 586 scored by KL",
}


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as server:
        yield server


@pytest.fixture
def twelve(served: Served, tmp_path: Path) -> tuple[Published, str]:
    """A small published suite on the server, and the path of its manifest."""
    published = publish(dimensions=64)
    served.files |= {published.place(path): content for path, content in published.files.items()}
    return published, str(published.manifest(tmp_path))


def settled(home: Path) -> list[str]:
    """The names of finished files under EVALKIT_HOME, without locks and parts."""
    found = [path for path in home.rglob("*") if path.is_file() and path.parent.name != "locks"]
    return sorted(path.name for path in found if not path.name.startswith(".part-"))


def stand_in_probabilities(ids: list[str]) -> bytes:
    """Seeded rows in the form of the shipped files."""
    import torch

    odds = np.exp(2 * np.random.default_rng(7).normal(size=(len(ids), 527)))
    rows = torch.from_numpy((odds / odds.sum(axis=1, keepdims=True)).astype(np.float32))
    keys = [int(key) if key.isdecimal() else key for key in ids]
    return pickle.dumps({key: row.clone() for key, row in zip(keys, rows, strict=True)}, protocol=4)


def serve_real_suite(name: str, served: Served, load: Path, folder: Path) -> Path:
    """The real prompt file of a suite on the server, and whichever of its statistics are at hand; seeded stand-ins
    for the others, pinned with their own digests in a copy of the manifest."""
    import csv

    manifest = (resource("prompts") / f"{name}.toml").read_text(encoding="utf-8")
    outline = load_outline(name)
    for file in pinned_files(outline):
        source = file.source
        assert isinstance(source, GitSource)
        real = load.parent / source.path
        if real.is_file():
            content = real.read_bytes()
        elif file.form == "mu_sigma":
            content = publish(dimensions=32).files["load/t.npz"]
        else:
            columns = outline.columns
            with (load / f"{Path(source.path).name.partition('__')[0]}.csv").open(encoding="utf-8", newline="") as rows:
                wanted = [row for row in csv.DictReader(rows) if row[columns.group or columns.id] not in outline.absent]
            content = stand_in_probabilities([row[columns.id] for row in wanted])
        manifest = manifest.replace(source.blob, blob(content))
        served.files[f"/{place(source)}"] = content
    path = folder / f"{name}.toml"
    path.write_text(manifest, encoding="utf-8")
    return path


@pytest.mark.slow
@pytest.mark.parametrize("name", COUNTS)
def test_the_suites_of_the_papers_from_their_real_prompt_files(
    name: str, typed: Typed, served: Served, tmp_path: Path, stable_audio_metrics: Path
) -> None:
    """End to end: break off the first file, resume, check, land, convert, count."""
    manifest = serve_real_suite(name, served, stable_audio_metrics, tmp_path)
    (first, *_) = served.files
    served.faults[first] = ["drop:50000"]
    done = typed("fetch", "suite", str(manifest), module="evalkit", EVALKIT_MIRROR=served.url, **PLAIN)
    assert done.returncode == 0, done.stderr
    assert COUNTS[name].replace("by KL", "by kl_passt") in done.stdout
    assert "note:" not in done.stdout
    assert served.asked(first) == [("", 200), ("bytes=50000-", 206)]
    shown = typed("suites", str(manifest), module="evalkit")
    assert COUNTS[name] in shown.stdout
    assert "MISSING" not in shown.stdout
    served.log.clear()
    again = typed("fetch", "suite", str(manifest), "--json", module="evalkit", EVALKIT_MIRROR=served.url, **PLAIN)
    (found,) = json.loads(again.stdout)["fetched"]
    assert {file["state"] for file in found["files"]} == {"here"}
    assert served.log == []


def test_suites_prints_the_papers_counts_before_anything_is_fetched(typed: Typed) -> None:
    shown = typed("suites", "audiocaps", module="evalkit")
    assert shown.returncode == 0
    assert COUNTS["audiocaps"] in shown.stdout
    assert "evalkit fetch suite audiocaps" in shown.stdout
    listed = {each["name"]: each for each in json.loads(typed("suites", "--json", module="evalkit").stdout)}
    assert {name: listed[name]["state"] for name in COUNTS} == dict.fromkeys(COUNTS, "not fetched")


def test_a_run_on_a_suite_that_is_not_fetched_says_the_way_out(typed: Typed) -> None:
    done = typed("run", "--suite", "audiocaps", module="evalkit")
    assert done.returncode == 2
    assert done.stderr.startswith("evalkit: ") and "Traceback" not in done.stderr
    assert "evalkit fetch suite audiocaps" in done.stderr
    assert "evalkit fetch for run --model stable-audio-3-mini --suite audiocaps" in done.stderr


def test_a_killed_fetch_leaves_nothing_under_a_final_name_and_goes_on(
    twelve: tuple[Published, str], typed: Typed, served: Served, tmp_path: Path
) -> None:
    """kill -9 in the middle of a file."""
    published, manifest = twelve
    target = published.place("load/t.pkl")
    served.faults[target] = ["hang:12000"]
    home = tmp_path / "home"
    path = str(Path(evalkit.__file__).parent.parent)
    environment = {**os.environ, **PLAIN, "EVALKIT_MIRROR": served.url, "EVALKIT_HOME": str(home), "PYTHONPATH": path}
    process = subprocess.Popen(
        [sys.executable, "-m", "evalkit", "fetch", "suite", manifest],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for _ in range(600):
        part = next(iter(home.rglob(".part-t.pkl")), None)
        if part is not None and part.stat().st_size == 12000:
            break
        time.sleep(0.1)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert settled(home) == ["t.csv", "t.npz"]
    done = typed("fetch", "suite", manifest, module="evalkit", EVALKIT_MIRROR=served.url, **PLAIN)
    assert done.returncode == 0, done.stderr
    (converted,) = (path.name for path in (home / "references").iterdir())
    assert settled(home) == sorted(["t.csv", "t.npz", "t.pkl", converted])
    assert served.asked(target) == [("", 200), ("bytes=12000-", 206)]


def test_a_wrong_digest_is_refused_and_the_file_not_kept(
    twelve: tuple[Published, str], typed: Typed, served: Served, tmp_path: Path
) -> None:
    published, manifest = twelve
    served.files[published.place("load/t.npz")] += b"!"
    done = typed("fetch", "suite", manifest, module="evalkit", EVALKIT_MIRROR=served.url, **PLAIN)
    assert done.returncode == 2
    assert "not the file that it must be, and refused" in done.stderr
    assert "Traceback" not in done.stderr
    assert settled(tmp_path / "home") == ["t.csv"]


def test_a_hostile_reference_is_refused_by_name(
    twelve: tuple[Published, str], typed: Typed, served: Served, tmp_path: Path
) -> None:
    published, _ = twelve
    published.files["load/t.pkl"] = b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x04true\x85R."
    served.files[published.place("load/t.pkl")] = published.files["load/t.pkl"]
    manifest = str(published.manifest(tmp_path))
    done = typed("fetch", "suite", manifest, module="evalkit", EVALKIT_MIRROR=served.url, **PLAIN)
    assert done.returncode == 2
    assert "it asks for 'posix.system'" in done.stderr


def test_offline_forbids_the_network_and_a_mirror_folder_is_none(
    twelve: tuple[Published, str], typed: Typed, served: Served, tmp_path: Path
) -> None:
    published, manifest = twelve
    done = typed("fetch", "suite", manifest, module="evalkit", EVALKIT_MIRROR=served.url, EVALKIT_OFFLINE="1")
    assert done.returncode == 2
    assert "EVALKIT_OFFLINE forbids" in done.stderr
    assert served.log == []
    mirror = str(published.mirror(tmp_path / "mirror"))
    done = typed("fetch", "suite", manifest, "--json", module="evalkit", EVALKIT_MIRROR=mirror, EVALKIT_OFFLINE="1")
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)["fetched"]
    assert [(each["state"], each["checked_against"]) for each in found["files"]] == [("fetched", "stated")] * 3
    assert (found["prompts"], found["scored"], found["warnings"]) == (12, {"kl_passt": 10}, [])


def test_a_fetched_suite_is_scored(typed: Typed, served: Served, tmp_path: Path) -> None:
    """Every clip counts in FD, against as many reference clips as the manifest states."""
    published = publish(dimensions=3)  # as many as the stand-in for an embedder has
    served.files |= {published.place(path): content for path, content in published.files.items()}
    manifest = published.manifest(tmp_path)
    manifest.write_text(manifest.read_text().partition("[metrics.kl_passt]")[0])
    assert typed("fetch", "suite", str(manifest), EVALKIT_MIRROR=served.url, **PLAIN).returncode == 0
    words = ("run", "--suite", str(manifest), "--model", "evalkit_fakes:Moody", "--out", "out", "--json", "--no-report")
    done = typed(*words)
    assert done.returncode == 0, done.stderr
    entry = json.loads(done.stdout)["scores"]["fd_openl3"]
    assert (entry["n"], entry["n_reference"], entry["protocol"]) == (12, 5, "stable-audio-metrics")


def test_weights_are_checked_told_and_found(typed: Typed, served: Served, tmp_path: Path) -> None:
    """CLAP's file has no published digest here: recorded at first, enforced after. OpenL3's has one."""
    clap = "/huggingface.co/lukewys/laion_clap/b3708341862f581175dba5c356a4ebf74a9b6651/630k-audioset-fusion-best.pt"
    openl3 = "/github/marl/openl3/models/openl3_audio_mel256_env-v0_4_0.h5.gz"
    served.files |= {clap: b"not really", openl3: b"not really"}
    done = typed("fetch", "weights", "openl3-env", module="evalkit", EVALKIT_MIRROR=served.url, **PLAIN)
    assert done.returncode == 2
    assert "34dbd7a91cdd2de6a3d6d036ac0a24d27d78e3cc" in done.stdout, "told before"
    assert "CC-BY 4.0" in done.stdout
    assert "not 34dbd7a91cdd2de6a3d6d036ac0a24d27d78e3cc" in done.stderr
    # the group `clap` would ask for the tokenizer too, which this server does not have
    served.faults[clap] = ["drop:3"]
    done = typed("fetch", "weights", "clap", module="evalkit", EVALKIT_MIRROR=served.url, **PLAIN)
    assert done.returncode == 2
    assert "vocab.json: the server has no such file" in done.stderr
    home = tmp_path / "home"
    assert (home / "weights" / "630k-audioset-fusion-best.pt").read_bytes() == b"not really"
    assert "630k-audioset-fusion-best.pt" in (home / "sources.lock.json").read_text()
    listed = json.loads(typed("fetch", "weights", "--json", module="evalkit").stdout)
    by_name = {each["name"]: each for each in listed}
    assert by_name["clap"]["here"].endswith("630k-audioset-fusion-best.pt")
    assert by_name["passt"]["here"] == "not here"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("weights", "pasta"), "did you mean passt"),
        (("weights", "stable-audio-1"), "never published"),
        (("weights", "t5-base"), "HF_HUB_OFFLINE forbids"),
        (("weights", "clap-mini"), "nothing to fetch"),
        (("suite", "audiocap"), "did you mean audiocaps"),
        (("suites", "audiocaps"), "did you mean suite"),
    ],
)
def test_what_cannot_be_fetched_is_one_line_and_exit_2(typed: Typed, words: tuple[str, ...], told: str) -> None:
    done = typed("fetch", *words, module="evalkit", **PLAIN)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_names_it_lists_what_there_is(typed: Typed) -> None:
    suites = {each["name"]: each for each in json.loads(typed("fetch", "suite", "--json", module="evalkit").stdout)}
    assert suites["audiocaps"]["files"] == 3
    assert suites["mini"]["files"] == 0
    table = typed("fetch", "weights", module="evalkit").stdout
    assert all(name in table for name in ("openl3-env", "openl3-music", "passt", "clap", "clap_tokenizer"))
    done = typed("fetch", "suite", "mini", module="evalkit")
    assert done.returncode == 0
    assert "ships with evalkit" in done.stdout


def test_a_folder_of_evalkits_own_that_cannot_be_written_is_one_line(
    twelve: tuple[Published, str], typed: Typed, served: Served
) -> None:
    home = {"EVALKIT_HOME": "/proc/evalkit"}
    done = typed("fetch", "suite", twelve[1], module="evalkit", EVALKIT_MIRROR=served.url, **PLAIN, **home)
    assert done.returncode == 2
    assert "/proc/evalkit" in done.stderr
    assert "Traceback" not in done.stderr
