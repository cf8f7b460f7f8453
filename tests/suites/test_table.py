"""A suite of --table: exactly the paper's columns, by its judges; whatever else is asked for is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from evalkit.core.errors import UserError
from evalkit.fetch.weights import MINI_FOLDER
from evalkit.protocols.base import load_protocol
from evalkit.suites.brief import Brief
from evalkit.suites.load import load_suite

NAME = "av-benchmark"


@pytest.fixture
def brief(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Brief:
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))
    (tmp_path / "gt").mkdir()
    for name in "ab":
        soundfile.write(tmp_path / "gt" / f"{name}.wav", np.full(1600, 0.1), 16000)
    prompts = tmp_path / "prompts.csv"
    prompts.write_text("id,caption\na,rain\nb,a dog\n", encoding="utf-8")
    return Brief(prompts, reference=tmp_path / "gt", table=NAME)


def test_columns_are_the_tables_in_its_order_and_nothing_else(brief: Brief) -> None:
    suite, table = load_suite(brief), load_protocol(NAME)
    wanted = [heading.metric for heading in table.columns if not heading.why_not]
    assert list(suite.metrics) == wanted and suite.protocol == table.id
    assert {metric: plan.weights for metric, plan in suite.metrics.items()}["kl_passt"] == "passt@av-benchmark"
    assert suite.metrics["kl_panns"].options == {"epsilon": "0"}
    assert any(NAME in note for note in suite.notes)


def test_a_column_that_cannot_be_had_is_left_out_with_its_reason(brief: Brief) -> None:
    suite = load_suite(replace(brief, reference=None))
    assert "fd_panns" not in suite.metrics and "--reference" in suite.left_out["fd_panns"]
    assert "clap_score" in suite.metrics and suite.metrics["clap_score_ms"].options == {"crops": "1"}
    assert "Google" in load_suite(replace(brief, table="audiocraft")).left_out["fad_vggish"]


def test_another_table_is_another_suite(brief: Brief) -> None:
    """Else the gate and the board would hold two papers' numbers against each other."""
    suites = [load_suite(replace(brief, table=table)) for table in (NAME, "meanaudio", "")]
    assert len({suite.digest for suite in suites}) == len({suite.protocol for suite in suites}) == 3


def test_what_a_table_decides_cannot_be_asked_for(brief: Brief) -> None:
    with pytest.raises(UserError, match="has judges of its own"):
        load_suite(replace(brief, judges=("mini",)))
    with pytest.raises(UserError, match="10 s"):
        load_suite(replace(brief, table="meanaudio", seconds=5.0))
    with pytest.raises(UserError, match="no table is called"):
        load_suite(replace(brief, table="meanaudo"))


def test_a_table_says_how_long_sounds_are(brief: Brief) -> None:
    assert {prompt.seconds for prompt in load_suite(replace(brief, table="meanaudio")).prompts} == {10.0}
    assert isinstance(brief.prompts, Path)
    brief.prompts.write_text("id,caption,seconds\na,rain,10\nb,a dog,4\n", encoding="utf-8")
    with pytest.raises(UserError, match="1 of 2 prompts asks for another length, the first 'b'"):
        load_suite(replace(brief, table="meanaudio"))


def test_minis_under_published_names_make_a_mini_table(brief: Brief) -> None:
    """Else their numbers would stand on one board with full ones, and beside the paper's own rows."""
    full = load_suite(brief)
    small = load_suite(brief, weights={"passt": MINI_FOLDER / "passt-mini"})
    assert (full.size, small.size) == ("full", "mini") and full.digest != small.digest
