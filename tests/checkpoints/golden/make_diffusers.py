"""Makes `diffusers.json` and `diffusers.npz`: a small StableAudioPipeline's parts as diffusers writes and runs them.

    pip install diffusers==0.42.1 accelerate torch
    python tests/checkpoints/golden/make_diffusers.py

The JSON has the config files and every tensor's name and shape, the other file what the parts compute for the
seeded weights and inputs of `diffusers_small.py`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderOobleck, CosineDPMSolverMultistepScheduler, StableAudioDiTModel
from diffusers.models.embeddings import get_1d_rotary_pos_embed
from diffusers.pipelines.stable_audio.modeling_stable_audio import StableAudioProjectionModel

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from diffusers_small import GOLDEN, PROJECTION, TRANSFORMER, VAE, drawn, inputs


def main() -> None:
    parts = {
        "transformer": StableAudioDiTModel(**TRANSFORMER),
        "vae": AutoencoderOobleck(**VAE),
        "projection_model": StableAudioProjectionModel(**PROJECTION),
    }
    told: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, part in parts.items():
            shapes = {key: list(value.shape) for key, value in part.state_dict().items()}
            part.load_state_dict(drawn(shapes))
            part.save_pretrained(f"{folder}/{name}")
            told[name] = {"config": json.loads(Path(folder, name, "config.json").read_text()), "tensors": shapes}
        scheduler = CosineDPMSolverMultistepScheduler(solver_order=2, prediction_type="v_prediction", sigma_max=500)
        scheduler.save_pretrained(f"{folder}/scheduler")
        told["scheduler"] = {"config": json.loads(Path(folder, "scheduler", "scheduler_config.json").read_text())}
    (GOLDEN / "diffusers.json").write_text(json.dumps(told, indent=1, sort_keys=True) + "\n")
    np.savez_compressed(GOLDEN / "diffusers.npz", **{name: each.numpy() for name, each in outputs(parts).items()})


@torch.inference_mode()
def outputs(parts: dict[str, torch.nn.Module]) -> dict[str, torch.Tensor]:
    given = inputs()
    transformer, vae, numbers = (parts[name].eval() for name in ("transformer", "vae", "projection_model"))
    rotary = get_1d_rotary_pos_embed(32, given["x"].shape[-1] + 1, use_real=True, repeat_interleave_real=False)
    velocity = transformer(
        given["x"], given["t"], given["tokens"], given["vector"][:, None], rotary_embedding=rotary
    ).sample
    seconds = numbers(start_seconds=given["seconds"], end_seconds=given["seconds"])
    return {
        "velocity": velocity,
        "encoded": vae.encode(given["sound"]).latent_dist.mean,
        "decoded": vae.decode(given["latents"]).sample,
        "seconds_start": seconds.seconds_start_hidden_states[:, 0],
        "seconds_total": seconds.seconds_end_hidden_states[:, 0],
    }


if __name__ == "__main__":
    main()
