"""A spectrogram of a clip as a small PNG, for a report.

Colours are places in a palette, so the picture is the levels themselves; its frame (axes, numbers) is drawn once for
each length and rate. The bytes depend on the clip and the library versions alone: no date is in.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from evalkit.audio.clip import Clip

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont, ImageFont

RANGE_DB = 80.0
LOWEST_HZ = 50.0
_COLUMNS = 360
_ROWS = 110
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 16, 6, 24
"""Pixels around the levels."""

WIDTH, HEIGHT = 420, 140


class Frame(NamedTuple):
    """How much of a picture's width and height lies on each side of its levels."""

    left: float
    right: float
    top: float
    bottom: float


FRAME = Frame(_LEFT / WIDTH, _RIGHT / WIDTH, _TOP / HEIGHT, _BOTTOM / HEIGHT)
"""Of a picture in its usual size: where a page's cursor stands, and what a press in the picture means."""

_INK = (0x7A, 0x7A, 0x7A)  # 4.2:1 on white, and on the ground of the report's dark page
_SHADES = 16
"""Opacities of the ink, for the edges of letters; the first is none."""

_TICKS_HZ = (100, 500, 2_000, 8_000, 20_000)
_TEXT = 14
"""Height of the numbers in pixels: at four pictures a row they are still 9 high."""

_MAGMA = bytes.fromhex(
    "00000402010903031206051a0a08220e0b2b130d34180f3d1d114722115029115a2f116336106b3d0f71440f764a1079"
    "52137c59157e5f187f651a806b1d81721f817822817e24828426818b2981912b81982d809e2f7fa5317eab337cb2357b"
    "ba3878c03a76c73d73cd4071d3436ed9466bdf4a68e44f64e95462ed5a5ff1605df4675cf66e5cf8765cfa7d5efb8560"
    "fc8e64fd9668fe9d6cfea571feac76feb47bfebb81fec287feca8dfed194fed89afde0a1fde7a9fceeb0fcf6b8fcfdbf"
)  # fmt: skip
"""64 colours of the map `magma` (Smith and van der Walt, CC0), each three bytes, from the faintest to the strongest."""


def spectrogram_png(clip: Clip, *, width: int = WIDTH, height: int = HEIGHT) -> bytes:
    """PNG bytes, `width` x `height` pixels: the mean of the channels, seconds across, kHz up on a log scale.

    Colours cover 80 dB under the clip's own strongest cell, so faint clips can be read too; level is told
    elsewhere. Samples that are not finite count as 0; an empty clip gives an empty frame. The ground is
    transparent and the scale grey, so that the picture stands on a light page and on a dark one.
    """
    level = log_spectrogram(clip.mono(), clip.rate)
    across, up = width - _LEFT - _RIGHT, height - _TOP - _BOTTOM
    rows, columns = (np.arange(n) * size // n for n, size in zip((up, across), level.shape, strict=True))
    colours = len(_MAGMA) // 3
    shade = np.round((level / RANGE_DB + 1) * (colours - 1)).astype(np.uint8)
    pixels = _frame(width, height, round(clip.seconds, 3), clip.rate).copy()
    pixels[_TOP : _TOP + up, _LEFT : _LEFT + across] = _SHADES + shade[np.ix_(rows, columns)][::-1]
    return _png(pixels)


def log_spectrogram(mono: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Levels in dB under the strongest cell, (rows, columns), low frequencies first, not under -80.

    Windows of about 46 ms; rows are spaced evenly in log frequency from 50 Hz to the Nyquist frequency.
    Where a row is narrower than a bin of the transform it takes the bin's interpolated value; where it is
    wider, the strongest bin inside, so that a thin line does not fall between two rows.
    """
    from scipy.fft import rfft  # here, as its import costs what a page without pictures need not pay

    size = 1 << max(6, round(np.log2(0.046 * rate)))
    sound = np.nan_to_num(np.asarray(mono, dtype=np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    sound = np.pad(sound, (size // 2, size // 2 + max(0, size - len(sound))))
    starts = np.linspace(0, len(sound) - size, _COLUMNS).astype(int)
    frames = sliding_window_view(sound, size)[starts] * np.hanning(size).astype(np.float32)
    # scipy works on several rows at once: a quarter of the time of numpy.fft.
    turns = rfft(frames, axis=1)
    magnitude = np.sqrt(turns.real**2 + turns.imag**2).T
    edges = np.geomspace(LOWEST_HZ, max(rate / 2, 2 * LOWEST_HZ), _ROWS + 1) * size / rate
    rows = _on_log_rows(magnitude, edges)
    peak = float(rows.max())
    level = 20 * np.log10(np.maximum(rows, 1e-12) / peak) if peak > 1e-9 else np.full_like(rows, -RANGE_DB)
    return np.maximum(level, -RANGE_DB)


def _on_log_rows(magnitude: NDArray[np.float32], edges: NDArray[np.float64]) -> NDArray[np.float32]:
    """(bins, columns) onto (rows, columns); `edges` (rows + 1,) are in bins."""
    last = magnitude.shape[0] - 1
    centre = np.clip(np.sqrt(edges[:-1] * edges[1:]), 0, last)
    low = np.minimum(centre.astype(int), last - 1)
    part = (centre - low).astype(np.float32)[:, None]
    rows = np.asarray((1 - part) * magnitude[low] + part * magnitude[low + 1])
    bounds = np.minimum(np.ceil(edges).astype(int), last)
    wide = bounds[1:] > bounds[:-1]
    # reduceat takes each stretch up to the next start; equal bounds would give a single bin, so they are left out.
    strongest = np.maximum.reduceat(magnitude, bounds[:-1][wide], axis=0)
    rows[wide] = np.maximum(rows[wide], strongest)
    return rows


@lru_cache(maxsize=64)
def _frame(width: int, height: int, seconds: float, rate: int) -> NDArray[np.uint8]:
    """(height, width) places in the palette: the numbers of both axes, and nothing where the levels go."""
    from PIL import Image, ImageDraw

    sheet = Image.new("L", (width, height))
    pen, font = ImageDraw.Draw(sheet), _font()
    across, up = width - _LEFT - _RIGHT, height - _TOP - _BOTTOM
    top = max(rate / 2, 2 * LOWEST_HZ)
    for hertz in (each for each in _TICKS_HZ if each <= top):
        y = _TOP + up * (1 - float(np.log(hertz / LOWEST_HZ) / np.log(top / LOWEST_HZ)))
        pen.line((_LEFT - 4, y, _LEFT - 1, y), fill=255)
        pen.text((_LEFT - 7, y), f"{hertz / 1000:g}", fill=255, font=font, anchor="rm")
    for second in _seconds(seconds):
        x = _LEFT + across * second / max(seconds, 1e-3)
        pen.line((x, height - _BOTTOM, x, height - _BOTTOM + 3), fill=255)
        pen.text((x, height - _BOTTOM + 5), f"{second:g}", fill=255, font=font, anchor="mt")
    pen.text((2, height - 4), "kHz", fill=255, font=font, anchor="ls")
    pen.text((width - 2, height - _BOTTOM + 5), "s", fill=255, font=font, anchor="rt")
    return np.asarray(sheet) // (256 // _SHADES)


def _seconds(length: float) -> list[float]:
    """Round places on the axis of time, four to nine of them."""
    step = next(
        (size * 10.0**power for power in range(-3, 9) for size in (1, 2, 5) if length / (size * 10.0**power) <= 9), 1e9
    )
    return [round(place * step, 6) for place in range(int(length / step * 0.97) + 1)]


@lru_cache(maxsize=1)
def _font() -> FreeTypeFont | ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(_TEXT)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    image = Image.fromarray(pixels, mode="P")
    image.putpalette(bytes(_INK) * _SHADES + _MAGMA)
    clear = bytes(255 * shade // (_SHADES - 1) for shade in range(_SHADES))
    with io.BytesIO() as file:
        image.save(file, format="PNG", transparency=clear, optimize=False, compress_level=6)
        return file.getvalue()
