"""julius' conversion of rates, thinned, of the short synthetic sounds: writes golden/julius.npz.

    python tests/parity/oracle_julius.py

in an environment with julius 0.2.8, torch and soundfile, and this checkout on PYTHONPATH. Some seconds.
"""

from __future__ import annotations

from pathlib import Path

import julius
import numpy as np
import torch
import torch_cases

HERE = Path(__file__).parent
RATES = (16000, 32000, 48000)


def main() -> None:
    golden: dict[str, np.ndarray] = {}
    for case in torch_cases.SYNTHETIC:
        samples = torch.from_numpy(torch_cases.sound(case).T.copy())
        for rate in RATES if case.seconds < 6 else ():
            found = julius.resample_frac(samples, case.rate, rate).numpy()
            golden[f"{rate}/{case.name}"] = found[:, :: max(1, found.shape[1] // 50)]
            golden[f"{rate}/{case.name}/length"] = np.array(found.shape[1])
    np.savez_compressed(HERE / "golden" / "julius.npz", **golden)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
