"""One network fed as av-benchmark feeds it, against the originals' own numbers (golden/protocols.npz).

`tests/parity/oracle_protocols.py` makes the golden file again; here its weights are remade from their seed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch_cases
from test_panns import front

from evalkit.audio.decode import decode
from evalkit.embed.load import load_embedder
from evalkit.metrics.base import METRICS, MetricInputs
from evalkit.metrics.kl_passt import JOINED
from evalkit.nets.cnn14 import Cnn14Config
from evalkit.originals.seeded import torch_files
from evalkit.suites.references import set_from_features

GOLDEN = Path(__file__).parent / "golden" / "protocols.npz"
CASES = (*torch_cases.SYNTHETIC, *torch_cases.EDGES, *torch_cases.GRID)
WRITERS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "vggish": ("vggish-10086976.pth", torch_files.write_vggish),
    "panns-16k": ("Cnn14_16k.pth", lambda path: torch_files.write_panns(path, front(Cnn14Config()))),
    "passt": ("passt.pt", torch_files.write_passt),
}


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("name", list(WRITERS))
def test_rows_are_the_originals(tmp_path: Path, name: str, channels: int) -> None:
    """Full size, 0.1 s to 31 s at four rates: channels, mean, converter, crop and padding."""
    file, write = WRITERS[name]
    write(tmp_path / file)
    embedder = load_embedder(f"{name}@av-benchmark", overrides={name: tmp_path / file})
    with np.load(GOLDEN, allow_pickle=False) as golden:
        for case in (each for each in CASES if each.channels == channels):
            clip = replace(decode(torch_cases.write_synthetic(case, tmp_path)), digest=case.name)
            wanted = golden[f"{name}/{case.name}"]
            found = embedder.embed([clip])[0][: len(wanted)]
            np.testing.assert_allclose(found, wanted, atol=1e-4 * float(np.abs(wanted).max()), err_msg=case.name)


@pytest.mark.parametrize("name", ["fd_passt", "kl_passt", "is_passt", "kl_panns"])
def test_scores_are_av_benchmarks(name: str) -> None:
    """The rows that tests/parity/oracle_protocols.py draws."""
    draw = np.random.default_rng(6)
    ours, theirs = (draw.normal(shift, 2, (300, 32 + 527)).astype(np.float32) for shift in (0.0, 0.2))
    ids = [f"{place:03d}" for place in range(len(ours))]
    inputs = MetricInputs(
        ids,
        ids,
        [row[None] for row in ours],
        set_reference=set_from_features([row[None] for row in theirs]),
        pair_reference=dict(zip(ids, theirs, strict=True)),
        options={"rows": JOINED, "splits": "10", "direction": "reference||generated", "epsilon": "0"},
    )
    with np.load(GOLDEN, allow_pickle=False) as golden:
        wanted = float(golden[f"metrics/{name}"])
    assert METRICS.load(name).compute(inputs).value == pytest.approx(wanted, rel=1e-5)
