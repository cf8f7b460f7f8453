"""Whatever is in a prompt file, the user gets prompts, or one line naming the file and the line."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.core.errors import UserError
from evalkit.suites.prompts import Columns, prompts_of
from evalkit.suites.rows import read_rows

COLUMNS = Columns(labels="labels", group="group")
HEADER = b"id,prompt,seconds,labels,group\n"


def read(folder: Path, data: bytes, suffix: str = ".csv", columns: Columns = COLUMNS) -> list[tuple[object, ...]]:
    path = folder / f"p{suffix}"
    path.write_bytes(data)
    return [(p.id, p.text, p.seconds, p.labels, p.group) for p in prompts_of(read_rows(path), columns)]


def test_csv_and_jsonl_mean_the_same(tmp_path: Path) -> None:
    csv = HEADER + b'a,"rain, then\nwind",2.5,rain;wind,g\n7,a dog,3,,g\n'
    jsonl = (
        b'{"id": "a", "prompt": "rain, then\\nwind", "seconds": 2.5, "labels": ["rain", "wind"], "group": "g"}\n\n'
        b'{"id": 7, "prompt": "a dog", "seconds": "3", "labels": [], "group": "g"}\n'
    )
    expected = [("a", "rain, then\nwind", 2.5, ("rain", "wind"), "g"), ("7", "a dog", 3.0, (), "g")]
    assert read(tmp_path, csv) == read(tmp_path, jsonl, ".jsonl") == expected
    assert read(tmp_path, b"\xef\xbb\xbf" + csv.replace(b"\n", b"\r\n"))[1] == expected[1]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (HEADER + b"a,x,1,,g\nb,y,1,,g\na,z,1,,g\n", "id 'a' is on line 2 and on line 4"),
        (HEADER + b'a,"two\nlines",1,,g\nb,,1,,g\n', "line 4: 'prompt' is empty"),
        (HEADER + b"a,x,1\n", "line 2: has 3 fields, the header has 5"),
        (HEADER + b"a,x,0,,g\n", "line 2: seconds is '0'"),
        (HEADER + b"a,x,0.0009,,g\n", "line 2: seconds is .0.0009.*at least 0.001"),
        (HEADER + b"a,x,nan,,g\n", "line 2: seconds is 'nan'"),
        (HEADER + b"a,x,-1,,g\n", "line 2: seconds"),
        (HEADER + b"a,x,inf,,g\n", "line 2: seconds"),
        (HEADER + b"a,x,160000,,g\n", "at most 3600"),
        (HEADER + b"a,x,soon,,g\n", "line 2: seconds is 'soon'"),
        (HEADER + b"a,x,1,,g\nb,y\0,1,,g\n", "line 3: holds a NUL"),
        (HEADER + b"a,x,1,,g\nb,\xff,1,,g\n", "line 3: is not UTF-8"),
        (HEADER + b'a,"x,1,,g\n', "line 2: is not CSV"),
        (HEADER + b"   ,x,1,,g\n", "'id' is empty"),
        (b"id,id\n", "line 1: a column's name is used twice"),
        (b"id,text,seconds\na,x,1\n", "line 2: has no 'prompt'.*columns here: id, text, seconds"),
        (HEADER, "holds no prompts"),
        (b"", "holds no prompts"),
    ],
)
def test_bad_csv_names_the_line(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        read(tmp_path, data)
    assert "p.csv" in caught.value.message
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"id": "b", ', "line 2: cannot be read as JSON"),
        (b"[1]", "line 2: is not a JSON object"),
        (b"[" * 100_000, "line 2: cannot be read as JSON"),
        (b'{"prompt": "x", "seconds": 1}', "line 2: has no 'id'"),
        (b'{"id": "b", "seconds": 1}', "line 2: has no 'prompt'"),
        (b'{"id": "b", "prompt": null, "seconds": 1}', "line 2: has no 'prompt'"),
        (b'{"id": true, "prompt": "x", "seconds": 1}', "line 2: 'id' is not text"),
        (b'{"id": "b", "prompt": ["x"], "seconds": 1}', "line 2: 'prompt' is not text"),
        (b'{"id": "b", "prompt": "x\\u0000", "seconds": 1}', "line 2: 'prompt' holds a NUL"),
        (b'{"id": "\\ud800", "prompt": "x", "seconds": 1}', "line 2: 'id' holds .* surrogate"),
        (b'{"id": "b", "prompt": "x", "seconds": NaN}', "line 2: seconds is nan"),
        (b'{"id": "b", "prompt": "x", "seconds": true}', "line 2: seconds"),
        (b'{"id": "b", "prompt": "x", "seconds": 1' + b"0" * 400 + b"}", "line 2: seconds"),
        (b'{"id": "a", "prompt": "x", "seconds": 1}', "id 'a' is on line 1 and on line 2"),
    ],
)
def test_bad_jsonl_names_the_line(tmp_path: Path, line: bytes, words: str) -> None:
    good = b'{"id": "a", "prompt": "x", "seconds": 1}\n'
    with pytest.raises(UserError, match=words) as caught:
        read(tmp_path, good + line + b"\n", ".jsonl", Columns())
    assert len(str(caught.value)) < 400


def test_hostile_ids_are_prompts_like_any_other(tmp_path: Path) -> None:
    """`../x` or 300 characters are made harmless where a file is named, not refused here."""
    ids = ["../x", "/abs", "a\\b", "CON", ".", "x" * 300, "\u00e9", "e\u0301", "A", "a", "-rf", "\u202eevil"]
    data = HEADER + "".join(f"{each},x,1,,g\n" for each in ids).encode()
    assert [row[0] for row in read(tmp_path, data)] == ids


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=200), suffix=st.sampled_from([".csv", ".jsonl"]), good=st.booleans())
def test_no_bytes_crash_it(tmp_path_factory: pytest.TempPathFactory, data: bytes, suffix: str, good: bool) -> None:
    head = (HEADER if suffix == ".csv" else b'{"id": "a", "prompt": "x", "seconds": 1}\n') if good else b""
    path = tmp_path_factory.getbasetemp() / f"fuzz{suffix}"
    path.write_bytes(head + data)
    try:
        prompts = prompts_of(read_rows(path), Columns())
    except UserError as error:
        assert str(path) in error.message
    else:
        assert all(0 < prompt.seconds <= 3600 and prompt.text.strip() for prompt in prompts)
