"""The scenes that ship, cut up for metrics of many clips; and the judge that nobody taught."""

from __future__ import annotations

import csv
from pathlib import Path

from evalkit.metrics.mad_openl3 import FEW_CLIPS
from evalkit.mini.card.ladders import BRIEF
from evalkit.mini.card.pieces import in_pieces
from evalkit.mini.card.seeded import JUDGE, is_seeded, seeded_msclap


def test_there_are_enough_pieces_and_each_knows_its_scene() -> None:
    with in_pieces(BRIEF) as brief:
        names = sorted(path.stem for path in brief.sounds[0].iterdir())
        assert isinstance(brief.prompts, Path) and isinstance(brief.reference, Path)
        with brief.prompts.open(newline="") as file:
            source = {row["id"]: row["source"] for row in csv.DictReader(file)}
        assert sorted(source) == names and len(names) >= FEW_CLIPS and len(set(source.values())) == 22
        assert all(name.rpartition("-")[0] == scene for name, scene in source.items())
        assert len(list(brief.reference.iterdir())) >= FEW_CLIPS
    assert not brief.sounds[0].exists()


def test_seeded_weights_are_known_as_such(tmp_path: Path) -> None:
    with seeded_msclap() as weights:
        assert is_seeded(weights[JUDGE]) and weights[JUDGE].is_file()
    assert not is_seeded(tmp_path / "CLAP_weights_2023.pth")
