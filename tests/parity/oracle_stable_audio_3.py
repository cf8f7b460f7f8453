"""stable-audio-tools 0.0.20 beside evalkit's Stable Audio 3, on seeded weights: golden/stable_audio_3.npz.

    nox -s parity_stable_audio_3

test_stable_audio_3.py holds evalkit against the file. A minute on one core.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import plain_stable_audio_3  # noqa: F401 - first, as it makes the others importable
import stable_audio_3_cases as cases
import stable_audio_3_seeded as seeded
import torch
from stable_audio_tools.inference.generation import generate_diffusion_cond_inpaint
from stable_audio_tools.inference.sampling import LogSNRShift, build_schedule
from stable_audio_tools.models import conditioners, transformer
from stable_audio_tools.models.factory import create_model_from_config
from torch import Tensor, nn
from torch.nn import functional as F

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "fakes"))
transformer.flex_attention_available = False  # it would be compiled; the other path is meant to be the same


class Tower(conditioners.Conditioner):
    """In the place of T5Gemma, which is not in a checkpoint: the text is given. Padding is the package's."""

    texts: ClassVar[dict[str, tuple[Tensor, Tensor]]] = {}

    def __init__(self, output_dim: int, padding_mode: str = "zero", **config: object) -> None:
        super().__init__(768, output_dim, padding_mode=padding_mode)

    def forward(self, texts: list[str], device: object) -> tuple[Tensor, Tensor]:
        text, mask = (torch.stack([self.texts[name][part] for name in texts]) for part in (0, 1))
        return self.apply_padding(text, mask), mask


T5Gemma = conditioners.T5GemmaConditioner
conditioners.T5GemmaConditioner = Tower
on_a_cpu = transformer.Attention.apply_attn


def as_flash_attention(self: nn.Module, q: Tensor, k: Tensor, v: Tensor, **more: Any) -> Tensor:
    """What the package computes on a GPU: padding is not attended to, and attends to nothing. Without flash attention
    it only sets the values at padding to zero, whose keys then still have their share."""
    mask = more.get("padding_mask")
    if mask is None:
        return on_a_cpu(self, q, k, v, **more)
    return F.scaled_dot_product_attention(q, k, v, mask[:, None, None]) * mask[:, None, :, None]


transformer.Attention.apply_attn = as_flash_attention


def original(size: str, objective: str) -> nn.Module:
    """The package's own network; the seeded checkpoint fills it strictly."""
    network = create_model_from_config(seeded.small(size, objective)).eval().requires_grad_(False)
    constant = {key: value for key, value in network.state_dict().items() if key.endswith("inv_freq")}
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items() if key not in constant}
    network.load_state_dict({**seeded.drawn(shapes), **constant}, strict=True)
    return network


@contextmanager
def silent_decoder() -> Iterator[None]:
    """Inside, torch.randn_like draws nothing."""
    kept = torch.randn_like
    torch.randn_like = torch.zeros_like  # type: ignore[assignment]
    try:
        yield
    finally:
        torch.randn_like = kept


def batch(seconds: tuple[float, ...]) -> list[dict[str, Any]]:
    text, mask = cases.text()
    Tower.texts = {str(row): (text[row], mask[row]) for row in range(2)}
    return [{"prompt": str(row), "seconds_total": each} for row, each in enumerate(seconds)]


def condition(network: nn.Module, *, inpainting: bool = False) -> dict[str, Tensor]:
    """What the sampler makes of prompts and seconds."""
    told = network.conditioner(batch(cases.SECONDS), "cpu")
    mask, what = cases.kept() if inpainting else (torch.zeros(2, 1, cases.LENGTH), torch.zeros_like(cases.latents()))
    told |= {"inpaint_mask": [mask], "inpaint_masked_input": [what]}
    return {key: value for key, value in network.get_conditioning_inputs(told).items() if value is not None}


@torch.no_grad()
def forward(size: str) -> dict[str, Tensor]:
    network = original(size, "rectified_flow")
    told, x, t = condition(network), cases.latents(), cases.times()
    valid = torch.arange(cases.LENGTH) < torch.tensor(cases.VALID)[:, None]
    found = {
        "tokens": told["cross_attn_cond"],
        "vector": told["global_cond"],
        "velocity": network.model(x, t, **told),
        "inpainting": network.model(x, t, **condition(network, inpainting=True)),
        "padded": network.model(x, t, **told, padding_mask=valid) * valid[:, None],
    }
    text = cases.text()[0].flip(0).nan_to_num()
    seconds = told["cross_attn_cond"][:, -1:]
    negative = {"negative_cross_attn_cond": torch.cat([text, seconds], dim=1)}
    for name, how in cases.GUIDANCE.items():
        more = negative if name == "not" else {}
        asked = {"cfg_scale": how.scale, "apg_scale": how.apg, "scale_phi": how.rescale, "cfg_norm_threshold": how.most}
        t = torch.full((2,), cases.GUIDED_AT)
        found[f"guided/{name}"] = network.model(x, t, **told, **more, **asked, cfg_interval=(how.low, how.high))
    return found


@torch.no_grad()
def sampled(size: str) -> dict[str, Tensor]:
    """Each sound of the batch alone, as its noise is its own."""
    found = {}
    for chain in cases.CHAINS:
        network = original(size, chain.objective)
        asked = {"steps": chain.steps, "cfg_scale": chain.cfg, "sampler_type": chain.sampler, "apg_scale": chain.apg}
        for row, seconds in enumerate(cases.LENGTHS):
            alone = {"conditioning": [batch(cases.LENGTHS)[row]], "seed": cases.SEEDS[row], **asked}
            room = {"sample_size": seeded.small(size)["sample_size"], "device": "cpu", "return_latents": True}
            latents = generate_diffusion_cond_inpaint(network, **alone, **room)
            with silent_decoder():
                sound = network.pretransform.decode(latents)[0, :, : int(seconds * network.sample_rate)]
            found |= {f"{chain.name}/{row}": latents[0], f"{chain.name}/{row}/sound": sound[:, :: cases.AUDIO_STEP]}
            if chain.name == "distilled":
                samples = latents.shape[-1] * network.pretransform.downsampling_ratio
                init = {"init_audio": (network.sample_rate, cases.begun_for_all(size)[:, :samples])}
                init |= {"init_noise_level": cases.FROM_SOUND}
                found[f"from a sound/{row}"] = generate_diffusion_cond_inpaint(network, **alone, **room, **init)[0]
    return found


def read() -> dict[str, Tensor]:
    """What the package's own conditioner makes of prompts, from a folder in the published layout."""
    with tempfile.TemporaryDirectory() as place:
        whole = {"max_length": cases.TOKENS, "padding_mode": "learned", "model_path": str(cases.tower(Path(place)))}
        conditioner = T5Gemma(768, **whole)
    conditioner.padding_embedding.data = cases.padding()
    rows, mask = conditioner(list(cases.PROMPTS), "cpu")
    return {"rows": rows.detach(), "mask": mask}


def published(size: str) -> list[str]:
    """Every tensor at full size, as `name shape`, by the package on the meta device."""
    with torch.device("meta"):
        network = create_model_from_config(seeded.full(size))
    return [f"{key} {tuple(value.shape)}" for key, value in network.state_dict().items()]


def main() -> None:
    torch.set_num_threads(1)
    golden: dict[str, np.ndarray] = {}
    for size in seeded.MODELS:
        golden[f"names/{size}"] = np.array(published(size))
        golden |= {f"{size}/{name}": value.numpy() for name, value in {**forward(size), **sampled(size)}.items()}
    golden |= {f"text/{name}": value.numpy() for name, value in read().items()}
    shift = LogSNRShift(rate=0, anchor_logsnr=-6.2, logsnr_end=2.0)
    for steps, first in ((8, 1.0), (50, 1.0), (100, 1.0), (8, 0.7)):
        golden[f"times/{steps}/{first}"] = build_schedule(steps, first, shift, fallback_seq_len=100).numpy()
    np.savez_compressed(HERE / "golden" / "stable_audio_3.npz", **golden)
    print({name: value.shape for name, value in golden.items()}, file=sys.stderr)


if __name__ == "__main__":
    main()
