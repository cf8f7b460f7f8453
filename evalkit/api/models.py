"""`evalkit.models`: the models at hand, and whether their weights are here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload

from evalkit.api.listing import Listing
from evalkit.api.taken import parameters_checked
from evalkit.api.words import parameters_named
from evalkit.core.errors import MissingWeights, UserError
from evalkit.fetch.hub_cache import is_cached
from evalkit.fetch.published import PUBLISHED
from evalkit.fetch.weights import locate
from evalkit.generators.base import GENERATORS, Generator, GeneratorSpec, rounded_down
from evalkit.generators.contract import checked_spec
from evalkit.generators.load import load_generator


@dataclass(frozen=True)
class ModelFacts:
    """What is known of a model without loading it; None where it does not say.

    `sample_rate` in Hz, `max_seconds` the longest sound, `window_seconds` what it makes at once, `weights_here` "here",
    "in the cache" (of Hugging Face), "missing", "unpublished", "partly", "none needed", "its own", "no environment" or
    "cannot be built", and `how` where they are or what to do.
    `templates` are the fields that may stand before a prompt, by name.
    `environment` is that of a model in a process of its own: "here" or "not installed".
    """

    name: str
    family: str | None = None
    size: str = "?"
    parameters: int | None = None
    sample_rate: int | None = None
    channels: int | None = None
    max_seconds: float | None = None
    window_seconds: float | None = None
    licence: str | None = None
    gated: bool | None = None
    weights_here: str = "cannot be built"
    revision: str = ""
    environment: str = ""
    needs: list[str] = field(default_factory=list)
    how: str = ""
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    further: list[str] = field(default_factory=list)
    default_preset: str | None = None
    templates: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@overload
def models(name: None = None) -> Listing[ModelFacts]: ...
@overload
def models(name: str) -> ModelFacts: ...


@parameters_checked
@parameters_named()
def models(name: str | None = None) -> Listing[ModelFacts] | ModelFacts:
    """List the models, or look at one.

    Parameters
    ----------
    name : str, optional
        A model's name, or module:Class.

    Returns
    -------
    Listing of ModelFacts, or ModelFacts
        All models, whose `table()` is a pandas table; or the one that is named, with its presets.

    Raises
    ------
    UserError
        For an unknown name, or code of somebody's own that fails.

    Examples
    --------
    >>> import evalkit
    >>> evalkit.models("stable-audio-mini").weights_here
    'here'
    >>> "mock" in [each.name for each in evalkit.models()]
    True
    """
    if name is not None:
        return model_facts(name)
    shown = ("name", "size", "parameters", "sample_rate", "channels", "window_seconds", "weights_here", "licence")
    return Listing([model_facts(each) for each in GENERATORS.names()], shown)


def model_facts(name: str) -> ModelFacts:
    """What is known of a model without loading it: its spec, and where its weights are."""
    try:
        generator = load_generator(name, {})
        spec: GeneratorSpec = checked_spec(generator, name)
    except UserError as error:
        if name not in GENERATORS.targets():
            raise
        return ModelFacts(name, how=str(error))
    environment = _environment(generator)
    here, how = _weights(spec.needs if environment else (name, *spec.needs), spec)
    if environment == "not installed":
        here = "no environment" if here in ("here", "in the cache") else here
        command = f"evalkit baselines install {spec.family}"
        how = f"its environment is not installed: {command}" + (f"; {how}" if how else "")
    return ModelFacts(
        name=spec.name,
        family=spec.family,
        size=spec.size,
        parameters=spec.parameters,
        sample_rate=spec.sample_rate,
        channels=spec.channels,
        max_seconds=rounded_down(spec.max_seconds) if spec.max_seconds < float("inf") else None,
        window_seconds=None if spec.window_seconds is None else rounded_down(spec.window_seconds),
        licence=spec.licence,
        gated=spec.gated,
        weights_here=here,
        revision=spec.revision,
        environment=environment,
        needs=list(spec.needs),
        how=how,
        presets={key: dict(options) for key, options in spec.presets.items()},
        further=sorted(spec.further),
        default_preset=spec.default_preset,
        templates={key: dict(fields) for key, fields in spec.templates.items()},
        notes=list(spec.notes),
    )


def _environment(generator: Generator) -> str:
    """ "here" or "not installed" for a model that runs in an environment of its own, "" for any other."""
    from evalkit.fetch.environment import is_ready
    from evalkit.generators.worker.generator import Isolated

    found = generator.environment if isinstance(generator, Isolated) else None
    return "" if found is None else "here" if is_ready(found) else "not installed"


def _weights(names: Sequence[str], spec: GeneratorSpec) -> tuple[str, str]:
    """("here" | "in the cache" | "missing" | "unpublished" | "partly" | "none needed" | "its own", the path or what to
    put where)."""
    if spec.size == "none":
        return "none needed", ""
    found, missing = [], []
    for each in names:
        try:
            found.append(str(locate(each, {})))
        except MissingWeights as error:
            missing.append(str(error))
        except UserError:
            # A model of another package may keep its weights elsewhere; its digest says whether it found them.
            return ("here", "") if spec.weights else ("its own", "")
    if spec.weights or not missing:
        return "in the cache" if any(is_cached(Path(path)) for path in found) else "here", ", ".join(found)
    unpublished = names[0] in PUBLISHED and not PUBLISHED[names[0]].source
    state = "partly" if found else "unpublished" if unpublished else "missing"
    return state, "; ".join([*missing, *(f"here: {path}" for path in found)])
