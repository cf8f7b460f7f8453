"""`evalkit score FOLDER --prompts ...`: from a folder and a captions file to a table, at the first try."""

from __future__ import annotations

import json
import os
from functools import partial
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
QUICK = ("--judges", "passt-mini", "--no-report")


@pytest.fixture
def evalkit(typed: Any) -> Any:
    """The real thing, with the minis that ship with it: what is offered depends on what they are."""
    return partial(typed, module="evalkit")


def test_a_folder_and_a_captions_file_are_enough(desk: Path, evalkit: Any) -> None:
    done = evalkit("score", "one", *WORDS)
    assert done.returncode == 0, done.stderr
    for metric in ("fd_openl3", "kl_passt", "clap_score", "bandwidth"):
        assert metric in done.stdout
    assert "[mini]" in done.stdout and "left out: duration_error" in done.stdout
    for said in ("id=id, text=caption", "paired by id with all 6 prompts", "judges: MINI", "--judges"):
        assert said in done.stderr
    assert "nothing to do" in evalkit("score", "one", *WORDS).stdout


def test_several_folders_are_one_board(desk: Path, evalkit: Any) -> None:
    done = evalkit("score", "one", "two", "one/", *WORDS, *QUICK[:2], "--json")
    told = json.loads(done.stdout)
    assert [run["model"] for run in told["runs"]] == ["one", "two"]
    page = (desk / told["report"]).read_text(encoding="utf-8")
    assert page.count("Leaderboard") == 1 and "nothing says how long" in page


def test_folders_of_one_name_do_not_take_each_other_s_place(desk: Path, evalkit: Any) -> None:
    os.renames(desk / "one", desk / "a" / "wavs")
    os.renames(desk / "two", desk / "b" / "wavs")
    told = json.loads(evalkit("score", "a/wavs", "b/wavs", *WORDS, *QUICK, "--json", "--out", "made").stdout)
    assert len({run["run"] for run in told["runs"]}) == 2
    values = [run["scores"]["kl_passt"]["value"] for run in told["runs"]]
    assert values[0] != values[1]


def test_recordings_under_other_names_are_a_set_in_every_output(desk: Path, evalkit: Any) -> None:
    for number, path in enumerate(sorted((desk / "gt").iterdir())):
        path.rename(path.with_name(f"recording-{number + 1}.wav"))
    done = evalkit("score", "one", *WORDS, "--json")
    told = json.loads(done.stdout)
    reason = "it compares clip by clip, and none is named by a prompt's id"
    assert done.returncode == 0 and "as a set" in done.stderr
    assert "kl_passt" not in told["scores"] and told["left_out"]["kl_passt"] == reason
    run = json.loads((desk / told["run"] / "run.json").read_text(encoding="utf-8"))
    assert run["suite"]["left_out"]["kl_passt"] == reason and any("as a set" in note for note in run["suite"]["notes"])
    page = (desk / told["report"]).read_text(encoding="utf-8")
    assert "left out: KL-PaSST: it compares clip by clip" in page and "as a set" in page
    written = evalkit("report", told["run"], "--out", "t.md").returncode, (desk / "t.md").read_text(encoding="utf-8")
    assert written[0] == 0 and "left out: KL-PaSST" in written[1]


def test_sixty_ids_that_end_in_wav_score(tmp_path: Path, evalkit: Any) -> None:
    names = [f"clip {number}.wav" for number in range(60)]
    sounds(tmp_path / "made", names)
    table = "file_name;text\n" + "".join(f"audio/{name};sound {name}\n" for name in names)
    (tmp_path / "c.csv").write_text(table, encoding="utf-8-sig")
    done = evalkit("score", "made", "--prompts", "c.csv", *QUICK)
    assert done.returncode == 0 and "60 of 60 prompts have audio" in done.stdout


def test_texts_beside_the_sounds_and_names_as_prompts(desk: Path, evalkit: Any) -> None:
    assert "6 of 6" in evalkit("score", "one", "--prompts", "names", *QUICK).stdout
    for path in list((desk / "one").iterdir()):
        path.with_suffix(".txt").write_text("some words", encoding="utf-8")
    assert "6 of 6" in evalkit("score", "one", "--reference", "gt", *QUICK).stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--suite", "mini", "--prompts", "captions.csv"), "--suite mini has its prompts.*--reference mini"),
        (("--prompts", "captions.csv", "--columns", "id"), "not of the form ROLE=NAME"),
        (("--prompts", "captions.csv", "--judges", "mini,"), "a name in it is empty"),
        (("--prompts", "gone.csv"), "gone.csv: no such prompt file"),
        (("--prompts", "captions.csv", "--reference", "gone"), "--reference gone: no such file or folder"),
        (("--prompts", "captions.csv", "--columns", "id=caption"), "no file is named by a prompt"),
        (("--reference", "gt"), "neither s0.txt nor s0.json"),
    ],
)
def test_a_mistake_is_one_line_before_any_work(desk: Path, evalkit: Any, words: tuple[str, ...], said: str) -> None:
    done = evalkit("score", "one", *words)
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert all(part in last for part in said.split(".*"))
    assert not (desk / "runs").exists()


def test_a_model_runs_on_the_same_options(desk: Path, evalkit: Any) -> None:
    """And its run stands beside scored folders: what is asked is the same, though nothing says how long."""
    words = ("--model", "evalkit_fakes:Moody", *WORDS, *QUICK[:2], "--json")
    made = json.loads(evalkit("run", *words, "--no-report").stdout)
    scored = json.loads(evalkit("score", "one", *WORDS, *QUICK, "--json").stdout)
    assert made["n_ok"] == 6 and made["suite"] == scored["suite"]
    runs = [json.loads((desk / each["run"] / "run.json").read_text(encoding="utf-8")) for each in (made, scored)]
    assert runs[0]["suite"]["digest"] == runs[1]["suite"]["digest"]
    assert runs[0]["identity"]["seconds"] == 10.0 and "10 s" in " ".join(runs[0]["model"]["notes"])
    assert json.loads(evalkit("generate", *words).stdout)["run"] == made["run"]


def test_a_suite_that_is_written_gives_the_same_scores(desk: Path, evalkit: Any) -> None:
    done = evalkit("suites", "new", "desk", "--from", "captions.csv", "--reference", "gt", *QUICK[:2])
    assert done.returncode == 0 and "desk.toml" in done.stdout, done.stderr
    by_options = json.loads(evalkit("score", "one", *WORDS, *QUICK, "--json").stdout)
    by_suite = json.loads(evalkit("score", "one", "--suite", "desk.toml", "--json", "--no-report").stdout)
    assert by_suite["scores"] == by_options["scores"] and by_suite["left_out"] == by_options["left_out"]
    spaced = evalkit("suites", "new", "my desk", "--from", "captions.csv")
    assert "--suite 'my desk.toml'" in spaced.stdout, "the line that is printed is to be typed"
    of_nothing = evalkit("suites", "new", "other")
    assert of_nothing.returncode == 2 and "--from FILE" in of_nothing.stderr and "--prompts" not in of_nothing.stderr
    again = evalkit("suites", "new", "desk", "--from", "captions.csv")
    assert again.returncode == 2 and "is there already" in again.stderr


@pytest.mark.parametrize("form", ["equal", "copies", "one of them"])
def test_sounds_that_are_the_reference_are_told_beside_the_numbers(desk: Path, evalkit: Any, form: str) -> None:
    """A distance of nothing is no success: whichever folders the same files lie in."""
    if form != "equal":
        names = [f"s{number}.wav" for number in range(6 if form == "copies" else 1)]
        for name in names:
            (desk / "gt" / name).write_bytes((desk / "one" / name).read_bytes())
    reference = "one" if form == "equal" else "gt"
    words = ("--prompts", "captions.csv", "--reference", reference, *QUICK, "--json")
    scores = json.loads(evalkit("score", "one", *words).stdout)["scores"]
    count = 1 if form == "one of them" else 6
    verb = "is itself a recording" if count == 1 else "are themselves recordings"
    told = f"{count} of 6 sounds {verb} of the reference, to the byte"
    assert told in scores["kl_passt"]["warnings"]
    assert not any("to the byte" in each for each in scores["is_passt"]["warnings"]), "which compares with nothing"


def test_whole_numbers_saved_as_floats_are_told_beside_the_numbers(desk: Path, evalkit: Any) -> None:
    for path in (desk / "two").iterdir():
        samples, rate = soundfile.read(path)
        soundfile.write(path, np.round(samples * 32767), rate, subtype="FLOAT")
    found = json.loads(evalkit("score", "two", *WORDS, *QUICK, "--json").stdout)
    for entry in found["scores"].values():
        assert any("6 of 6 sounds are integer_scale" in each for each in entry["warnings"])
    assert "of 6 sounds are integer_scale" in evalkit("score", "two", *WORDS, *QUICK).stdout


def test_no_warning_says_its_metrics_name_twice(desk: Path, evalkit: Any) -> None:
    """Too few reference clips for a neighbourhood: the table says which metric, and the reason need not."""
    for path in sorted((desk / "gt").iterdir())[:2]:
        path.unlink()
    words = ("--prompts", "captions.csv", "--reference", "gt", "--judges", "openl3-mini", "--no-report")
    done = evalkit("score", "one", *words)
    assert done.returncode == 0, done.stderr
    assert "density_openl3" in done.stdout and "density_openl3: density_openl3:" not in done.stdout
    scores = json.loads(evalkit("score", "one", *words, "--json").stdout)["scores"]
    for name, entry in scores.items():
        assert not any(each.startswith(f"{name}:") for each in entry["warnings"])
