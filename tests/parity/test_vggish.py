"""VGGish from the published file's format against torchvggish's own numbers (golden/vggish.npz).

`tests/parity/oracle_vggish.py` makes the golden file again; here its weights are remade from their seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch_cases

from evalkit.audio.decode import decode
from evalkit.embed.load import load_embedder
from evalkit.originals.seeded import torch_files

QUICK = ("mono_16k_0.4s", "stereo_44k_1.4s", "mono_48k_5s_quiet", "silent_2s", "mono_44k_0.1s")
CASES = (*torch_cases.SYNTHETIC, *torch_cases.EDGES)
SIZES = [
    pytest.param([case for case in CASES if case.name in QUICK], id="quick"),
    pytest.param([case for case in CASES if case.name not in QUICK], id="others", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("cases", SIZES)
def test_rows_are_the_originals(tmp_path: Path, cases: Sequence[torch_cases.Case]) -> None:
    """Full size, loaded from a .pth of the published layout, on sound of other rates and channels."""
    checkpoint = tmp_path / "vggish-10086976.pth"
    torch_files.write_vggish(checkpoint)
    embedder = load_embedder("vggish", overrides={"vggish": checkpoint})
    checkpoint.unlink()
    with np.load(Path(__file__).parent / "golden" / "vggish.npz", allow_pickle=False) as golden:
        for case in cases:
            clip = replace(decode(torch_cases.write_synthetic(case, tmp_path)), digest=case.name)
            found, wanted = embedder.embed([clip])[0], golden[f"vggish/{case.name}"]
            assert len(found) == golden[f"patches/{case.name}"]
            allowed = 1e-4 * float(np.abs(wanted).max())
            np.testing.assert_allclose(found[:3], wanted, atol=allowed, err_msg=case.name)
