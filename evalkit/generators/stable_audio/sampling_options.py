"""What `--preset` and `--set` may say of a Stable Audio model, read into typed options.

`FURTHER` are the options that no preset sets: guidance rescale, a negative prompt, where in its source a sound begins,
a sound to start from and how far from it, cutting trailing silence, and compiling the network. An option that would
have no effect is refused rather than ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.core.errors import UserError, unknown_name
from evalkit.generators.base import Options

if TYPE_CHECKING:
    from evalkit.nets.stable_audio.sampling import SamplingOptions

FURTHER: Options = {
    "cfg_rescale": 0.0,
    "negative_prompt": "",
    "seconds_start": 0.0,
    "init_audio": None,
    "init_noise_level": 1.0,
    "trim_silence": None,
    "compile": False,
}
"""Each option that any preset may be given besides its own, with what it is when it is not given."""

FILES = ("init_audio",)
"""Those whose value is the path of a file, whose bytes then decide the sound."""

FOLLOWS = {"eta": "sampler"}
"""A preset's eta is its sampler's: another sampler comes with its own."""

_MOST_STEPS = 1000


@dataclass(frozen=True)
class Asked:
    """One call's options. `seconds_start` is what the model is told of where in its source the sound begins;
    `init_audio` is a sound file to start from; `trim_silence` a level in dB of full scale:
    what lies below it at the end of a sound is cut off (None: nothing is). `compile` has the network compiled for
    the batch's shape first, which takes minutes and pays on a GPU in a long run."""

    sampling: SamplingOptions
    negative_prompt: str = ""
    seconds_start: float = 0.0
    init_audio: Path | None = None
    trim_silence: float | None = None
    compile: bool = False


def read_options(options: Options) -> Asked:
    """A preset with its changes as typed options. Raises UserError naming what is out of range or in vain."""
    from evalkit.nets.stable_audio.sampling import SamplingOptions

    names = [field.name for field in fields(SamplingOptions)]
    unknown = sorted(set(options) - {*names, *FURTHER})
    if unknown:
        raise UserError(f"stable audio has no option {unknown[0]!r}")
    _check_name(options["sampler"])
    for name, value in options.items():
        if name not in ("sampler", "negative_prompt", "init_audio", "compile"):
            _check_number(name, value)
    found: dict[str, Any] = {name: options[name] for name in names if name in options}
    init, trim, negative = (options.get(name) for name in ("init_audio", "trim_silence", "negative_prompt"))
    _check(isinstance(negative, str | None), "negative_prompt is text")
    _check(isinstance(options.get("compile", False), bool), "compile is true or false")
    asked = Asked(
        SamplingOptions(**found),
        str(negative or ""),
        _seconds(options.get("seconds_start", 0.0)),
        None if init is None else Path(str(init)),
        trim if isinstance(trim, int | float) else None,
        options.get("compile", False) is True,
    )
    _check_ranges(asked)
    _refuse_vain(asked, options)
    return asked


def _check_ranges(asked: Asked) -> None:
    from evalkit.nets.stable_audio.sampling import SIGMA_SAMPLERS

    sampling = asked.sampling
    steps = sampling.steps
    _check(steps == int(steps) and 1 <= steps <= _MOST_STEPS, f"steps is a whole number, 1 to {_MOST_STEPS}")
    first = "sigma_max" if asked.init_audio is None else "init_noise_level"
    level = sampling.sigma_max if asked.init_audio is None else sampling.init_noise_level
    if sampling.sampler in SIGMA_SAMPLERS:
        _check(0 < sampling.sigma_min < level, f"0 < sigma_min < {first} must hold")
    _check(level > 0, f"{first} is above 0")
    _check((sampling.eta or 0) >= 0 and sampling.cfg >= 0, "eta and cfg are not negative")
    _check(asked.seconds_start >= 0, "seconds_start is not negative")
    _check(0 <= sampling.cfg_rescale <= 1, "cfg_rescale is a share, 0 to 1")
    _check(asked.trim_silence is None or asked.trim_silence < 0, "trim_silence is a level below 0 dB, such as -60")


def _refuse_vain(asked: Asked, options: Mapping[str, object]) -> None:
    from evalkit.nets.stable_audio.sampling import NOISY

    sampler = asked.sampling.sampler
    if asked.sampling.eta and sampler not in NOISY:
        _check(False, f"eta has no effect with {sampler}, which adds no noise")
    if asked.negative_prompt:
        _check(asked.sampling.cfg != 1, "negative_prompt has no effect at cfg 1")
    if "init_noise_level" in options:
        _check(asked.init_audio is not None, "init_noise_level has no effect without init_audio")


def _check_name(sampler: object) -> None:
    from evalkit.nets.stable_audio.sampling import NOT_HERE, SAMPLER_NAMES

    if str(sampler) in NOT_HERE:
        raise UserError(
            f"evalkit has no sampler {sampler!r}: {NOT_HERE[str(sampler)]}", f"it has {', '.join(SAMPLER_NAMES)}"
        )
    if sampler not in SAMPLER_NAMES:
        raise unknown_name("sampler", str(sampler), SAMPLER_NAMES)


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _check_number(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UserError(f"option {name} is a number, not {value!r}")


def _check(holds: bool, rule: str) -> None:
    if not holds:
        raise UserError(f"stable audio: {rule}")
