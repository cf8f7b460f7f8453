"""A spectrogram of a clip as a small PNG, for a report.

Drawn by matplotlib's Agg canvas through its objects, without pyplot, whose global state would leak
between reports and threads. The bytes depend on the clip and the library versions alone: no date is in.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from evalkit.audio.clip import Clip

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RANGE_DB = 80.0
LOWEST_HZ = 50.0
_COLUMNS = 360
_ROWS = 110
_DPI = 100
_INK = "#7a7a7a"  # 4.2:1 on white, and on the ground of the report's dark page
_TICKS_HZ = (100, 500, 2_000, 8_000, 20_000)


def spectrogram_png(clip: Clip, *, width: int = 420, height: int = 140) -> bytes:
    """PNG bytes, `width` x `height` pixels: the mean of the channels, seconds across, kHz up on a log scale.

    Colours cover 80 dB under the clip's own strongest cell, so faint clips can be read too; level is told
    elsewhere. Samples that are not finite count as 0; an empty clip gives an empty frame. The ground is
    transparent and the scale grey, so that the picture stands on a light page and on a dark one.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with own_style():
        figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI, facecolor="none")
        canvas = FigureCanvasAgg(figure)
        top = max(clip.rate / 2, 2 * LOWEST_HZ)
        _draw(figure, log_spectrogram(clip.mono(), clip.rate), clip.seconds, top)
        canvas.draw()
        return _small_png(np.asarray(canvas.buffer_rgba()))


@contextmanager
def own_style() -> Iterator[None]:
    """matplotlib's settings as it ships them, for the block.

    A file `matplotlibrc` in the working folder, which matplotlib reads, would change pictures, or start LaTeX.
    """
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        yield


def log_spectrogram(mono: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Levels in dB under the strongest cell, (rows, columns), low frequencies first, not under -80.

    Windows of about 46 ms; rows are spaced evenly in log frequency from 50 Hz to the Nyquist frequency.
    Where a row is narrower than a bin of the transform it takes the bin's interpolated value; where it is
    wider, the strongest bin inside, so that a thin line does not fall between two rows.
    """
    size = 1 << max(6, round(np.log2(0.046 * rate)))
    sound = np.nan_to_num(np.asarray(mono, dtype=np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    sound = np.pad(sound, (size // 2, size // 2 + max(0, size - len(sound))))
    starts = np.linspace(0, len(sound) - size, _COLUMNS).astype(int)
    frames = sliding_window_view(sound, size)[starts] * np.hanning(size).astype(np.float32)
    magnitude = np.abs(np.fft.rfft(frames, axis=1)).T
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


def _draw(figure: Figure, level: NDArray[np.float32], seconds: float, top: float) -> None:
    width, height = figure.get_size_inches() * _DPI
    axes = figure.add_axes((38 / width, 27 / height, 1 - 46 / width, 1 - 34 / height))
    rows = level.shape[0]
    extent = (0.0, max(seconds, 1e-3), 0.0, float(rows))
    axes.imshow(
        level,
        origin="lower",
        aspect="auto",
        extent=extent,
        cmap="magma",
        vmin=-RANGE_DB,
        vmax=0,
        interpolation="nearest",
    )
    ticks = [hertz for hertz in _TICKS_HZ if hertz <= top]
    places = [rows * float(np.log(hertz / LOWEST_HZ) / np.log(top / LOWEST_HZ)) for hertz in ticks]
    axes.set_yticks(places, [f"{hertz / 1000:g}" for hertz in ticks])
    axes.tick_params(labelsize=7, length=2, pad=2, width=0.6, colors=_INK)
    axes.set_xlabel("s", fontsize=7, color=_INK, labelpad=0, loc="right")
    axes.set_ylabel("kHz", fontsize=7, color=_INK, labelpad=2)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _small_png(pixels: NDArray[np.uint8]) -> bytes:
    """PNG with a palette: a third of the size of a true-colour one, and the eye sees no difference here.
    `pixels` are (height, width, 4), red, green, blue and opacity."""
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(pixels)).quantize(64, method=Image.Quantize.FASTOCTREE)
    with io.BytesIO() as file:
        image.save(file, format="PNG", optimize=False, compress_level=9)
        return file.getvalue()
