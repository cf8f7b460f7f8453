"""Where a run's files lie, for ids and names of any kind."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.core.errors import UserError
from evalkit.store.layout import RunFolder, run_folder

ANY = st.text(st.characters(exclude_categories=()), max_size=300)


@given(ANY, ANY, ANY, ANY)
def test_no_name_leads_out_of_the_runs_folder(suite: str, model: str, run_id: str, prompt: str) -> None:
    folder = run_folder(Path("/runs"), suite, model, run_id)
    clip = folder.clip(prompt)
    assert len(clip.parts) == 7 and clip.parts[:2] == ("/", "runs") and ".." not in clip.parts


def test_leftovers_of_a_killed_write_are_swept_and_nothing_else(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.audio.mkdir()
    for path in (tmp_path / ".landing-1", folder.audio / ".landing-2", folder.audio / "a.wav", folder.run_json):
        path.write_bytes(b"")
    folder.sweep()
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["a.wav", "run.json"]


@pytest.mark.parametrize("name", ["audio", "ledger.jsonl", ".lock", "run.json", "scores.json", "samples.parquet"])
@pytest.mark.parametrize("there", [True, False])
def test_a_run_does_not_write_or_sweep_through_a_link(name: str, there: bool, tmp_path: Path) -> None:
    """A stranger's folder as --out, whose `audio/` is a link to somebody's sounds."""
    folder, elsewhere = RunFolder(tmp_path / "run"), tmp_path / "elsewhere"
    folder.root.mkdir()
    if there:
        elsewhere.mkdir() if name == "audio" else elsewhere.touch()
    (folder.root / name).symlink_to(elsewhere)
    with pytest.raises(UserError, match=f"{name}: is a link"):
        folder.require_files()
