"""The table for a paper: what it says, and that a hostile name is typeset rather than run."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.report.board import Board, boards
from evalkit.report.latex import Style, latex
from evalkit.report.published import Figure
from evalkit.report.records import read_runs
from evalkit.report.tex import PREAMBLE, escaped

Make = Callable[..., Path]
PDFLATEX = shutil.which("pdflatex")
HOSTILE = (
    r"\input{/etc/passwd} \write18{touch owned} \end{table}\end{document}",
    r"50% of $x_1^2$ & ^^5cinput ~ #1 {un\closed \\[1em] *",
    '[1em] <b>|`quoted\' "twice"` -- --- ?` ,,',
    "Ångström naïve Łódź ÷ ð þ ő ě – “x” … −1 ×2 µ 音 العربية \U0001f600 e\u0301",
    "\u202eright to left\u202c \x07bell \x1b[31m \x00 \u200b \ufeff \r\n\r\n\tpar",
)


def hostile(text: str) -> Callable[..., None]:
    def change(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        facts["model"]["name"] = facts["suite"]["title"] = facts["suite"]["name"] = text
        facts["suite"]["protocol"] = facts["suite"]["version"] = facts["preset"] = text
        scores["kl_passt"]["warnings"] = [text]
        scores["clap_score"]["weights"] = text
        scores[text] = scores["kl_passt"] | {"protocol": text}

    return change


def commands(text: str) -> set[str]:
    return set(re.findall(r"\\[a-zA-Z]+", text))


def test_a_board_of_two_is_told_with_arrows_intervals_bold_and_caption(make_run: Make) -> None:
    text = latex(boards(read_runs([make_run("first"), make_run("second", fd=300.0)])))
    assert r"\begin{tabular}{lrrr}" in text
    for title in (r" & FD-OpenL3 $\downarrow$", r" & KL-PaSST $\downarrow$", r" & CLAP score $\uparrow$"):
        assert title in text
    assert "118.4 {[}111.1, 125.7{]}" in text
    for part in ("Mini: ten everyday sounds (mini 1)", "8 prompts", "protocol mini-1", "$n$ = 7", "95\\%"):
        assert part in text
    assert "Judges: FD-OpenL3 openl3-mini; KL-PaSST passt-mini; CLAP score clap-mini." in text
    assert "Runs of 2026-11-21." in text, "the day of the runs, not of today"
    assert "Failed items: A 1, B 1." in text
    assert r"\label{tab:evalkit-mini-mini}" in text


def test_bold_is_exactly_what_the_board_calls_best(make_run: Make) -> None:
    (board,) = boards(read_runs([make_run("first"), make_run("second", fd=300.0)]))
    best = sum(cell.best for row in board.rows for cell in row.cells)
    assert latex([board]).count(r"\textbf{") == best
    (alone,) = boards(read_runs([make_run("third")]))
    assert r"\textbf" not in latex([alone])


def test_plus_minus_is_written_where_the_interval_is_symmetric_alone(make_run: Make) -> None:
    def change(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        scores["kl_passt"] |= {"low": 1.2, "high": 1.9}

    text = latex(boards(read_runs([make_run(change=change)])), Style(plus_minus=True))
    assert r"118.4 $\pm$ 7.3" in text
    assert "1.21 {[}1.20, 1.90{]}" in text


def test_an_n_of_its_own_stands_in_the_cell(make_run: Make) -> None:
    def change(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        scores["clap_score"]["n"] = 5

    assert "{]}, $n$ = 5" in latex(boards(read_runs([make_run(change=change)])))


def test_published_rows_carry_the_mark_of_their_citation(make_run: Make, full_run: Any, figure: Figure) -> None:
    runs = read_runs([make_run(size="full", change=full_run)])
    text = latex(boards(runs, [figure]))
    assert r"Stable Audio Open$^{a}$ &" in text
    assert f"$^{{a}}$ As published: {escaped(figure.citation)}" in text


def test_several_boards_are_several_tables_with_labels_of_their_own(make_run: Make) -> None:
    def other(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        facts["suite"]["digest"] = "cd" * 32

    text = latex(boards(read_runs([make_run("a"), make_run("b", change=other)])))
    labels = re.findall(r"\\label\{(.*?)\}", text)
    assert text.count(r"\begin{table}") == 2
    assert len(set(labels)) == 2


def test_further_measures_come_where_they_are_asked_for(make_run: Make, with_further: Any) -> None:
    found = boards(read_runs([make_run(change=with_further)]))
    assert "Loudness" not in latex(found)
    assert "Loudness (LUFS) & $-$21.4 {[}$-$22.5, $-$20.3{]}" in latex(found, Style(further=True))


@given(st.text())
def test_any_text_becomes_ascii_with_commands_of_ours_alone(text: str) -> None:
    """`\\input` of a model's name would read a file of whoever compiles the paper."""
    found = escaped(text)
    assert all(" " <= char <= "~" for char in found)
    assert "^^" not in found
    ours = {r"\textbackslash", r"\textasciicircum", r"\textasciitilde", r"\textless", r"\textgreater", r"\textbar"}
    ours |= {r"\textasciigrave", r"\dots", r"\times", r"\pm", r"\cdot", r"\circ", r"\downarrow", r"\uparrow", r"\leq"}
    ours |= {r"\geq", r"\mu", r"\ss", r"\ae", r"\AE", r"\o", r"\O", r"\oe", r"\OE", r"\l", r"\L", r"\i"}
    ours |= {r"\evalkitchar", r"\r", r"\c", r"\v", r"\u", r"\H"}
    assert commands(found) <= ours
    bare = re.sub(r"\\[{}$&%#_]", "", found)
    assert bare.count("{") == bare.count("}")
    assert bare.count("$") % 2 == 0
    assert not set("&%#_") & set(bare)


def hostile_board(make_run: Make) -> tuple[Board, ...]:
    runs = [make_run(f"h{place}", seed=place, change=hostile(text)) for place, text in enumerate(HOSTILE)]
    return boards(read_runs([*runs, make_run("ours"), make_run("others", fd=300.0)]))


def test_hostile_names_add_no_command_to_the_table(make_run: Make) -> None:
    text = latex(hostile_board(make_run), Style(further=True))
    assert text.isascii()
    assert not commands(text) & {r"\input", r"\write", r"\closed"}
    assert text.count(r"\end{table}") == text.count(r"\begin{table}")


@pytest.mark.skipif(PDFLATEX is None, reason="no pdflatex here (Debian: texlive-latex-base, texlive-latex-recommended)")
@pytest.mark.parametrize("plus_minus", [False, True])
def test_pdflatex_compiles_the_tables_of_hostile_names(make_run: Make, tmp_path: Path, plus_minus: bool) -> None:
    """Also in the list of tables, which captions are written to and read back from."""
    (tmp_path / "table.tex").write_text(latex(hostile_board(make_run), Style(plus_minus, further=True)))
    head = "\\documentclass{article}\n\\usepackage{booktabs}\n\\begin{document}\n\\listoftables\n"
    (tmp_path / "paper.tex").write_text(head + "\\input{table.tex}\n\\end{document}\n")
    for _ in range(2):
        done = subprocess.run(
            [str(PDFLATEX), "-halt-on-error", "-interaction=nonstopmode", "-no-shell-escape", "paper.tex"],
            cwd=tmp_path, capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout.decode("latin-1")[-3000:]
    assert b"Output written" in done.stdout
    assert not (tmp_path / "owned").exists()


def test_the_preamble_keeps_a_definition_of_the_document(make_run: Make) -> None:
    assert PREAMBLE.startswith(r"\ifdefined\evalkitchar\else")
    assert latex(boards(read_runs([make_run()]))).count(PREAMBLE) == 1
