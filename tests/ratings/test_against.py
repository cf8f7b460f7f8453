"""Metrics against ratings: joined by clip, the levels apart, and estimates from few ratings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evalkit.comparison.record import Record
from evalkit.core.errors import UserError
from evalkit.ratings.against import held_against, held_against_board
from evalkit.ratings.base import Rating, Ratings, Scale
from evalkit.ratings.combined import estimated
from evalkit.ratings.measured import Measured, measured_of_runs, read_measured
from evalkit.ratings.read import read_ratings
from evalkit.ratings.shipped import shipped
from evalkit.ratings.told import agreement_sheet, estimate_notes


def study(
    rated: int = 20, clips: int = 60, systems: int = 6, listeners: int = 8, seed: int = 0
) -> tuple[Ratings, Measured]:
    """Systems that differ, of which the first `rated` of `clips` are heard, and a metric that knows the clips well."""
    rng, rows, values, where = np.random.default_rng(seed), [], {}, {}
    for system in range(systems):
        for clip in range(clips):
            name, quality = f"s{system}/p{clip}", 3 + 0.3 * system + rng.standard_normal()
            values[name], where[name] = quality + 0.3 * rng.standard_normal(), (f"s{system}", f"p{clip}")
            if clip < rated:
                scores = quality + 0.5 * rng.standard_normal(listeners)
                rows += [Rating(name, f"p{clip}", f"s{system}", f"l{k}", "q", float(x)) for k, x in enumerate(scores)]
    return Ratings("study", rows, (Scale("q", "q", 1, 5),)), Measured("m", values, "higher", True, False, where)


def test_a_lower_is_better_metric_is_turned() -> None:
    ratings, metric = study()
    turned = Measured("m", {clip: -value for clip, value in metric.values.items()}, "lower", True, False, {})
    plain, other = (held_against(ratings, [each])[0].agreement for each in (metric, turned))
    assert plain.within["spearman"].value == pytest.approx(other.within["spearman"].value)
    assert (plain.within["spearman"].value or 0) > 0.8 and plain.within["spearman"].interval is not None
    assert (plain.systems, plain.clips) == (6, 120)


def test_what_is_not_in_both_is_counted_and_nothing_in_common_refused() -> None:
    ratings, metric = study()
    some = Measured("m", {k: v for k, v in metric.values.items() if not k.startswith("s0")}, "higher", True, False, {})
    found = held_against(ratings, [some])[0]
    assert (found.missing, found.unrated) == (20, 200)
    with pytest.raises(UserError, match="no clip in common"):
        held_against(ratings, [Measured("m", {"elsewhere": 1.0}, "higher", True, False, {})])


def test_values_of_systems_say_nothing_within() -> None:
    ratings, _ = study()
    metric = Measured("m", {f"s{k}": float(k) for k in range(6)}, "higher", False, True, {})
    found = held_against(ratings, [metric])[0]
    assert found.agreement.within["spearman"].value is None and (found.agreement.between["spearman"].value or 0) > 0.5
    assert "–" in agreement_sheet([found]).rows[0][2] or "n/a" in agreement_sheet([found]).rows[0][2]


def test_a_leaderboard_ranks_systems(tmp_path: Path) -> None:
    (tmp_path / "b.tsv").write_text(
        "Rank\tModel\tArena Score\t95% CI\t# Votes\n" + "".join(f"{k}\tm{k}\t{1000 - k}\t±5\t9\n" for k in range(6))
    )
    (tmp_path / "m.csv").write_text("system,mine\n" + "".join(f"m{k},{-k}\n" for k in range(7)))
    found = held_against_board(read_ratings(tmp_path / "b.tsv"), read_measured(tmp_path / "m.csv"))[0]  # type: ignore[arg-type]
    assert found.agreement.between["spearman"].value == pytest.approx(1) and found.unrated == 1
    (tmp_path / "c.csv").write_text("clip,mine\nm1,2\n")
    with pytest.raises(UserError, match="values of clips"):
        held_against_board(read_ratings(tmp_path / "b.tsv"), read_measured(tmp_path / "c.csv"))  # type: ignore[arg-type]


def test_a_table_of_metrics(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("clip,system,prompt,clap_score,kl_passt,mine\na,A,p,0.5,1.5,\nb,B,p,0.4,2,7\n")
    found = {each.metric: each for each in read_measured(tmp_path / "m.csv")}
    assert [(name, each.direction, each.stated) for name, each in found.items()] == [
        ("clap_score", "higher", True),
        ("kl_passt", "lower", True),
        ("mine", "higher", False),
    ]
    assert found["mine"].values == {"b": 7.0} and found["mine"].unrated["a"] == ("A", "p")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name,x\na,1\n", "has no column clip"),
        ("clip,prompt\na,1\n", "has no column of a metric"),
        ("clip,x\na,1\na,2\n", "line 3: column clip: stands on line 2 already"),
        ("clip,x\na,one\n", "line 2: column x: 'one' is no number"),
        ("clip,x,x\na,1,2\n", "twice"),
        ("clip,x\n", "holds no values"),
        ("clip,\x1b[31m\na,1\n", "has no column of a metric"),
    ],
)
def test_a_table_of_metrics_that_does_not_fit(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(UserError, match=told):
        read_measured(tmp_path / "m.csv")


def test_an_estimate_is_narrower_where_the_metric_knows_and_says_where_it_does_not() -> None:
    ratings, metric = study()
    alone, gaps = estimated(ratings, [metric])
    assert len(alone) == 6 and len(gaps) == 15 and not estimate_notes(alone)
    for each in alone:
        assert each.found.helps and (each.found.rated, each.found.unrated, each.found.ratings) == (20, 40, 160)
        assert each.found.effective > 160
    assert any(gap.decided for gap in gaps)
    assert all((gap.more is not None and gap.more > 0) or gap.decided for gap in gaps)
    rng = np.random.default_rng(1)
    noise = Measured(
        "n", {clip: rng.standard_normal() for clip in metric.values}, "higher", True, False, metric.unrated
    )
    assert "does not help" in estimate_notes(estimated(ratings, [noise])[0])[0]


def test_an_estimate_without_any_other_clip_says_so() -> None:
    ratings, metric = study(rated=60)
    alone, _ = estimated(ratings, [metric])
    assert "nothing to combine" in estimate_notes(alone)[0]
    assert alone[0].found.value == pytest.approx(alone[0].found.mean)


def scored(folder: str, direction: str = "higher") -> Record:
    """A run over five clips of AES-PAM's, in a folder."""
    ids = [f"generated_audio_index_{number}" for number in (1, 102, 106, 116, 126)]
    values: dict[str, object] = {"direction": direction, "per_prompt": {name: float(len(name)) for name in ids}}
    lies = {name: f"{folder}/{name}.wav" for name in ids}
    metrics = {"aesthetics_quality": values, "aesthetics_complexity": {**values, "direction": "none"}}
    return Record("here", "success", {}, {}, "run", dict(zip(ids, ids, strict=True)), metrics, lies=lies)


def test_sounds_in_the_publishers_folders_are_its_clips() -> None:
    """Whoever has the audio of public ratings scores it where it lies, and need not know what its clips are called."""
    pam = shipped("aes-pam")
    assert isinstance(pam, Ratings)
    (quality,) = measured_of_runs([scored("/data/PAM/audio/audiogen_m/generated_audio")], pam)
    assert "audio/audiogen_m/generated_audio_index_1" in quality.values
    held = held_against(replace(pam, scales=pam.scales[:1]), [quality])
    assert held[0].agreement.clips == 5 and held[0].unrated == 0
    (elsewhere,) = measured_of_runs([scored("/data/mine")], pam)
    assert "run/generated_audio_index_1" in elsewhere.values


def test_a_metric_without_a_better_side_is_held_where_it_is_named() -> None:
    """Complexity is asked of listeners too; yet not every measure without a side belongs into every table."""
    both = measured_of_runs([scored("/data")], None, ["aesthetics_complexity"])
    wanted = [("aesthetics_quality", True), ("aesthetics_complexity", False)]
    assert [(each.metric, each.stated) for each in both] == wanted
