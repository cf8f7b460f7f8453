"""`--audio all`: a page that names a folder beside it must find all of it there, must not carry off or destroy what is
somebody else's, and must not grow with each time that it is made."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.cli.main import main
from evalkit.core.errors import UserError
from evalkit.core.files import CannotWrite
from evalkit.report.page import write_report
from evalkit.report.shelf import Beside, folder_of

Make = Callable[..., Path]


def named(page: Path) -> set[str]:
    """What a page takes its sounds and pictures from."""
    return set(re.findall(r'(?:<img|<audio)[^>]* src="([^"]*)"', page.read_text(encoding="utf-8")))


def there(page: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder_of(page).iterdir()}


@pytest.fixture
def page(make_run: Make, tmp_path: Path) -> Path:
    return write_report([make_run("a")], tmp_path / "a page & more.html", "all")


def test_all_that_the_page_names_lies_beside_it_and_nothing_else(page: Path) -> None:
    found = there(page)
    assert len(found) == 14, "seven sounds and seven pictures"
    assert named(page) == {f"a%20page%20%26%20more-audio/{name}" for name in found}
    assert all(name.partition(".")[0] == hashlib.sha256(data).hexdigest() for name, data in found.items())
    text = page.read_text(encoding="utf-8")
    assert "img-src 'self' file:; media-src 'self' file:" in text.replace("&#39;", "'")
    assert "a page &amp; more-audio beside this page" in text


def test_a_page_that_is_made_again_is_the_same_and_leaves_nothing_behind(make_run: Make, page: Path) -> None:
    before, text = there(page), page.read_bytes()
    (folder_of(page) / "mine.txt").write_text("a note")
    stranger = "0" * 64 + ".webm"
    (folder_of(page) / stranger).write_text("not what its name says")
    spoiled = next(name for name in before if name.endswith(".webm"))
    (folder_of(page) / spoiled).write_text("cut off")
    run = page.parent / "runs" / "a-mini-0"
    write_report([run], page, "all")
    assert page.read_bytes() == text
    assert there(page) == before | {"mine.txt": b"a note", stranger: b"not what its name says"}
    write_report([make_run("b", seed=5)], page, "all")
    after = there(page)
    assert len(after) == 16
    assert not set(before) & {name for name in after if name.endswith(".webm")}
    write_report([run], page, "sample")
    assert set(there(page)) == {"mine.txt", stranger}
    assert all(address.startswith("data:") for address in named(page))


def test_a_folder_that_holds_nothing_any_more_goes(page: Path) -> None:
    write_report([page.parent / "runs" / "a-mini-0"], page, "none")
    assert not folder_of(page).exists()


@pytest.mark.parametrize("kind", ["link", "file"])
def test_a_folder_that_is_none_is_refused_before_the_work(make_run: Make, tmp_path: Path, kind: str) -> None:
    """A link in a run folder may be anybody's, and leads anywhere."""
    page, elsewhere = tmp_path / "r.html", tmp_path / "elsewhere"
    elsewhere.mkdir()
    if kind == "link":
        folder_of(page).symlink_to(elsewhere)
    else:
        folder_of(page).write_text("x")
    with pytest.raises(UserError, match="is not a folder"):
        write_report([make_run("a")], page, "all")
    assert not page.exists()
    write_report([tmp_path / "runs" / "a-mini-0"], page, "none")
    assert list(elsewhere.iterdir()) == []
    assert folder_of(page).is_symlink() or folder_of(page).is_file(), "not ours to remove"


def test_a_disk_that_refuses_is_no_note_on_a_clip(page: Path) -> None:
    sound = next(folder_of(page).glob("*.webm"))
    sound.unlink()
    sound.mkdir()
    with pytest.raises((CannotWrite, UserError)):
        write_report([page.parent / "runs" / "a-mini-0"], page, "all")


def test_equal_sounds_are_one_file(tmp_path: Path) -> None:
    shelf = Beside(tmp_path / "r.html")
    assert shelf.put("audio/webm", b"one") == shelf.put("audio/webm", b"one")
    assert shelf.put("audio/webm", b"two") != shelf.put("image/png", b"two")
    assert len(list(shelf.folder.iterdir())) == 3


def test_a_folder_whose_name_is_no_text_has_an_address(tmp_path: Path) -> None:
    shelf = Beside(tmp_path / os.fsdecode(b"caf\xe9.html"))
    assert shelf.put("audio/webm", b"one").startswith("caf%E9-audio/")
    assert "caf\ufffd-audio beside" in shelf.told


def test_the_command_says_where_the_sounds_are(page: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    out, run = page.with_name("other.html"), page.parent / "runs" / "a-mini-0"
    monkeypatch.setattr(sys, "argv", ["evalkit", "report", str(run), "--out", str(out), "--audio", "all"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    told = capsys.readouterr()
    assert f"its sounds: {folder_of(out)}" in (told.out + told.err).replace("\n", "")
