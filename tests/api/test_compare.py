"""`evalkit.compare` and `check`: the gate's verdicts, whatever form a run has."""

from __future__ import annotations

import gc
import json
from pathlib import Path
from typing import Any

import pytest

import evalkit as door
from evalkit.comparison.record import read_run
from evalkit.run.gate import check as gate


@pytest.fixture
def runs(tmp_path: Path) -> tuple[door.Run, door.Run]:
    return door.run("mock", limit=6, seed=1), door.run("mock", limit=6)


def test_it_is_the_gates_arithmetic(runs: tuple[door.Run, door.Run]) -> None:
    here, there = runs
    found = door.compare(here, there.folder)
    assert list(found.comparisons) == gate(read_run(here.folder), read_run(there.folder))
    assert found["clap_score"].method == "paired" and set(found) == {"fd_openl3", "kl_passt", "clap_score"}
    assert list(found.table().index) == list(found) and "<table>" in found._repr_html_()
    assert door.compare(here, here).passed and "side_mid" in found.apart
    with pytest.raises(door.UserError, match="no metric of this run or baseline is called 'clap'"):
        door.compare(here, there, metrics=["clap"])
    with pytest.raises(door.UserError, match=r"^tolerances clap_score=-1"):
        door.compare(here, there, tolerances={"clap_score": -1})
    with pytest.raises(KeyError, match="did you mean clap_score"):
        found["clap_scor"]


def test_check_is_the_verb(runs: tuple[door.Run, door.Run], evalkit: Any) -> None:
    here, there = runs
    door.save_baseline(there, "base.json")
    found = door.check(here, "base.json", strict=True)
    code, out, _ = evalkit("check", str(here.folder), "--baseline", "base.json", "--strict", "--json")
    told = json.loads(out)
    assert code == int(not found.passed)
    assert {name: each["verdict"] for name, each in told["metrics"].items()} == {
        name: each.verdict for name, each in found.items()
    }
    assert "--save --baseline FILE" in evalkit("check", str(here.folder), "--baseline", "none.json")[2]


def test_a_judges_run_compares_like_one_of_files(runs: tuple[door.Run, door.Run]) -> None:
    """A training is held against a baseline without a file in between."""
    here, there = runs
    judge = door.Judge("mini", limit=6, device="cpu")
    for item in here.samples:
        judge.update(item.id, *here.audio(item.id))
    found, files = door.compare(judge.compute(), there), door.compare(here, there)
    for name, each in files.items():
        assert found[name].verdict == each.verdict and found[name].method == each.method
        assert found[name].difference == pytest.approx(each.difference, abs=1e-6)
        assert found[name].low == pytest.approx(each.low, abs=1e-6)


def test_a_bundle_is_a_run_everywhere(runs: tuple[door.Run, door.Run], evalkit: Any, tmp_path: Path) -> None:
    """Scores, sounds, page and gate of what somebody sent, as of what was made here."""
    here, there = runs
    assert evalkit("bundle", str(here.folder), "--out", "far.zip")[0] == 0
    far = door.load("far.zip")
    assert far.scores == here.scores and far.run_id == here.run_id and not far.unfinished
    name = here.samples[0].id
    assert (far.audio(name)[0] == here.audio(name)[0]).all()
    assert far.report() == Path("far.html")
    assert Path("far.html").stat().st_size > 1000
    for run in (far, "far.zip"):
        found = door.compare(run, there)
        assert list(found.comparisons) == list(door.compare(here, there).comparisons)
        assert found.run.source == "far.zip" and door.compare(there, run).baseline.source == "far.zip"
        door.save_baseline(run, "far.json")
        assert door.check(run, "far.json").passed and door.check(here, "far.zip").passed
    folder = far.folder
    del far, run, found
    gc.collect()
    assert folder is not None and not folder.exists()
    Path("far.zip").write_bytes(Path("far.zip").read_bytes()[:-100])
    with pytest.raises(door.UserError, match=r"far\.zip: cannot be read as a bundle"):
        door.load("far.zip")


def test_two_or_more_runs_whatever_they_are_kept_in(runs: tuple[door.Run, door.Run], evalkit: Any) -> None:
    """A run, a folder, a bundle, a baseline file: every two with p adjusted for all, as the verb tells them."""
    here, there = runs
    third = door.run("mock", limit=6, seed=2)
    assert evalkit("bundle", str(there.folder), "--out", "there.zip")[0] == 0
    door.save_baseline(third, "third.json")
    found = door.compare(here, "there.zip", "third.json", metrics=["clap_score"])
    assert [side.source for side in found.sides] == [str(here.folder), "there.zip", "third.json"]
    code, out, _ = evalkit("compare", str(here.folder), "there.zip", "third.json", "--json", "--metric", "clap_score")
    told = json.loads(out)["comparisons"]
    assert code == 0 and [(each["first"], each["second"]) for each in told] == [("A", "B"), ("A", "C"), ("B", "C")]
    for pair, each in zip(found.pairs, told, strict=True):
        assert pair.found is not None
        assert (pair.found.value, pair.found.p, pair.adjusted) == (each["difference"], each["p"], each["p_adjusted"])
    assert list(found) == ["clap_score, A − B", "clap_score, A − C"]
    for place, key in enumerate(found, start=1):
        assert found[key].difference == -told[place - 1]["difference"]
    assert found.passed == all(each.verdict in ("pass", "inconclusive") for each in found.values())
    assert list(found.table("pairs")["second"]) == ["B", "C", "C"] and "B − A" in found._repr_html_()
    steps = found.moved("clap_score", 0, 2)
    assert len(steps) == 6 and steps[0][1] <= steps[-1][1]
    with pytest.raises(door.UserError, match="there are 3 runs"):
        found.moved("clap_score", 0, 3)
    with pytest.raises(door.UserError, match="name two or more"):
        door.compare(here)
    with pytest.raises(door.UserError, match="nowhere: no such baseline file, run folder or bundle"):
        door.compare(here, there, "nowhere")
