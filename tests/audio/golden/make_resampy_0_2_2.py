"""Makes resampy_0_2_2.npz beside this file: what resampy 0.2.2's kaiser_best filter really gives.

Run in an environment of its own, as resampy 0.2.2 is nothing that evalkit installs:

    python -m venv oracle && oracle/bin/pip install resampy==0.2.2 "setuptools<80" soundfile
    oracle/bin/python tests/audio/golden/make_resampy_0_2_2.py ESC10_FOLDER

The recording is a quarter of a second around the loudest point of ESC-10's dog_bark/1-100032-A.ogg
("rose_bark.wav" by nfrae, CC0). The noise is drawn from a seed and stored too, so that the test
depends on no random generator.
"""

import sys
from pathlib import Path

import numpy as np
import resampy
import soundfile

RATES = {
    "bark": (44100, 48000),
    "noise": (44100, 48000),
    "noise_down": (48000, 44100),
    "noise_up": (16000, 48000),
    "noise_odd": (44100, 7919),
}


def main() -> None:
    if resampy.__version__ != "0.2.2":
        raise SystemExit(f"resampy 0.2.2 is asked for, this is {resampy.__version__}")
    recording, rate = soundfile.read(Path(sys.argv[1]) / "dog_bark" / "1-100032-A.ogg", dtype="float32")
    loudest = int(np.abs(recording).argmax())
    inputs = {name: np.random.default_rng(7).uniform(-1, 1, 3001).astype(np.float32) for name in RATES}
    # Long enough for the running time to stray from the places that a ratio of rates has.
    inputs["noise"] = np.random.default_rng(8).uniform(-1, 1, 12000).astype(np.float32)
    inputs["bark"] = recording[loudest - rate // 16 :][: rate // 4]
    arrays = {}
    for name, (rate_from, rate_to) in RATES.items():
        arrays[f"{name}_rates"] = np.array([rate_from, rate_to])
        arrays[f"{name}_in"] = inputs[name]
        # float32 in, so that each sum is rounded to float32, as OpenL3 runs it.
        arrays[f"{name}_out"] = resampy.resample(inputs[name], rate_from, rate_to)
    np.savez_compressed(Path(__file__).with_name("resampy_0_2_2.npz"), **arrays)


if __name__ == "__main__":
    main()
