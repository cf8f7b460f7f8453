"""Small files that ask for a great deal: each is refused, by a line, before anything is made of it."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.core import limits
from evalkit.core.errors import UserError
from evalkit.core.jsonio import parse_json, read_lines
from evalkit.core.tomlio import read_toml_table
from evalkit.core.yamlio import parse_yaml

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=200,
)


@given(VALUES)
def test_json_that_is_plain_reads_as_it_was_written(value: Any) -> None:
    """The limits must not refuse, nor change, what is well within them; brackets inside of texts are no levels."""
    text = json.dumps([value, "[" * 100 + '"' + "{" * 100]).encode()
    assert parse_json(text, "x")[0] == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"[" * 1000 + b"]" * 1000, "nested deeper than 64"),
        (b'{"a":' * 1000 + b"1" + b"}" * 1000, "nested deeper than 64"),
        (b"[" * 3_000_000, "more than 2,000,000 values"),
        (b"[" + b"0," * 3_000_000 + b"0]", "more than 2,000,000 values"),
        (b'["' + b"\\\\" * 1_000_000 + b"[" * 100, "Unterminated string"),
        (b"[" * 65 + b"1" + b"]" * 65, "nested deeper"),
        (b"{", "Expecting property name"),
        (b"\xff", "utf-8"),
    ],
)
def test_json_beyond_the_limits_is_one_line(text: bytes, reason: str) -> None:
    """RecursionError is a traceback, and two million empty lists are half a gigabyte."""
    began = time.process_time()
    with pytest.raises(UserError, match=reason) as caught:
        parse_json(text, "x.json")
    assert caught.value.message.startswith("x.json: cannot be read as JSON") and len(caught.value.message) < 300
    assert time.process_time() - began < 1


def test_what_no_float_can_hold_is_infinite_or_refused() -> None:
    """A rate of 10^400 would overflow wherever somebody divides by it."""
    text = b"[1" + b"0" * 400 + b", -1" + b"0" * 400 + b", 1e999, NaN, 1" + b"0" * 250 + b"]"
    found = parse_json(text, "x")
    assert found[:3] == [math.inf, -math.inf, math.inf] and math.isnan(found[3]) and found[4] == 10**250
    for bad in (b"[1e999]", b"[NaN]", b"[-Infinity]", b"[1" + b"0" * 400 + b"]"):
        with pytest.raises(UserError, match="number"):
            parse_json(bad, "x", finite=True)


def test_an_error_does_not_repeat_what_the_file_says(tmp_path: Path) -> None:
    """A suite of a stranger may name any file of this machine as its own."""
    secret = "root:x:0:0:the-secret:/root:/bin/bash"
    (tmp_path / "x").write_text(secret + "\n[" + secret + "\n")
    reads = [
        lambda: parse_json(secret.encode(), "f"),
        lambda: read_toml_table(tmp_path / "x"),
        lambda: parse_yaml(secret + ": [", "f"),
        lambda: parse_yaml("a: {" + secret + "\nb: *" + secret, "f"),
    ]
    for read in reads:
        with pytest.raises(UserError) as caught:
            read()
        assert "secret" not in str(caught.value) and "root" not in str(caught.value).replace(str(tmp_path), "")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a=" + "[" * 200_000 + "]" * 200_000, "nested deeper"),
        ("a=" + "{b=" * 100 + "1" + "}" * 100, "nested deeper"),
        ("a." * 200_000 + "b = 1", "nested deeper"),
        ('"a" . ' * 60_000 + "b = 1", "nested deeper"),
        ("[" + "a." * 200_000 + "b]", "nested deeper"),
        ("a = 1979-05-27", "a is a date"),
        ("a = {b = [07:32:00]}", "a.b is a date"),
        ("a = [{b = inf}]", "a.b is no finite number"),
        ("a = nan", "a is no finite number"),
        ("a = 1e999", "a is no finite number"),
        ("a = 1" + "0" * 400, "a is no finite number"),
        ("a = " + "9" * 100_000, "cannot be read as a manifest"),
        ('a = """' + '\\"""' * 50_000, "cannot be read as a manifest"),
        ("# " + "x" * 600_000, "more than the 524,288 bytes"),
    ],
)
def test_toml_beyond_the_limits_is_one_line(text: str, reason: str, tmp_path: Path) -> None:
    """A key of 200,000 parts keeps tomllib busy for hours, and its tables fall over whoever walks them."""
    (tmp_path / "x.toml").write_text(text)
    began = time.process_time()
    with pytest.raises(UserError, match=reason) as caught:
        read_toml_table(tmp_path / "x.toml", "manifest").settle()
    assert len(caught.value.message) < 400 + len(str(tmp_path))
    assert time.process_time() - began < 1


def test_toml_within_the_limits_reads_as_it_stands(tmp_path: Path) -> None:
    text = f'a = [1.0, 2.5, -3]  # {"." * 99} {"[" * 99}\nb = "{"[" * 99}"\nc.d = "{"x." * 99}"\n'
    (tmp_path / "x.toml").write_text(text + "e = '''\n" + "[.' \n" * 99 + "'''\n")
    found = read_toml_table(tmp_path / "x.toml")
    assert found.read("a", lambda value: True, "", None, None) == [1.0, 2.5, -3]
    assert found.free("c") == {"d": "x." * 99} and found.text("e").count("[") == 99


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]", "anchor or an alias"),
        ("[" * 10_000, "nest"),
        ("- " * 10_000, "nested deeper"),
        ("? " * 10_000, "nested deeper"),
        ("[" + "a," * 100_000 + "]", "more than 50,000 values"),
        ("!!python/object/apply:os.system ['true']", "could not determine a constructor"),
        ("a: " + "1" * 5000, "ValueError"),
        ("a" * 2_000_000, "more than 1,048,576 characters"),
    ],
)
def test_yaml_beyond_the_limits_is_one_line(text: str, reason: str) -> None:
    """Nine lines of aliases stand for a billion values."""
    began = time.process_time()
    with pytest.raises(UserError, match=reason):
        parse_yaml(text, "x")
    assert time.process_time() - began < 1
    assert parse_yaml("a: 1\nb: [x, 2.5, true, null]", "x") == {"a": 1, "b": ["x", 2.5, True, None]}


def test_a_line_of_a_ledger_that_is_no_record_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "l").write_bytes(b'{"a": 1}\n\n[1]\n' + b"[" * 1000 + b'\n\xff\n{"b": 2}\n{tor')
    assert list(read_lines(tmp_path / "l")) == [{"a": 1}, None, None, None, {"b": 2}, None]
    with pytest.raises(UserError, match="more than the 10 bytes"):
        list(read_lines(tmp_path / "l", 10))


def test_the_depth_of_brackets_is_what_it_is() -> None:
    assert [limits.depth(text) for text in (b"", b"[]", b"[[],{}]", b"]]]]", b"[{a[b]c}]")] == [0, 1, 2, -1, 3]
