"""A run that ends once it is decided: what it makes is what the whole run makes, and nobody takes it for that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.api.request import request
from evalkit.api.work import prepared, worked
from evalkit.comparison.record import Record, read_run
from evalkit.core.errors import UserError
from evalkit.report.records import read_run as read_for_report
from evalkit.run.baseline import save_baseline
from evalkit.run.pipeline import Outcome
from evalkit.run.progress import Silent
from evalkit.run.until import blocks_of

PROMPTS = 48


def run(out: Path, until: Path | None = None, **words: object) -> Outcome:
    words = {"limit": PROMPTS, **words}
    return worked(prepared(request("mock", out=out, until=until, **words)), "score", Silent())  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the mock model on suite mini."""
    return run(tmp_path_factory.mktemp("whole") / "run").plan.folder.root


def better_by(record: Record, much: float, path: Path) -> Path:
    """A baseline whose means of prompts are better by so many of their own, and a little each its own way."""
    metrics: dict[str, Mapping[str, object]] = {}
    for name, score in record.metrics.items():
        values, way = score["per_prompt"], -1 if score["direction"] == "lower" else 1
        moved = {i: v + way * much + 0.01 * (place % 5) for place, (i, v) in enumerate(sorted(values.items()))}
        value = sum(moved.values()) / len(moved) if moved else score["value"]
        metrics[name] = {**score, "per_prompt": moved, **({"value": value} if moved else {})}
    save_baseline(replace(record, metrics=metrics), path)
    return path


def test_it_ends_early_and_is_no_finished_run(whole: Path, tmp_path: Path) -> None:
    base = better_by(read_run(whole), 0.5, tmp_path / "base.json")
    found = run(tmp_path / "early", base)
    ways = found.decided["metrics"]
    assert {name: each["way"] for name, each in ways.items()} == {"kl_passt": "worse", "clap_score": "worse"}
    assert found.decided["not_made"] == PROMPTS - found.n_ok > 0
    assert found.decided["at_the_end"] == ["fd_openl3"]
    assert found.scores == {}
    folder = tmp_path / "early"
    assert json.loads((folder / "run.json").read_text())["status"] == "decided"
    assert not (folder / "scores.json").exists()
    with pytest.raises(UserError, match="ended it early"):
        read_run(folder)
    assert "ended it early" in read_for_report(folder).unfinished
    assert read_for_report(folder).scores == {}


def test_the_same_command_finds_it_decided_and_without_the_option_it_is_finished(whole: Path, tmp_path: Path) -> None:
    """Its sounds are those of the whole run, to the byte, and so are its figures."""
    base, folder = better_by(read_run(whole), 0.5, tmp_path / "base.json"), tmp_path / "early"
    first = run(folder, base)
    sounds = {path.name: path.stat().st_mtime_ns for path in (folder / "audio").iterdir()}
    again = run(folder, base)
    assert again.decided == first.decided
    assert {path.name: path.stat().st_mtime_ns for path in (folder / "audio").iterdir()} == sounds
    assert run(folder).decided == {}
    here, there = (json.loads((each / "scores.json").read_text()) for each in (folder, whole))
    assert {name: score["n"] for name, score in here.items()} == {name: score["n"] for name, score in there.items()}
    for name, score in there.items():  # features that were made at another time may differ in their last bits
        assert here[name]["value"] == pytest.approx(score["value"], rel=1e-5, nan_ok=True), name
    assert (folder / "samples.parquet").exists()
    assert "decided" not in json.loads((folder / "run.json").read_text())
    for path in (whole / "audio").iterdir():
        assert (folder / "audio" / path.name).read_bytes() == path.read_bytes()


def test_what_is_not_decided_goes_to_the_end(whole: Path, tmp_path: Path) -> None:
    found = run(tmp_path / "same", better_by(read_run(whole), 0.0, tmp_path / "base.json"))
    kept = {name: each["way"] for name, each in found.decided["metrics"].items()}
    assert found.decided["not_made"] == 0 or all(kept.values())


def test_blocks_hold_prompts_whole_and_every_batch_once() -> None:
    """With several sounds a prompt, batches of which do not fill up."""
    plan = prepared(request("mock", samples=3, batch_size=5))
    blocks = blocks_of(plan)
    batches = [[item.key for item in batch] for block in blocks for batch in block]
    assert sorted(batches) == sorted([item.key for item in batch] for batch in plan.batches)
    prompts = [{item.prompt.id for batch in block for item in batch} for block in blocks]
    assert sum(map(len, prompts)) == 64
    for block, ids in zip(blocks, prompts, strict=True):
        assert sum(len(batch) for batch in block) == 3 * len(ids)
    assert all(len(ids) >= 16 for ids in prompts[:-1])


def test_a_baseline_of_something_else_is_refused_before_any_sound(whole: Path, tmp_path: Path) -> None:
    record = read_run(whole)
    save_baseline(record, tmp_path / "base.json")
    few = replace(record, metrics={"fd_openl3": record.metrics["fd_openl3"]})
    save_baseline(few, tmp_path / "few.json")
    for words, told in (({"limit": 8}, "has 48 prompts"), ({"samples": 2}, "has 1 sound a prompt")):
        with pytest.raises(UserError, match=told):
            run(tmp_path / "out", tmp_path / "base.json", **words)
    with pytest.raises(UserError, match="no metric of the gate is a mean"):
        run(tmp_path / "out", tmp_path / "few.json")
    with pytest.raises(UserError, match="no such baseline"):
        run(tmp_path / "out", tmp_path / "nowhere.json")
    assert not (tmp_path / "out" / "audio").exists()


def test_a_run_folder_is_a_baseline_too(whole: Path, tmp_path: Path) -> None:
    found = run(tmp_path / "seed", whole, seed=1)
    assert set(found.decided["metrics"]) == {"kl_passt", "clap_score"}


def test_it_decides_what_the_gates_demand(whole: Path, tmp_path: Path) -> None:
    """What is accepted is not worse, what is not named goes undecided, and a bound waits for the whole run."""
    base = better_by(read_run(whole), 0.5, tmp_path / "base.json")
    found = run(tmp_path / "one", base, gates=["clap_score>=-0.9", "fd_openl3<=1000"])
    assert {name: each["way"] for name, each in found.decided["metrics"].items()} == {"clap_score": "not worse"}
    assert found.decided["at_the_end"] == ["fd_openl3<=1000"]
    assert found.decided["gates"] == ["clap_score>=-0.9", "fd_openl3<=1000"]
    found = run(tmp_path / "one", base, gates=["clap_score>=-0.1"])
    assert found.decided["metrics"]["clap_score"]["way"] == "worse"
    for gates, told in (
        (["clap_scor>=-1"], "did you mean clap_score"),
        (["clap_score<=+1"], "higher is better"),
        (["clap_score>=0.1"], "no metric of the gate is a mean"),
        (["fd_openl3<=+5%"], "no metric of the gate is a mean"),
        (["clap_score"], "is no demand"),
    ):
        with pytest.raises(UserError, match=told):
            run(tmp_path / "out", base, gates=gates)
    with pytest.raises(UserError, match="until-decided BASELINE"):
        run(tmp_path / "out", None, gates=["clap_score>=-0.1"])
    assert not (tmp_path / "out" / "audio").exists()


def test_a_bundle_is_a_baseline_and_an_edited_file_is_none(whole: Path, tmp_path: Path) -> None:
    from evalkit.store.bundle import write_bundle

    write_bundle(whole, tmp_path / "whole.zip", audio=False)
    found = run(tmp_path / "seed", tmp_path / "whole.zip", seed=1)
    assert set(found.decided["metrics"]) == {"kl_passt", "clap_score"}
    base = better_by(read_run(whole), 0.5, tmp_path / "base.json")
    base.write_text(base.read_text().replace('"run_id": "', '"run_id": "x'))
    with pytest.raises(UserError, match="changed since evalkit wrote it"):
        run(tmp_path / "out", base)


def test_from_python(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import evalkit

    monkeypatch.chdir(tmp_path)
    base = better_by(read_run(whole), 0.5, tmp_path / "base.json")
    found = evalkit.run("mock", limit=PROMPTS, out="early", until_decided=base, gates=["clap_score>=-0.1"])
    assert found.decided == {"clap_score": "worse"}
    assert "ended it early" in found.unfinished and not found.scores
    with pytest.raises(evalkit.UserError, match="until_decided: this run is in memory alone"):
        evalkit.run("mock", until_decided=evalkit.Run(found.record, None))
