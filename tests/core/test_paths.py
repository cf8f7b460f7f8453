"""Paths as people type them: `~`, links by their own name, and links that lead nowhere said to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from evalkit.audio.encode import wav_bytes
from evalkit.core.errors import UserError
from evalkit.core.paths import absent, existing, files_under, inside, is_file, is_folder, is_there, typed


def test_a_tilde_is_the_home_and_an_unknown_one_is_a_users_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    assert typed("~/runs/a") == Path("/somewhere/runs/a") and typed("a/~b") == Path("a/~b")
    with pytest.raises(UserError, match="no such home folder"):
        typed("~nobody-of-this-name/runs")
    with pytest.raises(UserError, match="is a variable not set"):
        typed("")


def test_a_link_keeps_its_name_and_what_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "blob").write_bytes(b"x")
    (tmp_path / "model.safetensors").symlink_to("blob")
    monkeypatch.chdir(tmp_path)
    assert existing("model.safetensors", "--checkpoint") == tmp_path / "model.safetensors"
    (tmp_path / "blob").unlink()
    with pytest.raises(UserError, match=r"^--checkpoint: the link .*model\.safetensors leads to blob, which is"):
        existing("model.safetensors", "--checkpoint")
    with pytest.raises(UserError, match=r"^--weights a=b: no such file or folder"):
        existing("b", "--weights a=b")
    (tmp_path / "gone").symlink_to("nowhere")
    assert "gone leads to nowhere" in absent(tmp_path / "gone" / "config.json")


def test_linked_folders_are_entered_and_loops_end(tmp_path: Path) -> None:
    """A digest of a folder that skipped what a link leads to would call two different models the same."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "w.bin").write_bytes(b"w")
    model = tmp_path / "model"
    (model / "unet").mkdir(parents=True)
    (model / "unet" / "a").write_bytes(b"a")
    (model / "unet" / "up").symlink_to(model)
    (model / "vae").symlink_to(tmp_path / "elsewhere")
    (model / "again").symlink_to(tmp_path / "elsewhere")
    (model / "loose").symlink_to("nowhere")
    found = [str(path.relative_to(model)) for path in files_under(model)]
    assert found == ["again/w.bin", "unet/a", "vae/w.bin"]


def test_a_folder_is_walked_within_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--weights clap=/` must not hash the disk."""
    monkeypatch.setattr("evalkit.core.paths.MOST_ENTRIES", 3)
    for name in "abc":
        (tmp_path / name).mkdir()
    assert files_under(tmp_path) == []
    (tmp_path / "a" / "file").touch()
    with pytest.raises(UserError, match="holds more than 3 files"):
        files_under(tmp_path)


LONG = 300 * "a"


def test_a_name_that_no_disk_has_is_no_file(tmp_path: Path) -> None:
    """`Path.is_file` raises there, in words that name no manifest, and hides whatever else is wrong."""
    assert not is_file(tmp_path / LONG) and not is_folder(tmp_path / LONG) and not is_there(tmp_path / LONG)
    with pytest.raises(UserError, match="--weights x: no such file or folder"):
        existing(tmp_path / LONG, "--weights x")
    assert is_folder(tmp_path) and is_there(tmp_path)


@pytest.mark.parametrize("name", [LONG, "loop", "loop/a.wav", "gone.wav", "a/../b.wav"])
def test_a_name_inside_is_inside_wherever_its_links_lead_in_the_folder(name: str, tmp_path: Path) -> None:
    """A circle of links ended a report in a traceback."""
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert inside(tmp_path, name)


@pytest.mark.parametrize("name", ["../b.wav", "out/b.wav", "a\0b", "a/../../b"])
def test_a_name_that_leads_out_is_not_inside(name: str, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "out").symlink_to(tmp_path)
    assert not inside(tmp_path / "run", name)


VERBS = {
    "a folder of sounds": (("score", LONG), "no such folder"),
    "a reference": (("score", "gen", "--prompts", "names", "--reference", LONG), "no such file or folder"),
    "weights": (("run", "--weights", f"openl3={LONG}"), "no such file or folder"),
    "a worker": (("run", "--model", f"worker:./{LONG}"), "worker.toml"),
    "code": (("run", "--model", f"./{LONG}.py:X"), "no such file"),
    "clips": (("verify", "--against", "originals", "--clips", LONG), "no such folder"),
}


@pytest.mark.parametrize(("words", "told"), VERBS.values(), ids=VERBS)
def test_a_name_that_no_disk_has_is_told_like_one_that_is_not_there(
    words: tuple[str, ...], told: str, evalkit: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    (tmp_path / "gen").mkdir()
    (tmp_path / "gen" / "rain.wav").write_bytes(wav_bytes(np.zeros((1, 16000), np.float32), 16000))
    code, _, err = evalkit(*words)
    assert code == 2 and told in err and "same command again" not in err, err[-400:]
