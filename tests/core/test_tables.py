"""A table that a person wrote: every fault in one go, each with its line, and nothing told twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.core.errors import UserError
from evalkit.core.faults import Fault, Faults
from evalkit.core.tables import Table
from evalkit.core.tomlio import read_toml_table


def opened(tmp_path: Path, text: str) -> Table:
    (tmp_path / "x.toml").write_text(text, encoding="utf-8")
    return read_toml_table(tmp_path / "x.toml", "manifest")


def told(table: Table) -> list[tuple[int, str, str]]:
    """(line, what is told, hint) of every fault."""
    with pytest.raises(UserError) as caught:
        table.settle()
    errors = caught.value.errors if isinstance(caught.value, Faults) else (caught.value,)
    return [(each.line, each.told, each.hint) for each in errors if isinstance(each, Fault)]


def test_each_reader_gives_what_is_there_or_its_default(tmp_path: Path) -> None:
    table = opened(tmp_path, 'a = "x"\nn = 3\nr = 2\nflag = true\nlist = ["p"]\nsize = "mini"\n[t]\nfree = 1\n')
    assert (table.text("a"), table.text("b", "y"), table.whole("n"), table.number("r"), table.switch("flag")) == (
        "x", "y", 3, 2.0, True,
    )  # fmt: skip
    assert (table.texts("list"), table.texts("none"), table.one_of("size", ("mini", "full"))) == (("p",), (), "mini")
    assert table.free("t") == {"free": 1} and table.free("u") == {} and not table.holds("u")
    table.settle()


def test_every_fault_is_told_with_its_line(tmp_path: Path) -> None:
    table = opened(tmp_path, "n = true\nlist = [1]\nsize = 'fill'\nr = -1\nstrange = 0\nt = 7\n[u]\nx = ''\nnmae = 1\n")
    table.whole("n")
    table.texts("list", "names")
    table.one_of("size", ("mini", "full"))
    table.number("r")
    assert table.table("t").text("inside") == ""
    inner = table.table("u")
    inner.text("x")
    inner.text("name")
    table.text("gone")
    assert sorted(told(table)) == [
        (0, "'gone' is missing", 'add gone = "..."'),
        (1, "'n' is true, expected a whole number", ""),
        (2, "'list' is [1], expected a list of names", ""),
        (3, "'size' is 'fill', expected one of mini, full", "did you mean full?"),
        (4, "'r' is -1, expected a positive number", ""),
        (5, "unknown key 'strange'", "known: gone, list, n, r, size, t, u"),
        (6, "'t' is 7, expected a table", ""),
        (8, "[u]: 'x' is '', expected text", ""),
        (9, "unknown key 'nmae' in [u], and 'name' is missing", "did you mean name?"),
    ]


def test_lines_that_are_no_toml_are_told_with_the_faults_of_the_others(tmp_path: Path) -> None:
    """`licence = MIT` is the commonest slip of all, and must not hide the rest; what is missing can't be known then."""
    table = opened(tmp_path, "licence = MIT\nn = 'x'\nn = 2\nsize = \"a\n")
    table.whole("n")
    table.text("size")
    assert [(line, what.partition(":")[0]) for line, what, _ in sorted(told(table))] == [
        (1, "cannot be read as a manifest"),
        (2, "'n' is 'x', expected a whole number"),
        (3, "cannot be read as a manifest"),
        (4, "cannot be read as a manifest"),
    ]


def test_a_text_that_falls_apart_is_told_by_line_and_column(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"x\.toml, line 2, column \d+: cannot be read as a manifest: "):
        opened(tmp_path, "a = 1\n[b\nc = 2\n")
    with pytest.raises(Faults, match=r"line 1, column 5: .*line 2, column"):
        opened(tmp_path, "a = b\n[b\n")


def test_a_date_is_told_once_and_with_the_rest(tmp_path: Path) -> None:
    table = opened(tmp_path, "when = 2020-01-01\nlist = ['a', 07:32:00]\nn = 'x'\n")
    table.text("when")
    table.texts("list")
    table.whole("n")
    assert [what for _, what, _ in sorted(told(table))] == [
        "when is a date", "list is a date", "'n' is 'x', expected a whole number",
    ]  # fmt: skip


def test_a_hundred_thousand_unknown_keys_are_counted(tmp_path: Path) -> None:
    """They are a stranger's; looking for the nearest name of each would take minutes."""
    import time

    table = opened(tmp_path, "".join(f"k{number} = 1\n" for number in range(40_000)))
    table.text("name", "")
    began = time.process_time()
    faults = told(table)
    assert faults[-1][1] == "and 39,900 more unknown keys" and len(faults) == 101
    assert time.process_time() - began < 3
