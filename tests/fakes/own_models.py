"""Models of somebody's own, each wrong in one way: `own_models:Exits`, and so on. `Base` is a good one."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from evalkit.core.errors import UserError
from evalkit.generators.base import GenBatch, GeneratorSpec

RATE = 8000


def tone(seconds: float, seed: int) -> np.ndarray:
    pitch = np.random.default_rng(seed).uniform(200, 900)
    return (0.3 * np.sin(2 * np.pi * pitch * np.arange(round(seconds * RATE)) / RATE))[None].astype(np.float32)


def spec(**changes: Any) -> GeneratorSpec:
    return dataclasses.replace(GeneratorSpec("own", "own", RATE, 1, 60.0, size="none"), **changes)


class Base:
    spec: ClassVar[Any] = spec()

    def load(self, device: str, dtype: str) -> None: ...

    def generate(
        self, prompts: Sequence[str], seconds: Sequence[float], seeds: Sequence[int], options: Mapping[str, object]
    ) -> Any:
        return GenBatch([self.one(*each) for each in zip(prompts, seconds, seeds, strict=True)], RATE, {})

    def one(self, prompt: str, seconds: float, seed: int) -> Any:
        return tone(seconds, seed)

    def close(self) -> None: ...


class Built(Base):
    def __init__(self) -> None:
        raise RuntimeError("needs CUDA")


class BuiltExits(Base):
    def __init__(self) -> None:
        sys.exit()


class Takes(Base):
    def __init__(self, path: str) -> None: ...


class LoadMissing(Base):
    def load(self, device: str, dtype: str) -> None:
        raise FileNotFoundError(2, "No such file or directory", "weights.bin")


class LoadDenied(Base):
    def load(self, device: str, dtype: str) -> None:
        raise PermissionError(13, "Permission denied", "cache/x")


class LoadCuda(Base):
    def load(self, device: str, dtype: str) -> None:
        raise RuntimeError("CUDA error: no kernel image is available\nand more")


class LoadExits(Base):
    def load(self, device: str, dtype: str) -> None:
        sys.exit(0)


class LoadTold(Base):
    def load(self, device: str, dtype: str) -> None:
        raise UserError("put the file there", "and try again")


class NoGenerate:
    spec = spec()

    def load(self, device: str, dtype: str) -> None: ...

    def close(self) -> None: ...


class NoClose:
    spec, load, generate, one = Base.spec, Base.load, Base.generate, Base.one


class Unclosed(Base):
    spec = spec(name="unclosed")

    def close(self) -> None:
        raise RuntimeError("cannot let go")


class CloseExits(Base):
    spec = spec(name="close-exits")

    def close(self) -> None:
        sys.exit(0)


class OptionsRaise(Base):
    def check_options(self, options: Mapping[str, object]) -> None:
        raise KeyError("steps")


class FilesRaise(Base):
    def check_files(self) -> None:
        raise KeyError("weights")


class SpecDict(Base):
    spec: ClassVar[Any] = {"name": "x"}


class SpecNone(Base):
    spec = None


class SpecRaises(Base):
    @property
    def spec(self) -> GeneratorSpec:  # type: ignore[override]
        raise OSError("no config.json")


class Numpy(Base):
    """What numpy made is as good as what Python made."""

    spec = spec(
        name="numpy", sample_rate=np.int64(RATE), parameters=np.int64(5), max_seconds=np.float32(60),
        gated=np.bool_(False), presets={"d": {"k": np.float32(3), "list": [np.int8(1)]}}, default_preset="d",
    )  # fmt: skip


class Nameless(Base):
    spec = spec(name="../../x")


class ItemExits(Base):
    def one(self, prompt: str, seconds: float, seed: int) -> Any:
        return sys.exit() if "rain" in prompt else tone(seconds, seed)


class Flaky(Base):
    """Fails on rain until the file `fixed` is there; what is in the file `sound` decides how long sounds are."""

    spec = spec(name="flaky", batch_size=1)

    def one(self, prompt: str, seconds: float, seed: int) -> Any:
        if "rain" in prompt and not Path("fixed").exists():
            raise RuntimeError("server away")
        return tone(seconds, seed)[:, : -1 if "clock" in prompt and not Path("fixed").exists() else None]


class Returns(Base):
    """Returns `answer` to whatever it is asked for."""

    answer: ClassVar[Any] = None

    def generate(self, *asked: Any) -> Any:
        return type(self).answer


class ReturnsNone(Returns): ...


class ReturnsTuple(Returns):
    answer = (RATE, [])


class ReturnsText(Base):
    """Its rate is text."""

    def generate(self, prompts: Any, seconds: Any, seeds: Any, options: Any) -> Any:
        return dataclasses.replace(super().generate(prompts, seconds, seeds, options), sample_rate="8000")


class TimingsNone(Base):
    timings: ClassVar[Any] = None

    def generate(self, prompts: Any, seconds: Any, seeds: Any, options: Any) -> Any:
        return dataclasses.replace(super().generate(prompts, seconds, seeds, options), timings=self.timings)


class TimingsNan(TimingsNone):
    timings: ClassVar[Any] = {"sample": float("nan")}


class TimingsList(TimingsNone):
    timings: ClassVar[Any] = [0.1]


class TimingsNegative(TimingsNone):
    timings: ClassVar[Any] = {"sample": -1}


class TimingsText(TimingsNone):
    timings: ClassVar[Any] = {"sample": "1"}


class AudioNone(Base):
    def generate(self, prompts: Any, seconds: Any, seeds: Any, options: Any) -> Any:
        return GenBatch(None, RATE, {})  # type: ignore[arg-type]


NOTHING = object()
