"""The card's words and tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit.core.jsonio import read_json
from evalkit.core.text import short_digest
from evalkit.fetch.digests import weights_digest
from evalkit.fetch.weights import MINIS, locate
from evalkit.mini.card.measures import Judges, Score, Shuffled, Sounds
from evalkit.mini.card.models import Model, Rebuilt, generator_minis
from evalkit.report.scales import value_told
from evalkit.stats.intervals import jackknife_interval
from evalkit.suites.anchors import known_anchors
from evalkit.suites.load import load_suite

TRAINING = Path(__file__).parents[1] / "training"
"""What is kept of each training: `<name>.json` (seed, steps, minutes, device), its curves as PNG, and what a person
saw of the sounds in `<name>.md`; `limits.md` is the card's end."""

RECORDINGS, NOISE = "the reference's own recordings", "white noise"

_PREFACE = """# The minis

Small networks of the published architectures, trained by the recipes in this folder on real recordings
(ESC-10, folds 1-3), so that the whole of evalkit runs on a laptop. Their numbers compare minis with minis;
they say nothing about the published models. Every figure below is measured on fold 4, which no mini was
trained on, by `nox -s mini_card` (`python -m evalkit.mini.card`).
"""

_SCORES = """
The sounds for the 64 prompts, beside other scenes made of the very recordings behind the reference (no mini was trained
on them, but theirs is no distance of other recordings: those of folds 1-3, put together in the same way, score 8.9
[4.3, 13.6], and scenes of half of fold 4's sources are {halves} from scenes of the other half), and white
noise as long and as loud as these. Brackets are 95 % intervals. Seconds are processor seconds a clip; named is how many
of the sounds for prompts of one class passt-mini puts into that class.
""".lstrip()

_PAIRS = """
Each sound with its own prompt (matched) and with one of other classes (shuffled). A model that does not listen to
its prompt has a difference of zero.
""".lstrip()


@dataclass(frozen=True)
class Figures:
    """Everything that the card reports: the judges', and each measured model's by its name."""

    judges: Judges
    models: Mapping[str, Model]


def markdown(figures: Figures) -> str:
    """The whole card."""
    sets = {RECORDINGS: figures.judges.recordings, NOISE: figures.judges.noise}
    sets |= {name: model.sounds for name, model in figures.models.items()}
    parts = [
        _PREFACE,
        "## Files and training\n",
        _files(),
        "## The judges\n",
        f"- passt-mini, top-1 of ten classes: **{figures.judges.top_1:.2f}** (chance 0.10)",
        f"- clap-mini, recording to its class caption: **{figures.judges.text_to_class:.2f}** (chance 0.10)\n",
        "FD-OpenL3 (mini) of recordings made worse, from the suite's reference:\n",
        table(("set", "FD"), ((name, f"{value:.2f}") for name, value in figures.judges.ladder)),
        "## The models on suite `mini`\n",
        _SCORES.format(halves=_halves()),
        _scores(figures, sets),
        _below_noise(figures),
        "## Right pairs against wrong ones\n",
        _PAIRS,
        _pairs("CLAP score, higher is better", "clap_score", sets),
        _pairs("KL-PaSST, lower is better", "kl_passt", sets),
        "## Which classes are made\n",
        "Named by passt-mini as its first guess, of the prompts that ask for this class alone.\n",
        _named(sets),
        "## Autoencoders, by class\n",
        "Fold 4 encoded (posterior mean) and decoded: correlation of log spectra / STFT distance.\n",
        _autoencoders({name: model.autoencoder for name, model in figures.models.items() if model.autoencoder}),
        *(_told(TRAINING / f"{name}.md") for name in generator_minis()),
        _told(TRAINING / "limits.md"),
    ]
    return "\n".join(part for part in parts if part)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)]
    return "\n".join(lines) + "\n"


def size(name: str) -> int:
    """Bytes of all files of a mini."""
    return sum(path.stat().st_size for path in locate(name, {}).rglob("*") if path.is_file())


def _megabytes(name: str) -> str:
    """A size as the card tells it: the smallest minis have hundredths of a megabyte."""
    found = size(name) / 1e6
    return f"{found:.1f} MB" if found >= 0.1 else f"{found:.2f} MB"


def _halves() -> str:
    """The mark of suite mini's references, half against half, as it ships."""
    marks = known_anchors(load_suite("mini").digest)
    return next(value_told(each) for each in marks if (each.metric, each.anchor) == ("fd_openl3", "halves"))


def _files() -> str:
    rows = []
    for name in MINIS:
        curves = " ".join(f"[{each.stem}](training/{each.name})" for each in _curves(name))
        rows.append((name, _megabytes(name), short_digest(weights_digest(locate(name, {}))), _trained(name), curves))
    return table(("weights", "size", "sha256", "training", "curves"), rows)


def _trained(name: str) -> str:
    path = TRAINING / f"{name}.json"
    if not path.is_file():
        return "not recorded"
    facts = read_json(path)
    return f"seed {facts['seed']}, {facts['steps']} steps, {facts['minutes']:.0f} min on {facts['device']}"


def _curves(name: str) -> list[Path]:
    """`<name>.png` and `<name>-<part>.png`, but not those of a mini whose name begins alike."""
    others = [other for other in MINIS if other.startswith(f"{name}-")]
    found = [TRAINING / f"{name}.png", *TRAINING.glob(f"{name}-*.png")]
    return sorted(path for path in found if path.exists() and not path.stem.startswith(tuple(others)))


def _scores(figures: Figures, sets: Mapping[str, Sounds]) -> str:
    rows = []
    for name, sounds in sets.items():
        model = figures.models.get(name)
        cells = [_interval(sounds.scores[metric], digits) for metric, digits in _DIGITS.items()]
        told = (f"{model.seconds:.2f}", _megabytes(name)) if model else ("", "")
        rows.append((name, *cells, _total(sounds), *told))
    missing = [name for name in generator_minis() if name not in figures.models]
    rows += [(name, *["not measured"] * len(_DIGITS), "", "", _megabytes(name)) for name in missing]
    head = ("sounds", "FD-OpenL3, lower", "KL-PaSST, lower", "CLAP score, higher", "named", "seconds", "size")
    return table(head, rows)


_DIGITS = {"fd_openl3": 1, "kl_passt": 2, "clap_score": 3}


def _interval(score: Score, digits: int) -> str:
    if score.low is None or score.high is None:
        return f"{score.value:.{digits}f}"
    return f"{score.value:.{digits}f} [{score.low:.{digits}f}, {score.high:.{digits}f}]"


def _below_noise(figures: Figures) -> str:
    """One line per model: its FD less that of white noise, by the jackknife over the same folds of prompts."""
    noise, lines = figures.judges.noise.scores["fd_openl3"], []
    for name, model in figures.models.items():
        found = model.sounds.scores["fd_openl3"]
        left = [mine - theirs for mine, theirs in zip(found.leave_outs, noise.leave_outs, strict=True)]
        spread = jackknife_interval(found.value - noise.value, left)
        shown = f" [{spread.low:+.1f}, {spread.high:+.1f}]" if spread else ""
        lines.append(f"- {name}: FD-OpenL3 is {found.value - noise.value:+.1f}{shown} from that of white noise")
    return "\n".join(lines) + "\n" if lines else ""


def _pairs(title: str, metric: str, sets: Mapping[str, Sounds]) -> str:
    rows = [(name, *_pair(sounds.pairs[metric])) for name, sounds in sets.items()]
    return table((title, "matched", "shuffled", "difference, 95 %", "p"), rows)


def _pair(row: Shuffled) -> tuple[str, ...]:
    spread = "n/a" if row.low is None or row.high is None else f"[{row.low:+.3f}, {row.high:+.3f}]"
    return f"{row.matched:.3f}", f"{row.shuffled:.3f}", f"{row.difference:+.3f} {spread}", f"{row.p:.4f}"


def _named(sets: Mapping[str, Sounds]) -> str:
    shown = {name: sounds for name, sounds in sets.items() if name != NOISE}
    classes = next(iter(shown.values())).named
    rows = [(sound, *("{} of {}".format(*sounds.named[sound]) for sounds in shown.values())) for sound in classes]
    return table(("class", *shown), [*rows, ("**all**", *(f"**{_total(sounds)}**" for sounds in shown.values()))])


def _total(sounds: Sounds) -> str:
    named, asked = (sum(column) for column in zip(*sounds.named.values(), strict=True))
    return f"{named} of {asked}"


def _autoencoders(models: Mapping[str, Mapping[str, Rebuilt]]) -> str:
    if not models:
        return ""
    rows = []
    for sound in next(iter(models.values())):
        cells = [f"{rows_of[sound].correlation:.2f} / {rows_of[sound].stft:.2f}" for rows_of in models.values()]
        rows.append((f"{sound} ({next(iter(models.values()))[sound].clips})", *cells))
    return table(("class (clips)", *models), rows)


def _told(path: Path) -> str:
    """What a person saw; written by hand, kept beside the card's code."""
    return path.read_text(encoding="utf-8").strip() + "\n" if path.exists() else ""
