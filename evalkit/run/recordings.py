"""A suite's reference recordings, inspected like generated sounds before any work is done.

A silent or cut recording among 25 doubles a Frechet distance, and nothing in the number would show it. So each is
decoded once; one that can't be used ends the command with all such files named, and the rest of the verdicts stand
among the metrics' warnings. What was found of a file is kept under EVALKIT_HOME by its content, so that it costs once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from evalkit.audio.clip import samples_digest
from evalkit.audio.decode import VERSION, UnreadableAudio, decode
from evalkit.audio.verdicts import FATAL, VERDICTS, inspect, too_short
from evalkit.core.errors import UserError
from evalkit.core.ids import digest_file
from evalkit.core.jsonio import read_json, write_json
from evalkit.core.text import count, part_of
from evalkit.fetch.home import evalkit_home
from evalkit.run.progress import Progress

STAGE = "references"

SHORTEST = 0.02
"""Seconds: in less there is nothing that a metric could hear (the windows of silence are as long)."""

_VERSION = [VERSION, 2]
"""How files are decoded, and what is kept of a recording; a note of another version is not believed."""

_NAMED = 5
_LISTED = " (where a manifest names the folder, list their sources in its [prompts] no_reference = [...])"


@dataclass(frozen=True)
class Recording:
    """`digest` of the file's bytes, `sound` of its samples whatever file holds them; the verdicts are not fatal."""

    path: Path
    digest: str
    sound: str
    seconds: float
    verdicts: tuple[str, ...]


def inspect_all(files: Mapping[str, Path], progress: Progress, referred: bool = True) -> dict[str, Recording]:
    """name -> recording, of a suite's reference where it is `referred` to. Raises UserError that names every file which
    cannot be used, and why."""
    progress.start(STAGE, len(files), 0)
    found: dict[str, Recording] = {}
    faults: list[str] = []
    with ThreadPoolExecutor() as pool:
        for name, outcome in zip(files, pool.map(_inspected, files.values()), strict=True):
            if isinstance(outcome, Recording):
                found[name] = outcome
            else:
                faults.append(f"{name!r} ({outcome})")
            progress.advance(STAGE)
    progress.finish(STAGE)
    if faults:
        folder = next(iter(files.values())).parent
        more = f" and {len(faults) - _NAMED} more" if len(faults) > _NAMED else ""
        these = count(len(files), "reference recording" if referred else "recording")
        told = f"{folder}: {len(faults)} of {these} cannot be used: {', '.join(faults[:_NAMED])}{more}"
        raise UserError(told, f"put whole recordings in their place, or take them away{_LISTED if referred else ''}")
    return found


def one_each(recordings: Mapping[str, Recording]) -> dict[str, str]:
    """name -> the first name whose recording has the same samples: copies are one sound, in whatever files."""
    firsts: dict[str, str] = {}
    return {name: firsts.setdefault(each.sound, name) for name, each in recordings.items()}


def remarks(recordings: Mapping[str, Recording], asked: Mapping[str, float]) -> list[str]:
    """Sentences on what was found and does not forbid the use; `asked` {name: seconds that its prompt asks for}."""
    said: dict[str, list[str]] = {}
    for name, each in recordings.items():
        for verdict in each.verdicts:
            said.setdefault(verdict, []).append(repr(name))
        if too_short(each.seconds, asked.get(name, 0.0)):
            said.setdefault("short", []).append(f"{name!r}: {each.seconds:.2f} of {asked[name]:g} s")
    if not said:
        return []
    parts = [f"{len(said[verdict])} {verdict} ({_some(said[verdict])})" for verdict in VERDICTS if verdict in said]
    return [f"of {count(len(recordings), 'reference recording')}: {'; '.join(parts)}"]


def copies_told(recordings: Mapping[str, Recording]) -> list[str]:
    """A sentence on recordings that are the sound of another file over again, where there are any."""
    firsts = one_each(recordings)
    copies = [f"{name!r} is {first!r}" for name, first in firsts.items() if name != first]
    if not copies:
        return []
    kept = len(recordings) - len(copies)
    return [
        f"{part_of(len(copies), len(recordings), 'reference recording', 'is a copy', 'are copies')} ({_some(copies)}): "
        f"{count(kept, 'sound')} {'counts' if kept == 1 else 'count'}"
    ]


def seconds_asked(names: Iterable[str], belonging: Mapping[str, str], seconds: Mapping[str, float]) -> dict[str, float]:
    """name -> how long a recording must be so as not to be short: what its prompts ask for, the least of them; for one
    that is named by no prompt, the least of all. `belonging` {prompt id: name}, `seconds` {prompt id: seconds}."""
    of_prompts: dict[str, float] = {}
    for identifier, name in belonging.items():
        of_prompts[name] = min(seconds[identifier], of_prompts.get(name, seconds[identifier]))
    least = min(seconds.values(), default=0.0)
    return {name: of_prompts.get(name, least) for name in names}


def _inspected(path: Path) -> Recording | str:
    """The recording, or why it cannot be used."""
    try:
        digest = digest_file(path) if path.is_file() else ""
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    note = evalkit_home() / "cache" / "recordings" / digest[:2] / f"{digest}.json"
    kept = _kept(note, path, digest) if digest else None
    if kept is not None:
        return kept
    try:
        clip = decode(path)
    except UnreadableAudio as error:
        return f"{error.verdict}: {error.message.removeprefix(f'{path}: ')}"
    verdicts = inspect(clip)
    fatal = [verdict for verdict in verdicts if verdict in FATAL]
    if fatal:
        return ", ".join(fatal)
    if clip.seconds < SHORTEST:
        return f"short: {clip.samples.shape[1]} samples"
    found = Recording(path, clip.digest, samples_digest(clip), clip.seconds, verdicts)
    with suppress(OSError):  # a full or read-only disk costs the decoding again, and nothing else
        write_json(note, {**asdict(found), "path": None, "version": _VERSION})
    return found


def _kept(note: Path, path: Path, digest: str) -> Recording | None:
    try:
        said = read_json(note)
        if said["version"] == _VERSION and said["digest"] == digest and set(said["verdicts"]) <= set(VERDICTS):
            return Recording(path, digest, str(said["sound"]), float(said["seconds"]), tuple(said["verdicts"]))
    except (UserError, LookupError, TypeError, ValueError):
        pass
    return None


def _some(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _NAMED} more" if len(texts) > _NAMED else ""
    return ", ".join(texts[:_NAMED]) + more
