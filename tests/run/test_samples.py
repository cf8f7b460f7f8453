"""Several sounds a prompt: each an item of its own, with its file and its row; and one sound each is as it ever was."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import evalkit_fakes
import numpy as np
import pandas as pd
import pytest

from evalkit.audio.encode import wav_bytes
from evalkit.core.errors import UserError
from evalkit.core.ids import digest_file, digest_json
from evalkit.run.config import RunConfig
from evalkit.run.plan import make_plan

PROMPTS = ["one", "two", "three", "four", "five"]


def sounds(folder: Path) -> dict[str, str]:
    return {path.name: digest_file(path) for path in sorted(folder.iterdir())}


def test_one_sound_a_prompt_is_what_it_was_before_there_could_be_several(tmp_path: Path) -> None:
    """Keys, seeds, run id and file names, as the version before wrote them: a run of then is resumed, not orphaned."""
    suite = evalkit_fakes.write_suite(tmp_path, [("rain-1", "rain on a roof", 2.5), ("Dog", "a dog", 3.0)])
    plan = make_plan(RunConfig(model="mock", suite=str(suite)))
    assert [item.key for item in plan.items] == [
        "344f91b8802b60c9cee8c3ffb2a8411e21dc8fa09f32b1a8802ca849000e5284",
        "f42e3ecfc311a087068d8fd14029e6947aac0923803705f4e3d4751c2dc5d756",
    ]
    assert [item.seed for item in plan.items] == [6659223034357342174, 532175200858880404]
    assert [plan.folder.clip(item.prompt.id, item.sample).name for item in plan.items] == [
        "rain-1.wav",
        "dog~0eb129bf94594aae.wav",
    ]
    assert set(plan.identity) == {
        "evalkit", "model", "family", "weights", "suite", "prompts", "device", "scored with", "preset", "options",
        "seed", "dtype", "batch_size",
    }  # fmt: skip
    assert plan.run_id == digest_json(plan.identity)[:12]


def test_the_first_sounds_are_those_of_a_run_of_one_each_to_the_bit(go: Any) -> None:
    """Moody's last bits depend on the batch, so the batches must be the same too."""
    alone = go(PROMPTS, out=Path("alone"), batch_size=2)
    several = go(PROMPTS, out=Path("several"), batch_size=2, samples=3)
    assert alone.plan.run_id != several.plan.run_id
    before, now = sounds(alone.plan.folder.audio), sounds(several.plan.folder.audio)
    assert before.items() <= now.items()
    assert len(set(now.values())) == len(now) == 3 * len(PROMPTS)
    assert sorted(set(now) - set(before))[:3] == ["p0.s1.wav", "p0.s2.wav", "p1.s1.wav"]


def test_a_sound_more_per_prompt_changes_none_before_it(go: Any) -> None:
    two, three = (go(PROMPTS, out=Path(f"k{k}"), samples=k).plan.folder.audio for k in (2, 3))
    assert sounds(two).items() <= sounds(three).items()


def test_every_sound_is_a_row_and_a_failed_one_is_counted_by_its_name(go: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evalkit_fakes, "_sound", third_is_silent)
    outcome = go(["good", "better"], samples=2)
    assert outcome.failures == {"p1#1": "silent"} and outcome.n_ok == 3
    table = pd.read_parquet(outcome.plan.folder.samples)
    assert list(zip(table["id"], table["sample"], table["status"], strict=True)) == [
        ("p0", 0, "ok"), ("p0", 1, "ok"), ("p1", 0, "ok"), ("p1", 1, "failed"),
    ]  # fmt: skip
    assert table["evalkit_fakes:LEVEL"].notna().tolist() == [True, True, True, False]
    assert outcome.scores["evalkit_fakes:LEVEL"]["n"] == 3 and outcome.scores["evalkit_fakes:LEVEL"]["n_failed"] == 1
    lines = [json.loads(line) for line in outcome.plan.folder.ledger.read_text().splitlines()]
    assert {(line["id"], line["sample"]) for line in lines} == {("p0", 0), ("p0", 1), ("p1", 0), ("p1", 1)}


def third_is_silent(prompt: str, seconds: float, seed: int, level: float, neighbours: float) -> np.ndarray:
    """Silence for the second sound of the second prompt, whose seed nobody else has."""
    from evalkit.core.ids import item_seed

    frames = round(seconds * evalkit_fakes.RATE)
    if seed == item_seed(0, "p1", 1):
        return np.zeros((2, frames), np.float32)
    return np.random.default_rng(seed).uniform(-level, level, (2, frames)).astype(np.float32)


def test_a_run_that_lost_sounds_makes_these_again_and_no_others(go: Any) -> None:
    first = go(PROMPTS, out=Path("o"), samples=2, batch_size=2)
    scores, made = first.plan.folder.scores.read_bytes(), sounds(first.plan.folder.audio)
    first.plan.folder.clip("p3", 1).unlink()
    evalkit_fakes.Moody.calls.clear()
    again = go(PROMPTS, out=Path("o"), samples=2, batch_size=2)
    assert evalkit_fakes.Moody.calls == [("three", "four")]
    assert sounds(again.plan.folder.audio) == made and again.plan.folder.scores.read_bytes() == scores
    assert go(PROMPTS, out=Path("o"), samples=2, batch_size=2).reused


def test_a_folder_that_evalkit_wrote_scores_to_the_same_numbers(go: Any) -> None:
    made = go(PROMPTS, samples=3)
    scored = go(PROMPTS, model=f"folder:{made.plan.folder.audio}", samples=3)
    assert scored.scores == made.scores
    one = go(PROMPTS, model=f"folder:{made.plan.folder.audio}")
    assert one.n_ok == len(PROMPTS) and one.plan.run_id != scored.plan.run_id


def test_a_sound_that_a_folder_lacks_is_a_failed_item(go: Any, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    folder.mkdir()
    for number, name in enumerate(("p0.wav", "p0.s1.wav", "p1.wav")):
        noise = np.random.default_rng(number).uniform(-0.3, 0.3, (1, 8000)).astype(np.float32)
        (folder / name).write_bytes(wav_bytes(noise, 16000))
    outcome = go(["a", "b"], model=f"folder:{folder}", samples=2)
    assert outcome.n_ok == 3 and list(outcome.failures) == ["p1#1"]


@pytest.mark.parametrize("samples", [0, -1, 1001])
def test_a_number_of_sounds_that_is_none_is_refused(samples: int) -> None:
    with pytest.raises(UserError, match=f"--samples {samples}"):
        RunConfig(samples=samples)


def test_the_sounds_of_a_prompt_are_of_one_group_and_have_one_text_and_reference(
    go: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a metric is given, that its interval takes them as one and a metric of pairs finds each."""
    seen = []
    plain = evalkit_fakes.Match.compute

    def compute(self: Any, inputs: Any) -> Any:
        seen.append(inputs)
        return plain(self, inputs)

    monkeypatch.setattr(evalkit_fakes.Match, "compute", compute)
    go(["a", "b"], samples=2)
    (inputs,) = seen
    assert list(inputs.ids) == ["p0#0", "p0#1", "p1#0", "p1#1"]
    assert list(inputs.groups) == list(inputs.prompts) == ["p0", "p0", "p1", "p1"] and inputs.samples == 2
    assert (inputs.texts[0] == inputs.texts[1]).all() and (inputs.texts[0] != inputs.texts[2]).any()


def test_items_of_one_prompt_differ_in_seed_key_and_name_alone(tmp_path: Path) -> None:
    suite = evalkit_fakes.write_suite(tmp_path, [("a", "one", 1.0), ("a#1", "two", 1.0)])
    items = make_plan(RunConfig(model="mock", suite=str(suite), samples=2)).items
    assert (
        len({item.name for item in items})
        == len({item.key for item in items})
        == len({item.seed for item in items})
        == 4
    )
    assert replace(items[1], seed=items[0].seed, key=items[0].key, sample=0) == items[0]


def test_the_scores_say_where_the_variance_lies_and_those_of_one_sound_each_do_not(go: Any) -> None:
    """By a foreign sum: the variance within prompts is the mean of theirs where all have as many sounds."""
    outcome = go(PROMPTS, samples=4)
    table = pd.read_parquet(outcome.plan.folder.samples)
    by_prompt = table.groupby("id")["evalkit_fakes:LEVEL"]
    within, means = by_prompt.var(ddof=1).mean(), by_prompt.mean().var(ddof=1)
    entry = outcome.scores["evalkit_fakes:LEVEL"]
    assert entry["samples"] == 4 and entry["variance"]["prompts"] == len(PROMPTS)
    assert entry["variance"]["within_prompts"] == pytest.approx(within)
    assert entry["variance"]["between_prompts"] == pytest.approx(max(0.0, means - within / 4))
    assert entry["variance"]["between_cut_at_0"] == (means < within / 4)
    assert not {"samples", "variance"} & go(PROMPTS).scores["evalkit_fakes:LEVEL"].keys()


def test_a_mean_over_prompts_weighs_them_alike_and_counts_sounds() -> None:
    """The prompt of which a sound failed must not weigh half: which fail is no chance."""
    from evalkit.metrics.results import mean_result

    values = {f"p{p}#{k}": float(p + 10 * k) for p in range(6) for k in range(2)}
    values.pop("p0#1")
    prompts = [name.partition("#")[0] for name in values]
    found = mean_result(values, prompts, prompts=prompts)
    assert found.value == pytest.approx((0 + sum(p + 5 for p in range(1, 6))) / 6)
    assert found.n == 11 and found.method == "clustered t over 6 groups" and found.per_prompt == values
    means = np.array([0.0, *(p + 5 for p in range(1, 6))])
    assert found.se == pytest.approx(means.std(ddof=1) / np.sqrt(6))


def test_a_reference_of_a_prompt_is_that_of_all_its_sounds_and_counts_once() -> None:
    from evalkit.metrics.base import MetricInputs
    from evalkit.metrics.kl_passt import METRIC

    rows = np.eye(4, dtype=np.float32)[:2] * 0.6 + 0.1
    names, prompts = ["a#0", "a#1", "b#0", "b#1"], ["a", "a", "b", "b"]
    pairs = dict(zip(names, rows[[0, 0, 1, 1]], strict=True))
    found = METRIC.compute(MetricInputs(
        names, prompts, [rows[0][None], rows[1][None], rows[1][None], rows[0][None]],
        pair_reference=pairs, prompts=prompts, samples=2,
    ))  # fmt: skip
    assert found.n == 4 and found.n_reference == 2
    assert found.per_prompt["a#0"] == pytest.approx(0, abs=1e-5) == found.per_prompt["b#0"]
    assert found.per_prompt["a#1"] > 0.5
