"""The models of other families: `baselines/<family>/adapter.py` behind evalkit's contract.

An adapter brings one network to the device and makes sounds of one length at a time. What all of them share
is here: where the files are, the spec, batches of mixed lengths, exact lengths, and the clock.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from evalkit.audio.clip import Samples
from evalkit.core.errors import BadCheckpoint, UserError
from evalkit.core.faults import together
from evalkit.core.ids import digest_json
from evalkit.fetch.digests import files_read, remembered_sha256
from evalkit.fetch.hub_revision import called, hub_revision
from evalkit.fetch.manifests import Baseline, baselines
from evalkit.fetch.published import PUBLISHED
from evalkit.fetch.weights import locate
from evalkit.generators.base import GenBatch, GeneratorSpec, Options
from evalkit.generators.worker.generator import Isolated, from_folder


@dataclass(frozen=True)
class Request:
    """Sounds of one length: a prompt and a seed each, `frames` samples per channel; `lyrics` for a model that reads
    them, one text per prompt ("": instrumental), or none for all of them."""

    prompts: Sequence[str]
    frames: int
    seeds: Sequence[int]
    options: Options
    lyrics: Sequence[str] = ()


@dataclass(frozen=True)
class Made:
    """What an adapter made: float32 (channels, at least `frames`) per prompt, and wall seconds by part."""

    audio: Sequence[Samples]
    timings: Mapping[str, float]


class Adapter(Protocol):
    """A loaded model. `rate` in Hz and `channels` are what its files say."""

    rate: int
    channels: int

    def make(self, request: Request) -> Made:
        """Each sound depends on its own prompt and seed, whatever stands beside it. Raises UserError for options
        out of range."""
        ...


@dataclass(frozen=True)
class Place:
    """Where an adapter finds its files: the model's own folder, and `parts` {weights name: path} of others."""

    folder: Path
    parts: Mapping[str, Path]
    model: Baseline


class BaselineGenerator:
    """One model of a manifest. The spec is known at once; libraries and weights come with `load`."""

    def __init__(self, model: Baseline, overrides: Mapping[str, Path], checkpoint: Path | None = None) -> None:
        """`overrides` {weights name: path} replaces known places; `checkpoint` is another model of the family."""
        self._model, self._overrides, self._checkpoint = model, overrides, checkpoint
        self._adapter: Adapter | None = None
        self.spec = self._describe()

    def _describe(self) -> GeneratorSpec:
        model = self._model
        spec = GeneratorSpec(
            name=model.name,
            family=model.family,
            sample_rate=model.sample_rate,
            channels=model.channels,
            max_seconds=model.max_seconds,
            window_seconds=model.window_seconds,
            size=model.size,
            licence=model.licence,
            parameters=model.parameters,
            needs=model.needs,
            presets=model.presets,
            default_preset=model.default_preset,
            further=model.further,
            batch_size=model.batch_size,
            least_seconds=model.least_seconds or None,
            lyrics=model.lyrics,
        )
        if self._checkpoint is not None:
            name = f"{model.name}@{called(self._checkpoint)}"
            spec = replace(spec, name=name, licence="the checkpoint's own", parameters=None)
        try:
            place = self._place()
            return replace(spec, weights=_fingerprint(place), revision=hub_revision(place.folder))
        except (UserError, OSError):
            return spec

    def _place(self) -> Place:
        """Raises MissingWeights for all that is not here, with what to put where."""
        needs = self._model.needs
        folder, *parts = together(
            lambda: self._checkpoint or locate(self._model.name, self._overrides),
            *(partial(locate, name, self._overrides) for name in needs),
        )
        return Place(folder, dict(zip(needs, parts, strict=True)), self._model)

    def check_options(self, options: Options) -> None:
        """Raises UserError naming what is out of range, by the adapter's function of that name, where it has one. The
        manifest's own presets are not doubted: asking imports the family's libraries."""
        if dict(options) not in map(dict, self._model.presets.values()):
            check = getattr(adapter_module(self._model), "check_options", None)
            if check is not None:
                check(options)

    def check_files(self) -> None:
        """Raises MissingWeights, with what to put where."""
        self._place()

    def load(self, device: str, dtype: str) -> None:
        """Raises MissingWeights or BadCheckpoint."""
        place = self._place()
        if not place.folder.is_dir():
            raise BadCheckpoint(f"{place.folder}: is not a folder", "a baseline's weights are its hub repository")
        adapter: Adapter = adapter_module(self._model).load(place, device, dtype)
        found, wanted = (adapter.rate, adapter.channels), (self.spec.sample_rate, self.spec.channels)
        if found != wanted:
            rates = " instead of ".join(f"{rate} Hz, {channels} channels" for rate, channels in (found, wanted))
            raise BadCheckpoint(f"{place.folder}: is not {self._model.name}: {rates}")
        self._adapter = adapter

    def generate(
        self,
        prompts: Sequence[str],
        seconds: Sequence[float],
        seeds: Sequence[int],
        options: Options,
        lyrics: Sequence[str] = (),
    ) -> GenBatch:
        """Each sound as long as it was asked for: the beginning of the shortest that is made, where it is shorter.
        Items of one length share a call, so that nobody's length decides another's sound."""
        if self._adapter is None:
            raise RuntimeError("load() comes before generate()")
        rate, least = self.spec.sample_rate, round((self.spec.least_seconds or 0) * self.spec.sample_rate)
        lengths: dict[int, list[int]] = {}
        for item, length in enumerate(seconds):
            lengths.setdefault(round(length * rate), []).append(item)
        audio: dict[int, Samples] = {}
        timings: dict[str, float] = {}
        for frames, items in lengths.items():
            chosen = [prompts[item] for item in items], max(frames, least), [seeds[item] for item in items], options
            made = self._adapter.make(Request(*chosen, [lyrics[item] for item in items] if lyrics else ()))
            for item, clip in zip(items, made.audio, strict=True):
                audio[item] = _exactly(clip, frames)
            for part, spent in made.timings.items():
                timings[part] = timings.get(part, 0.0) + spent
        return GenBatch([audio[item] for item in range(len(prompts))], rate, timings)

    def close(self) -> None:
        self._adapter = None


def _exactly(clip: Samples, frames: int) -> Samples:
    """The first `frames` samples. Raises ValueError where there are fewer: silence is not put in their place."""
    if clip.shape[-1] < frames:
        raise ValueError(f"the model made {clip.shape[-1]} samples of {frames}")
    return clip[:, :frames].copy()


def _fingerprint(place: Place) -> str:
    """Digest of what is read of the model's folder, and its parts': a whole snapshot of the hub is the model that
    evalkit's selection of the same commit is."""
    digests = {}
    for part, root in {"": place.folder, **place.parts}.items():
        names = PUBLISHED[part].repositories[0].names if part in PUBLISHED else place.model.files
        for path in files_read(root, names):
            digests[f"{part}/{path.relative_to(root)}"] = remembered_sha256(path)
    return digest_json(digests)


def adapter_module(model: Baseline) -> ModuleType:
    """The family's `adapter.py`, imported once, under a name of evalkit's own."""
    name = f"evalkit_baseline_{model.family}"
    if name in sys.modules:
        return sys.modules[name]
    found = importlib.util.spec_from_file_location(name, model.folder / "adapter.py")
    if found is None or found.loader is None:
        raise UserError(f"{model.folder / 'adapter.py'}: not there", "install evalkit again")
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module
    try:
        found.loader.exec_module(module)
    except ImportError as error:
        del sys.modules[name]
        raise UserError(f"{model.name} cannot be run here: {error}", "install evalkit again") from error
    return module


def __getattr__(name: str) -> Callable[..., Any]:
    """`evalkit.generators.baselines:musicgen-small` is that model's factory, as the registry asks for it."""
    if name.startswith("_") or name not in baselines():
        raise AttributeError(f"no baseline is called {name!r}")

    def build(overrides: Mapping[str, Path] | None = None, checkpoint: Path | None = None) -> BaselineGenerator:
        return BaselineGenerator(baselines()[name], overrides or {}, checkpoint)

    def isolated(overrides: Mapping[str, Path] | None = None) -> Isolated:
        needs = baselines()[name].needs
        if overrides and name in overrides and name not in needs:
            raise UserError(f"--weights {name}: it has none of its own", f"its weights are {' and '.join(needs)}")
        return from_folder(baselines()[name].folder, name, overrides)

    return isolated if baselines()[name].worker else build
