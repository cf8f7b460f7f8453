"""`evalkit new`: what it writes works as it stands, and the two commands that it tells do what they say."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from evalkit.cli.new import KINDS

Answer = tuple[int, str, str]
Evalkit = Callable[..., Answer]
SKELETONS = sorted((Path(__file__).resolve().parents[2] / "evalkit" / "skeletons").glob("*.*"))


def told(out: str) -> list[list[str]]:
    """The words of the commands that were told, less `evalkit`."""
    return [shlex.split(line.partition(":")[2])[1:] for line in out.splitlines() if line.startswith(("check", "run"))]


@pytest.mark.parametrize("path", SKELETONS, ids=lambda path: path.name)
def test_a_skeleton_has_at_most_30_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 30


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", [(), ("--out", "my own")])
def test_what_is_written_is_checked_and_run_by_the_commands_that_are_told(
    kind: str, place: tuple[str, ...], evalkit: Evalkit, tmp_path: Path
) -> None:
    code, out, err = evalkit("new", kind, "low_hum", *place)
    assert code == 0, err
    check, run = told(out)
    code, out, err = evalkit(*check)
    assert code == 0, out + err
    if kind != "suite":
        assert "keeps them all" in out
    if kind == "embedder":
        for folder in ("sounds", "real"):
            (tmp_path / folder).mkdir()
            for place_ in range(6):
                sound = np.random.default_rng(place_).normal(0, 0.1, 8000)
                soundfile.write(tmp_path / folder / f"a sound {place_}.wav", sound, 8000)
        run = [{"SOUNDS": "sounds", "RECORDINGS": "real"}.get(word, word) for word in run]
    if kind == "model":
        run = ["no-report" if word == "--limit" else word for word in run[:-2]] + ["--limit", "6"]
    code, out, err = evalkit(*run, "--no-report")
    assert code == 0, out + err
    names = {
        "model": "low_hum on suite mini",
        "metric": "low_hum.py:METRIC",
        "embedder": "fd_lowhum",
        "suite": "clap_score",
    }
    assert names[kind] in out


def test_nothing_is_overwritten(evalkit: Evalkit, tmp_path: Path) -> None:
    """Not one of several files either, and then none of them is written."""
    (tmp_path / "hum.csv").write_text("mine")
    code, _, err = evalkit("new", "suite", "hum")
    assert code == 2 and "hum.csv: already there" in err
    assert [path.name for path in tmp_path.iterdir()] == ["hum.csv"] and (tmp_path / "hum.csv").read_text() == "mine"
    (tmp_path / "hum.py").symlink_to(tmp_path / "elsewhere.py")
    assert evalkit("new", "model", "hum")[0] == 2 and not (tmp_path / "elsewhere.py").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("modle", "hum"), "did you mean model"),
        (("model", "../hum"), "is no name for it"),
        (("model", "my-hum"), "small letters, digits and _"),
        (("model", "class"), "is no name for it"),
        (("model", ""), "NAME is empty"),
        (("model", "mock"), "a model called mock already"),
        (("metric", "fd_openl3"), "a metric called fd_openl3 already"),
        (("embedder", "sound"), "an embedder called sound already"),
        (("suite", "mini"), "a suite called mini already"),
        (("suite", "hum", "--out", "file.txt"), "file.txt/hum.toml"),
    ],
)
def test_what_can_be_no_name_is_one_line(
    words: tuple[str, ...], message: str, evalkit: Evalkit, tmp_path: Path
) -> None:
    (tmp_path / "file.txt").touch()
    code, _, err = evalkit("new", *words)
    assert code == 2 and message in err and err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]


@pytest.mark.parametrize(("kind", "name"), [("embedder", "clip"), ("embedder", "features"), ("model", "options")])
def test_a_name_that_the_skeleton_has_for_something_else_is_no_clash(kind: str, name: str, evalkit: Evalkit) -> None:
    check, _ = told(evalkit("new", kind, name)[1])
    assert check[-1] == f"{name}.py:My{name.capitalize()}"
    code, out, err = evalkit(*check)
    assert code == 0, out + err
