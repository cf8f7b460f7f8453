"""The player and the picture of one clip, by their addresses on a shelf, or the reason why there is none.

The path of a clip comes from a file that anyone may have written. A relative path must stay inside the run
folder; an absolute one, as a scored folder has, must come with the file's digest; and a file whose digest is
not the recorded one is not shown. So a report carries off no file that is no part of the run, and plays no
sound other than the sound that was scored.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from evalkit.audio.clip import Clip
from evalkit.core.errors import UserError
from evalkit.core.interrupts import heed
from evalkit.core.paths import inside, is_file
from evalkit.core.text import one_line
from evalkit.report.records import Item
from evalkit.report.shelf import WITHIN, Shelf


@dataclass(frozen=True)
class Media:
    """`sound` and `picture` are addresses or ""; `note` says why one is missing or how it differs. `loudness` is the
    preview's in LUFS, None where it has none; `seconds` is how long the clip is."""

    sound: str
    picture: str
    note: str
    loudness: float | None = None
    seconds: float = 0.0


NONE = Media("", "", "")


def media(folder: Path, item: Item, shelf: Shelf = WITHIN) -> Media:
    """Preview and spectrogram of an item's audio, put onto `shelf`. Raises CannotWrite where the disk refuses them."""
    clip = sound(folder, item)
    if isinstance(clip, str):
        return Media("", "", clip)
    if clip.samples.shape[1] == 0:
        return Media("", "", "nothing to play: the file holds no samples")
    if not np.isfinite(clip.samples).all():
        return Media("", "", "not shown: the audio holds NaN or infinite samples")
    made = replace(_encoded(clip, shelf), loudness=_loudness(clip, item.loudness), seconds=clip.seconds)
    heed()
    return made


def has_sound(folder: Path, item: Item) -> bool:
    """Whether an item has a file that may be opened; nothing is decoded."""
    return not item.failed and isinstance(_inside(folder, item.audio), Path)


def sound(folder: Path, item: Item) -> Clip | str:
    """The sound of an item as it was scored, or a sentence for the reader where there is none."""
    path = _inside(folder, item.audio)
    if isinstance(path, str):
        return path
    clip = _decoded(path)
    if isinstance(clip, str):
        return clip
    if clip.digest != item.sha256 and (item.sha256 or Path(item.audio).is_absolute()):
        return "not shown: the file has changed since it was scored (its sha256 differs)"
    return clip


def _inside(folder: Path, written: str) -> Path | str:
    """The file, or a sentence for the reader where it must not or cannot be opened."""
    if not written:
        return "no audio file"
    if "\0" in written:
        return f"the audio file's name cannot be used: {one_line(written, 80)}"
    if not Path(written).is_absolute() and not inside(folder, written):
        return f"not shown: the audio file lies outside the run folder: {one_line(written, 80)}"
    return folder / written if is_file(folder / written) else f"audio file missing: {one_line(written, 80)}"


def _decoded(path: Path) -> Clip | str:
    from evalkit.audio.decode import decode

    try:
        return decode(path)
    except (UserError, OSError) as error:
        return f"cannot be played: {one_line(error, 200)}"


def _encoded(clip: Clip, shelf: Shelf) -> Media:
    """Preview and picture; one broken clip must not cost the reader the whole report."""
    from evalkit.audio.pictures import spectrogram_png
    from evalkit.audio.preview import MEDIA, preview_bytes

    sound = picture = b""
    notes = [f"the preview is the mean of {clip.channels} channels"] if clip.channels > 2 else []
    try:
        sound = preview_bytes(clip.samples, clip.rate)
    except (UserError, ValueError, RuntimeError, OSError) as error:
        notes.append(f"no preview: {one_line(error, 120)}")
    try:
        picture = spectrogram_png(clip)
    except (UserError, ValueError, RuntimeError, OSError) as error:
        notes.append(f"no picture: {one_line(error, 120)}")
    return Media(
        shelf.put(MEDIA, sound) if sound else "",
        shelf.put("image/png", picture) if picture else "",
        "; ".join(notes),
    )


def _loudness(clip: Clip, known: float | None) -> float | None:
    """LUFS of the preview, which is not the clip's where it is a mean of channels or its peak was brought down."""
    from evalkit.audio.level import loudness
    from evalkit.audio.preview import preview_gain

    sound = clip.samples if clip.channels <= 2 else clip.samples.mean(axis=0, keepdims=True)
    level = known if known is not None and clip.channels <= 2 else loudness(sound, clip.rate)
    return None if level is None else level + 20 * float(np.log10(preview_gain(sound)))
