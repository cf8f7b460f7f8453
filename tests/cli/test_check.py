"""`evalkit check`: exit 0 only where nothing is worse, 1 with the reason, 2 for what the user can fix."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evalkit.cli.main import main

Answer = tuple[int, str, str]
IDS = [f"p{index}" for index in range(20)]


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """`check(*arguments)` -> (exit code, stdout, stderr)."""

    def call(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["evalkit", "check", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return call


def make_run(folder: Path, shift: float = 0.0, **changes: Any) -> Path:
    """A run folder with one paired metric, `shift` worse than the plain one."""
    values = [1.0 + shift + 0.01 * (index % 5) + 0.002 * shift * index for index in range(len(IDS))]
    score = {"value": sum(values) / len(values), "low": 0.9, "high": 1.1, "level": 0.95, "method": "m"}
    score |= {"n": len(IDS), "n_failed": 0, "n_reference": 9, "direction": "lower", "protocol": "p", "weights": "w"}
    folder.mkdir()
    suite = {"name": "s", "version": "1", "digest": "d", "protocol": "p", "size": "mini"}
    run = {"status": "success", "run_id": "r", "suite": suite, "model": {"name": "m"}, "metrics": {}}
    (folder / "run.json").write_text(json.dumps(run))
    (folder / "scores.json").write_text(json.dumps({"kl_passt": {**score, **changes}}))
    columns = {"id": IDS, "group": IDS, "status": ["ok"] * len(IDS), "kl_passt": values}
    pq.write_table(pa.table(columns), folder / "samples.parquet")
    return folder


@pytest.fixture
def saved(tmp_path: Path, check: Callable[..., Answer]) -> Path:
    """A baseline file of the plain run."""
    code, out, _ = check(make_run(tmp_path / "plain"), "--save", "--baseline", tmp_path / "base.json")
    assert code == 0
    assert "baseline written" in out
    return tmp_path / "base.json"


def test_a_run_passes_against_itself(tmp_path: Path, check: Callable[..., Answer], saved: Path) -> None:
    code, out, _ = check(tmp_path / "plain", "--baseline", saved, "--strict")
    assert code == 0
    assert "kl_passt" in out
    assert out.rstrip().endswith("pass (strict)")


def test_a_worse_run_exits_1_and_shows_by_how_much(tmp_path: Path, check: Callable[..., Answer], saved: Path) -> None:
    worse = make_run(tmp_path / "worse", shift=0.3)
    code, out, _ = check(worse, "--baseline", saved)
    assert code == 1
    assert "worse" in out
    assert "FAIL" in out
    code, out, _ = check(worse, "--baseline", saved, "--json", "--junit", tmp_path / "j.xml")
    answer = json.loads(out)
    assert code == 1
    assert answer["verdict"] == "fail"
    assert answer["metrics"]["kl_passt"]["difference"] == pytest.approx(0.3, abs=0.02)
    assert ElementTree.parse(tmp_path / "j.xml").getroot().get("failures") == "1"


def test_a_tolerance_accepts_it(tmp_path: Path, check: Callable[..., Answer], saved: Path) -> None:
    worse = make_run(tmp_path / "worse", shift=0.3)
    assert check(worse, "--baseline", saved, "--tolerance", "kl_passt=0.5")[0] == 0


def test_nan_and_a_missing_metric_exit_1(tmp_path: Path, check: Callable[..., Answer], saved: Path) -> None:
    broken = make_run(tmp_path / "nan", value=float("nan"))
    code, out, _ = check(broken, "--baseline", saved)
    assert code == 1
    assert "the run has no value (nan)" in out
    (broken / "scores.json").write_text("{}")
    code, out, _ = check(broken, "--baseline", saved)
    assert code == 1
    assert "the run does not have this metric" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("plain", "--baseline", "gone.json"), "gone.json: no such baseline file, run folder or bundle"),
        (("gone", "--baseline", "base.json"), "gone: no such baseline file, run folder or bundle"),
        (("plain", "--baseline", "plain/run.json"), "is not a baseline file"),
        (("plain", "--baseline", "base.json", "--metric", "kl_past"), "did you mean kl_passt"),
        (("plain", "--baseline", "base.json", "--tolerance", "kl_passt"), "is not METRIC=VALUE"),
        (("plain", "--baseline", "base.json", "--tolerance", "kl_passt=nan"), "is not METRIC=VALUE"),
        (("plain", "--baseline", "base.json", "--tolerance", "kl_passt=-1"), "is not METRIC=VALUE"),
    ],
)
def test_what_the_user_can_fix_exits_2_in_one_line(
    tmp_path: Path,
    check: Callable[..., Answer],
    saved: Path,
    arguments: tuple[str, ...],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = check(*arguments)
    assert code == 2
    assert not out
    assert words in err
    assert err.count("\n") == 1


def test_a_run_without_headline_metrics_is_saved_only_by_name(tmp_path: Path, check: Callable[..., Answer]) -> None:
    """It was saved, and the next check refused what had been saved."""
    run, base = make_run(tmp_path / "further", headline=False), tmp_path / "base.json"
    code, out, err = check(run, "--save", "--baseline", base)
    assert code == 2 and not out and "no headline metric" in err and "--save --metric kl_passt" in err
    assert not base.exists()
    assert check(run, "--save", "--baseline", base, "--metric", "kl_passt")[0] == 0
    assert check(run, "--baseline", base)[0] == 0
    assert check(make_run(tmp_path / "worse", shift=0.3, headline=False), "--baseline", base)[0] == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"n": 0},
        {"n": None},
        {"value": None},
        {"value": float("nan")},
        {"direction": "none"},
        {"direction": ""},
        {"direction": "lower", "low": "x"},
    ],
)
def test_what_no_run_could_be_held_against_is_not_saved(
    tmp_path: Path, check: Callable[..., Answer], changes: dict[str, object]
) -> None:
    """Whatever the next check would call invalid is refused while it can still be put right."""
    code, out, err = check(make_run(tmp_path / "run", **changes), "--save", "--baseline", tmp_path / "base.json")
    assert code == 2 and not out and err.count("\n") == 1
    assert not (tmp_path / "base.json").exists()


def test_a_run_without_any_metric_is_no_baseline(tmp_path: Path, check: Callable[..., Answer]) -> None:
    run = make_run(tmp_path / "run")
    (run / "scores.json").write_text("{}")
    assert check(run, "--save", "--baseline", tmp_path / "base.json")[0] == 2


def test_what_only_the_comparing_uses_is_refused_beside_save(tmp_path: Path, check: Callable[..., Answer]) -> None:
    run = make_run(tmp_path / "run")
    for words in (("--strict",), ("--tolerance", "kl_passt=1"), ("--junit", tmp_path / "j.xml")):
        code, _, err = check(run, "--save", "--baseline", tmp_path / "base.json", *words)
        assert code == 2 and "would have no effect" in err
    assert check(run, "--save", "--baseline", tmp_path / "base.json", "--metric", "kl_past")[0] == 2
