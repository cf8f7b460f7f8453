"""Two hundred answer files that nobody should have sent: each one clear line, or a clean page; nothing in them runs.

The same for the files that importers read. The files are made by a seeded script: every place of a good file, and every
kind of thing that does not belong there.
"""

from __future__ import annotations

import copy
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import evalkit_listeners as fake
import numpy as np
import pytest

from evalkit.cli.collecting import collect_answers
from evalkit.cli.main import main
from evalkit.core.errors import UserError
from evalkit.core.faults import Gathering
from evalkit.ratings.read import read_ratings

RUNS, PROMPTS = {"run-a": "alpha", "run-b": "beta"}, [f"p{place}" for place in range(5)]
SCRIPT = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
CONTROL = "\x1b]0;owned\x07\x1b[2J\u202e\u2066\r\n\x00\x9b31m"
VALUES: list[Any] = [
    None, True, -1, 0, 10**30, 1.5, float("nan"), float("inf"), "", SCRIPT, CONTROL, "../../etc/passwd",
    "=cmd|'/c calc'!A0",
    [], {}, [[[[]]]], {"__proto__": 1, "$ref": "file:///etc/passwd"}, "\ud800", "x" * 100_000, "__import__('os')",
]  # fmt: skip


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place of a JSON value, the whole first; of lists the first and the last entry."""
    yield at
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*at, key))
    elif isinstance(value, list) and value:
        for place in {0, len(value) - 1}:
            yield from places(value[place], (*at, place))


def put(table: Any, at: tuple[Any, ...], value: Any) -> Any:
    if not at:
        return value
    changed = copy.deepcopy(table)
    inner = changed
    for key in at[:-1]:
        inner = inner[key]
    inner[at[-1]] = value
    return changed


def raw(good: dict[str, Any], rows: str) -> list[bytes]:
    """Files that are hostile as a whole; `rows` is the field that holds the answers."""
    text = json.dumps(good).encode()
    many = {**good, rows: good[rows] * (20_001 // max(1, len(good[rows])) + 1)}
    return [
        b"", b"\0" * 100, b"\xff\xfe" + text, text[:-20], text + text, b"[" * 100_000, b"{" * 2000 + b"}" * 2000,
        text.replace(b'"seat": 1', b'"seat": 1, "seat": 2'), text.replace(b'"seconds": 8', b'"seconds": NaN'),
        text.replace(b'"seconds": 8', b'"seconds": 8e999'), text.replace(b'"seconds": 8', b'"seconds": ' + b"9" * 5000),
        b"PK\x03\x04" + text, b"<html><script>alert(1)</script>", b"\x80\x04\x95.", json.dumps([good] * 3).encode(),
        json.dumps({**good, rows: good[rows] * 2}).encode(), json.dumps(many).encode(),
        b'{"kind":"evalkit-answers","x":[' + b"1," * 3_000_000 + b"1]}", b'"' + b"a" * (5 << 20) + b'"',
        json.dumps({**good, "comment": SCRIPT}).encode(), json.dumps({**good, "comment": CONTROL}).encode(),
        json.dumps({**good, "extra": SCRIPT, "más": 1}).encode(), json.dumps({**good, "study": "0" * 16}).encode(),
    ]  # fmt: skip


def two_hundred(good: dict[str, Any], rows: str) -> list[bytes]:
    """Whole files first, then values drawn into places, to two hundred."""
    rng, found = np.random.default_rng(200), raw(good, rows)
    every = list(places(good))
    while len(found) < 200:
        at, value = every[int(rng.integers(len(every)))], VALUES[int(rng.integers(len(VALUES)))]
        found.append(json.dumps(put(good, at, value)).encode("utf-8", "surrogatepass"))
    return found


def test_two_hundred_answer_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    read = 0
    for kind, rows in (("mos", "ratings"), ("ab", "preferences")):
        made, rng = fake.study(kind, RUNS, PROMPTS, 3), np.random.default_rng(1)
        good = fake.answers(made, 1, {"run-a": 0.5, "run-b": 0.0}, rng)
        key, _ = fake.write_study(tmp_path, made, [good])
        for number, content in enumerate(two_hundred(good, rows)[:: 1 if kind == "mos" else 4]):
            path = tmp_path / f"hostile-{number}.json"
            path.write_bytes(content)
            out = tmp_path / "ratings.json"
            out.unlink(missing_ok=True)
            try:
                collect_answers([path], key, [], out, True, False, Gathering())
            except UserError as error:
                told = str(error)
                assert len(told) < 2500 and not out.exists(), "what is refused leaves nothing"
            else:
                read += 1
                told = capsys.readouterr().out.replace("\n", " ")
                assert json.loads(out.read_text())["kind"] == "evalkit-ratings"
            assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", told), ascii(told)
    assert 5 < read < 100, "some are harmless, as a comment of any words; most are not"


LONG = "clip,system,rater,scale,score\na1,A,anna,quality,4\nb1,B,ben,quality,3\n"
MUSHRA = "session_uuid,trial_id,rating_stimulus,rating_score,rating_comment\nu1,t1,C1,60,hm\nu1,t1,C2,50,\n"
ARENA = "Rank\tModel\tArena Score\t95% CI\t# Votes\n1\tone\t1174.1\t±7\t360\n2\ttwo\t900\t±71\t42\n"
AXES = ("Production_Quality", "Production_Complexity", "Content_Enjoyment", "Content_Usefulness")
PAM = "".join(json.dumps({"data_path": f"audio/x/{k}", **{axis: [3.0, 4.0] for axis in AXES}}) + "\n" for k in "ab")


@pytest.mark.parametrize("good", [LONG, MUSHRA, ARENA, PAM], ids=["long", "mushra", "arena", "pam"])
def test_two_hundred_files_for_the_importers(tmp_path: Path, good: str) -> None:
    rng, path = np.random.default_rng(9), tmp_path / "ratings.csv"
    texts = [str(each) for each in VALUES if not isinstance(each, float)]
    for _ in range(200):
        lines = good.splitlines(keepends=True)
        at = int(rng.integers(len(lines)))
        words = re.split(r"([,\t:\[\]\"])", lines[at])
        words[int(rng.integers(len(words)))] = texts[int(rng.integers(len(texts)))]
        lines[at] = "".join(words)
        path.write_bytes("".join(lines).encode("utf-8", "surrogatepass"))
        try:
            found = read_ratings(path)
        except UserError as error:
            assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e]", str(error)) and len(str(error)) < 2500, ascii(
                error
            )
        else:
            fields = [each for row in found.rows for each in (row if isinstance(row, tuple) else vars(row).values())]
            names = [each for each in fields if isinstance(each, str)]
            assert not any(re.search(r"[\x00-\x1f\x7f-\x9f]", name) for name in names)


def test_a_table_of_names_that_are_commands_is_told_harmlessly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Names from a stranger's file reach the terminal: as text."""
    rows = "".join(f'"{CONTROL[:14]}{SCRIPT}{k}",=cmd(){k % 2},r{k % 3},"[bold]q",{k % 5}\n' for k in range(30))
    path = tmp_path / "r.csv"
    path.write_bytes(("clip,system,rater,scale,score\n" + rows).encode())
    monkeypatch.setattr(sys, "argv", ["evalkit", "agree", str(path)])
    with pytest.raises(SystemExit) as ended:
        main()
    told = capsys.readouterr()
    assert ended.value.code == 0 and "[bold]q" in told.out
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", told.out)


@pytest.mark.slow
def test_a_million_ratings_are_read_or_refused_in_one_line(tmp_path: Path) -> None:
    """A million are read; one more is a line, before anything is made of them."""
    path = tmp_path / "many.csv"
    head, row = "clip,system,rater,scale,score\n", "c{0},s{1},r{2},q,{3}\n"
    with path.open("w", encoding="utf-8") as file:
        file.write(head)
        for k in range(1_000_000):
            file.write(row.format(k // 10, k // 10 % 7, k % 10, k % 5 + 1))
    assert len(read_ratings(path).rows) == 1_000_000
    with path.open("a", encoding="utf-8") as file:
        file.write("x,s,r,q,1\n")
    with pytest.raises(UserError, match="more than 1,000,000 ratings"):
        read_ratings(path)
