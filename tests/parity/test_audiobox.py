"""Audiobox Aesthetics from the published file's format against its own package's numbers (golden/audiobox.npz).

`tests/parity/oracle_audiobox.py` makes the golden file again; here its weights are remade from their seed.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch_cases

from evalkit.audio.decode import decode
from evalkit.embed.load import load_embedder
from evalkit.originals.seeded.audiobox import SMALL, write_audiobox, write_audiobox_folder

QUICK = ("mono_16k_0.4s", "stereo_44k_1.4s", "mono_32k_10.001s")


def test_at_reduced_width_every_case_is_the_originals(tmp_path: Path) -> None:
    """Every length, rate and channel: the windows and their weights, the mask, the targets' scale, both formats."""
    write_audiobox(tmp_path / "small.pt", SMALL)
    write_audiobox_folder(tmp_path / "hub", SMALL)
    both = [load_embedder("audiobox", overrides={"audiobox": tmp_path / each}) for each in ("small.pt", "hub")]
    assert both[0].spec == both[1].spec
    with np.load(Path(__file__).parent / "golden" / "audiobox.npz", allow_pickle=False) as golden:
        for case in (*torch_cases.SYNTHETIC, *torch_cases.EDGES):
            clip = replace(decode(torch_cases.write_synthetic(case, tmp_path)), digest=case.name)
            found = both[0].embed([clip])[0][0]
            np.testing.assert_allclose(found, golden[f"small/{case.name}"], rtol=1e-4, err_msg=case.name)


@pytest.mark.slow  # of full size: half a minute of processor time
def test_axes_are_the_originals(tmp_path: Path) -> None:
    """Full size, loaded from a .pt of the published layout, on sound of other rates and channels."""
    checkpoint = tmp_path / "checkpoint.pt"
    write_audiobox(checkpoint)
    embedder = load_embedder("audiobox", overrides={"audiobox": checkpoint})
    checkpoint.unlink()
    with np.load(Path(__file__).parent / "golden" / "audiobox.npz", allow_pickle=False) as golden:
        for case in torch_cases.SYNTHETIC:
            if case.name in QUICK:
                clip = replace(decode(torch_cases.write_synthetic(case, tmp_path)), digest=case.name)
                np.testing.assert_allclose(embedder.embed([clip])[0][0], golden[case.name], rtol=1e-4)
