"""Makes `reconstruction.json`: what auraloss measures, with its default settings, for the seeded pairs of sounds.

pip install auraloss==0.4.0 librosa torch
python tests/nets/golden/make_reconstruction.py
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import auraloss

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from reconstruction_cases import KINDS, RATES, pair

HERE = Path(__file__).resolve().parent


def main() -> None:
    found = {}
    for rate in RATES:
        losses = {
            "stft_distance": auraloss.freq.STFTLoss(),
            "mel_distance": auraloss.freq.MelSTFTLoss(rate),
            "si_sdr": auraloss.time.SISDRLoss(),
        }
        for kind in KINDS:
            decoded, original = (sound[None] for sound in pair(kind, rate))
            values = {name: float(loss(decoded, original)) for name, loss in losses.items()}
            found[f"{kind} {rate}"] = {**values, "si_sdr": -values["si_sdr"]}
    (HERE / "reconstruction.json").write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
