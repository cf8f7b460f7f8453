"""The card's words and tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit.core.ids import digest_file
from evalkit.core.jsonio import read_json
from evalkit.fetch.weights import MINIS, locate
from evalkit.mini.card_measures import MatchedShuffled, Rebuilt

TRAINING = Path(__file__).with_name("training")
"""What is kept of each training: `<name>.json` (seed, steps, minutes, device, losses) and its curves as PNG."""

_PREFACE = """# The minis

Small networks of the published architectures, trained by the recipes in this folder on real recordings
(ESC-10, folds 1-3), so that the whole of evalkit runs on a laptop. Their numbers compare minis with minis;
they say nothing about the published models. Every figure below is measured on fold 4, which no mini was
trained on, by `nox -s mini_card` (`python -m evalkit.mini.card`).
"""


@dataclass(frozen=True)
class Figures:
    """Everything that the card reports."""

    autoencoder: Mapping[str, Rebuilt]
    top_1: float
    text_to_class: float
    distances: Mapping[str, float]
    clap: Mapping[str, MatchedShuffled]
    kl: Mapping[str, MatchedShuffled]
    named: Mapping[str, tuple[int, int]]
    named_recordings: Mapping[str, tuple[int, int]]


def markdown(figures: Figures) -> str:
    """The whole card."""
    parts = [
        _PREFACE,
        "## Files and training\n",
        _files(),
        "## The judges\n",
        f"- passt-mini, top-1 of ten classes: **{figures.top_1:.2f}** (chance 0.10)",
        f"- clap-mini, recording to its class caption: **{figures.text_to_class:.2f}** (chance 0.10)\n",
        "## FD-OpenL3 (mini) from the suite's reference, lower is nearer\n",
        table(("set", "FD"), ((name, f"{value:.2f}") for name, value in figures.distances.items())),
        "## Right pairs against wrong ones\n",
        _pairs("CLAP score, higher is better", figures.clap),
        _pairs("KL-PaSST, lower is better", figures.kl),
        "## Does stable-audio-mini make what is asked?\n",
        "First guess of passt-mini over prompts of one class; beside it, the same for held-out recordings.\n",
        _named(figures),
        "## Autoencoder, by class\n",
        "Fold 4 encoded (posterior mean) and decoded: correlation of log spectra, and STFT distance.\n",
        _autoencoder(figures.autoencoder),
        _listening(),
    ]
    return "\n".join(parts)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)]
    return "\n".join(lines) + "\n"


def _files() -> str:
    rows = []
    for name in MINIS:
        path = locate(name, {}) / "model.safetensors"
        facts = read_json(TRAINING / f"{name}.json")
        size = f"{path.stat().st_size / 1e6:.1f} MB"
        trained = f"seed {facts['seed']}, {facts['steps']} steps, {facts['minutes']:.0f} min on {facts['device']}"
        curves = " ".join(f"[{each.stem}](training/{each.name})" for each in sorted(TRAINING.glob(f"{name}*.png")))
        rows.append((name, size, digest_file(path)[:12], trained, curves))
    return table(("weights", "size", "sha256", "training", "curves"), rows)


def _pairs(title: str, rows: Mapping[str, MatchedShuffled]) -> str:
    cells = []
    for name, row in rows.items():
        interval = row.difference.interval
        spread = f"[{interval.low:+.3f}, {interval.high:+.3f}]" if interval else "n/a"
        difference = f"{row.difference.mean:+.3f} {spread}"
        cells.append((name, f"{row.matched:.3f}", f"{row.shuffled:.3f}", difference, f"{row.difference.p:.4f}"))
    return table((title, "matched", "shuffled", "difference, 95 %", "p"), cells)


def _named(figures: Figures) -> str:
    rows = []
    for sound, (named, asked) in figures.named.items():
        rows.append((sound, f"{named} of {asked}", f"{figures.named_recordings[sound][0]} of {asked}"))
    rows.append(("**all**", _total(figures.named), _total(figures.named_recordings)))
    return table(("class", "stable-audio-mini", "recordings"), rows)


def _total(counts: Mapping[str, tuple[int, int]]) -> str:
    named, asked = (sum(column) for column in zip(*counts.values(), strict=True))
    return f"**{named} of {asked}** ({named / asked:.0%})"


def _autoencoder(rows: Mapping[str, Rebuilt]) -> str:
    cells = [(name, f"{row.correlation:.2f}", f"{row.stft:.2f}", str(row.clips)) for name, row in rows.items()]
    return table(("class", "correlation", "STFT distance", "clips"), cells)


def _listening() -> str:
    """What a person heard and saw; written by hand, kept beside the card's code."""
    path = TRAINING / "listening.md"
    return path.read_text(encoding="utf-8") if path.exists() else ""
