"""Recipe of stable-audio-1-mini's autoencoder: a small DAC as in Stable Audio 1.0, 16 kHz, 1024 samples a latent.

    python -m evalkit.mini.train.dac --data DATA/esc10 --out OUT --minutes 26 --steps 784

How it is trained is in vae_training.py. It is 1.7 M parameters: a DAC is as wide at a stage as its kernels are
long, so the transform takes two large steps instead of many small ones, and one sine compands each band.
"""

from __future__ import annotations

from evalkit.mini.starts.lapped import Kept, by_ratio
from evalkit.mini.train import autoencoder
from evalkit.mini.train.autoencoder import Start
from evalkit.nets.stable_audio.dac_vae import DacConfig

CONFIG = DacConfig(d_model=24, strides=(16, 16, 4), channels=192, rates=(4, 16, 16), latent=192)

KEPT = Kept(
    mid=(*range(30), *by_ratio(30, 256, 12)), side=by_ratio(4, 256, 6), moments=4, sines=1, branches=(1e-3, 0.03)
)
"""48 of 512 bands: mid without a gap up to 0.9 kHz."""

START = Start(CONFIG, KEPT)


if __name__ == "__main__":
    autoencoder.run(__doc__ or "", START)
