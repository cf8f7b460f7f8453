"""`evalkit agree` as it is typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Typed = Callable[..., Any]


def test_public_ratings_by_name(typed_here: Typed) -> None:
    done = typed_here("agree", "aes-pam", "--scale", "PQ")
    assert done.returncode == 0, done.stderr
    assert "0.81 [" in done.stdout and "0.90" in done.stdout and "musicgen_large" in done.stdout
    assert "CC-BY 4.0" in done.stdout and "50 × 3" in done.stdout


def test_a_metric_against_them_as_json(typed_here: Typed, tmp_path: Path) -> None:
    rows = "".join(f"audio/audiogen_m/generated_audio_index_{k},{k % 7}\n" for k in (1, 102, 106, 116, 126))
    (tmp_path / "m.csv").write_text("clip,mine\n" + rows)
    done = typed_here("agree", "aes-pam", "--metrics", "m.csv", "--scale", "PQ", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["agreement"][0]
    assert (found["clips"], found["systems"], found["rated_without_a_value"]) == (5, 1, 995)
    assert found["within"]["spearman"]["value"] is not None and found["between"]["spearman"]["value"] is None


def test_a_leaderboard(typed_here: Typed) -> None:
    done = typed_here("agree", "music-arena")
    assert done.returncode == 0 and "riffusion-fuzz-1-0" in done.stdout and "MIT" in done.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["aes-pan"], "did you mean aes-pam"),
        (["gone.csv"], "no such file of ratings"),
        (["aes-pam", "--estimate"], "name --runs or --metrics"),
        (["aes-pam", "--scale", "PX"], "no scale of these ratings"),
        (["aes-pam", "--metric", "clap_score"], "name --runs or --metrics"),
        (["aes-pam", "also.csv"], "one file of ratings is read at a time"),
        (["aes-pam", "--runs", "nowhere"], "nowhere"),
        (["aes-pam", "--metrics", "m.csv", "--metric", "min"], "did you mean mine"),
        (["music-arena", "--metrics", "m.csv", "--estimate"], "no ratings of clips"),
    ],
)
def test_what_cannot_be_is_one_line(typed_here: Typed, tmp_path: Path, words: list[str], told: str) -> None:
    (tmp_path / "m.csv").write_text("clip,mine\naudio/real/generated_audio_index_1,2\n")
    done = typed_here("agree", *words)
    assert done.returncode == 2 and told in done.stderr and "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2


def test_all_that_is_wrong_is_told_at_once(typed_here: Typed, tmp_path: Path) -> None:
    """One run of the command, one list: not the next mistake after each correction."""
    (tmp_path / "m.csv").write_text("clip,mine\na,one\n")
    done = typed_here("agree", "gone.csv", "--metrics", "m.csv", "--runs", "nowhere", "--runs", "neither")
    assert done.returncode == 2
    for told in ("gone.csv", "nowhere", "neither", "'one' is no number", "both given"):
        assert told in done.stderr
