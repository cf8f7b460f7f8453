"""From what a generator returned, or a file that a person has, to a record in the ledger.

A generated sound is checked twice: as it comes (its type, shape, rate and length are part of the
generator's contract, and writing NaN as PCM would hide it), and as it reads back from the disk, which is
what the metrics will hear. A fatal verdict makes a failed item with that verdict's name; the others are
noted beside the sound.
"""

from __future__ import annotations

from dataclasses import replace
from numbers import Real
from pathlib import Path

import numpy as np

from evalkit.audio.clip import Clip
from evalkit.audio.decode import UnreadableAudio, decode, decode_bytes
from evalkit.audio.encode import wav_bytes
from evalkit.audio.level import loudness
from evalkit.audio.verdicts import FATAL, inspect
from evalkit.core.files import write_bytes
from evalkit.execute.base import Fault, Result, Sound, Stranger
from evalkit.generators.base import GeneratorSpec
from evalkit.run.plan import Item
from evalkit.store.layout import RunFolder
from evalkit.store.ledger import Kind, Record


def accept_sound(
    result: Result, item: Item, spec: GeneratorSpec, folder: RunFolder, attempt: int, sound: str = ""
) -> Record:
    """The record of one generated item; its audio file has landed when this returns an ok record. `sound` is the
    digest of what it depends on."""
    if isinstance(result, Fault):
        return _failed(item, result.kind, result.message, attempt)
    broken = contract_breach(result, item, spec)
    if broken:
        return _failed(item, "verdict", broken, attempt)
    clip = Clip(result.samples, spec.sample_rate, "")
    verdicts = inspect(clip, seconds=item.prompt.seconds, rate=spec.sample_rate, channels=spec.channels)
    fatal = [name for name in verdicts if name in FATAL]
    if fatal:
        return _failed(item, "verdict", ", ".join(fatal), attempt, verdicts)
    path = folder.clip(item.prompt.id, item.sample)
    write_bytes(path, wav_bytes(clip.samples, clip.rate))
    return replace(_heard(path, str(path.relative_to(folder.root)), item, attempt, result), sound=sound)


def accept_file(path: Path, item: Item, attempt: int) -> Record:
    """The record of a file that is scored where it lies."""
    return _heard(path, str(path.absolute()), item, attempt, None)


def accept_bytes(data: bytes, item: Item) -> tuple[Record, Clip | None]:
    """The record of a sound file that is handed over in memory, and its sound where there is one."""
    try:
        clip = decode_bytes(data, Path(item.name))
    except UnreadableAudio as error:
        return _unreadable(error, item, 1), None
    return _inspected(clip, None, item, 1, None), clip


def missing_file(item: Item, attempt: int) -> Record:
    """The record of a prompt that a scored folder has no file for."""
    return _failed(item, "missing", "missing: no file of this name in the folder", attempt)


def missing_clip(item: Item) -> Record:
    """The record of a prompt for which no sound was handed over."""
    return _failed(item, "missing", "missing: no sound was given", 1)


def contract_breach(sound: Sound, item: Item, spec: GeneratorSpec) -> str:
    """How a generator broke its contract on one item, "" where it did not."""
    samples, frames = sound.samples, round(item.prompt.seconds * spec.sample_rate)
    if not isinstance(samples, np.ndarray):
        name = samples.type_name if isinstance(samples, Stranger) else type(samples).__name__
        return f"wrong_type: {name} instead of a numpy array"
    if samples.dtype != np.float32:
        return f"wrong_dtype: {samples.dtype} instead of float32"
    if samples.ndim != 2 or samples.shape[0] != spec.channels:
        return f"wrong_shape: {samples.shape} instead of ({spec.channels}, {frames})"
    if sound.rate != spec.sample_rate:
        rate = f"{sound.rate} Hz" if isinstance(sound.rate, Real) else repr(sound.rate)[:40]
        return f"wrong_rate: {rate} instead of {spec.sample_rate} Hz"
    if not np.isfinite(samples).all():
        return f"nonfinite: {int((~np.isfinite(samples)).sum())} of {samples.size} samples are NaN or infinite"
    if samples.shape[1] != frames and not (sound.trimmed and 0 < samples.shape[1] < frames):
        name = "short" if samples.shape[1] < frames else "long"
        return f"{name}: {samples.shape[1]} frames instead of {frames}"
    return ""


def _heard(path: Path, audio: str, item: Item, attempt: int, sound: Sound | None) -> Record:
    """The record of an audio file as it reads back."""
    try:
        clip = decode(path)
    except UnreadableAudio as error:
        return _unreadable(error, item, attempt)
    return _inspected(clip, audio, item, attempt, sound)


def _unreadable(error: UnreadableAudio, item: Item, attempt: int) -> Record:
    return _failed(item, "verdict", f"{error.verdict}: {error.message}", attempt, (error.verdict,))


def _inspected(clip: Clip, audio: str | None, item: Item, attempt: int, sound: Sound | None) -> Record:
    """The record of a sound as it was decoded; `audio` is None for one that is in memory alone."""
    verdicts = inspect(clip, seconds=item.prompt.seconds or None, loops=True)
    fatal = [name for name in verdicts if name in FATAL]
    if fatal:
        return _failed(item, "verdict", ", ".join(fatal), attempt, verdicts)
    return Record(
        key=item.key,
        id=item.prompt.id,
        status="ok",
        audio=audio,
        sha256=clip.digest,
        frames=int(clip.samples.shape[1]),
        rate=clip.rate,
        channels=clip.channels,
        verdicts=verdicts,
        peak=float(np.abs(clip.samples).max(initial=0.0)),
        loudness=_finite(loudness(clip.samples, clip.rate)),
        timings={} if sound is None else dict(sound.timings),
        peak_bytes=None if sound is None else sound.peak_bytes,
        attempt=attempt,
        reader=clip.reader,
        sample=item.sample,
    )


def _failed(item: Item, kind: Kind, error: str, attempt: int, verdicts: tuple[str, ...] = ()) -> Record:
    return Record(
        item.key, item.prompt.id, "failed", kind, error, verdicts=verdicts, attempt=attempt, sample=item.sample
    )


def _finite(value: float | None) -> float | None:
    """None for silence's minus infinity: the ledger is strict JSON."""
    return float(value) if value is not None and np.isfinite(value) else None
