"""Stand-ins for tests of the harness: a generator that misbehaves on request, a cheap embedder, two metrics.

They are on the path of the tests and of the processes that tests start (`python -m evalkit_fakes run ...`
is `evalkit run ...` with the cheap embedder behind every weights name), and nowhere in the package.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import numpy as np

from evalkit.audio.clip import Clip
from evalkit.embed.base import EMBEDDERS, EmbedderSpec, family_of
from evalkit.generators.base import GenBatch, GeneratorSpec
from evalkit.metrics.base import MetricCard, MetricInputs, MetricResult

RATE = 8000


class Moody:
    """Does what the prompt says: `raise`, `oom`, `short`, `long`, `nan`, `int16`, `float64`, `mono`, `silent`,
    `list`; anything else is a good sound. Every sound depends on its whole batch in its last bits, as on real
    devices, so that a resume with other batches would show."""

    spec = GeneratorSpec(
        name="moody",
        family="moody",
        sample_rate=RATE,
        channels=2,
        max_seconds=30.0,
        size="none",
        presets={"default": {"level": 0.3, "rate": RATE}},
        default_preset="default",
        batch_size=4,
    )
    calls: ClassVar[list[tuple[str, ...]]] = []

    def load(self, device: str, dtype: str) -> None:
        if os.environ.get("MOODY_LOAD"):
            raise RuntimeError("must not be loaded")

    def generate(
        self, prompts: Sequence[str], seconds: Sequence[float], seeds: Sequence[int], options: Mapping[str, object]
    ) -> GenBatch:
        type(self).calls.append(tuple(prompts))
        print("a model that prints to stdout")
        time.sleep(float(os.environ.get("MOODY_DELAY", "0")))
        if any("oom" in prompt for prompt in prompts) and len(prompts) > 1:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20 GiB")
        if any("raise" in prompt for prompt in prompts):
            raise ValueError("this prompt is too hard\nsecond line")
        neighbours = (sum(seeds) % 97) * 2.0**-23
        audio = [
            _sound(prompt, length, seed, float(str(options["level"])), neighbours)
            for prompt, length, seed in zip(prompts, seconds, seeds, strict=True)
        ]
        return GenBatch(audio, int(str(options["rate"])), {"sample": 0.0})

    def close(self) -> None: ...


class Singer(Moody):
    """Reads lyrics: they count as more of the prompt."""

    spec = replace(Moody.spec, name="singer", lyrics=True, least_seconds=2.0)
    told: ClassVar[list[tuple[str, ...]]] = []

    def generate(
        self,
        prompts: Sequence[str],
        seconds: Sequence[float],
        seeds: Sequence[int],
        options: Mapping[str, object],
        lyrics: Sequence[str] = (),
    ) -> GenBatch:
        type(self).told.append(tuple(lyrics))
        sung = [f"{prompt} {words}" for prompt, words in zip(prompts, lyrics or [""] * len(prompts), strict=True)]
        return super().generate(sung, seconds, seeds, options)


def _mutter() -> None:
    for _ in range(300):
        time.sleep(0.01)
        print("a thread")


class Late(Moody):
    """Prints whenever it can: by C's stdio, around Python, from a thread that outlives the work, and at exit."""

    def load(self, device: str, dtype: str) -> None:
        import atexit
        import ctypes
        import threading

        atexit.register(print, "printed at exit")
        atexit.register(os.write, 1, b"written at exit\n")
        ctypes.CDLL(None).printf(b"printed by C\n")  # not flushed: C does that when the process ends
        threading.Thread(
            target=lambda: [time.sleep(0.01) or print("a thread") for _ in range(300)], daemon=True
        ).start()


def _sound(prompt: str, seconds: float, seed: int, level: float, neighbours: float) -> np.ndarray:
    frames = round(seconds * RATE)
    noise = np.random.default_rng(seed).uniform(-level, level, (2, frames)) + neighbours
    good = noise.astype(np.float32)
    kinds = {
        "short": good[:, : frames // 2],
        "long": np.concatenate([good, good], axis=1),
        "not a number": np.where(np.arange(frames) == 7, np.nan, good).astype(np.float32),
        "int16": (good * 32767).astype(np.int16),
        "float64": good.astype(np.float64),
        "mono": good[:1],
        "silent": np.zeros_like(good),
        "list": good.tolist(),
    }
    return next((sound for word, sound in kinds.items() if word in prompt), good)


EMBEDDERS._builtin.update(dict.fromkeys(("cheap-a", "cheap-b"), "evalkit_fakes:load_embedder"))
"""Names that a manifest may say."""


class Cheap:
    """Level and spread per tenth of a second, three dimensions; text becomes numbers of its digest. Behind a name of
    evalkit's own it passes for that family."""

    loads = 0

    def __init__(self, name: str) -> None:
        type(self).loads += 1
        self.spec = EmbedderSpec(
            name, family_of(name) or "cheap", 3, hashlib.sha256(name.encode()).hexdigest(), {"version": 1}
        )

    def embed(self, clips: Sequence[Clip]) -> list[np.ndarray]:
        time.sleep(float(os.environ.get("CHEAP_DELAY", "0")))
        return [self._features(clip) for clip in clips]

    def _features(self, clip: Clip) -> np.ndarray:
        mono, width = clip.mono(), max(1, clip.rate // 10)
        frames = mono[: len(mono) // width * width].reshape(-1, width)
        return np.stack([frames.mean(1), frames.std(1), np.abs(frames).max(1)], axis=1).astype(np.float32)

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        digests = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts]
        return np.array([[byte / 255 for byte in digest[:3]] for digest in digests], dtype=np.float32)


def _card(name: str, text: bool) -> MetricCard:
    return MetricCard(name, name, "higher", "", "cheap", "", text, "", "everything")


class Level:
    """Mean level, per prompt and over all."""

    card = _card("level", text=False)

    def compute(self, inputs: MetricInputs) -> MetricResult:
        values = {key: float(features[:, 1].mean()) for key, features in zip(inputs.ids, inputs.features, strict=True)}
        value = float(np.mean(list(values.values()))) if values else float("nan")
        return MetricResult(value, value - 1, value + 1, 0.95, "made up", len(values), 0, values)


class Match:
    """Something between sound and text."""

    card = _card("match", text=True)

    def compute(self, inputs: MetricInputs) -> MetricResult:
        assert inputs.texts is not None
        rows = [features.mean(0) @ text for features, text in zip(inputs.features, inputs.texts, strict=True)]
        values = {key: float(row) for key, row in zip(inputs.ids, rows, strict=True)}
        value = float(np.mean(list(values.values()))) if values else float("nan")
        return MetricResult(value, None, None, 0.95, "none", len(values), 0, values)


LEVEL, MATCH = Level(), Match()


def load_embedder(name: str, device: str, overrides: Mapping[str, Path]) -> Cheap:
    if os.environ.get("CHEAP_BUG"):
        raise RuntimeError("a bug in the embedder")
    return Cheap(name)


def locate(name: str, overrides: Mapping[str, Path]) -> Path:
    """Every weights name stands for this file."""
    return Path(__file__)


def write_suite(folder: Path, prompts: Sequence[tuple[str, str, float]]) -> Path:
    """A suite with both metrics; returns its manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = ["id,prompt,seconds", *(f'"{key}","{text}",{seconds}' for key, text, seconds in prompts)]
    (folder / "tiny.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    texts = {"name": "tiny", "title": "Tiny", "version": "1", "protocol": "tiny-1", "size": "mini"}
    lines = [f'{key} = "{value}"' for key, value in {**texts, "licence": "", "citation": ""}.items()]
    lines += ["[prompts]", 'file = "tiny.csv"']
    lines += ['[metrics."evalkit_fakes:LEVEL"]', 'weights = "cheap-a"']
    lines += ['[metrics."evalkit_fakes:MATCH"]', 'weights = "cheap-b"']
    (folder / "tiny.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "tiny.toml"


def install() -> None:
    """Put the cheap embedder behind every weights name, in this process, and leave out the loudness of clips:
    it is kept for people, and importing what measures it is half of a short process's life."""
    import evalkit.run.accept
    import evalkit.run.manifest
    import evalkit.run.missing

    evalkit.run.accept.loudness = lambda samples, rate: None
    evalkit.run.manifest.locate = locate
    evalkit.run.missing.locate = locate
    sys.modules["evalkit.embed.load"] = SimpleNamespace(load_embedder=load_embedder)  # type: ignore[assignment]
    if "ENCODING" in os.environ:
        _tell_when_encoding(Path(os.environ["ENCODING"]))


def _tell_when_encoding(sign: Path) -> None:
    """Make the file `sign` while FFmpeg writes a preview, and let that take a moment longer."""
    import av

    plain = av.open

    class Slow:
        def __init__(self, file: object) -> None:
            self._file = file

        def write(self, data: bytes) -> int:
            if not sign.exists():
                sign.touch()
                time.sleep(0.3)
            return int(self._file.write(data))  # type: ignore[attr-defined]

        def __getattr__(self, name: str) -> object:
            return getattr(self._file, name)

    def open_slowly(file: object, mode: str = "r", **more: object) -> object:
        return plain(Slow(file) if mode == "w" else file, mode, **more)  # type: ignore[call-overload]

    av.open = open_slowly


if __name__ == "__main__":
    import evalkit_fakes

    from evalkit.cli.main import script

    evalkit_fakes.install()
    script()
