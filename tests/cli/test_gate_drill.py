"""The gate drill: whatever is wrong with one of the two sides, `evalkit check` never passes in silence.

Each row of the table does something to a run's folder or to a baseline file, as a fault or a person with an editor
would, and says what comes of it: exit 1 (a verdict that does not pass), exit 2 (the side is refused), or exit 0 with a
sentence. A baseline file is tried as it is written now, with the digest of its content, and as it was before that.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from evalkit_gate import IDS, N, changed, record, write_run

from evalkit.cli.main import main
from evalkit.comparison.record import Record

Answer = tuple[int, str]
FEW = IDS[3:]


def scored(seed: int, shift: float = 0.0) -> Record:
    """A run whose distance has folds; two of them differ by nothing but their seeds."""
    shared, own = np.random.default_rng(7).normal(0, 0.5, 25), np.random.default_rng(seed).normal(0, 0.01, 25)
    value = 100 + 10 * shift
    kept = {"value": value, "low": value - 4, "high": value + 4, "leave_outs": (value + shared + own).tolist()}
    return changed(record(shift=shift, noise=0.01, seed=seed), "fd_openl3", **kept)


def without_some(run: Record, lost: int) -> Record:
    """The run with its first prompts failed."""
    left, metrics = IDS[lost:], {}
    for name, score in run.metrics.items():
        values = {i: value for i, value in score["per_prompt"].items() if i in left}
        mean = math.fsum(values.values()) / len(values) if values else score["value"]
        metrics[name] = {**score, "per_prompt": values, "value": mean, "n": len(left), "n_failed": lost}
    return replace(run, metrics=metrics, groups={i: i for i in left})


def lose_rows(folder: Path, lost: int) -> None:
    path = folder / "samples.parquet"
    table = pq.read_table(path).to_pydict()
    table["status"] = ["failed" if at < lost else each for at, each in enumerate(table["status"])]
    pq.write_table(pa.table(table), path)


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """`check(*words)` -> (exit code, all that was said), in tmp_path."""
    monkeypatch.chdir(tmp_path)

    def call(*words: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["evalkit", "check", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), "".join(capsys.readouterr())

    return call


@pytest.fixture
def sides(tmp_path: Path, check: Callable[..., Answer]) -> Path:
    """`run/` and `base.json`, which pass."""
    write_run(tmp_path / "run", scored(2))
    write_run(tmp_path / "base", scored(1))
    assert check("base", "--save", "--baseline", "base.json")[0] == 0
    code, told = check("run", "--baseline", "base.json")
    assert code == 0 and told.endswith("pass\n") and "invalid" not in told
    return tmp_path


def kl(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda scores: scores["kl_passt"].update(changes)


SCORES: list[tuple[str, Callable[[dict[str, Any]], None], str]] = [
    ("no value", kl(value=None), "has no value"),
    ("NaN", kl(value=math.nan), "has no value (nan)"),
    ("infinite", kl(value=math.inf), "has no value (inf)"),
    ("true for a value", kl(value=True), "value is True"),
    ("text for a value", kl(value="3.0"), "value is '3.0'"),
    ("a missing metric", lambda scores: scores.pop("kl_passt"), "kl_passt"),
    ("no metrics at all", lambda scores: scores.clear(), ""),
    ("other n", kl(n=N - 1), "another n"),
    ("n that is none", kl(n=0), "has no n"),
    ("failures that are not there", kl(n_failed=3), "another n_failed"),
    ("other reference", kl(n_reference=3), "another n_reference"),
    ("other protocol", kl(protocol="other"), "another protocol"),
    ("other weights", kl(weights="x" * 64), "another weights"),
    ("other direction", kl(direction="higher"), "another direction"),
    ("other code", kl(code="c" * 64), ""),
    ("interval of NaN", kl(low=math.nan), "interval that is not a number"),
    ("error below zero", kl(se=-1.0), "below zero"),
    ("value beside its rows", kl(value=1.0), "not the mean of its prompts' values"),
    ("a better value beside its folds", lambda scores: scores["fd_openl3"].update(value=90.0), "one was altered"),
    ("a worse value beside its folds", lambda scores: scores["fd_openl3"].update(value=130.0), "fd_openl3"),
]
"""What is wrong with the scores of a side. Other code is told only where both sides have some."""


@pytest.mark.parametrize(("change", "told"), [each[1:] for each in SCORES], ids=[each[0] for each in SCORES])
def test_scores_of_a_run(
    check: Callable[..., Answer], sides: Path, change: Callable[[dict[str, Any]], None], told: str
) -> None:
    edit(sides / "run" / "scores.json", change)
    code, said = check("run", "--baseline", "base.json")
    assert (code in (1, 2) and told in said) or (told == "" and "code" not in said and code == 0), said


@pytest.mark.parametrize("older", [False, True], ids=["now", "before content was kept"])
@pytest.mark.parametrize(("change", "told"), [each[1:] for each in SCORES], ids=[each[0] for each in SCORES])
def test_scores_of_a_baseline_that_was_edited(
    check: Callable[..., Answer], sides: Path, change: Callable[[dict[str, Any]], None], told: str, older: bool
) -> None:
    edit(sides / "base.json", lambda table: change(table["metrics"]))
    if older:
        edit(sides / "base.json", lambda table: table.pop("content"))
    code, said = check("run", "--baseline", "base.json")
    if not older:
        assert code in (1, 2), said
        assert code == 2 or "was changed since evalkit wrote it" in said or told in said, said
    elif change is SCORES[5][1]:
        assert code == 0 and "not in the baseline, not compared: kl_passt" in said
    elif change is SCORES[14][1]:
        assert code == 0
    else:
        assert code in (1, 2) and told in said, said


def emptied(table: dict[str, Any]) -> None:
    for score in table["metrics"].values():
        score["per_prompt"] = {}


def eased(table: dict[str, Any]) -> None:
    table["metrics"]["kl_passt"]["per_prompt"] = dict.fromkeys(IDS, 9.0)


WHOLE: list[tuple[str, Callable[[dict[str, Any]], Any], str]] = [
    ("rows that are gone", emptied, "not the mean of its prompts' values"),
    ("rows that were written in", eased, "not the mean of its prompts' values"),
    ("another suite", lambda table: table["suite"].update(name="other"), "another suite: mini, the baseline has other"),
    ("suite version", lambda table: table["suite"].update(version="2"), "another suite version"),
    ("suite content", lambda table: table["suite"].update(digest="0" * 64), "another suite content"),
    ("suite protocol", lambda table: table["suite"].update(protocol="2"), "another protocol"),
    ("sounds a prompt", lambda table: table.update(samples_per_prompt=2), "another number of sounds"),
    ("other prompts", lambda table: table.update(groups={f"q{i}": i for i in IDS}), "other prompts were scored"),
    ("fewer prompts", lambda table: table.update(groups={i: i for i in FEW}), "other prompts were scored"),
    ("not a baseline", lambda table: table.update(kind="x"), "is not a baseline file"),
    ("of tomorrow", lambda table: table.update(schema=2), "has schema 2"),
    ("a field of nobody", lambda table: table.update(extra=1), "extra"),
    ("embedder", lambda table: table["metrics"]["kl_passt"].update(embedder="x"), "another embedder settings"),
]


@pytest.mark.parametrize("older", [False, True], ids=["now", "before content was kept"])
@pytest.mark.parametrize(("change", "told"), [each[1:] for each in WHOLE], ids=[each[0] for each in WHOLE])
def test_a_baseline_that_was_edited(
    check: Callable[..., Answer], sides: Path, change: Callable[[dict[str, Any]], None], told: str, older: bool
) -> None:
    edit(sides / "base.json", change)
    if older:
        edit(sides / "base.json", lambda table: table.pop("content"))
    code, said = check("run", "--baseline", "base.json")
    assert code in (1, 2) and (told in said or (not older and "was changed since evalkit wrote it" in said)), said


def test_whatever_is_altered_in_a_baseline_is_known(check: Callable[..., Answer], sides: Path) -> None:
    """A prompt's value moved a little to another's: the mean is as it was."""

    def moved(table: dict[str, Any]) -> None:
        values = table["metrics"]["clap_score"]["per_prompt"]
        values[IDS[0]] += 0.001
        values[IDS[1]] -= 0.001

    edit(sides / "base.json", moved)
    code, said = check("run", "--baseline", "base.json")
    assert code == 1 and said.count("the file of the baseline was changed since evalkit wrote it") == 3
    code, said = check("base.json", "--save", "--baseline", "washed.json")
    assert code == 2 and "was changed since evalkit wrote it" in said and not (sides / "washed.json").exists()


def test_laid_out_anew_it_is_the_same_baseline(check: Callable[..., Answer], sides: Path) -> None:
    table = json.loads((sides / "base.json").read_text())
    (sides / "base.json").write_text(json.dumps(dict(reversed(table.items()))))
    assert check("run", "--baseline", "base.json")[0] == 0


def test_a_prompt_that_is_there_twice(check: Callable[..., Answer], sides: Path) -> None:
    path = sides / "run" / "samples.parquet"
    table = pq.read_table(path)
    pq.write_table(pa.concat_tables([table, table.slice(0, 1)]), path)
    code, said = check("run", "--baseline", "base.json")
    assert code == 2 and "twice there" in said
    text = (sides / "base.json").read_text().replace(f'"{IDS[0]}": ', f'"{IDS[1]}": 99.0, "{IDS[0]}": ')
    (sides / "base.json").write_text(text)
    write_run(sides / "again", scored(3))
    code, said = check("again", "--baseline", "base.json")
    assert code == 2 and "a key is twice there" in said


@pytest.mark.parametrize("name", ["run.json", "scores.json"])
def test_a_word_that_is_there_twice_is_not_the_last_one(check: Callable[..., Answer], sides: Path, name: str) -> None:
    path = sides / "run" / name
    path.write_text(path.read_text().rstrip().removesuffix("}") + ', "status": "success", "status": "success"}')
    code, said = check("run", "--baseline", "base.json")
    assert code == 2 and name in said and "a key is twice there" in said


@pytest.mark.parametrize("empty", ["nulls", "no column"])
def test_a_run_without_rows_of_its_prompts(check: Callable[..., Answer], sides: Path, empty: str) -> None:
    path = sides / "run" / "samples.parquet"
    table = pq.read_table(path).drop_columns(["kl_passt"])
    if empty == "nulls":
        table = table.append_column("kl_passt", pa.array([None] * N, pa.float64()))
    pq.write_table(table, path)
    code, said = check("run", "--baseline", "base.json")
    assert code == 1 and "the value of the run is not the mean of its prompts' values" in said


@pytest.mark.parametrize("status", ["started", "error", "cancelled", "decided", "", None, 3])
def test_a_run_that_has_not_ended_well(check: Callable[..., Answer], sides: Path, status: object) -> None:
    edit(sides / "run" / "run.json", lambda facts: facts.update(status=status))
    code, said = check("run", "--baseline", "base.json")
    assert code == 2 and "not finished" in said, said


@pytest.mark.parametrize("key", ["torch", "device", "dtype", "evalkit"])
def test_another_machine_is_said(check: Callable[..., Answer], sides: Path, key: str) -> None:
    made = {"versions": {"torch": "2.13.0", "evalkit": "0.1.0"}, "device": "cpu", "dtype": "float32"}
    for folder in ("run", "base"):
        edit(sides / folder / "run.json", lambda facts: facts.update(json.loads(json.dumps(made))))
    assert check("base", "--save", "--baseline", "base.json")[0] == 0

    def other(facts: dict[str, Any]) -> None:
        (facts["versions"] if key in facts["versions"] else facts)[key] = "other"

    edit(sides / "run" / "run.json", other)
    code, said = check("run", "--baseline", "base.json")
    assert code == 0 and f"another {key} than the baseline's: other, there" in said


def test_values_that_are_all_equal_are_said(check: Callable[..., Answer], sides: Path) -> None:
    flat = dict.fromkeys(IDS, 3.0)
    write_run(sides / "flat", changed(scored(2), "kl_passt", value=3.0, per_prompt=flat, low=None, high=None))
    code, said = check("flat", "--baseline", "base.json")
    assert "kl_passt: every prompt of the run has the same value, 3" in said and code in (0, 1)


@pytest.mark.parametrize(
    ("here", "there", "code", "told"),
    [
        (3, 0, 1, "a run that fails on more does not pass by the rest"),
        (3, 1, 1, "3 of 60 sounds of the run failed and 1 of 60 sounds of the baseline failed"),
        (0, 3, 1, "a distance of sets is compared over the same prompts alone"),
        (3, 3, 0, "compared over the 57 prompts that both have"),
    ],
)
def test_sounds_that_failed(
    check: Callable[..., Answer], sides: Path, here: int, there: int, code: int, told: str
) -> None:
    """A model that fails on the hard prompts scores better on the rest."""
    for name, lost, seed in (("hurt", here, 2), ("old", there, 1)):
        lose_rows(write_run(sides / name, without_some(scored(seed), lost)), lost)
    for baseline in ("old", "old.json"):
        if baseline == "old.json":
            assert check("old", "--save", "--baseline", baseline)[0] == 0
        found, said = check("hurt", "--baseline", baseline)
        assert found == code and told in said, said
    found, said = check("hurt", "--baseline", "old", "--metric", "kl_passt", "--json")
    each = json.loads(said)["metrics"]["kl_passt"]
    assert found == (here > there) and (each["n_failed"], each["baseline_failed"]) == (here, there)
    assert "prompts that both have" in each["told"] and each["verdict"] == ("invalid" if here > there else "pass")
    early = json.loads(check("hurt", "--baseline", "old", "--metric", "kl_passt", "--json", "--stop-early")[1])
    assert early["metrics"]["kl_passt"]["verdict"] == each["verdict"]


def test_a_run_that_fails_on_more_may_still_be_called_worse(check: Callable[..., Answer], sides: Path) -> None:
    lose_rows(write_run(sides / "bad", without_some(scored(2, shift=0.5), 3)), 3)
    code, said = check("bad", "--baseline", "base.json", "--metric", "kl_passt")
    assert code == 1 and "kl_passt: worse: 3 of 60 sounds of the run failed" in said


def test_the_json_is_as_the_readme_says(
    check: Callable[..., Answer], sides: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    told = readme[readme.index("`check --json` is one object") : readme.index("`compare` exits with 0")]
    checked, compared = (set(re.findall("`([a-z_]+)`", part)) for part in told.split("`compare --json`"))
    found = json.loads(check("run", "--baseline", "base.json", "--json")[1])
    assert checked == {*found, *found["metrics"]["kl_passt"]}
    monkeypatch.setattr(sys, "argv", ["evalkit", "compare", "run", "base.json", "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    found = json.loads(capsys.readouterr().out)
    assert not ended.value.code and compared == {*found, *found["comparisons"][0]}


def edit(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    table = json.loads(path.read_text())
    change(table)
    path.write_text(json.dumps(table))
