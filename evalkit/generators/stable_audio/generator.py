"""Stable Audio: every variant, from a checkpoint in stable-audio-tools' or diffusers' layout.

A variant's own files are looked for at their known place; `--checkpoint` puts another model of the family in their
stead, under a name that says so, and `--random-weights` none at all, for speed tests.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evalkit.audio.clip import Samples
from evalkit.checkpoints.find import (
    WEIGHTS,
    Checkpoint,
    fingerprint,
    locate_tower,
    open_checkpoint,
    stored_notes,
    stored_parameters,
    tower_files,
)
from evalkit.checkpoints.own_config import CONFIG
from evalkit.checkpoints.shards import require_whole
from evalkit.core.errors import BadCheckpoint, UserError
from evalkit.core.faults import Gathering
from evalkit.fetch.hub_revision import hub_revision
from evalkit.fetch.weights import locate
from evalkit.generators.base import GenBatch, GeneratorSpec, Options
from evalkit.generators.stable_audio.autoencoder import StableAudioAutoencoder, is_alone
from evalkit.generators.stable_audio.init_audio import check_init, read_init
from evalkit.generators.stable_audio.network import build, load_model, published_names, require_fit
from evalkit.generators.stable_audio.sampling_options import Asked, read_options
from evalkit.generators.stable_audio.specs import check_seconds_start, describe, describe_random, known_config
from evalkit.generators.stable_audio.tower_parts import require_parts
from evalkit.generators.stable_audio.variants import VARIANTS, Variant

if TYPE_CHECKING:
    from torch import Tensor

    from evalkit.generators.stable_audio.text_towers import TextTower
    from evalkit.nets.stable_audio.conditioning import Condition
    from evalkit.nets.stable_audio.model import StableAudio

__all__ = ["CONFIG", "WEIGHTS", "StableAudioGenerator", "load_model", "published_names"]


class StableAudioGenerator:
    """One variant. The spec is known at once; torch and the weights come with `load`."""

    def __init__(
        self,
        variant: Variant,
        overrides: Mapping[str, Path],
        checkpoint: Path | None = None,
        random_weights: bool = False,
    ) -> None:
        """`overrides` {weights name: path} replaces the known places of this model's and its text tower's files;
        `checkpoint` puts another model in this one's place, of which `random_weights` takes the config alone.

        Raises UserError where a checkpoint that was named is not there or is none.
        """
        self._variant, self._overrides, self._random = variant, overrides, random_weights
        self._checkpoint = None if checkpoint is None else open_checkpoint(checkpoint)
        if self._checkpoint is not None and is_alone(self._checkpoint.config):
            raise BadCheckpoint(
                f"{self._checkpoint.source}: is of an autoencoder by itself, which makes no sound of words",
                f"evalkit codec RECORDINGS --checkpoint {checkpoint} measures it",
            )
        self._model: StableAudio | None = None
        self._tower: TextTower | None = None
        self._compiled = False
        self.spec = self._describe()

    def _describe(self) -> GeneratorSpec:
        if self._random:
            return describe_random(self._variant, known_config(self._variant, self._checkpoint, self._overrides))
        if self._checkpoint is not None:
            return describe(self._variant, self._checkpoint, self._overrides)
        try:
            found = open_checkpoint(locate(self._variant.spec.name, self._overrides))
        except UserError:
            return self._variant.spec
        spec = self._variant.spec
        parameters = spec.parameters or stored_parameters(found)
        weights, revision = fingerprint(found, self._overrides), hub_revision(found.weights)
        notes = (*spec.notes, *stored_notes(found))
        return replace(spec, weights=weights, revision=revision, parameters=parameters, notes=notes)

    def check_options(self, options: Options) -> None:
        """Raises UserError naming what is out of range or in vain, as `generate` would after minutes of loading."""
        asked = read_options(options)
        if asked.init_audio is not None:
            check_init(asked.init_audio)
        if asked.seconds_start:
            known = known_config(self._variant, self._checkpoint, self._overrides)
            check_seconds_start(asked.seconds_start, known.content, self.spec.name)

    def check_files(self) -> None:
        """Raises MissingWeights or BadCheckpoint with all that is wrong with the checkpoint and its text tower, as far
        as their configs and headers tell. Which tower it is the checkpoint says; where that is not here either, those
        that the variant needs are looked for."""
        if self._random:
            return
        wrong, found = Gathering(), list[Checkpoint]()
        with wrong.look():
            found.append(self._found())
        for checkpoint in found:
            with wrong.look():
                self._require_tower(checkpoint)
            with wrong.look():
                self._refuse_another_model(checkpoint)
                require_fit(checkpoint)
        if not found:
            for name in self.spec.needs:
                with wrong.look():
                    locate(name, self._overrides)
        wrong.settle()

    def _require_tower(self, checkpoint: Checkpoint) -> None:
        from evalkit.nets.stable_audio.config import parse

        require_whole(tower_files(checkpoint, self._overrides))
        place = locate_tower(checkpoint, self._overrides)
        text = parse(checkpoint.config, str(checkpoint.source)).text
        if text.kind == "clap_text":
            return
        require_parts(text.kind, place)
        if not self._ships:  # what does is whole, and the library that tells takes two seconds to import
            from evalkit.generators.stable_audio.text_towers import require_tower

            require_tower(text, place)

    @property
    def _ships(self) -> bool:
        """Are these weights those that come with evalkit?"""
        return self._variant.spec.size == "mini" and self._checkpoint is None and not self._overrides

    def load(self, device: str, dtype: str) -> None:
        """Raises MissingWeights where the files are not here, BadCheckpoint where they do not fit."""
        from evalkit.generators.stable_audio.random_weights import build_random, random_tower
        from evalkit.generators.stable_audio.text_towers import load_tower

        if self._random:
            known = known_config(self._variant, self._checkpoint, self._overrides)
            self._model = build_random(known, device, dtype)
            self._tower = random_tower(known, self._model.config.text, self._overrides, device)
            return
        checkpoint = self._found()
        self._refuse_another_model(checkpoint)
        self._model = build(checkpoint, device, dtype)
        self._tower = load_tower(
            self._model.config.text, locate_tower(checkpoint, self._overrides), self._overrides, device
        )

    def generate(
        self, prompts: Sequence[str], seconds: Sequence[float], seeds: Sequence[int], options: Options
    ) -> GenBatch:
        """Sound of each prompt's own length, cut from the window, which is sampled whole, or from as many latents as it
        takes of a model of free length."""
        import torch

        if self._model is None or self._tower is None:
            raise RuntimeError("load() comes before generate()")
        asked = read_options(options)
        if asked.compile and not self._compiled:
            self._model.compile_network()
            self._compiled = True
        with torch.inference_mode():
            started = time.perf_counter()
            told, negative = self._told(prompts, seconds, asked), None
            if asked.negative_prompt:
                negative = self._told([asked.negative_prompt] * len(prompts), seconds, asked)
            init = None if asked.init_audio is None else self._init(asked.init_audio)
            encoded = time.perf_counter()
            generators = [torch.Generator().manual_seed(seed) for seed in seeds]
            latents = self._model.sample_each(told, seconds, asked.sampling, generators, negative, init)
            if any(each.is_cuda for each in latents):
                torch.cuda.synchronize()
            sampled = time.perf_counter()
            audio = [self._model.decode(each[None])[0].float().cpu().numpy() for each in latents]
        timings = {"text": encoded - started, "sample": sampled - encoded, "decode": time.perf_counter() - sampled}
        rate = self._model.config.sample_rate
        clips = [cut(clip, round(length * rate), asked) for clip, length in zip(audio, seconds, strict=True)]
        return GenBatch(clips, rate, timings, trimmed=asked.trim_silence is not None)

    def _told(self, prompts: Sequence[str], seconds: Sequence[float], asked: Asked) -> Condition:
        """What the network is told; a prompt that comes several times, as a negative one does, is read once."""
        assert self._model is not None and self._tower is not None
        different = list(dict.fromkeys(prompts))
        rows = [different.index(prompt) for prompt in prompts]
        text, mask = self._tower.read(different)
        device = self._model.backbone.weight.device
        return self._model.describe(text[rows].to(device), seconds, mask[rows].to(device), asked.seconds_start)

    def _init(self, path: Path) -> Tensor:
        import torch

        assert self._model is not None
        config = self._model.config
        samples = read_init(path, config.sample_rate, self.spec.channels, config.sample_size)
        return torch.from_numpy(samples)

    def autoencoder(self, device: str, dtype: str) -> StableAudioAutoencoder:
        """The autoencoder alone, without a text tower. Raises MissingWeights or BadCheckpoint, as `load` does."""
        model = build(self._found(), device, dtype)
        return StableAudioAutoencoder(model.vae, model.config.sample_rate, model.config.sample_size)

    def close(self) -> None:
        self._model = self._tower = None
        self._compiled = False

    def _refuse_another_model(self, checkpoint: Checkpoint) -> None:
        """The variant's own files must be the variant's: every item of another rate would fail, one by one."""
        from evalkit.nets.stable_audio.config import parse

        config = parse(checkpoint.config, str(checkpoint.source))
        # Of a free length only the longest sound is known: published files state windows that differ by a second.
        fits = config.free and 0 <= config.window_seconds - self.spec.max_seconds < 5
        window = self.spec.window_seconds if fits else config.window_seconds
        found = config.sample_rate, config.autoencoder.io_channels, window, config.objective
        wanted = self.spec.sample_rate, self.spec.channels, self.spec.window_seconds, self._variant.objective
        if self._checkpoint is None and found != wanted:
            told, asked = (
                f"{rate} Hz, {channels} channels, {window:g} s, objective {kind!r}"
                for rate, channels, window, kind in (found, wanted)
            )
            raise BadCheckpoint(
                f"{checkpoint.source}: is not {self._variant.spec.name}: {told} instead of {asked}",
                "another model of the family runs with --checkpoint",
            )

    def _found(self) -> Checkpoint:
        return self._checkpoint or open_checkpoint(locate(self._variant.spec.name, self._overrides))


def cut(window: Samples, frames: int, asked: Asked) -> Samples:
    """The first `frames` of a window (channels, samples), and no silence at their end where that was asked for.

    A sound that is silent throughout stays as it is, for its verdict to say so.
    """
    clip = window[:, :frames]
    if asked.trim_silence is not None:
        loud = np.flatnonzero(np.abs(clip).max(axis=0) >= 10 ** (asked.trim_silence / 20))
        clip = clip[:, : loud[-1] + 1] if loud.size else clip
    return clip.copy()


def _builder(name: str) -> Callable[..., StableAudioGenerator]:
    def build_variant(
        overrides: Mapping[str, Path] | None = None, checkpoint: Path | None = None, random_weights: bool = False
    ) -> StableAudioGenerator:
        return StableAudioGenerator(VARIANTS[name], overrides or {}, checkpoint, random_weights)

    return build_variant


mini = _builder("stable-audio-mini")
mini_1 = _builder("stable-audio-1-mini")
mini_3 = _builder("stable-audio-3-mini")
open_1_0 = _builder("stable-audio")
open_small = _builder("stable-audio-open-small")
small_music = _builder("stable-audio-3-small-music")
small_sfx = _builder("stable-audio-3-small-sfx")
medium = _builder("stable-audio-3-medium")
small_music_base = _builder("stable-audio-3-small-music-base")
small_sfx_base = _builder("stable-audio-3-small-sfx-base")
medium_base = _builder("stable-audio-3-medium-base")
version_1 = _builder("stable-audio-1")
version_2 = _builder("stable-audio-2")
