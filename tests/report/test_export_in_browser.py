"""The tables leave the page: what a button copies is what `evalkit report --format` writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.report.board import boards
from evalkit.report.formats import FORMATS
from evalkit.report.latex import Style
from evalkit.report.page import write_report
from evalkit.report.records import read_runs

Make = Callable[..., Path]
KEEP = "navigator.clipboard.writeText = async (text) => { window.copied = text; }"
REFUSE = "navigator.clipboard.writeText = async () => { throw new Error('no'); }"


@pytest.mark.parametrize("place", range(len(FORMATS)))
def test_a_button_copies_and_a_link_downloads_the_very_text(
    make_run: Make, tmp_path: Path, browser: Any, place: int
) -> None:
    runs = [make_run("Ångström </script>"), make_run("b", fd=300.0)]
    browser.open(write_report(runs, tmp_path / "page.html", published=()))
    browser.run(KEEP)
    browser.run("document.querySelector('.export').open = true")
    browser.run(f"document.querySelectorAll('.export .copy')[{place}].click()")
    browser.until("document.getElementById('announce').textContent")
    kind = list(FORMATS.values())[place]
    assert browser.run("window.copied") == kind.write(boards(read_runs(runs)), Style())
    assert browser.run(f"document.querySelectorAll('.export a')[{place}].download") == f"leaderboard.{kind.ending}"
    assert browser.run("document.getElementById('announce').textContent") == f"{kind.title} copied"


def test_where_the_clipboard_is_kept_from_a_page_the_selection_is_copied(
    make_run: Make, tmp_path: Path, browser: Any
) -> None:
    browser.open(write_report([make_run()], tmp_path / "page.html", published=()))
    browser.run(REFUSE)
    browser.run("document.addEventListener('copy', () => { window.copied = document.activeElement.value; })")
    browser.run("document.querySelector('.export').open = true")
    browser.run("document.querySelector('.export .copy').click()")
    browser.until("document.getElementById('announce').textContent")
    assert "\\begin{table}" in browser.run("window.copied")
    assert browser.run("document.activeElement.className") == "copy", "the keyboard stays where it was"
    assert not browser.run("document.querySelector('textarea')")


def test_without_script_the_links_remain(make_run: Make, tmp_path: Path) -> None:
    page = write_report([make_run()], tmp_path / "page.html", published=()).read_text(encoding="utf-8")
    assert page.count('class="copy"') == page.count("hidden>copy</button>") == len(FORMATS)
    assert page.count('<a download="leaderboard.') == len(FORMATS)
