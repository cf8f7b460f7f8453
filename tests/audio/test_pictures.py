"""Spectrogram pictures: right way up, stable bytes, no global state."""

from __future__ import annotations

import io
import sys
import time

import numpy as np
import pytest
from PIL import Image

from evalkit.audio.clip import Clip
from evalkit.audio.pictures import FRAME, HEIGHT, RANGE_DB, WIDTH, log_spectrogram, spectrogram_png

RATE = 16000


def _tone(hertz: float, seconds: float = 1.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


def _clip(samples: np.ndarray) -> Clip:
    return Clip(np.asarray(samples, np.float32), RATE, "")


@pytest.mark.parametrize("hertz", [100, 440, 2000, 7000])
def test_a_tone_stands_at_its_height(hertz: float) -> None:
    """A picture whose axis lies is worse than none."""
    level = log_spectrogram(_tone(hertz), RATE)
    row = int(level[:, level.shape[1] // 2].argmax())
    centre = 50 * (RATE / 2 / 50) ** ((row + 0.5) / level.shape[0])
    assert centre == pytest.approx(hertz, rel=0.12)


def test_time_runs_to_the_right() -> None:
    sound = np.concatenate([np.zeros(RATE, np.float32), _tone(1000)])
    level = log_spectrogram(sound, RATE).max(axis=0)
    assert level[: len(level) * 2 // 5].max() == -RANGE_DB
    assert level[len(level) * 3 // 5 :].min() > -10


def test_the_picture_is_a_small_png_of_the_asked_size_and_the_same_bytes_twice() -> None:
    """A report is compared byte by byte; a date in a picture would break that."""
    clip = _clip(np.stack([_tone(440), _tone(880)]))
    data = spectrogram_png(clip, width=300, height=120)
    image = Image.open(io.BytesIO(data))
    assert (image.size, image.format) == ((300, 120), "PNG")
    assert "Software" not in image.info
    assert len(data) < 30_000
    assert data == spectrogram_png(clip, width=300, height=120)


@pytest.mark.parametrize(
    "samples",
    [np.zeros((2, 0)), np.zeros((1, 1)), np.zeros((2, RATE)), np.full((1, 100), np.nan), _tone(440, 0.01)[None]],
    ids=["empty", "one sample", "silent", "NaN", "10 ms"],
)
@pytest.mark.filterwarnings("error")
def test_broken_clips_give_a_picture_too(samples: np.ndarray) -> None:
    """A report shows failures first: their pictures must not crash it, nor warn."""
    assert spectrogram_png(_clip(samples)).startswith(b"\x89PNG")


def test_matplotlib_is_not_imported() -> None:
    """It costs a second of every run, and reads a file of settings from the working folder."""
    import subprocess

    code = (
        "import sys, numpy as np; from evalkit.audio.clip import Clip; from evalkit.audio import pictures;"
        "assert 'matplotlib' not in sys.modules;"
        "pictures.spectrogram_png(Clip(np.zeros((1, 800), np.float32), 8000, ''));"
        "assert 'matplotlib' not in sys.modules and 'torch' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_picture_is_cheap() -> None:
    """200 prompts x 4 models are 800 pictures; the bound is loose, for a busy machine."""
    clip = _clip(np.random.default_rng(0).uniform(-1, 1, (2, 5 * RATE)))
    spectrogram_png(clip)
    started = time.process_time()
    for _ in range(5):
        spectrogram_png(clip)
    assert (time.process_time() - started) / 5 < 0.1


def test_the_ground_is_transparent_and_the_sound_is_not() -> None:
    """A white frame glares on a dark page, and a see-through spectrogram shows the page's colour as level."""
    pixels = np.asarray(Image.open(io.BytesIO(spectrogram_png(_clip(_tone(440)[None])))).convert("RGBA"))
    assert pixels[0, 0, 3] == 0
    assert pixels[60, 200, 3] == 255


def test_the_levels_lie_where_the_frame_says() -> None:
    """A page's cursor and what a press means rest on it."""
    rate = 16_000
    noise = np.random.default_rng(0).standard_normal((1, 4 * rate)).astype(np.float32)
    with Image.open(io.BytesIO(spectrogram_png(Clip(noise, rate, "")))) as picture:
        places = np.asarray(picture)
    assert places.shape == (HEIGHT, WIDTH)
    rows, columns = (np.flatnonzero((places >= 16).mean(axis=axis) > 0.5) for axis in (1, 0))
    assert (columns[0] / WIDTH, 1 - (columns[-1] + 1) / WIDTH) == pytest.approx(FRAME[:2])
    assert (rows[0] / HEIGHT, 1 - (rows[-1] + 1) / HEIGHT) == pytest.approx(FRAME[2:])
