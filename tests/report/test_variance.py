"""Where the variance lies, in words and on the page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.report.page import write_report
from evalkit.report.records import Split, read_runs, read_split
from evalkit.report.variance import CUT, sentence, splits
from evalkit.report.view import build

Make = Callable[..., Path]


def test_the_sentence_says_what_more_of_either_would_buy() -> None:
    assert sentence(Split(0.82, 0.18, False, 30, 0.1061, 0.1449), 0.15) == (
        "82 % of the variance lies between prompts, 18 % between sounds of a prompt; twice as many prompts: ±0.106 "
        "instead of ±0.150 (standard error); twice as many sounds a prompt: ±0.145"
    )
    assert CUT in sentence(Split(0.0, 1.0, True, 30, 0.1, 0.1), 0.15)


def test_without_an_error_there_is_no_promise_and_without_variance_nothing() -> None:
    assert sentence(Split(1.0, 1.0, False, 3, None, None), None).endswith("50 % between sounds of a prompt")
    assert sentence(Split(0.0, 0.0, False, 3, 0.0, 0.0), 0.0) == ""


@pytest.mark.parametrize(
    "raw",
    [
        {}, {"between_prompts": 1.0}, {"between_prompts": -1.0, "within_prompts": 1.0},
        {"between_prompts": "much", "within_prompts": 1.0}, {"between_prompts": float("nan"), "within_prompts": 1.0},
    ],
)  # fmt: skip
def test_a_block_that_is_none_is_none(raw: dict[str, Any]) -> None:
    assert read_split(raw) is None


def test_the_page_has_a_row_for_each_score_that_says(make_run: Make, tmp_path: Path) -> None:
    def change(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        facts["samples_per_prompt"] = 2
        scores["kl_passt"] |= {"se": 0.15, "variance": {
            "between_prompts": 0.3, "within_prompts": 0.1, "between_cut_at_0": False, "prompts": 8,
            "se_twice_prompts": 0.106, "se_twice_samples": 0.145,
        }}  # fmt: skip

    folder, plain = make_run("a", change=change), make_run("plain")
    (found,) = splits(build(read_runs([folder]), "none").sections[0].board)
    assert (found.title, found.cells) == ("KL-PaSST", ("75 %", "25 %", "0.150", "0.106", "0.145"))
    page = write_report([folder], tmp_path / "r.html").read_text(encoding="utf-8")
    assert "Where the variance lies" in page and "<td>0.145</td>" in page
    assert "Where the variance lies" not in write_report([plain], tmp_path / "p.html").read_text(encoding="utf-8")
