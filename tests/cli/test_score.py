"""`evalkit score FOLDER --prompts ...`: from a folder and a captions file to a table, at the first try."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

CAPTIONS = "id,caption\n" + "".join(f"s{number},a sound of kind {number}\n" for number in range(6))


def sounds(folder: Path, names: list[str], seed: int = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        samples = np.random.default_rng(seed + number).uniform(-0.3, 0.3, (4000, 2))
        soundfile.write(folder / name, samples, 8000)
    return folder


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """Captions, two systems' outputs and recordings, named by id."""
    names = [f"s{number}.wav" for number in range(6)]
    for seed, folder in enumerate(("one", "two", "gt")):
        sounds(tmp_path / folder, names, 100 * seed)
    (tmp_path / "captions.csv").write_text(CAPTIONS, encoding="utf-8")
    return tmp_path


WORDS = ("--prompts", "captions.csv", "--reference", "gt")


def test_a_folder_and_a_captions_file_are_enough(desk: Path, typed: Any) -> None:
    done = typed("score", "one", *WORDS, module="evalkit")
    assert done.returncode == 0, done.stderr
    for metric in ("fd_openl3", "kl_passt", "clap_score", "bandwidth"):
        assert metric in done.stdout
    assert "[mini]" in done.stdout and "left out: duration_error" in done.stdout
    for said in ("id=id, text=caption", "paired by id with all 6 prompts", "judges: MINI", "--judges"):
        assert said in done.stderr
    assert "nothing to do" in typed("score", "one", *WORDS, module="evalkit").stdout


def test_several_folders_are_one_board(desk: Path, typed: Any) -> None:
    done = typed("score", "one", "two", "one/", *WORDS, "--json")
    told = json.loads(done.stdout)
    assert [run["model"] for run in told["runs"]] == ["one", "two"]
    page = (desk / told["report"]).read_text(encoding="utf-8")
    assert page.count("Leaderboard") == 1 and "nothing says how long" in page


def test_folders_of_one_name_do_not_take_each_other_s_place(desk: Path, typed: Any) -> None:
    os.renames(desk / "one", desk / "a" / "wavs")
    os.renames(desk / "two", desk / "b" / "wavs")
    told = json.loads(typed("score", "a/wavs", "b/wavs", *WORDS, "--json", "--out", "made").stdout)
    assert len({run["run"] for run in told["runs"]}) == 2
    values = [run["scores"]["fd_openl3"]["value"] for run in told["runs"]]
    assert values[0] != values[1]


def test_recordings_under_other_names_are_a_set_in_every_output(desk: Path, typed: Any) -> None:
    for number, path in enumerate(sorted((desk / "gt").iterdir())):
        path.rename(path.with_name(f"recording-{number + 1}.wav"))
    done = typed("score", "one", *WORDS, "--json", module="evalkit")
    told = json.loads(done.stdout)
    reason = "it compares clip by clip, and none is named by a prompt's id"
    assert done.returncode == 0 and "as a set" in done.stderr
    assert "kl_passt" not in told["scores"] and told["left_out"]["kl_passt"] == reason
    run = json.loads((desk / told["run"] / "run.json").read_text(encoding="utf-8"))
    assert run["suite"]["left_out"]["kl_passt"] == reason and any("as a set" in note for note in run["suite"]["notes"])
    page = (desk / told["report"]).read_text(encoding="utf-8")
    assert "left out: KL-PaSST: it compares clip by clip" in page and "as a set" in page
    written = typed("report", told["run"], "--out", "t.md").returncode, (desk / "t.md").read_text(encoding="utf-8")
    assert written[0] == 0 and "left out: KL-PaSST" in written[1]


def test_sixty_ids_that_end_in_wav_score(tmp_path: Path, typed: Any) -> None:
    names = [f"clip {number}.wav" for number in range(60)]
    sounds(tmp_path / "made", names)
    table = "file_name;text\n" + "".join(f"audio/{name};sound {name}\n" for name in names)
    (tmp_path / "c.csv").write_text(table, encoding="utf-8-sig")
    done = typed("score", "made", "--prompts", "c.csv", "--judges", "openl3-mini", "--no-report")
    assert done.returncode == 0 and "60 of 60 prompts have audio" in done.stdout


def test_texts_beside_the_sounds_and_names_as_prompts(desk: Path, typed: Any) -> None:
    assert "6 of 6" in typed("score", "one", "--prompts", "names", "--no-report").stdout
    for path in list((desk / "one").iterdir()):
        path.with_suffix(".txt").write_text("some words", encoding="utf-8")
    assert "6 of 6" in typed("score", "one", "--reference", "gt", "--no-report").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--suite", "mini", "--prompts", "captions.csv"), "--suite mini has its prompts.*--reference mini"),
        (("--columns", "id"), "not of the form ROLE=NAME"),
        (("--judges", "mini,"), "a name in it is empty"),
        (("--prompts", "gone.csv"), "gone.csv: no such prompt file"),
        (("--prompts", "captions.csv", "--reference", "gone"), "--reference gone: no such file or folder"),
        (("--prompts", "captions.csv", "--columns", "id=caption"), "no file is named by a prompt"),
        (("--reference", "gt"), "neither s0.txt nor s0.json"),
    ],
)
def test_a_mistake_is_one_line_before_any_work(desk: Path, typed: Any, words: tuple[str, ...], said: str) -> None:
    done = typed("score", "one", *words)
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert all(part in last for part in said.split(".*"))
    assert not (desk / "runs").exists()


def test_a_model_runs_on_the_same_options(desk: Path, typed: Any) -> None:
    """And its run stands beside scored folders: what is asked is the same, though nothing says how long."""
    words = ("--model", "evalkit_fakes:Moody", *WORDS, "--json", "--no-report")
    made = json.loads(typed("run", *words).stdout)
    scored = json.loads(typed("score", "one", *WORDS, "--json", "--no-report").stdout)
    assert made["n_ok"] == 6 and made["suite"] == scored["suite"]
    runs = [json.loads((desk / each["run"] / "run.json").read_text(encoding="utf-8")) for each in (made, scored)]
    assert runs[0]["suite"]["digest"] == runs[1]["suite"]["digest"]
    assert runs[0]["identity"]["seconds"] == 10.0 and "10 s" in " ".join(runs[0]["model"]["notes"])
    assert json.loads(typed("generate", *words[:-1]).stdout)["run"] == made["run"]


def test_a_suite_that_is_written_gives_the_same_scores(desk: Path, typed: Any) -> None:
    done = typed("suites", "new", "desk", "--from", "captions.csv", "--reference", "gt")
    assert done.returncode == 0 and "desk.toml" in done.stdout, done.stderr
    by_options = json.loads(typed("score", "one", *WORDS, "--json", "--no-report").stdout)
    by_suite = json.loads(typed("score", "one", "--suite", "desk.toml", "--json", "--no-report").stdout)
    assert by_suite["scores"] == by_options["scores"] and by_suite["left_out"] == by_options["left_out"]
    again = typed("suites", "new", "desk", "--from", "captions.csv")
    assert again.returncode == 2 and "is there already" in again.stderr
