"""No judge without its oracle: every metric that a network judges has its section of reports/parity.md.

What the sections hold is written by the oracles' scripts (tests/parity); here is what must not be missing of it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalkit.metrics.base import METRICS
from evalkit.protocols.base import judges

ROOT = Path(__file__).resolve().parents[2]
PARITY = ROOT / "tests" / "parity"

SECTIONS = {
    "audiobox": "Audiobox Aesthetics",
    "clap": "LAION-CLAP",
    "clap_windows": "LAION-CLAP",
    "msclap": "MS-CLAP 2023",
    "openl3": "OpenL3",
    "panns": "PANNs Cnn14, 16 and 32 kHz",
    "passt": "PaSST",
    "passt_rows": "PaSST",
    "vggish": "VGGish",
}
"""Family of embedders -> the section of the page that shows its parity."""

WITHOUT_A_NETWORK = {"sound"}
ALL_CASES = 14
"""In files of results that do not keep the names of their cases: EDGES, silence, a quiet sound, recordings."""

EDGES = {"mono_44k_0.1s", "mono_16k_0.4s", "stereo_48k_1s", "stereo_44k_9.99s", "stereo_48k_10.000s",
         "mono_32k_10.001s", "stereo_44k_31s"}  # fmt: skip
"""Mono and stereo, 16, 32, 44.1 and 48 kHz, at every length that a window or a patch may cut."""

SILENT, RECORDED = "silent_2s", {"real_dog_bark", "real_rain", "real_rooster", "real_long_15s"}

COMPARED = {
    "PANNs Cnn14, 16 and 32 kHz": ("Cnn14 log mel (16 kHz)", "Cnn14 log mel (32 kHz)", "Cnn14 features (16 kHz)",
                                   "Cnn14 features (32 kHz)"),
    "VGGish": ("VGGish log mel patches", "VGGish embeddings"),
    "PaSST": ("PaSST scaled log mel", "PaSST logits, every window"),
    "LAION-CLAP": ("samples of clap-music@fadtk, every window", "rows of clap-music@fadtk",
                   "audio embedding of clap-music@audiocraft",
                   "audio embedding of clap-music-speech-audioset@av-benchmark"),
    "MS-CLAP 2023": ("MS-CLAP log mel", "MS-CLAP audio embedding, every crop"),
    "Audiobox Aesthetics": ("samples of Audiobox Aesthetics, every window",
                            "Audiobox Aesthetics, four axes of a clip"),
}  # fmt: skip
"""Front ends and embeddings that are compared over every edge, silence and recordings."""


def rows() -> list[dict[str, Any]]:
    return [row for path in sorted((PARITY / "results").glob("*.json")) for row in json.loads(path.read_text())]


@pytest.mark.parametrize("name", sorted(METRICS.names()))
def test_every_metric_of_a_network_has_a_section(name: str) -> None:
    """A new judge whose numbers nobody held against its original would look like the others."""
    family = METRICS.load(name).card.family
    if family in WITHOUT_A_NETWORK:
        return
    page = (ROOT / "reports" / "parity.md").read_text(encoding="utf-8")
    own = page.partition(f"## {SECTIONS[family]}\n")[2].partition("\n## ")[0]
    assert all(f"| {level} |" in own for level in ("front end", "embedding", "metric")), family


@pytest.mark.parametrize("section", sorted(COMPARED))
def test_every_judge_is_compared_at_every_edge(section: str) -> None:
    by_name = {row["quantity"]: row for row in rows()}
    for quantity in COMPARED[section]:
        row = by_name[quantity]
        missing = (EDGES | RECORDED | {SILENT}) - set(row.get("names", ()))
        assert not missing or ("names" not in row and row["cases"] >= ALL_CASES), f"{quantity} lacks {sorted(missing)}"


BY_THEIR_NUMBERS = {"frechet-audio-distance", "torchvggish", "stable-audio-tools"}
"""Toolkits of VGGish, whose own code made the numbers of detect (tests/parity/oracle_detect.py)."""


def test_each_protocol_that_feeds_a_network_its_own_way_is_compared() -> None:
    """Named in a row, or fed as another that is, or as without a protocol."""
    told = " ".join(str(row["quantity"]) for row in rows())
    compared = [judge for judge in judges().values() if judge.name in told]
    alike = {(judge.weights, tuple(sorted(judge.settings.items()))) for judge in compared}
    for judge in judges().values():
        if judge.name.partition("@")[2] in {"audioldm_eval", *BY_THEIR_NUMBERS}:
            continue
        length = {**judge.settings, "longest": 8.0} if judge.name.endswith("@meanaudio") else judge.settings
        assert (judge.weights, tuple(sorted(length.items()))) in alike, f"{judge.name} has no oracle"


def test_each_result_has_its_script_and_a_session() -> None:
    sessions = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    for path in (PARITY / "results").glob("*.json"):
        assert list(PARITY.glob(f"oracle_{path.stem}.py")) and (PARITY / "golden" / f"{path.stem}.npz").is_file()
        assert path.stem in sessions, f"no session makes {path.name}"
