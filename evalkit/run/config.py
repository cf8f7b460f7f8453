"""What a person asked for, read from the command line into one frozen record."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from evalkit.core.errors import UserError, unknown_name
from evalkit.core.faults import together
from evalkit.core.installed import version
from evalkit.core.jsonio import parse_json
from evalkit.core.paths import existing, is_there
from evalkit.core.threads import default
from evalkit.execute.ray_connection import require_cluster, require_ray
from evalkit.generators.base import Timeouts
from evalkit.generators.templates import OPTION
from evalkit.run.gates import Gate
from evalkit.suites.base import Suite
from evalkit.suites.brief import Brief

DEFAULT_MODEL = "stable-audio-3-mini"
DEFAULT_SUITE = "mini"
MOST_SAMPLES = 1000
"""Sounds per prompt; more are a slip of the keyboard."""
DTYPES = ("float32", "float16", "bfloat16")
_DEVICES = ("cpu", "cuda", "mps", "xpu")
_NVIDIA = (Path("/dev/nvidiactl"), Path("/dev/dxg"))
_NO_GPU = ("", "-1", "NoDevFiles")
"""What CUDA_VISIBLE_DEVICES begins with where no GPU is to be seen."""
MOST_WORKERS, MOST_THREADS = 4096, 1024
"""More are a slip of the keyboard, and more threads than a system has end the process."""


ONE_CORE: Mapping[str, float] = {"num_cpus": 1.0}
"""What a worker on a cluster has where nothing is said."""


@dataclass(frozen=True)
class Sharing:
    """Where the work is to be done, as it was typed; None where nothing is said. `devices` are names, or names with
    commas between them."""

    device: str = "auto"
    workers: int | None = None
    devices: str | Sequence[str] | None = None
    threads: int | None = None
    ray: str | None = None
    ray_resources: str | Mapping[str, float] | None = None


@dataclass(frozen=True)
class RunConfig:
    """One run as asked for. None means: whatever the model or the suite says.

    `suite` is a suite's name or manifest, a Brief of one, or one that is loaded. `changes` are options laid over the
    preset, `weights` files that replace the known ones by name, `out` the run folder itself, `command` the words typed,
    kept in run.json. `checkpoint` puts another model of the same family in this one's place; `random_weights` takes its
    architecture alone. `timeouts` take the place of the model's own. `about` is the file that tells of the system whose
    folder is scored. `samples` is how many sounds each prompt gets.
    `anew` makes every sound, also one that an earlier run made.
    `until` is the baseline against which the run goes on until its means of prompts are decided, and `gates` what is
    demanded of them then, default what a gate judges.
    `workers` is how many processes share the work, and `devices` are theirs, in turn; without either it is done in this
    one. Neither changes a sound or a number on a CPU. `threads` are those of one process, and do. `ray` is the address
    of the cluster that the workers are on, or "auto", and `resources` what each has there.
    `wrong` is what was wrong with the words that it was made of, in whose places defaults stand: the plan refuses it
    with all else that is wrong.
    """

    model: str = DEFAULT_MODEL
    suite: str | Brief | Suite = DEFAULT_SUITE
    out: Path | None = None
    preset: str | None = None
    changes: Mapping[str, object] = field(default_factory=dict)
    seed: int = 0
    limit: int | None = None
    batch_size: int | None = None
    device: str = "cpu"
    dtype: str = "float32"
    weights: Mapping[str, Path] = field(default_factory=dict)
    checkpoint: Path | None = None
    random_weights: bool = False
    retry_failed: bool = False
    anew: bool = False
    timeouts: Timeouts | None = None
    about: Path | None = None
    samples: int = 1
    until: Path | None = None
    gates: tuple[Gate, ...] = ()
    workers: int | None = None
    devices: tuple[str, ...] = ()
    ray: str | None = None
    resources: Mapping[str, float] = field(default_factory=lambda: dict(ONE_CORE))
    threads: int = field(default_factory=default)
    command: tuple[str, ...] = ()
    wrong: tuple[UserError, ...] = ()

    def __post_init__(self) -> None:
        together(
            partial(at_least_one, "--limit", self.limit),
            partial(at_least_one, "--batch-size", self.batch_size),
            partial(at_least_one, "--workers", self.workers, MOST_WORKERS),
            partial(at_least_one, "--threads", self.threads, MOST_THREADS),
            partial(check_samples, self.samples),
            partial(check_dtype, self.dtype),
        )


def at_least_one(option: str, number: int | None, most: int | None = None) -> int | None:
    """The number, where there is one. Raises UserError where it is below 1, or above the `most`."""
    if number is not None and number < 1:
        raise UserError(f"{option} {number}: at least 1 is needed")
    if number is not None and most is not None and number > most:
        raise UserError(f"{option} {number}: at most {most:,} are possible")
    return number


def check_samples(samples: int) -> int:
    """The number of sounds per prompt. Raises UserError where it cannot be."""
    at_least_one("--samples", samples)
    if samples > MOST_SAMPLES:
        raise UserError(f"--samples {samples}: at most {MOST_SAMPLES:,} sounds of a prompt are made")
    return samples


def check_dtype(dtype: str) -> str:
    """The type. Raises UserError for one that no generator computes in."""
    if dtype not in DTYPES:
        raise unknown_name("dtype", dtype, DTYPES)
    return dtype


def parse_changes(pairs: Iterable[str]) -> dict[str, object]:
    """`key=value` words of --set; a value is read as JSON where it is JSON (`50`, `true`), else as text."""
    changes: dict[str, object] = {}
    for key, value in together(*(partial(_split, pair, "--set", "key=value") for pair in pairs)):
        try:
            changes[key] = parse_json(value.encode("utf-8", "surrogatepass"), "--set", finite=True)
        except UserError:
            changes[key] = value
    return changes


def with_prompt_template(options: Mapping[str, object] | None, name: str | None) -> dict[str, object]:
    """The options with the template of --prompt-template among them, where one was named."""
    return {**(options or {}), **({} if name is None else {OPTION: name})}


def parse_weights(pairs: Iterable[str]) -> dict[str, Path]:
    """`NAME=PATH` words of --weights. Raises UserError for all paths that are not there."""

    def read(pair: str) -> tuple[str, Path]:
        name, value = _split(pair, "--weights", "NAME=PATH")
        return name, existing(value, f"--weights {pair}")

    return dict(together(*(partial(read, pair) for pair in pairs)))


def parse_checkpoint(path: str | Path | None) -> Path | None:
    """The path of --checkpoint. Raises UserError where it is not there."""
    return None if path is None else existing(path, f"--checkpoint {path}")


def parse_until(path: Path | None) -> Path | None:
    """The path of --until-decided. Raises UserError where it is not there; what it is, is looked at before the work."""
    if path is not None and not is_there(path):
        raise UserError(f"--until-decided {path}: no such baseline", "name a baseline file, or a run's folder")
    return path


def parse_seeds(text: str) -> list[int]:
    """The whole numbers of --seed, with commas between them, each once. Raises UserError for all that are none."""

    def read(word: str) -> int:
        if not re.fullmatch(r"\s*[+-]?[0-9]{1,100}\s*", word, re.ASCII):
            raise UserError(f"--seed {text!r}: {word.strip()!r} is no whole number", "--seed 0, or --seed 0,1,2")
        return int(word)

    return list(dict.fromkeys(together(*(partial(read, word) for word in text.split(",")))))


def parse_timeout(seconds: float | None) -> Timeouts | None:
    """The seconds of --timeout, which one sound may take; the first batch gets twice that, and loading three times, in
    the proportions of the defaults. Raises UserError where it is no time."""
    if seconds is None:
        return None
    if not 0 < seconds < 1e7:
        raise UserError(f"--timeout {seconds:g}: a number of seconds is needed")
    return Timeouts(3 * seconds, 2 * seconds, seconds)


def resolve_device(asked: str) -> str:
    """`auto` becomes cuda where this machine shows an NVIDIA driver, which CUDA_VISIBLE_DEVICES does not hide, and
    torch is no CPU build; else cpu.

    torch itself is not asked: importing it would cost a finished run its two seconds.
    """
    if asked != "auto":
        return asked
    torch = version("torch")
    built_for_cpu = not torch or "+cpu" in torch
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    hidden = named is not None and named.split(",")[0].strip() in _NO_GPU
    return "cuda" if not built_for_cpu and not hidden and any(path.exists() for path in _NVIDIA) else "cpu"


def parse_device(asked: str, option: str = "--device") -> str:
    """As `resolve_device`. Raises UserError for what is no device of torch's; whether one that is can be used here is
    asked when it is needed (`require_device`)."""
    device = resolve_device(asked)
    kind, _, number = device.partition(":")
    if kind not in _DEVICES or (number and not re.fullmatch("[0-9]{1,3}", number)) or device.endswith(":"):
        require_device(device, option)
    return device


def parse_devices(asked: str | Sequence[str] | None, device: str) -> tuple[tuple[str, ...], str]:
    """The devices of --devices, and the kind that they are; none, and `device`, where nothing is asked.

    Raises UserError for all that are none, one that is named twice, and where they are of several kinds: those compute
    differently.
    """
    if asked is None:
        return (), parse_device(device)
    asked = asked.split(",") if isinstance(asked, str) else asked
    if not asked or not all(each.strip() for each in asked):
        raise UserError(f"--devices {','.join(asked)!r}: names no device", "--devices cuda:0,cuda:1")
    devices = together(*(partial(parse_device, each.strip(), "--devices") for each in asked))
    kinds = list(dict.fromkeys(each.partition(":")[0] for each in devices))
    told = f"--devices {','.join(asked)}"
    if twice := next((each for each in devices if devices.count(each) > 1), None):
        hint = f"each once, and --workers {len(devices)} for that many processes on them"
        raise UserError(f"{told}: {twice} is named twice", hint)
    if len(kinds) > 1:
        raise UserError(f"{told}: {' and '.join(kinds)} compute differently: a run is of one kind", "leave one out")
    if device != "auto" and device.partition(":")[0] != kinds[0]:
        raise UserError(f"{told}: --device {device} is of another kind", "leave --device out")
    return tuple(devices), kinds[0]


def parse_ray(sharing: Sharing) -> tuple[str | None, Mapping[str, float]]:
    """The address of --ray and the resources of each worker there.

    Raises UserError for what is no address and no resources, where Ray is not installed, and beside --devices.
    """
    if sharing.ray is None:
        if sharing.ray_resources is not None:
            raise UserError("--ray-resources: says what each worker on a cluster has", "--ray auto, or leave it out")
        return None, ONE_CORE
    try:
        require_ray()
    except UserError as error:
        raise UserError(f"--ray {sharing.ray}: {error.message}", error.hint) from None
    if sharing.devices is not None:
        raise UserError("--devices: is for processes of this machine", "with --ray, --ray-resources num_gpus=1")
    if sharing.ray != "auto" and not re.fullmatch(r"[A-Za-z0-9.\[\]:_-]+:[0-9]{1,5}", sharing.ray):
        raise UserError(f"--ray {sharing.ray!r}: is no address of a cluster", "--ray auto, or --ray HOST:6379")
    return sharing.ray, _resources(sharing.ray_resources)


def devices_asked(sharing: Sharing, resources: Mapping[str, float]) -> tuple[str | Sequence[str] | None, str]:
    """--devices and --device; of a worker on a cluster that asks for a GPU, that."""
    if sharing.ray is None:
        return sharing.devices, sharing.device
    return None, "cuda" if sharing.device == "auto" and "num_gpus" in resources else sharing.device


_ELSEWHERE: Mapping[str, str] = {
    "CPU": "num_cpus=1",
    "GPU": "num_gpus=1",
    **dict.fromkeys(("memory", "object_store_memory"), "num_cpus=1, or a resource of the cluster's own"),
}
"""Ray's own names of what it takes in other words, or not at all."""


def _resources(asked: str | Mapping[str, float] | None) -> Mapping[str, float]:
    if asked is None:
        return ONE_CORE
    words = [f"{name}={count}" for name, count in asked.items()] if isinstance(asked, Mapping) else asked.split(",")

    def read(word: str) -> tuple[str, float]:
        name, value = _split(word, "--ray-resources", "NAME=NUMBER")
        if name in _ELSEWHERE:
            raise UserError(f"--ray-resources {word!r}: {name} cannot be asked for so", _ELSEWHERE[name])
        if not re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,4})?", value.strip()) or float(value) <= 0:
            raise UserError(f"--ray-resources {word!r}: {value.strip()!r} is no number above 0", "num_gpus=1")
        if float(value) > 1 and float(value) % 1 and name != "num_cpus":
            raise UserError(f"--ray-resources {word!r}: above 1 there are whole numbers only", "num_gpus=2")
        return name, float(value)

    found = together(*(partial(read, word) for word in words))
    if len(dict(found)) < len(found):
        raise UserError(f"--ray-resources {','.join(words)!r}: names one twice", "num_cpus=1,num_gpus=1")
    return dict(found)


def require_enough_workers(devices: Sequence[str], workers: int | None) -> None:
    """Raises UserError where a device would be left without a process."""
    if workers is not None and workers < len(devices):
        told = f"--devices {','.join(devices)} --workers {workers}: {len(devices)} devices for {workers}"
        raise UserError(f"{told} worker{'s' if workers > 1 else ''}", f"--workers {len(devices)}, or fewer devices")


def require_devices(config: RunConfig) -> None:
    """Raises UserError for each device of a run that torch cannot use, and for a cluster that does not answer."""
    if config.ray is not None:  # a cluster's nodes have their devices
        require_cluster(config.ray)
    elif config.devices:
        together(*(partial(require_device, each, "--devices") for each in config.devices))
    else:
        require_device(config.device)


def require_device(device: str, option: str = "--device") -> None:
    """Raises UserError, naming the option, where torch cannot use `device`. Imports torch for any device but cpu."""
    if device == "cpu":
        return
    import torch

    try:
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = (str(error).strip().splitlines() or ["no reason given"])[0].partition(". ")[0]
        if "device type at start" in reason:  # a list of all that torch has a name for
            reason = "torch knows no such device"
        raise UserError(f"{option} {device} cannot be used here: {reason}", "try --device cpu") from None


def _split(pair: str, option: str, form: str) -> tuple[str, str]:
    name, separator, value = pair.partition("=")
    if not separator or not name.strip() or not value:
        raise UserError(f"{option} {pair!r}: not of the form {form}")
    return name.strip(), value
