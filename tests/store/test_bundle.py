"""A bundle is whole or refused; what a stranger put into one reaches neither the disk beside it nor a page unseen."""

from __future__ import annotations

import hashlib
import json
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from evalkit.core.errors import UserError
from evalkit.store.bundle import INDEX, opened, write_bundle
from evalkit.store.state import read_state


def make_run(folder: Path, in_place: bool = False) -> Path:
    """A finished run of three sounds, two of them alike, and a failed one."""
    audio = folder.parent / "elsewhere" if in_place else folder / "audio"
    audio.mkdir(parents=True)
    folder.mkdir(exist_ok=True)
    contents = {"a": b"RIFF one", "b": b"RIFF two", "c": b"RIFF one"}
    for name, content in contents.items():
        (audio / f"{name}.wav").write_bytes(content)
    names = [str(audio / f"{name}.wav") if in_place else f"audio/{name}.wav" for name in contents]
    digests = [hashlib.sha256(content).hexdigest() for content in contents.values()]
    columns = {
        "id": [*contents, "d"],
        "audio": [*names, None],
        "sha256": [*digests, None],
        "labels": [["x"], [], [], []],
    }
    parquet.write_table(pyarrow.table(columns), folder / "samples.parquet")
    (folder / "scores.json").write_text('{"fd": {"value": 1.5}}')
    done = {name: hashlib.sha256((folder / file).read_bytes()).hexdigest() for name, file in FILES.items()}
    facts = {"status": "success", "run_id": "r1", "finished": done}
    (folder / "run.json").write_text(json.dumps(facts))
    return folder


FILES = {"scores": "scores.json", "samples": "samples.parquet"}


@pytest.mark.parametrize("in_place", [False, True])
def test_a_bundle_is_the_run_with_its_sounds(tmp_path: Path, in_place: bool) -> None:
    run = make_run(tmp_path / "run", in_place)
    made = write_bundle(run, tmp_path / "x.evalkit.zip")
    assert (made.rows, made.sounds) == (4, 2)
    with opened(tmp_path / "x.evalkit.zip") as folder:
        state = read_state(folder)
        assert state.unfinished == "" and state.scores == (run / "scores.json").read_bytes()
        rows = parquet.read_table(folder / "samples.parquet").to_pylist()
        for row, name in zip(rows[:3], "abc", strict=True):
            assert (folder / row["audio"]).read_bytes() == (b"RIFF two" if name == "b" else b"RIFF one")
        assert rows[3]["audio"] is None and [row["id"] for row in rows] == list("abcd")
    assert not folder.exists()


def test_equal_runs_give_equal_bytes_and_no_path_of_the_maker(tmp_path: Path) -> None:
    first, second = (make_run(tmp_path / name / "run", True) for name in ("here", "there"))
    files = [write_bundle(run, run.with_suffix(".zip")).path.read_bytes() for run in (first, second)]
    assert files[0] == files[1] and b"elsewhere" not in files[0]


def test_digests_alone(tmp_path: Path) -> None:
    write_bundle(make_run(tmp_path / "run"), tmp_path / "x.zip", audio=False)
    with opened(tmp_path / "x.zip") as folder:
        rows = parquet.read_table(folder / "samples.parquet").to_pylist()
        assert [row["audio"] for row in rows] == [None] * 4 and rows[0]["sha256"]


def test_a_sound_that_changed_since_is_not_bundled(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    (run / "audio" / "b.wav").write_bytes(b"RIFF 222")
    with pytest.raises(UserError, match=r"1 of 2 sounds is gone or has changed: 'audio/b.wav'.*--no-audio"):
        write_bundle(run, tmp_path / "x.zip")
    assert not (tmp_path / "x.zip").exists()


def test_a_run_cannot_name_a_file_outside_of_it(tmp_path: Path) -> None:
    """A stranger's run folder must not have `bundle` carry off a file by a relative path."""
    run = make_run(tmp_path / "run")
    (tmp_path / "secret").write_bytes(b"RIFF one")
    columns = parquet.read_table(run / "samples.parquet").to_pydict() | {"audio": ["../secret", None, None, None]}
    parquet.write_table(pyarrow.table(columns), run / "samples.parquet")
    (run / "run.json").write_text(json.dumps({"status": "success", "run_id": "r1"}))
    with pytest.raises(UserError, match="gone or ha"):
        write_bundle(run, tmp_path / "x.zip")


def test_an_unfinished_run_is_refused(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    (run / "run.json").write_text(json.dumps({"status": "started"}))
    with pytest.raises(UserError, match="not finished"):
        write_bundle(run, tmp_path / "x.zip")


Change = Callable[[dict[str, bytes]], None]


def changed_index(change: Callable[[dict[str, str]], None]) -> Change:
    def apply(files: dict[str, bytes]) -> None:
        index = json.loads(files[INDEX])
        change(index["files"])
        files[INDEX] = json.dumps(index).encode()

    return apply


def _one_bit(files: dict[str, bytes]) -> None:
    name = next(each for each in files if each.startswith("audio/"))
    files[name] = files[name][:-1] + b"!"


HOSTILE: dict[str, tuple[Change, str]] = {
    "a changed sound": (_one_bit, "is not the file that its digest states"),
    "changed scores": (lambda files: files.update({"scores.json": b"{}"}), "is not the file that its digest states"),
    "a missing file": (lambda files: files.pop("scores.json") and None, "'scores.json' is missing"),
    "one more file": (lambda files: files.update({"audio/more.wav": b""}), "is not in its list"),
    "a way out": (changed_index(lambda listed: listed.update({"../x": "0" * 64})), "is no file of a run"),
    "an absolute path": (changed_index(lambda listed: listed.update({"/etc/x": "0" * 64})), "is no file of a run"),
    "a sound by another name": (
        changed_index(lambda listed: listed.update({f"audio/{'0' * 64}.wav": "1" * 64})), "is no file of a run"
    ),
    "no digest": (changed_index(lambda listed: listed.update({"scores.json": "x"})), "is no file of a run"),
    "no index": (lambda files: files.pop(INDEX) and None, "it has no bundle.json"),
    "an index of something else": (lambda files: files.update({INDEX: b"[]"}), "is not that of a bundle"),
    "an index that is no JSON": (lambda files: files.update({INDEX: b"{"}), "bundle.json"),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_what_was_changed_is_refused_by_name(tmp_path: Path, what: str) -> None:
    change, told = HOSTILE[what]
    write_bundle(make_run(tmp_path / "run"), tmp_path / "x.zip")
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    with zipfile.ZipFile(tmp_path / "y.zip", "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    with pytest.raises(UserError, match=told), opened(tmp_path / "y.zip"):
        pass
    assert not (tmp_path / "x").exists() and not (tmp_path.parent / "x").exists()


def test_a_bomb_is_refused_before_it_unpacks(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(INDEX, b"0" * (1 << 24))
    with pytest.raises(UserError, match="is compressed"), opened(tmp_path / "x.zip"):
        pass


def test_any_damage_is_one_line(tmp_path: Path) -> None:
    """Cut, or with bytes exchanged: refused, or whole after all (a byte that nobody reads), never an exception."""
    write_bundle(make_run(tmp_path / "run"), tmp_path / "x.zip")
    data, draw = (tmp_path / "x.zip").read_bytes(), random.Random(0)
    refused = 0
    for _ in range(300):
        broken = bytearray(data[: draw.randrange(len(data))] if draw.random() < 0.3 else data)
        for _ in range(draw.randrange(1, 4)):
            if broken:
                broken[draw.randrange(len(broken))] = draw.randrange(256)
        (tmp_path / "y.zip").write_bytes(bytes(broken))
        try:
            with opened(tmp_path / "y.zip") as folder:
                assert read_state(folder).scores == (tmp_path / "run" / "scores.json").read_bytes()
        except UserError:
            refused += 1
    assert refused > 200


@pytest.mark.parametrize("content", [None, b"", b"PK", b"no zip at all" * 100])
def test_what_is_no_bundle_is_told(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "x.zip").write_bytes(content)
    with (
        pytest.raises(UserError, match=r"no such run folder or bundle|cannot be read as a bundle"),
        opened(tmp_path / "x.zip"),
    ):
        pass
