"""What `--preset` and `--set` may say of a Stable Audio model, read into typed options.

`FURTHER` are the options that few presets set: guidance rescale, projected guidance, how long what guidance adds may
be, the noise levels between which it adds any, the version whose times a flow goes through, a negative prompt, where in
its source a sound begins, a sound to start from and how far from it, cutting trailing silence, and compiling the
network. An option that would have no effect is refused rather than ignored.

Left out: Stable Audio 3's inpainting, which its network can do (`Condition.local`) and no suite asks for, and the noise
that its original adds where it decodes (`nets/stable_audio/same.py`): a sound depends on its latents alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

from evalkit.core.errors import UserError, unknown_name
from evalkit.core.faults import Gathering
from evalkit.generators.base import Options
from evalkit.generators.templates import without_template
from evalkit.nets.stable_audio.settings import (
    FLOW_NAMES,
    NOISY,
    NOT_HERE,
    SAMPLER_NAMES,
    SCHEDULES,
    SIGMA_NAMES,
    SamplingOptions,
)

FURTHER: Options = {
    "cfg_rescale": 0.0,
    "apg": 0.0,
    "cfg_norm_threshold": 0.0,
    "cfg_interval_min": 0.0,
    "cfg_interval_max": 1.0,
    "schedule": "0.0.19",
    "negative_prompt": "",
    "seconds_start": 0.0,
    "init_audio": None,
    "init_noise_level": 1.0,
    "trim_silence": None,
    "compile": False,
}
"""Each option that any preset may be given besides its own, with what it is when it is not given."""

INTERVAL = ("cfg_interval_min", "cfg_interval_max")

FILES = ("init_audio",)
"""Those whose value is the path of a file, whose bytes then decide the sound."""

FOLLOWS = {"eta": "sampler"}
"""A preset's eta is its sampler's: another sampler comes with its own."""

_MOST_STEPS = 1000

Rule = tuple[tuple[str, ...], str, Callable[[], bool]]
"""The options that a rule is about, the rule, and whether it holds."""


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
    """A preset with its changes as typed options. Raises UserError naming all that is out of range or in vain."""
    options = without_template(options)  # which is put before the prompts by whoever asks
    defaults = {field.name: field.default for field in fields(SamplingOptions) if field.default is not MISSING}
    names, wrong = [field.name for field in fields(SamplingOptions)], Gathering()
    strange = {name for name, value in options.items() if not _is_of_its_kind(name, value, names, wrong)}
    for about, rule, holds in _rules({**FURTHER, **defaults, **options}, options):
        if strange.isdisjoint(about):
            wrong.require(holds(), f"stable audio: {rule}")
    wrong.settle()
    found: dict[str, Any] = {name: options[name] for name in names if name in options}
    init, trim = options.get("init_audio"), options.get("trim_silence")
    return Asked(
        SamplingOptions(**found),
        str(options.get("negative_prompt") or ""),
        _seconds(options.get("seconds_start", 0.0)),
        None if init is None else Path(str(init)),
        trim if isinstance(trim, int | float) else None,
        options.get("compile", False) is True,
    )


def _is_of_its_kind(name: str, value: object, sampling: Sequence[str], wrong: Gathering) -> bool:
    """Is this an option, and its value of the type that it has? What is not is told."""
    before = len(wrong.errors)
    if name == "sampler":
        with wrong.look():
            _check_name(value)
    elif name == "schedule":
        known = ", ".join(SCHEDULES)
        wrong.require(value in SCHEDULES, f"stable audio: schedule is a version of stable-audio-tools: {known}")
    elif name == "negative_prompt":
        wrong.require(isinstance(value, str | None), "stable audio: negative_prompt is text")
    elif name == "compile":
        wrong.require(isinstance(value, bool), "stable audio: compile is true or false")
    elif name in (*sampling, *FURTHER) and name != "init_audio":
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        wrong.require(is_number, f"option {name} is a number, not {value!r}")
    elif name != "init_audio":
        wrong.require(False, f"stable audio has no option {name!r}")
    return len(wrong.errors) == before


def _rules(value: Mapping[str, Any], given: Options) -> Iterator[Rule]:
    """The rules; of options that are not of their kind none can be asked. `value` has every option, `given` those that
    somebody or the preset set."""

    def is_level() -> bool:
        return value["sampler"] not in SIGMA_NAMES or bool(0 < value["sigma_min"] < value[first])

    first = "sigma_max" if value["init_audio"] is None else "init_noise_level"
    steps, sampler, trim = value["steps"], value["sampler"], value["trim_silence"]
    yield ("steps",), f"steps is a whole number, 1 to {_MOST_STEPS}", lambda: steps in range(1, _MOST_STEPS + 1)
    yield ("sampler", "sigma_min", first), f"0 < sigma_min < {first} must hold", is_level
    yield (first,), f"{first} is above 0", lambda: value[first] > 0
    yield ("eta", "cfg"), "eta and cfg are not negative", lambda: (value["eta"] or 0) >= 0 and value["cfg"] >= 0
    yield ("seconds_start",), "seconds_start is not negative", lambda: value["seconds_start"] >= 0
    yield from _rules_of_guidance(value)
    timeless = f"schedule has no effect with {sampler}, which goes down noise levels"
    yield ("schedule", "sampler"), timeless, lambda: "schedule" not in given or sampler in FLOW_NAMES
    silence = "trim_silence is a level below 0 dB, such as -60"
    yield ("trim_silence",), silence, lambda: trim is None or trim < 0
    noiseless = f"eta has no effect with {sampler}, which adds no noise"
    yield ("eta", "sampler"), noiseless, lambda: not value["eta"] or sampler in NOISY
    unguided = "negative_prompt has no effect at cfg 1"
    yield ("negative_prompt", "cfg"), unguided, lambda: not value["negative_prompt"] or value["cfg"] != 1
    without = "init_noise_level has no effect without init_audio"
    yield (), without, lambda: "init_noise_level" not in given or value["init_audio"] is not None


def _rules_of_guidance(value: Mapping[str, Any]) -> Iterator[Rule]:
    lowest, highest = (value[name] for name in INTERVAL)
    yield ("cfg_rescale",), "cfg_rescale is a share, 0 to 1", lambda: 0 <= value["cfg_rescale"] <= 1
    yield ("apg",), "apg is a share, 0 to 1", lambda: 0 <= value["apg"] <= 1
    yield ("apg", "cfg"), "apg has no effect at cfg 1; set it to 0", lambda: not value["apg"] or value["cfg"] != 1
    short, between = "cfg_norm_threshold is not negative", "0 <= cfg_interval_min < cfg_interval_max <= 1 must hold"
    yield ("cfg_norm_threshold",), short, lambda: value["cfg_norm_threshold"] >= 0
    yield INTERVAL, between, lambda: 0 <= lowest < highest <= 1
    for name in ("cfg_norm_threshold", *INTERVAL):
        aimless = f"{name} has no effect at cfg 1; set it to {FURTHER[name]:g}"
        unchanged = value[name] == FURTHER[name]
        yield (name, "cfg"), aimless, partial(bool, unchanged or value["cfg"] != 1)


def _check_name(sampler: object) -> None:
    if str(sampler) in NOT_HERE:
        raise UserError(
            f"evalkit has no sampler {sampler!r}: {NOT_HERE[str(sampler)]}", f"it has {', '.join(SAMPLER_NAMES)}"
        )
    if sampler not in SAMPLER_NAMES:
        raise unknown_name("sampler", str(sampler), SAMPLER_NAMES)


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
