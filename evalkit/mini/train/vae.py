"""Recipe of stable-audio-mini's autoencoder: a small Oobleck at 16 kHz stereo, 512 samples a latent.

    python -m evalkit.mini.train.vae --data DATA/esc10 --out OUT --minutes 30

How it is trained is in vae_training.py.
"""

from __future__ import annotations

from evalkit.mini.starts.lapped import Kept, evenly
from evalkit.mini.train import autoencoder
from evalkit.mini.train.autoencoder import Start
from evalkit.nets.stable_audio.oobleck import OobleckConfig

CONFIG = OobleckConfig(channels=16, c_mults=(2, 4, 16, 16), strides=(4, 4, 16, 2), latent=128)

KEPT = Kept(mid=(*range(44), *evenly(44, 256, 10)), side=(*evenly(0, 64, 8), *evenly(64, 256, 2)), moments=2)
"""64 of 512 bands: mid without a gap up to 1.4 kHz."""

START = Start(CONFIG, KEPT)


if __name__ == "__main__":
    autoencoder.run(__doc__ or "", START)
