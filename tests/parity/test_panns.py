"""PANNs from the published file's format against panns-inference's own numbers (golden/panns.npz).

`tests/parity/oracle_panns.py` makes the golden file again; here its weights are remade from their seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch_cases

from evalkit.audio.decode import decode
from evalkit.embed.load import load_embedder
from evalkit.nets.cnn14 import AT_32K, Cnn14, Cnn14Config, initialise
from evalkit.originals.seeded import torch_files

QUICK = ("mono_16k_0.4s", "stereo_44k_1.4s", "silent_2s", "mono_44k_0.1s")
CASES = (*torch_cases.SYNTHETIC, *torch_cases.EDGES)
SIZES = [
    pytest.param([case for case in CASES if case.name in QUICK], id="quick"),
    pytest.param([case for case in CASES if case.name not in QUICK], id="others", marks=pytest.mark.slow),
]


def front(config: Cnn14Config) -> dict[str, torch.Tensor]:
    net = Cnn14(replace(config, width=1))
    initialise(net)
    return {name: each for name, each in net.state_dict().items() if "extractor" in name}


@pytest.mark.parametrize("cases", SIZES)
@pytest.mark.parametrize(("name", "config"), [("panns-16k", Cnn14Config()), ("panns-32k", AT_32K)])
def test_rows_are_the_originals(
    tmp_path: Path, name: str, config: Cnn14Config, cases: Sequence[torch_cases.Case]
) -> None:
    """Full size, loaded from a .pth of the published layout, on sound of other rates and channels."""
    checkpoint = tmp_path / f"{name}.pth"
    torch_files.write_panns(checkpoint, front(config))
    embedder = load_embedder(name, overrides={name: checkpoint})
    checkpoint.unlink()
    with np.load(Path(__file__).parent / "golden" / "panns.npz", allow_pickle=False) as golden:
        for case in cases:
            clip = replace(decode(torch_cases.write_synthetic(case, tmp_path)), digest=case.name)
            found, wanted = embedder.embed([clip])[0][0], golden[f"{name}/{case.name}"]
            np.testing.assert_allclose(found, wanted, atol=1e-4 * float(np.abs(wanted).max()), err_msg=case.name)
