"""Mutated sounds, each by its number, through all that evalkit does with a sound file; run as a program of its own.

    python tests/fakes/fuzz_sounds.py FOLDER FIRST COUNT

prints one JSON object: how many came through as which verdict, the slowest (its number and CPU seconds), by how much
the process grew, and what went wrong (tracebacks). Case N of any session is the same bytes.
"""

from __future__ import annotations

import io
import json
import resource
import sys
import time
import traceback
from collections import Counter
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
import soundfile

RATE = 16000
WRITERS = {
    "wav": ("wav", "pcm_s16le"), "w64": ("w64", "pcm_s24le"), "aiff": ("aiff", "pcm_s16be"), "au": ("au", "pcm_mulaw"),
    "caf": ("caf", "pcm_f32be"), "mp3": ("mp3", "libmp3lame"), "m4a": ("ipod", "aac"), "aac": ("adts", "aac"),
    "webm": ("webm", "libopus"), "opus": ("ogg", "libopus"), "oga": ("ogg", "flac"), "flac": ("flac", "flac"),
    "wma": ("asf", "wmav2"), "mka": ("matroska", "vorbis"),
}  # fmt: skip
SIZES = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFF0, 36, 8)


@lru_cache(maxsize=1)
def whole() -> dict[str, bytes]:
    """suffix -> a sound file of a third of a second, as written by FFmpeg or libsndfile."""
    sound = 0.2 * np.random.default_rng(0).standard_normal(RATE // 3)
    files = {suffix: _by_ffmpeg(sound, form, codec) for suffix, (form, codec) in WRITERS.items()}
    for suffix, form, subtype in (("ogg", "OGG", "VORBIS"), ("rf64", "RF64", "PCM_24"), ("u8.wav", "WAV", "PCM_U8")):
        with io.BytesIO() as file:
            soundfile.write(file, sound, RATE, format=form, subtype=subtype)
            files[suffix] = file.getvalue()
    return {**files, "joined.ogg": files["ogg"] * 2, "joined.mp3": files["mp3"] * 2}


def _by_ffmpeg(sound: np.ndarray, form: str, codec: str) -> bytes:
    with io.BytesIO() as file:
        with av.open(file, mode="w", format=form) as container:
            rate = 48000 if codec == "libopus" else RATE
            stream = container.add_stream(codec, rate=rate, layout="mono")
            stream.bit_rate = 64_000
            if codec == "vorbis":
                stream.codec_context.options = {"strict": "-2"}
                stream.codec_context.layout = "stereo"
            resampler = av.AudioResampler(stream.format, stream.layout, rate, stream.codec_context.frame_size or None)
            frame = av.AudioFrame.from_ndarray(sound.astype(np.float32)[None], format="fltp", layout="mono")
            frame.sample_rate = RATE
            for each in (*resampler.resample(frame), *resampler.resample(None)):
                container.mux(stream.encode(each))
            container.mux([packet for packet in stream.encode(None) if packet.size])
        return file.getvalue()


def case(number: int) -> tuple[str, bytes]:
    """The name and the bytes of one case: a whole file with one to four things done to it."""
    rng = np.random.default_rng((13, number))
    names = sorted(whole())
    name = names[number % len(names)]
    data = bytearray(whole()[name])
    for _ in range(int(rng.integers(1, 5))):
        _mutate(data, rng)
    return f"case{number}.{name}", bytes(data)


def _mutate(data: bytearray, rng: np.random.Generator) -> None:
    place = int(rng.integers(0, max(1, min(len(data), 256 if rng.random() < 0.6 else len(data)))))
    length = int(rng.integers(1, 200))
    match int(rng.integers(0, 7)):
        case 0:
            data[place : place + 1] = rng.bytes(1)
        case 1:
            data[place : place + 4] = int(rng.choice(SIZES)).to_bytes(4, str(rng.choice(["little", "big"])))  # type: ignore[arg-type]
        case 2:
            data[place : place + length] = rng.bytes(length)
        case 3:
            del data[place : place + length]
        case 4:
            data[place:place] = data[place : place + length] * int(rng.integers(1, 50))
        case 5:
            del data[int(rng.integers(0, len(data) + 1)) :]
        case _:
            other = list(whole().values())[int(rng.integers(0, len(whole())))]
            data[place:] = other[int(rng.integers(0, len(other))) :]


def main(folder: Path, first: int, count: int) -> dict[str, object]:
    from evalkit.audio.decode import UnreadableAudio, decode
    from evalkit.embed.sound import load
    from evalkit.run.accept import accept_file
    from evalkit.run.plan import Item
    from evalkit.suites.base import Prompt

    embedder = load("sound", None, "cpu")
    outcomes: Counter[str] = Counter()
    wrong: list[str] = []
    slowest = longest = (0.0, 0)
    grown = (0, 0)
    accept_file(_put(folder, "warm.wav", whole()["wav"]), Item(Prompt("p", "", 0.33, "p"), 0, "k"), 1)
    before = last = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(first, first + count):
        path = _put(folder, *case(number))
        busy, wall = time.process_time(), time.monotonic()
        try:
            record = accept_file(path, Item(Prompt("p", "", 0.33, "p"), 0, "k"), 1)
            if record.status == "ok":
                embedder.embed([decode(path)])
            outcomes[record.status if record.status == "ok" else record.verdicts[0]] += 1
        except UnreadableAudio:
            wrong.append(f"{path.name}: read once, and then no more")
        except BaseException:
            wrong.append(f"{path.name}: {traceback.format_exc()[-300:]}")
        slowest = max(slowest, (time.process_time() - busy, number))
        longest = max(longest, (time.monotonic() - wall, number))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        grown, last = max(grown, (peak - last, number)), peak
        path.unlink()
    return {
        "outcomes": dict(outcomes), "wrong": wrong, "slowest": slowest, "longest": longest,
        "grown_mb": (last - before) / 1024, "most_at_once_mb": (grown[0] / 1024, grown[1]),
    }  # fmt: skip


def _put(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
