"""Recipe of stable-audio-mini's diffusion transformer, on the latents of its autoencoder.

    python -m evalkit.mini.train.dit --data DATA/esc10 --out OUT --vae VAE_OUT --minutes 60

How it is trained is in diffusion_training.py.
"""

from __future__ import annotations

import torch

from evalkit.mini.train import diffusion, vae
from evalkit.mini.train.diffusion import TEXT_WIDTH, Recipe
from evalkit.mini.train.loop import read_options

RECIPE = Recipe(
    "stable-audio-mini",
    vae.START,
    {
        "type": "dit",
        "cross_attention_cond_ids": ["prompt", "seconds_start", "seconds_total"],
        "global_cond_ids": ["seconds_start", "seconds_total"],
        "config": {
            "io_channels": vae.CONFIG.latent,
            "embed_dim": 256,
            "depth": 4,
            "num_heads": 8,
            "cond_token_dim": TEXT_WIDTH,
            "global_cond_dim": 2 * TEXT_WIDTH,
            "project_cond_tokens": False,
            "transformer_type": "continuous_transformer",
        },
    },
    seconds="number",
)


def main() -> None:
    options = read_options(__doc__ or "", steps=6000, needs_vae=True)
    torch.manual_seed(options.seed)
    diffusion.train(options, RECIPE)


if __name__ == "__main__":
    main()
