"""A baseline file holds what a run scored; what is none, or of another kind, is refused and never judged."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from evalkit_gate import SUITE, N, changed, record, write_run

from evalkit.comparison.record import number, read_run
from evalkit.core.errors import UserError
from evalkit.run.baseline import read_baseline, save_baseline
from evalkit.run.gate import check, passes


def several(folder: Path, samples: int, shift: float = 0.0) -> Path:
    """The run of `record`, each prompt's KL spread over several sounds around its own value."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    run = record(shift=shift)
    for score in run.metrics.values():
        score["n"] = samples * N  # type: ignore[index]
    write_run(folder, run)
    (folder / "run.json").write_text(
        json.dumps({**json.loads((folder / "run.json").read_text()), "samples_per_prompt": samples})
    )
    rows = pq.read_table(folder / "samples.parquet").to_pylist()
    middle = (samples - 1) / 2
    spread = [
        {**row, "sample": k, "kl_passt": row["kl_passt"] + k - middle} for row in rows for k in reversed(range(samples))
    ]
    pq.write_table(pa.Table.from_pylist(spread), folder / "samples.parquet")
    return folder


def test_a_baseline_file_holds_what_the_run_folder_said(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "run", record()))
    save_baseline(run, tmp_path / "b" / "base.json")
    baseline = read_baseline(tmp_path / "b" / "base.json")
    assert baseline.metrics["kl_passt"]["per_prompt"] == record().metrics["kl_passt"]["per_prompt"]
    assert baseline.suite == SUITE
    comparisons = check(run, baseline)
    assert {each.metric: each.method for each in comparisons}["clap_score"] == "paired"
    assert passes(comparisons, strict=True)


def test_several_sounds_of_a_prompt_are_held_against_the_baseline_by_their_mean(tmp_path: Path) -> None:
    save_baseline(read_run(several(tmp_path / "before", 3)), tmp_path / "b.json")
    baseline = read_baseline(tmp_path / "b.json")
    assert baseline.samples == 3 and len(baseline.groups) == N
    assert baseline.metrics["kl_passt"]["per_prompt"] == pytest.approx(record().metrics["kl_passt"]["per_prompt"])
    found = {each.metric: each for each in check(read_run(several(tmp_path / "now", 3, 0.2)), baseline)}
    assert found["kl_passt"].method == "paired" and found["kl_passt"].n == 3 * N
    assert found["kl_passt"].difference == pytest.approx(0.2)


def test_another_number_of_sounds_a_prompt_cannot_be_compared_and_is_said(tmp_path: Path) -> None:
    one, three = read_run(write_run(tmp_path / "one", record())), read_run(several(tmp_path / "three", 3))
    for run, baseline, told in ((three, one, "3, the baseline has 1"), (one, three, "1, the baseline has 3")):
        assert {each.verdict for each in check(run, baseline)} == {"invalid"}
        assert all(each.reason == f"another number of sounds per prompt: {told}" for each in check(run, baseline))


def test_a_baseline_of_one_sound_a_prompt_is_as_it_was(tmp_path: Path) -> None:
    """So that older versions read it, and files under version control do not change."""
    save_baseline(record(), tmp_path / "b.json")
    assert "samples_per_prompt" not in json.loads((tmp_path / "b.json").read_text())


@pytest.mark.parametrize("strange", [0, -1, True, 2.0, "3", None, [1]])
def test_a_number_of_sounds_that_is_none_is_refused(tmp_path: Path, strange: object) -> None:
    folder = write_run(tmp_path / "run", record())
    facts = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**facts, "samples_per_prompt": strange}))
    with pytest.raises(UserError, match="samples_per_prompt is"):
        read_run(folder)


def test_a_table_with_a_sound_too_many_or_twice_is_refused(tmp_path: Path) -> None:
    folder = several(tmp_path / "run", 3)
    facts = json.loads((folder / "run.json").read_text())
    for claimed in (2, 10**12):
        (folder / "run.json").write_text(json.dumps({**facts, "samples_per_prompt": claimed}))
        if claimed == 2:
            with pytest.raises(UserError, match="twice there"):
                read_run(folder)
        else:
            assert read_run(folder).samples == claimed


def test_a_baseline_is_not_made_of_a_run_that_nothing_can_pass(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="kl_passt has no value"):
        save_baseline(changed(record(), "kl_passt", value=None), tmp_path / "b.json")
    with pytest.raises(UserError, match="status is 'started'"):
        save_baseline(replace(record(), status="started"), tmp_path / "b.json")
    with pytest.raises(UserError, match="random weights"):
        save_baseline(replace(record(), model={"size": "random"}), tmp_path / "b.json")
    assert not (tmp_path / "b.json").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "no such baseline file"),
        ("{", "cannot be read as JSON"),
        ("[]", "is not a JSON object"),
        ("{}", "is not a baseline file"),
        ('{"kind": "evalkit-baseline", "schema": 9}', "has schema 9"),
        ('{"kind": "evalkit-baseline", "schema": 1, "suite": {}, "model": {}, "groups": []}', "'groups' is missing"),
        (
            '{"kind": "evalkit-baseline", "schema": 1, "suite": {}, "model": {}, "groups": {}, "metrics": {"a": 1}}',
            "the record of a is damaged",
        ),
    ],
)
def test_what_is_no_baseline_file_is_a_users_error(tmp_path: Path, text: str | None, words: str) -> None:
    path = tmp_path / "base.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match=words):
        read_baseline(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("value", "3"), ("value", [3]), ("value", 1e300), ("value", True), ("low", {}), ("level", "0.95"), ("n", "60"),
        ("n", 60.5), ("n", 10**30), ("n_failed", "0"), ("n_reference", []), ("direction", ["lower"]), ("protocol", 1),
        ("weights", {}), ("headline", "yes"), ("leave_outs", ["1", "2"]), ("leave_outs", [math.nan]),
        ("leave_outs", "12"),
        ("leave_outs", [1e300]), ("per_prompt", {"p0": "1"}), ("per_prompt", {"p0": math.inf}), ("per_prompt", []),
        ("per_prompt", {"p0": -1e300}), ("embedder", 7),
    ],
)  # fmt: skip
def test_a_record_of_other_types_is_refused_and_not_judged(tmp_path: Path, key: str, value: object) -> None:
    """Half of a record gives half of a verdict."""
    save_baseline(record(), tmp_path / "b.json")
    table = json.loads((tmp_path / "b.json").read_text())
    table["metrics"]["kl_passt"][key] = value
    (tmp_path / "b.json").write_text(json.dumps(table))
    with pytest.raises(UserError, match=r"b\.json: the record of kl_passt is damaged"):
        read_baseline(tmp_path / "b.json")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"gruops": {}}, "unknown key 'gruops'"),
        ({"groups": {"p0": 1}}, "groups does not map ids to sources"),
        ({"metrics": {"kl_passt": {"vaule": 1}}}, r"'vaule' in metrics\.kl_passt"),
        ({"metrics": {"kl_passt": 1}}, "is damaged"),
    ],
)
def test_a_baseline_file_of_another_form_is_refused(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    save_baseline(record(), tmp_path / "b.json")
    table = json.loads((tmp_path / "b.json").read_text()) | change
    (tmp_path / "b.json").write_text(json.dumps(table))
    with pytest.raises(UserError, match=words):
        read_baseline(tmp_path / "b.json")


def test_what_is_no_run_folder_is_a_users_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a run folder"):
        read_run(tmp_path)
    folder = write_run(tmp_path / "run", record())
    (folder / "samples.parquet").write_bytes(b"PAR1 not")
    with pytest.raises(UserError, match=r"samples\.parquet: cannot be read"):
        read_run(folder)
    (folder / "scores.json").unlink()
    with pytest.raises(UserError, match="has no scores yet"):
        read_run(folder)


def test_numbers() -> None:
    assert number(1) == 1.0
    assert [number(each) for each in (None, True, "1", math.nan, -math.inf, [])] == [None] * 6
