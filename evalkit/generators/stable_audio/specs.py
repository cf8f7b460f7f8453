"""What a checkpoint says of itself: the spec of a model that takes a variant's place.

Its name says that it is another one (`stable-audio@my-run`), and, with random weights, that nothing about the
model can be learnt from its sound (`stable-audio+random`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evalkit.checkpoints.find import (
    Checkpoint,
    fingerprint,
    open_checkpoint,
    stored_notes,
    stored_parameters,
    tower_name,
    weights_name,
)
from evalkit.checkpoints.own_config import CONFIG
from evalkit.core.errors import BadCheckpoint, MissingWeights, UserError
from evalkit.core.ids import digest_json
from evalkit.core.jsonio import read_json
from evalkit.fetch.hub_revision import called, hub_revision
from evalkit.fetch.weights import locate
from evalkit.generators.base import GeneratorSpec, rounded_down
from evalkit.generators.stable_audio.presets import with_template
from evalkit.generators.stable_audio.variants import FLOW_PRESETS, VARIANTS, Variant
from evalkit.generators.templates import OPTION
from evalkit.nets.stable_audio.reader import FREE

CONFIGS = Path(__file__).resolve().parent / "configs"
"""The published architectures, as `<variant>.json` in stable-audio-tools' format."""


_FLOW = "rectified_flow"


@dataclass(frozen=True)
class KnownConfig:
    """A model config without weights: its content, the file that errors about it name, and whose it is."""

    content: Mapping[str, Any]
    source: Path
    own: bool


def describe(variant: Variant, checkpoint: Checkpoint, overrides: Mapping[str, Path]) -> GeneratorSpec:
    """The spec of a checkpoint that takes the variant's place. Raises BadCheckpoint for an unreadable config."""
    name = called(checkpoint.weights)
    if name == "model":
        name = called(checkpoint.folder)
    spec = _shaped(variant, checkpoint.config, checkpoint.source)
    whose = "its own config, inside it" if checkpoint.source == checkpoint.weights else checkpoint.source
    return replace(
        spec,
        notes=(
            f"{checkpoint.weights}: read by {whose}",
            *_of_scheduler(checkpoint),
            *stored_notes(checkpoint),
            *spec.notes,
        ),
        name=f"{variant.spec.name}@{name}",
        weights=fingerprint(checkpoint, overrides),
        revision=hub_revision(checkpoint.weights),
        licence="the checkpoint's own",
        gated=False,
        parameters=stored_parameters(checkpoint),
    )


def _of_scheduler(checkpoint: Checkpoint) -> tuple[str, ...]:
    """What is uncertain of diffusers' folder of Stable Audio 3: its converter looks for the objective in another place
    than the published config has it, and writes Euler's scheduler for distilled models too."""
    if not checkpoint.weights.is_dir() or checkpoint.config["model"]["diffusion"].get("diffusion_objective") != _FLOW:
        return ()
    distilled = "--set sampler=pingpong --set steps=8 --set cfg=1 --set apg=0"
    return (f"its scheduler says a base model, as diffusers' converter does of distilled ones too: {distilled}",)


def describe_random(variant: Variant, known: KnownConfig) -> GeneratorSpec:
    """The spec of a network of this architecture that has learnt nothing."""
    spec = variant.spec if known.own else _shaped(variant, known.content, known.source)
    return replace(
        spec,
        name=f"{variant.spec.name}+random",
        size="random",
        weights=f"random:{digest_json(known.content)}",
        licence="",
        gated=False,
    )


def known_config(variant: Variant, checkpoint: Checkpoint | None, overrides: Mapping[str, Path]) -> KnownConfig:
    """The config to build random weights from: the checkpoint's, the published one, or that of the files here."""
    if checkpoint is not None:
        return KnownConfig(checkpoint.config, checkpoint.source, own=False)
    published = CONFIGS / f"{variant.spec.name}.json"
    if published.is_file():
        return KnownConfig(read_json(published), published, own=True)
    try:
        found = open_checkpoint(locate(variant.spec.name, overrides))
    except MissingWeights:
        raise UserError(
            f"--random-weights: the architecture of {variant.spec.name} is not known here", f"give a {CONFIG}"
        ) from None
    return KnownConfig(found.config, found.source, own=True)


def check_seconds_start(start: float, config: Mapping[str, Any], model: str) -> None:
    """Raises UserError where a model of this config is not told where in its source a sound begins, or not so far in:
    its network would hear another number, or none."""
    entries = config["model"]["conditioning"]["configs"]
    own = next((entry for entry in entries if entry["id"] == "seconds_start"), None)
    if own is None:
        raise UserError(f"seconds_start has no effect: {model} is not told where in its source a sound begins")
    whole = own["type"] == "int"
    last = own["config"].get("max_val", 512 if whole else 1)
    if start > last or (whole and start != int(start)):
        raise UserError(f"seconds_start is {start:g}: {model} knows {'whole ' * whole}seconds from 0 to {last}")


def _shaped(variant: Variant, config: Mapping[str, Any], source: Path) -> GeneratorSpec:
    """The variant's spec with the rate, channels and window of a config, and presets for its kind of model."""
    try:
        rate, size = config["sample_rate"], config["sample_size"]
        autoencoder, diffusion = config["model"]["pretransform"]["config"], config["model"]["diffusion"]
        ratio, made = autoencoder["downsampling_ratio"], autoencoder["io_channels"]
        channels = config.get("audio_channels", made)
        free = any(diffusion.get(name) is True for name in FREE)
        kind = str(diffusion["type"]), str(diffusion.get("diffusion_objective", "v")), free
    except (LookupError, TypeError, AttributeError) as error:
        raise BadCheckpoint(f"{source}: not a model config of stable-audio-tools: {error!r}") from None
    for key, value, high in (
        ("sample_rate", rate, 10**6),
        ("sample_size", size, 10**9),
        ("audio_channels", channels, 2),
        ("downsampling_ratio", ratio, 10**9),
    ):
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= high:
            raise BadCheckpoint(f"{source}: {key} is {value!r}, expected a whole number from 1 to {high}")
    if channels != made:
        raise BadCheckpoint(f"{source}: audio_channels is {channels}, and its autoencoder makes {made!r}")
    needs = (weights_name(config),) if weights_name(config) and tower_name(config)[0] != "t5gemma" else ()
    window, notes = _window(size, ratio, rate, source)
    notes = (*_of_another_kind(variant, kind, source), *notes)
    spec = replace(_kin(variant, kind), sample_rate=rate, channels=channels, needs=needs)
    return replace(spec, window_seconds=window / rate, max_seconds=window / rate, notes=notes)


def _window(size: int, ratio: int, rate: int, source: Path) -> tuple[int, tuple[str, ...]]:
    """How many samples a model makes at once, which is whole latents, and what is to be told of that."""
    window = size // ratio * ratio
    if window == size:
        return size, ()
    told = f"sample_size is {size}, no multiple of the {ratio} samples of a latent"
    if not window:
        raise BadCheckpoint(f"{source}: {told}, and less than one")
    return window, (f"{source}: {told}: its sounds have at most {window} samples, {rounded_down(window / rate):g} s",)


def _of_another_kind(variant: Variant, kind: tuple[str, str, bool], source: Path) -> tuple[str, ...]:
    """A sentence where a checkpoint was trained to say something else than the model in whose place it is put: a
    distilled model has the tensors of its base, and sampled by the base's preset it makes noise."""
    if kind[1] == variant.objective:
        return ()
    told = f"{source}: its diffusion_objective is {kind[1]!r}, that of {variant.spec.name} {variant.objective!r}"
    return (f"{told}: the presets are those of its own kind",)


def _kin(variant: Variant, kind: tuple[str, str, bool]) -> GeneratorSpec:
    """The variant's spec with the presets of the first variant whose backbone, objective and lengths are these."""
    spec = variant.spec
    if kind == (variant.backbone, variant.objective, variant.free):
        return spec
    kin = next((each for each in VARIANTS.values() if kind == (each.backbone, each.objective, each.free)), None)
    if kin is not None:  # which says nothing of what sounds it makes: of templates, the model that was named does
        kept = with_template(kin.spec.presets, str(spec.presets[spec.default_preset].get(OPTION, "")))
        return replace(spec, presets=kept, default_preset=kin.spec.default_preset, templates=kin.spec.templates)
    if kind[1] == _FLOW:
        return replace(spec, presets=FLOW_PRESETS, default_preset="ui", templates={})
    return spec
