"""Pictures carry numbers only, are the same bytes each time, and survive any number."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest

from evalkit.audio.clip import Clip
from evalkit.audio.pictures import spectrogram_png
from evalkit.report.board import boards
from evalkit.report.charts import charts
from evalkit.report.records import read_runs

Make = Callable[..., Path]


def svg(uri: str) -> str:
    return base64.b64decode(uri.split(",", 1)[1]).decode("utf-8")


def test_one_picture_a_metric_and_intervals_only_to_compare(make_run: Make) -> None:
    """A set's distance has no per-prompt values: alone it needs no picture, beside others its intervals do."""
    one, two = make_run("a"), make_run("b", fd=300.0)
    (alone,) = boards(read_runs([one]))
    (board,) = boards(read_runs([one, two]))
    assert [chart.title for chart in charts(alone)] == ["KL-PaSST", "CLAP score"]
    assert [chart.title for chart in charts(board)] == ["FD-OpenL3", "KL-PaSST", "CLAP score"]
    assert "Runs from top: A, B" in charts(board)[0].alt


def test_equal_numbers_give_equal_bytes_and_themes_differ(make_run: Make) -> None:
    (board,) = boards(read_runs([make_run()]))
    first, second = charts(board), charts(board)
    assert first == second
    assert first[0].light != first[0].dark


def test_pictures_hold_no_outside_text(make_run: Make) -> None:
    """matplotlib would read $…$ in a name as a formula, and fail on a bad one."""
    (board,) = boards(read_runs([make_run("$\\frac{<b>$"), make_run("x", fd=200.0)]))
    assert all("frac" not in svg(chart.light) for chart in charts(board))


def test_extreme_numbers_are_drawn(make_run: Make) -> None:
    def change(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        rows[0]["kl_passt"], rows[1]["kl_passt"], rows[2]["clap_score"] = 1e300, -1e300, float("inf")
        scores["fd_openl3"] |= {"value": 1e-300, "low": 0.0, "high": 1e300}

    (board,) = boards(read_runs([make_run("a", change=change), make_run("b", seed=1, change=change)]))
    assert len(charts(board)) == 3


def test_somebody_s_matplotlibrc_changes_no_picture(make_run: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """matplotlib reads one from the working folder: it could repaint a stranger's report, or start LaTeX."""
    (board,) = boards(read_runs([make_run()]))
    clip = Clip(np.linspace(-1, 1, 8000, dtype=np.float32)[None], 8000, "")
    before = charts(board), spectrogram_png(clip)
    for name, value in {"text.usetex": True, "lines.linewidth": 40.0, "font.size": 60.0, "savefig.dpi": 10.0}.items():
        monkeypatch.setitem(matplotlib.rcParams, name, value)
    assert (charts(board), spectrogram_png(clip)) == before
    assert matplotlib.rcParams["text.usetex"], "the person's own pictures keep their settings"
