"""A finished run as one file that others can look at and check: a zip archive in which nothing is compressed.

    bundle.json            which files are in it, each with its sha256
    run.json               what made the run
    scores.json            its numbers, as they were written
    samples.parquet        its prompts, one row per sound; `audio` names the file in here, or nothing
    audio/<sha256>.<end>   the sounds, byte for byte, each once; none in a bundle of digests alone

Equal runs give equal bytes. A bundle comes from anywhere: it is opened under limits, every file of it must have the
digest that it states, and no other file may be in it. That shows that it is whole, not that it is true: the numbers are
those that its maker states.
"""

from __future__ import annotations

import io
import json
import re
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from evalkit.core.errors import UserError
from evalkit.core.files import landing
from evalkit.core.ids import digest_bytes, digest_file
from evalkit.core.interrupts import heed
from evalkit.core.jsonio import parse_json
from evalkit.core.paths import inside, is_file
from evalkit.core.reading import open_regular
from evalkit.core.text import part_of
from evalkit.store.state import MOST_BYTES, RunState, read_state
from evalkit.store.tables import parse_columns

INDEX = "bundle.json"
SUFFIX = ".evalkit.zip"
MOST_FILES = 250_000
_SCHEMA = 1
_TABLES = ("run.json", "scores.json", "samples.parquet")
_SOUND = re.compile(r"audio/([0-9a-f]{64})\.[a-z0-9]{1,5}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LARGEST_DIRECTORY = MOST_FILES * 400
_DATE = (1980, 1, 1, 0, 0, 0)
_PIECE = 1 << 20
_BEGIN = b"PK\x03\x04"
_END, _END_OF_LARGE, _LOCATOR = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_FAULTS = (OSError, ValueError, EOFError, NotImplementedError, RuntimeError, zipfile.BadZipFile)


@dataclass(frozen=True)
class Bundled:
    """What went into a bundle: `sounds` files of audio, of `rows` sounds of the run."""

    path: Path
    rows: int
    sounds: int


def write_bundle(run: Path, out: Path, audio: bool = True) -> Bundled:
    """Put a finished run into one file. Raises UserError where it is not finished, or a sound is gone or has changed
    since it was scored, and CannotWrite for what the disk refuses."""
    state = read_state(run)
    if state.unfinished or state.scores is None or state.samples is None:
        raise UserError(f"{run}: {state.unfinished or 'has no scores'}", "a bundle is of a finished run")
    columns = parse_columns(state.samples, run / "samples.parquet")
    sounds = _sounds(run, columns) if audio else {}
    names = {digest: f"audio/{digest}{_ending(path)}" for digest, path in sounds.items()}
    columns["audio"] = [names.get(digest) for digest in columns.get("sha256", [])]
    tables = _tables(state, _parquet(columns))
    digests = {name: digest_bytes(data) for name, data in tables.items()} | {names[each]: each for each in sounds}
    index = {"evalkit_bundle": _SCHEMA, "run_id": state.facts.get("run_id"), "files": digests}
    with landing(out) as part, zipfile.ZipFile(part, "w") as archive:
        for name, data in ({INDEX: _json(index)} | tables).items():
            archive.writestr(zipfile.ZipInfo(name, _DATE), data)
        for digest in sorted(sounds):
            heed()
            with open_regular(sounds[digest]) as source, archive.open(zipfile.ZipInfo(names[digest], _DATE), "w") as to:
                _copied(source, to, digest, sounds[digest])
    return Bundled(out, len(columns["audio"]), len(sounds))


@contextmanager
def folder_of(path: Path) -> Iterator[Path]:
    """A run folder as it is, or what a bundle holds, for as long as the block lasts. Raises UserError as `opened`."""
    if path.is_dir() or not path.exists():
        yield path
        return
    with opened(path) as folder:
        yield folder


@contextmanager
def opened(path: Path) -> Iterator[Path]:
    """The run folder that a bundle holds, for as long as the block lasts.

    Raises UserError, naming the bundle: no such file, none of this form, a file in it that is missing, was changed, or
    does not belong.
    """
    with tempfile.TemporaryDirectory(prefix="evalkit-bundle-") as folder:
        try:
            with open_regular(path) as file:
                _measure(file)
                with zipfile.ZipFile(file) as archive:
                    _unpack(archive, path, Path(folder))
        except _FAULTS as error:
            if isinstance(error, FileNotFoundError):
                raise UserError(f"{path}: no such run folder or bundle") from None
            raise UserError(f"{path}: cannot be read as a bundle: {str(error)[:200]}", _HINT) from None
        yield Path(folder)


def is_bundle(path: Path) -> bool:
    """Does a file begin as a bundle does? Whether it is a whole one, `opened` says."""
    with suppress(OSError, ValueError, UserError), open_regular(path) as file:
        return file.read(4) == _BEGIN
    return False


_HINT = "`evalkit bundle RUN` makes one"


def _sounds(run: Path, columns: Mapping[str, list[Any]]) -> dict[str, Path]:
    """sha256 -> the file of each sound that the run has, where that is still what was scored."""
    found: dict[str, Path] = {}
    lost = []
    for name, digest in zip(columns.get("audio", []), columns.get("sha256", []), strict=True):
        if not isinstance(name, str) or not isinstance(digest, str) or digest in found:
            continue
        path = run / name
        if (Path(name).is_absolute() or inside(run, name)) and is_file(path) and digest_file(path) == digest:
            found[digest] = path
        else:
            lost.append(name)
    if lost:
        verbs = "is gone or has changed", "are gone or have changed"
        told = f"{run}: {part_of(len(lost), len(lost) + len(found), 'sound', *verbs)}: {lost[0]!r:.120}"
        raise UserError(told, "--no-audio makes a bundle of their digests alone")
    return found


def _ending(path: Path) -> str:
    ending = path.suffix.lower()
    return ending if re.fullmatch(r"\.[a-z0-9]{1,5}", ending) else ".bin"


def _tables(state: RunState, samples: bytes) -> dict[str, bytes]:
    """The run's three files. Its table names other places of the sounds now, so run.json states its new digest."""
    scores = state.scores or b""
    ended = state.facts.get("finished")
    closed = {**(ended if isinstance(ended, dict) else {}), "samples": digest_bytes(samples)}
    return dict(zip(_TABLES, (_json({**state.facts, "finished": closed}), scores, samples), strict=True))


def _parquet(columns: Mapping[str, list[Any]]) -> bytes:
    import pyarrow
    from pyarrow import parquet

    buffer = io.BytesIO()
    parquet.write_table(pyarrow.table(dict(columns)), buffer, compression="zstd")
    return buffer.getvalue()


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=True) + "\n").encode("ascii")


def _copied(source: IO[bytes], target: IO[bytes], digest: str, path: object) -> None:
    """Copy a file, which must be the one of this sha256 still: it may change while it is read."""
    import hashlib

    found = hashlib.sha256()
    while piece := source.read(_PIECE):
        found.update(piece)
        target.write(piece)
    if found.hexdigest() != digest:
        raise UserError(f"{path}: is not the file that its digest states")


def _measure(file: IO[bytes]) -> None:
    """Raises ValueError where the list of contents is longer than a bundle's, before zipfile reads all of it."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - (1 << 16) - 22))
    tail = file.read()
    end = tail.rfind(_END)
    if end < 0 or end + 22 > len(tail):
        raise ValueError("it is no zip file")
    files, directory = (int.from_bytes(tail[end + at : end + to], "little") for at, to in ((10, 12), (12, 16)))
    if tail[max(0, end - 20) : end].startswith(_LOCATOR):
        file.seek(int.from_bytes(tail[end - 12 : end - 4], "little"))
        large = file.read(56)
        if not large.startswith(_END_OF_LARGE):
            raise ValueError("its end is damaged")
        files, directory = (int.from_bytes(large[at : at + 8], "little") for at in (32, 40))
    if files > MOST_FILES or directory > _LARGEST_DIRECTORY:
        raise ValueError(f"it lists more than {MOST_FILES:,} files")
    file.seek(0)


def _unpack(archive: zipfile.ZipFile, path: Path, folder: Path) -> None:
    members = {info.filename: info for info in archive.infolist()}
    if len(members) != len(archive.infolist()):
        raise ValueError("a file is in it twice")
    packed = [name for name, info in members.items() if info.compress_type or info.file_size != info.compress_size]
    if packed:
        raise ValueError(f"{packed[0]!r:.120} is compressed")
    stated = _index(_read(archive, members, INDEX))
    for which, names in (("missing", stated.keys() - members.keys()), ("not in its list", members.keys() - stated)):
        if strange := sorted(names - {INDEX}):
            raise ValueError(f"{strange[0]!r:.120} is {which}")
    (folder / "audio").mkdir()
    (folder / INDEX).write_bytes(_read(archive, members, INDEX))
    for name, digest in stated.items():
        heed()
        with archive.open(members[name]) as source, landing(folder / name) as part, part.open("wb") as target:
            _copied(source, target, digest, f"{path}: {name}")


def _read(archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], name: str) -> bytes:
    if name not in members or members[name].file_size > MOST_BYTES:
        raise ValueError(f"it has no {name} of a size that is read")
    return archive.read(members[name])


def _index(data: bytes) -> dict[str, str]:
    """name -> sha256 of every file but the index itself."""
    index = parse_json(data, INDEX)
    files = index.get("files") if isinstance(index, dict) and index.get("evalkit_bundle") == _SCHEMA else None
    if not isinstance(files, dict) or not set(_TABLES) <= files.keys():
        raise ValueError(f"{INDEX} is not that of a bundle of this version")
    for name, digest in files.items():
        sound = _SOUND.fullmatch(name)
        fits = sound is not None and sound[1] == digest
        if not isinstance(digest, str) or not _SHA256.fullmatch(digest) or not (fits or name in _TABLES):
            raise ValueError(f"{INDEX} lists {name!r:.120}, which is no file of a run with its digest")
    return files
