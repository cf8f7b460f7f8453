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
        door.compare(here, there, ["clap"])
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
