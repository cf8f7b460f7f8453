"""MS-CLAP 2023 from the published file's format against msclap's own numbers (golden/msclap.npz).

`tests/parity/oracle_msclap.py` makes the golden file again; here its weights are remade from their seed.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch_cases

from evalkit.audio.decode import decode
from evalkit.embed.load import load_embedder
from evalkit.embed.msclap import MsClapEmbedder
from evalkit.metrics.base import METRICS, MetricInputs
from evalkit.originals.seeded.msclap import PUBLISHED, SMALL, Sizes, write_msclap
from evalkit.originals.seeded.torch_files import write_gpt2_tokenizer

TEXTS = ("wow! stop! it rains", "!")
CASES = (*torch_cases.SYNTHETIC, *torch_cases.EDGES)
HEARD = CASES[:6]


def judge(folder: Path, sizes: Sizes) -> MsClapEmbedder:
    checkpoint = folder / "CLAP_weights_2023.pth"
    write_msclap(checkpoint, sizes)
    write_gpt2_tokenizer(folder / "gpt2")
    found = load_embedder("msclap-2023", overrides={"msclap-2023": checkpoint})
    assert isinstance(found, MsClapEmbedder)
    return found


def test_at_reduced_width_every_case_is_the_originals(tmp_path: Path) -> None:
    """Lengths up to three crops, every rate, captions that are long or hold "!", and the score of each clip."""
    embedder = judge(tmp_path, SMALL)
    with np.load(Path(__file__).parent / "golden" / "msclap.npz", allow_pickle=False) as golden:
        rows = []
        for case in HEARD:
            clip = replace(decode(torch_cases.write_synthetic(case, tmp_path)), digest=case.name)
            rows.append(embedder.embed([clip])[0])
            np.testing.assert_allclose(rows[-1], golden[f"small/{case.name}"], atol=2e-4, err_msg=case.name)
        texts = embedder.embed_text([*(case.caption for case in CASES), *TEXTS])
        np.testing.assert_allclose(texts, golden["small/texts"], atol=1e-4)
        names = [case.name for case in HEARD]
        found = METRICS.load("clap_score_ms").compute(MetricInputs(names, names, rows, texts=texts[: len(names)]))
        np.testing.assert_allclose(list(found.per_prompt.values()), golden["small/cosines"][: len(HEARD)], atol=1e-5)


@pytest.mark.slow  # of full size: half a minute of processor time
def test_rows_are_the_originals(tmp_path: Path) -> None:
    embedder = judge(tmp_path, PUBLISHED)
    with np.load(Path(__file__).parent / "golden" / "msclap.npz", allow_pickle=False) as golden:
        for case in CASES[:2]:
            clip = replace(decode(torch_cases.write_synthetic(case, tmp_path)), digest=case.name)
            np.testing.assert_allclose(embedder.embed([clip])[0], golden[case.name], atol=3e-4)
        found = embedder.embed_text([CASES[5].caption, TEXTS[0]])
        np.testing.assert_allclose(found, golden["texts"][[5, -2]], atol=1e-4)
