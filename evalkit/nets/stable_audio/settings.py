"""How a batch is sampled: the names of samplers and the options, which a command's words are checked against.

No network and no torch is imported here, as a command that is mistyped is told at once.
"""

from __future__ import annotations

from dataclasses import dataclass

SIGMA_NAMES = (
    "dpmpp-2m", "dpmpp-2m-sde", "dpmpp-3m-sde", "k-heun", "k-dpm-2", "k-lms", "k-dpmpp-2s-ancestral",
)  # fmt: skip
"""Samplers of velocity models that go down noise levels; `ddim` goes down times."""

FLOW_NAMES = ("euler", "rk4", "dpmpp", "pingpong")
"""Those of rectified flows."""

V_SAMPLERS = (*SIGMA_NAMES, "v-ddim", "ddim")
SAMPLER_NAMES = (*V_SAMPLERS, *FLOW_NAMES)
"""Every value of `--set sampler=`: those of velocity models, then those of rectified flows."""

NOISY = {name: 1.0 for name in SIGMA_NAMES if name.endswith(("sde", "ancestral"))} | {"ddim": 0.0}
"""The samplers that heed `eta`, and what it is for each where nobody sets it. `v-ddim` is `ddim` at eta 0, under the
name that it has in stable-audio-tools."""

SCHEDULES = ("0.0.19", "0.0.20")
"""Versions of stable-audio-tools whose times differ."""

NOT_HERE = {
    "k-dpm-fast": "its last step leaves sigma_min in the sound",
    "k-dpm-adaptive": "its steps depend on what else is in the batch",
    "v-ddim-cfgpp": "it steps by the unguided half of the network's answer",
}
"""Samplers of stable-audio-tools that evalkit has not, and why."""


@dataclass(frozen=True)
class SamplingOptions:
    """How a batch is sampled; the field names are those of a preset and of `--set`.

    `sigma_max` and `sigma_min` are noise levels of a velocity model's samplers; for `ddim` and the samplers of
    rectified flows `sigma_max` is the first time, where anything above 1 counts as 1, and `sigma_min` has no
    meaning. `eta` scales the noise that SDE and ancestral samplers and `ddim` put back (None: as much as the sampler
    does by itself). `cfg` is the guidance scale (1: none)
    and `cfg_rescale` the share of guided output that is brought back to the spread of the conditioned one (Lin et
    al. 2024, phi); `apg` is the share of projected guidance, `cfg_norm_threshold` the greatest length of what guidance
    goes by, and `cfg_interval_min` and `_max` are the noise levels between which there is any (`guidance.py`; the names
    are those of stable-audio-tools' interface). `schedule` names the version of
    stable-audio-tools whose times a rectified flow goes through. `init_noise_level` replaces `sigma_max` where sampling
    starts from a sound.
    """

    steps: int
    cfg: float
    sampler: str
    sigma_min: float = 0.01
    sigma_max: float = 100.0
    eta: float | None = None
    cfg_rescale: float = 0.0
    init_noise_level: float = 1.0
    apg: float = 0.0
    schedule: str = "0.0.19"
    cfg_norm_threshold: float = 0.0
    cfg_interval_min: float = 0.0
    cfg_interval_max: float = 1.0
