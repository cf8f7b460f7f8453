"""Sounds as people have them in Python: NumPy arrays and torch tensors, with their rate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.audio.clip import Samples
from evalkit.audio.decoded import RATES
from evalkit.audio.encode import float_wav_bytes
from evalkit.core.errors import UserError
from evalkit.core.faults import together
from evalkit.core.files import write_bytes
from evalkit.core.ids import digest_bytes, digest_file, digest_json, safe_name
from evalkit.run.plan import RUNS
from evalkit.store.layout import RunFolder

Sound = tuple[Any, int]
"""An array or a tensor, and its rate in Hz."""

MOST_CHANNELS = 8
"""The shorter side of an array is its channels where it has at most so many, and the longer side more."""


def samples_of(array: Any, name: str) -> Samples:
    """float32 (channels, samples) of an array or a tensor (samples,), (channels, samples) or (samples, channels).

    A tensor is detached and brought to the CPU. Raises UserError, naming the sound, where it is no such array, where
    its channels cannot be told from its samples, and for whole numbers, whose full scale nobody states.
    """
    found = _as_numpy(array)
    if found.dtype.kind != "f":
        hint = "divide by the full scale: 32768 for 16 bits" if found.dtype.kind in "iu" else "sounds are of floats"
        raise UserError(f"{name}: its samples are {found.dtype}, not floats", hint)
    if found.ndim == 1:
        found = found[None]
    if found.ndim != 2:
        raise UserError(f"{name}: has shape {found.shape}", "(samples,) or (channels, samples) is needed")
    first, second = (0 < size <= MOST_CHANNELS for size in found.shape)
    if second and not first:
        found = found.T
    elif not first or (second and found.shape[0] > 1):
        reason = "so its channels cannot be told from its samples"
        raise UserError(f"{name}: has shape {found.shape}, {reason}", "(channels, samples) is needed")
    return np.ascontiguousarray(found, dtype=np.float32)


def rate_of(rate: object, name: str) -> int:
    """The samples per second (Hz). Raises UserError for what is none."""
    try:
        whole = int(rate)  # type: ignore[call-overload]
        usable = whole == rate and RATES[0] <= whole <= RATES[1]
    except (TypeError, ValueError, OverflowError):
        usable = False
    if not usable:
        raise UserError(f"{name}: its rate is {rate!r:.40}", f"whole Hz between {RATES[0]:,} and {RATES[1]:,}")
    return whole


def written(sounds: Mapping[str, Sound], name: str, samples: int = 1) -> Path:
    """A folder `name` that holds these sounds as float32 WAV, by their content under `runs/arrays`.

    The same sounds again are the same folder, and so the same run. Raises UserError for all that is wrong with them.
    """
    checks: list[Callable[[], bytes]] = [partial(_wav, key, sound) for key, sound in sounds.items()]
    if not checks:
        raise UserError("there are no sounds", "give {id: (samples, rate)}")
    files = {_file(key, samples): data for key, data in zip(sounds, together(*checks), strict=True)}
    digests = {file: digest_bytes(data) for file, data in files.items()}
    folder = RUNS / "arrays" / digest_json(digests)[:12] / name
    for file, data in files.items():
        if not (folder / file).is_file() or digest_file(folder / file) != digests[file]:
            write_bytes(folder / file, data)
    return folder


def _wav(key: object, sound: object) -> bytes:
    if not isinstance(key, str):
        raise UserError(f"{key!r:.60}: is no id, which is text")
    if not isinstance(sound, tuple | list) or len(sound) != 2:
        raise UserError(f"{key}: is not (samples, rate)")
    return float_wav_bytes(samples_of(sound[0], key), rate_of(sound[1], key))


def _file(key: str, samples: int) -> str:
    """The file of a sound: of `id#1`, where prompts have several, that of the prompt's second one."""
    prompt, _, number = key.rpartition("#")
    if samples > 1 and prompt and number.isdecimal():
        return RunFolder(Path()).clip(prompt, int(number)).name
    return f"{safe_name(key)}.wav"


def _as_numpy(array: Any) -> np.ndarray[Any, Any]:
    if hasattr(array, "detach"):  # a tensor, without importing torch for those who have none
        array = array.detach().cpu()
        array = (array.float() if array.is_floating_point() else array).numpy()
    try:
        return np.asarray(array)
    except ValueError as error:  # rows of different lengths
        raise UserError(f"an array cannot be read: {error}") from None
