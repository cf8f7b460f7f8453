"""A fault is told with the line where its key stands, whatever else the file holds."""

from __future__ import annotations

import json
import tomllib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.core.toml_lines import line_of, lines_of

KEY = st.one_of(
    st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True), st.text(st.sampled_from("a.b =[]\"#'é "), max_size=5)
)
VALUES = st.sampled_from(
    ["1", "true", '"a = 1 # [x]"', "'[no]'", '"""\n[no]\nb = 2\n\\""" still"""', "'''\nc = [\n'''",
     "[\n  1, # ]\n  2,\n]",
     '{ a = 1, "b]" = "x" }', "[[1], [\n2]]", '"""x""""', '[ { a = "}" },\n ]']
)  # fmt: skip


def quoted(key: str) -> str:
    return key if key.isascii() and key.replace("-", "").replace("_", "").isalnum() else json.dumps(key)


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, dict[tuple[str, ...], int]]:
    """A TOML text and the line of every key in it."""
    lines: list[str] = []
    where: dict[tuple[str, ...], int] = {}
    for number, header in enumerate([None, *draw(st.lists(KEY, unique=True, max_size=4))]):
        table: tuple[str, ...] = ()
        if header is not None:
            table = (f"t{number}", header)
            lines += [*draw(st.lists(st.sampled_from(["", "# [c] = 1", "  "]), max_size=2))]
            lines.append(
                draw(st.sampled_from(["[{}]", " [ {} ] # x = [", "[{}]\t"])).format(f"t{number}.{quoted(header)}")
            )
            where[table] = where[table[:1]] = len(lines)
        for key in draw(st.lists(KEY, unique=True, max_size=4)):
            where[(*table, f"k-{key}")] = len(lines) + 1
            spaces = draw(st.sampled_from(["", "  ", "\t"]))
            value = draw(VALUES) + draw(st.sampled_from(["", " # y = ["]))
            lines += f"{spaces}{quoted(f'k-{key}')}{spaces}={spaces}{value}".split("\n")
    return "\n".join(lines), where


def paths(table: dict[str, Any], at: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    found = set()
    for key, value in table.items():
        found.add((*at, key))
        if isinstance(value, dict) and (not at or at[0].startswith("t")) and not key.startswith("k-"):
            found |= paths(value, (*at, key))
    return found


@settings(deadline=None)
@given(documents())
def test_every_key_has_the_line_on_which_it_stands(document: tuple[str, dict[tuple[str, ...], int]]) -> None:
    text, where = document
    assert lines_of(text) == where
    assert paths(tomllib.loads(text)) == where.keys()


@given(st.text(st.sampled_from("ab=[]{}\"'#\n\\. \té"), max_size=60))
def test_any_text_is_gone_through(text: str) -> None:
    assert all(1 <= line <= text.count("\n") + 1 for line in lines_of(text).values())


def test_what_is_inside_an_inline_table_has_the_line_of_that() -> None:
    lines = lines_of('x = 1\n[a]\nsource = {repo = "r", commit = 2}\n')
    assert line_of(lines, ("a", "source", "commit")) == 3
    assert line_of(lines, ("a", "missing")) == 2
    assert line_of(lines, ("b",)) == 0


def test_a_long_text_takes_no_time() -> None:
    lines_of("a = [" + "1, " * 100_000 + "]\n" + '"' * 100_000 + "\n" + "[" * 100_000)
