"""A fault is told with its line, so the line must be the key's own, whatever the file looks like."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.core.toml_lines import KeyPath, key_lines

ROOT = Path(__file__).resolve().parents[2]


def paths(value: object, path: KeyPath = ()) -> set[KeyPath]:
    """Every key of what tomllib read."""
    found: set[KeyPath] = set()
    if isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            found |= ({(*path, name)} if isinstance(name, str) else set()) | paths(inner, (*path, name))
    return found


def keys(lines: dict[KeyPath, int]) -> set[KeyPath]:
    return {path for path in lines if isinstance(path[-1], str)}


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\x7f", min_codepoint=32), max_size=6)


def quoted(text: str) -> str:
    return '"' + "".join(f"\\u{ord(c):04x}" if c in '"\\' or ord(c) < 32 else c for c in text) + '"'


def key_text(name: str, form: int) -> str:
    if form == 0 and name and all(c.isascii() and (c.isalnum() or c in "-_") for c in name):
        return name
    return f"'{name}'" if form == 1 and "'" not in name else quoted(name)


def value_text(value: Any, draw: Any) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f"{key_text(k, draw(st.integers(0, 2)))} = {value_text(v, draw)}" for k, v in value.items())
        return f"{{{inner}}}"
    if isinstance(value, list):
        gap = draw(st.sampled_from(["", " ", "\n", " # ] , \n  "]))
        end = draw(st.sampled_from(["", ","])) if value else ""
        return f"[{gap}{(',' + gap).join(value_text(each, draw) + gap for each in value)}{end}{gap}]"
    if isinstance(value, str):
        forms = [quoted(value)]
        if "'" not in value:
            forms += [f"'{value}'", f"'''\n{value}\n# [x]\n'''"]
        if "\\" not in value and '"' not in value:
            forms += [f'"""{value}\n[[no]]\nk = 1 ""\\"x"""', f'"""{value}"""', f'"""{value}"""""']
        return str(draw(st.sampled_from(forms)))
    return str(value).lower() if isinstance(value, bool) else str(value)


VALUES = st.recursive(
    st.booleans() | st.integers(-9, 9) | st.floats(-9, 9).map(lambda each: round(each, 2)) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def documents(draw: Any) -> tuple[str, dict[KeyPath, int]]:
    """A text, and the line on which it was written that each top key of each table begins."""
    lines: list[str] = []
    expected: dict[KeyPath, int] = {}
    counts: dict[str, int] = {}

    def here() -> int:
        return "\n".join([*lines, ""]).count("\n") + 1

    for number in range(draw(st.integers(1, 4))):
        path: KeyPath = ()
        if number:
            name = draw(NAMES) + str(number % 2)
            many = draw(st.booleans())
            if not many and name in counts:
                continue
            if many and counts.get(name, 0) < 0:
                continue
            counts[name] = counts.get(name, 0) + 1 if many else -1
            path = (name, counts[name] - 1) if many else (name,)
            expected.setdefault((name,), here())
            text = key_text(name, draw(st.integers(0, 2)))
            lines.append(f"{'[[' if many else '['} {text} {']]' if many else ']'} # {name}")
        for key, value in draw(st.dictionaries(NAMES, VALUES, max_size=3)).items():
            if not number and key[-1:] in ("0", "1"):
                continue  # it might be a table's name further down
            lines += draw(st.lists(st.sampled_from(["", "  ", "# [a]\tb = 1"]), max_size=2))
            expected[(*path, key)] = here()
            lines.append(f" {key_text(key, draw(st.integers(0, 2)))} = {value_text(value, draw)}")
    return "\n".join(lines) + draw(st.sampled_from(["", "\n"])), expected


@given(documents())
def test_keys_are_those_that_tomllib_reads_on_the_lines_where_they_were_written(
    made: tuple[str, dict[KeyPath, int]],
) -> None:
    text, expected = made
    lines = key_lines(text)
    assert keys(lines) == paths(tomllib.loads(text))
    assert {path: lines[path] for path in expected} == expected


@given(st.text(st.sampled_from("ab.=[]{}\"'#,\n \\1"), max_size=40))
def test_any_text_has_an_end_and_whatever_tomllib_takes_has_the_same_keys(text: str) -> None:
    lines = key_lines(text)
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert keys(lines) == paths(content)


def test_dotted_keys_and_tables_inside_of_lists_have_their_lines() -> None:
    text = "a.b.c = 1\r\n[[t]]\nx = {y = [\n  {z = 1}]}\n[t.in]\nq = 1\n[[t]]\n[t.in]\nq = 2\n"
    lines = key_lines(text)
    assert lines["a",] == lines["a", "b", "c"] == 1
    assert lines["t", 0, "x", "y"] == 3 and lines["t", 0, "x", "y", 0, "z"] == 4
    assert (lines["t", 0, "in", "q"], lines["t", 1], lines["t", 1, "in"], lines["t", 1, "in", "q"]) == (6, 7, 8, 9)


@pytest.mark.parametrize("path", [*ROOT.glob("prompts/*.toml"), *ROOT.glob("baselines/*/*.toml")], ids=str)
def test_every_key_of_what_ships_stands_on_its_line(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = key_lines(text)
    assert keys(lines) == paths(tomllib.loads(text))
    for found, number in lines.items():
        assert str(found[-1]) in text.split("\n")[number - 1] or isinstance(found[-1], int), found


def test_half_a_megabyte_is_read_in_a_moment() -> None:
    import time

    text = "k = [" + "{a = [1, 'x']}, " * 25_000 + "]\n" + '"""' * 3
    began = time.process_time()
    assert len(key_lines(text)) > 25_000
    assert time.process_time() - began < 3
