"""stable-audio-tools, k-diffusion and diffusers beside evalkit's Stable Audio, on the same seeded weights.

    python tests/parity/oracle_stable_audio.py

in an environment with requirements-stable_audio.txt and this checkout on PYTHONPATH. Writes
golden/stable_audio.npz (the originals' numbers and tensor names) and results/stable_audio.json (how far evalkit is
from them). About two minutes on one core.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import oracle_steps as steps
import plain_stable_audio_tools  # noqa: F401 - first, as it makes the others importable
import stable_audio_cases as cases
import stable_audio_diffusers as diffusers_side
import stable_audio_seeded as seeded
import torch
from k_diffusion import external, sampling
from safetensors.torch import save_file
from stable_audio_tools.inference.sampling import sample_k, sample_rf
from stable_audio_tools.models import conditioners
from stable_audio_tools.models.factory import create_model_from_config
from torch import Tensor, nn

from evalkit.generators.stable_audio.network import load_model
from evalkit.nets.stable_audio.schedule import polyexponential

HERE = Path(__file__).parent
ORACLE = ("stable-audio-tools", version("stable-audio-tools"))


class Tower(conditioners.Conditioner):
    """In the place of a T5 or CLAP conditioner, whose networks are not in a checkpoint: the text is given."""

    widths: ClassVar = {"t5-small": 512}
    texts: ClassVar[dict[str, tuple[Tensor, Tensor]]] = {}

    def __init__(self, output_dim: int, project_out: bool = False, **config: object) -> None:
        name = str(config.get("t5_model_name") or config.get("clap_ckpt_path"))
        super().__init__(self.widths.get(name, output_dim), output_dim, project_out=project_out)

    def forward(self, texts: list[str], device: object) -> list[Tensor]:
        text, mask = (torch.stack([self.texts[name][part] for name in texts]) for part in (0, 1))
        return [self.proj_out(text), mask]


conditioners.T5Conditioner = conditioners.CLAPTextConditioner = Tower


def original(name: str) -> nn.Module:
    """The package's own network of a layout; the seeded checkpoint fills it strictly."""
    network = create_model_from_config(seeded.layout(name)).eval().requires_grad_(False)
    constant = {key: value for key, value in network.state_dict().items() if key.endswith("inv_freq")}
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items() if key not in constant}
    network.load_state_dict({**seeded.drawn(shapes), **constant}, strict=True)
    return network


@contextmanager
def noise_from(draws: Iterator[Tensor]) -> Iterator[None]:
    """Inside, torch.randn_like takes the next of `draws`."""
    kept = torch.randn_like
    torch.randn_like = lambda _: next(draws)  # type: ignore[assignment]
    try:
        yield
    finally:
        torch.randn_like = kept


def check_loading(name: str, network: nn.Module) -> None:
    """The package's checkpoint, written as it is published, loads into evalkit to the last bit."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "model_config.json").write_text(json.dumps(seeded.layout(name)))
        save_file(network.state_dict(), Path(folder) / "model.safetensors")
        loaded = load_model(Path(folder), "cpu", "float32").state_dict()
    wanted = cases.model(name).state_dict()
    assert set(loaded) == set(wanted)
    assert all(torch.equal(loaded[key], wanted[key]) for key in wanted)


@torch.no_grad()
def theirs(name: str) -> dict[str, Tensor]:
    """The same answers as `stable_audio_cases.answers`, by the originals."""
    given, network = cases.case(name), original(name)
    check_loading(name, network)
    told = condition(network, given, (given.text, given.mask))
    against = condition(network, given, (given.negative, given.negative_mask), negative=True)
    guided = {"cfg_scale": cases.CFG, "batch_cfg": True, "rescale_cfg": True}
    with noise_from(iter([given.posterior_noise])):
        encoded = network.pretransform.encode(given.audio)
    x, t, guided_t = given.latents, given.times, given.guided_time.expand(2)
    parts = {"tokens": told["cross_attn_cond"], "prepended": told["prepend_cond"], "vector": told["global_cond"]}
    found = {
        "encoded": encoded,
        "decoded": network.pretransform.decode(x),
        **{part: value for part, value in parts.items() if value is not None},
        "velocity": network.model(x, t, **told),
        "guided": network.model(x, guided_t, **told, **guided),
        "guided_by_a_negative": network.model(x, guided_t, **told, **against, **guided),
    }
    ours = cases.model(name)
    for chain in cases.chains(name):
        latents = sampled(network, chain, cases.item_noises(ours), {**told, **guided})
        found |= {f"latents/{chain.label}": latents, f"audio/{chain.label}": network.pretransform.decode(latents)}
    return found


def condition(
    network: nn.Module, given: cases.Case, text: tuple[Tensor, Tensor], *, negative: bool = False
) -> dict[str, Tensor]:
    """What `generate_diffusion_cond` makes of prompts and seconds."""
    Tower.texts = {str(row): (text[0][row], text[1][row]) for row in range(2)}
    whole = given.name in ("stable-audio-1", "features")  # the int conditioner takes whole numbers only
    batch = [
        {"prompt": str(row), "seconds_start": 0, "seconds_total": int(seconds) if whole else seconds}
        for row, seconds in enumerate(given.seconds)
    ]
    found: dict[str, Tensor] = network.get_conditioning_inputs(network.conditioner(batch, "cpu"), negative=negative)
    return found


def sampled(network: nn.Module, chain: cases.Chain, draws: Iterator[Tensor], extra: dict[str, Any]) -> Tensor:
    """A whole run of the sampler, from noise to latents. The package fixes eta at 1, so k-diffusion runs eta 0."""
    low, high = cases.SIGMAS
    start = next(draws)
    if chain.sampler == "dpmpp-3m-sde":
        sigmas = sampling.get_sigmas_polyexponential(chain.steps, low, high, device="cpu")
        denoiser = external.VDenoiser(network.model)
        found = sampling.sample_dpmpp_3m_sde(
            denoiser, start * sigmas[0], sigmas, eta=0.0, extra_args=extra, disable=True, noise_sampler=lambda *_: 0
        )
    elif chain in cases.V_CHAINS + cases.PUBLISHED_CHAINS:
        found = sample_k(
            network.model, start, steps=chain.steps, sampler_type=chain.sampler, sigma_min=low, sigma_max=high,
            device="cpu", **extra,
        )  # fmt: skip
    else:
        with noise_from(draws):
            found = sample_rf(
                network.model,
                start,
                steps=chain.steps,
                sampler_type=chain.sampler,
                dist_shift=network.dist_shift,
                **extra,
            )
    assert isinstance(found, Tensor)
    return found


def published_shapes(name: str) -> list[str]:
    """Every tensor of a shipped config at full size, as `name shape`, by the package on the meta device."""
    with torch.device("meta"):
        network = create_model_from_config(seeded.shipped(name))
    return [f"{key} {tuple(value.shape)}" for key, value in network.state_dict().items()]


QUANTITIES = {
    "encoded": ("autoencoder, encoding with a drawn posterior", "network"),
    "decoded": ("autoencoder, decoding (evalkit in chunks)", "network"),
    "tokens": ("conditioners: cross-attention tokens", "network"),
    "prepended": ("conditioners: prepended tokens", "network"),
    "vector": ("conditioners: global condition", "network"),
    "velocity": ("{backbone}, forward", "network"),
    "guided": ("{backbone}, guided step (cfg 6)", "network"),
    "guided_by_a_negative": ("{backbone}, guided step with a negative prompt", "network"),
}


def compare(golden: dict[str, np.ndarray]) -> list[dict[str, object]]:
    """All layouts: the originals' numbers into `golden`, and the rows of the table."""
    pairs: dict[tuple[str, str], list[tuple[object, object]]] = {}
    floors: dict[tuple[str, str], list[tuple[object, object]]] = {}
    for name in seeded.LAYOUTS:
        original_ones, ours, exact = theirs(name), cases.answers(name), cases.answers(name, torch.float64)
        assert set(original_ones) == set(ours)
        golden |= {f"{name}/{key}": value.numpy() for key, value in cases.kept(original_ones).items()}
        backbone = "U-Net" if name in ("stable-audio-1", "features") else "DiT"
        for key, value in original_ones.items():
            what, label = [*key.split("/"), ""][:2]
            quantity, level = QUANTITIES.get(key, (f"{label} at cfg 6: {what}", "sampling"))
            row = quantity.format(backbone=backbone), level
            pairs.setdefault(row, []).append((ours[key], value))
            floors.setdefault(row, []).append((value, exact[key]))
            error = float((ours[key] - value).abs().max() / value.abs().max())
            floor = float((exact[key] - value).abs().max() / value.abs().max())
            print(f"{name:24} {key:28} {error:.1e} (the original from float64: {floor:.1e})", file=sys.stderr)
    rows = []
    for (quantity, level), found in pairs.items():
        floor = steps.row(quantity, level, ORACLE, floors[quantity, level])["max_rel"]
        note = f"On these random weights the original's own float32 is {floor:.0e} from float64."
        rows.append(steps.row(f"Stable Audio {quantity}", level, ORACLE, found, note if floor > 5e-6 else ""))
    return rows


def schedules(golden: dict[str, np.ndarray]) -> list[dict[str, object]]:
    """Noise levels and the times that a v-model sees at them, for the published settings."""
    settings = ((100, 0.3, 500.0), (250, 0.03, 1000.0), (100, 0.01, 100.0))
    sigmas = [sampling.get_sigmas_polyexponential(*setting, device="cpu") for setting in settings]
    golden["sigmas"] = torch.cat(sigmas).numpy()
    times = [external.VDenoiser(nn.Identity()).sigma_to_t(sigma) for sigma in sigmas]
    golden["times"] = torch.cat(times).numpy()
    ours = [polyexponential(*setting) for setting in settings]
    turned = [torch.atan(levels) * 2 / math.pi for levels in ours]
    oracle = ("k-diffusion", version("k-diffusion"))
    return [
        steps.row("Stable Audio noise levels", "sampling", oracle, list(zip(ours, sigmas, strict=True))),
        steps.row("Stable Audio times", "sampling", oracle, list(zip(turned, times, strict=True))),
    ]


def main() -> None:
    torch.set_num_threads(1)
    golden: dict[str, np.ndarray] = {}
    rows = compare(golden) + schedules(golden) + diffusers_side.compare()
    for name in seeded.FULL:
        golden[f"names/{name}"] = np.array(published_shapes(name))
    np.savez_compressed(HERE / "golden" / "stable_audio.npz", **golden)  # type: ignore[arg-type]
    (HERE / "results" / "stable_audio.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
