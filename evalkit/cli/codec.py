"""`evalkit codec`: what recordings lose in a model's autoencoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from evalkit.cli import run as options
from evalkit.cli.output import print_json, print_table, say
from evalkit.cli.paths import typed
from evalkit.cli.words import wrong_words
from evalkit.core.text import count
from evalkit.report.text import estimate

if TYPE_CHECKING:
    from evalkit.generators.stable_audio.autoencoder import Autoencoder
    from evalkit.run.codec import Mean, Measured

_UNITS = {"si_sdr": "dB"}
_SHOWN_FAILURES = 5


def codec(
    folder: Path = typer.Argument(
        ..., parser=typed, metavar="FOLDER", help="A folder of wav, flac, ogg, mp3, opus, m4a, webm … recordings."
    ),
    model: str = typer.Option(
        "stable-audio-mini", "--model", help="A model with an autoencoder, or one by itself: same-s, same-l."
    ),
    checkpoint: Path | None = options.CHECKPOINT,
    weights: list[str] = options.WEIGHTS,
    limit: int | None = typer.Option(None, "--limit", help="Only the first N recordings, by name."),
    mean: bool = typer.Option(False, "--mean", help="Decode the posterior's mean instead of a draw from it."),
    seed: int = typer.Option(0, "--seed", help="The seed of the draws."),
    device: str = options.DEVICE,
    dtype: str = options.DTYPE,
    as_json: bool = options.JSON,
) -> None:
    """Encode and decode recordings, and measure what was lost.

    STFT and MEL distance and SI-SDR are the three of the autoencoder tables in the Stable Audio papers, by auraloss'
    definitions and default settings (STFT and MEL: 1024 points, hop 256, spectral convergence plus log magnitude; 128
    mel bands; SI-SDR per channel). A recording is resampled to the model's rate and given its channels before it is
    encoded, so that only the autoencoder counts; of a longer one the first window is measured. Numbers compare only
    over the same recordings, and not between models of different rates. Exit 1: no recording could be measured.

    \b
    Example:
      evalkit codec recordings/
      evalkit codec recordings/ --model stable-audio --checkpoint my-run/ --json
      evalkit codec recordings/ --checkpoint my-autoencoder/
    """
    from evalkit.cli.progress import for_this_terminal
    from evalkit.run.codec import evaluate, recordings
    from evalkit.run.config import check_dtype, parse_checkpoint, parse_weights, require_device, resolve_device

    wrong, where = wrong_words(), resolve_device(device)
    paths = wrong.read([], recordings, folder, limit)
    wrong.read("", check_dtype, dtype)
    wrong.read(None, require_device, where)
    given, place = wrong.read({}, parse_weights, weights), wrong.read(None, parse_checkpoint, checkpoint)
    source = wrong.read(None, _source, model, given, place)
    wrong.settle()
    assert source is not None, "else that is told"
    name, load = source
    with for_this_terminal() as progress:
        autoencoder = load(where, dtype)
        progress.start("codec", len(paths), 0)
        found = evaluate(autoencoder, paths, None if mean else seed, lambda: progress.advance("codec"))
        progress.finish("codec")
    told = _facts(autoencoder, name, found, "mean" if mean else f"seed {seed}")
    if as_json:
        print_json(told)
    else:
        _print(told, folder)
    if not found.clips:
        raise typer.Exit(1)


def _source(
    model: str, overrides: Mapping[str, Path], checkpoint: Path | None
) -> tuple[str, Callable[[str, str], Autoencoder]]:
    """What is measured: its name, and what loads its autoencoder on a device in a precision."""
    from evalkit.generators.load import load_generator
    from evalkit.generators.stable_audio.autoencoder import find_alone, load_alone, name_of_alone

    alone = find_alone(model, overrides, checkpoint)
    if alone is not None:
        return name_of_alone(alone), partial(load_alone, alone)
    generator = load_generator(model, overrides, checkpoint)
    return generator.spec.name, partial(_autoencoder, generator, model)


def _autoencoder(generator: object, model: str, device: str, dtype: str) -> Autoencoder:
    from evalkit.core.errors import UserError
    from evalkit.core.own_code import is_evalkits
    from evalkit.core.plugins import running

    load = getattr(generator, "autoencoder", None)
    if load is None:
        raise UserError(f"model {model!r} has no autoencoder that evalkit knows", "the Stable Audio family has one")
    with nullcontext() if is_evalkits(generator) else running(f"{model}: autoencoder() failed"):
        loaded: Autoencoder = load(device, dtype)
    return loaded


def _facts(codec: Autoencoder, name: str, found: Measured, latents: str) -> dict[str, Any]:
    from evalkit.run.codec import MEASURES

    return {
        "model": name,
        "sample_rate": codec.rate,
        "channels": codec.channels,
        "latent_rate": codec.rate / codec.ratio,
        "latent_channels": codec.latent,
        "latents": latents,
        "n": len(found.clips),
        "n_failed": len(found.failures),
        "n_cut": found.cut,
        "seconds": round(found.seconds, 3),
        "measures": {key: {**_mean(mean), "direction": MEASURES[key]} for key, mean in found.means.items()},
        "clips": {clip: dict(values) for clip, values in found.clips.items()},
        "failures": dict(found.failures),
    }


def _mean(mean: Mean) -> dict[str, Any]:
    ends = mean.interval
    spread: dict[str, float | str | None] = {"low": None, "high": None, "level": None, "method": "none"}
    if ends is not None:
        spread = {"low": ends.low, "high": ends.high, "level": ends.level, "method": ends.method}
    return {"value": mean.value, **spread}


def _print(told: dict[str, Any], folder: Path) -> None:
    latent = f"{told['latent_channels']} channels at {told['latent_rate']:.4g} Hz"
    say(f"{told['model']}: latents of {latent} ({told['latents']}), {told['sample_rate']} Hz sound")
    cut = f", {told['n_cut']} of them cut to the model's window" if told["n_cut"] else ""
    heard = f"{count(told['n'], 'recording')} of {folder} measured"
    say(f"{heard} ({told['seconds']:.1f} s{cut}), {told['n_failed']} failed")
    rows = []
    for name, entry in told["measures"].items():
        value, spread = estimate(entry["value"], entry["low"], entry["high"], entry["level"])
        rows.append([name, "↓" if entry["direction"] == "lower" else "↑", value, spread, _UNITS.get(name, "")])
    if rows:
        print_table(["measure", "", "value", "interval", "unit"], rows, numbers=(2, 3))
    for name, reason in list(told["failures"].items())[:_SHOWN_FAILURES]:
        say(f"  failed {name!r}: {reason}")
    if told["n_failed"] > _SHOWN_FAILURES:
        say(f"  and {told['n_failed'] - _SHOWN_FAILURES} more; --json names them all")
