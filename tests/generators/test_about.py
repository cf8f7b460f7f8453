"""What is said of a system that can't be run here: read whole, or refused with all that is wrong at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.core.errors import UserError
from evalkit.generators.about import About, about_folder, read_about


def written(folder: Path, text: str) -> Path:
    path = folder / "about.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_all_that_is_said_is_kept(tmp_path: Path) -> None:
    text = 'system = "MeanAudio"\nversion = "25 steps"\ndate = "2025-08-01"\nterms = "CC BY"\n[settings]\nsteps = 25\n'
    about = read_about(written(tmp_path, text))
    assert about == About("MeanAudio", "25 steps", "2025-08-01", terms="CC BY", settings={"steps": 25})
    assert about.name == "MeanAudio 25 steps"
    assert about.said == {
        "system": "MeanAudio", "version": "25 steps", "date": "2025-08-01", "terms": "CC BY", "settings": {"steps": 25},
    }  # fmt: skip


def test_a_system_alone_is_enough(tmp_path: Path) -> None:
    assert read_about(written(tmp_path, 'system = "X"')).said == {"system": "X"}


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, 'sytem = "X"\nversion = 3\nsettings = "fast"\nnotes = "' + "x" * 600 + '"\n')
    with pytest.raises(UserError) as refused:
        read_about(path)
    told = str(refused.value)
    for fault in (
        "'sytem'",
        "did you mean system",
        "'system' is missing",
        "'version' is 3",
        "'settings' is",
        "600 char",
    ):
        assert fault in told
    assert told.count(str(path)) == 1


def test_an_unquoted_date_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"date is a date.*in quotes"):
        read_about(written(tmp_path, 'system = "X"\ndate = 2025-08-01\n'))


def test_the_named_file_comes_before_the_folder_s_own(tmp_path: Path) -> None:
    assert about_folder(tmp_path, None) is None
    own = written(tmp_path, 'system = "own"')
    named = own.with_name("other.toml")
    named.write_text('system = "named"', encoding="utf-8")
    assert about_folder(tmp_path, None) == About("own") and about_folder(tmp_path, named) == About("named")
    with pytest.raises(UserError, match="no such description of a system"):
        about_folder(tmp_path, tmp_path / "absent.toml")
