"""reports/parity.md from results/*.json: `python tests/parity/parity_table.py` writes it, a test compares it.

A result is a row {quantity, level, oracle, version, cases, max_abs, max_rel} and, where there is more to say, a
`note`, the `names` of its cases, and the `section` of the page, where that is not the one of its file. Each file is
written by the oracle's script of its name.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

HERE = Path(__file__).parent
REPORT = HERE.parent.parent / "reports" / "parity.md"

SECTIONS = {
    "panns": "PANNs Cnn14, 16 and 32 kHz",
    "vggish": "VGGish",
    "passt": "PaSST",
    "clap": "LAION-CLAP",
    "msclap": "MS-CLAP 2023",
    "audiobox": "Audiobox Aesthetics",
    "openl3": "OpenL3",
    "rates": "Conversion of rates",
    "stable_audio": "Stable Audio",
    "stable_audio_3": "Stable Audio 3",
}
"""Of the page, in its order: the judges, what they share, the models."""

OF_FILES = {"clap_protocols": "clap"}
"""The section of a file that is not called after it; a row's own goes before."""

LEVELS = ("front end", "embedding", "metric", "network", "sampling")
REQUIRED = {
    "quantity": str,
    "level": str,
    "oracle": str,
    "version": str,
    "cases": int,
    "max_abs": float,
    "max_rel": float,
}

INTRODUCTION = """\
# Parity with the originals

How far evalkit's numbers are from those of the software that the papers used, given the same checkpoint file and
the same sounds. The published weights cannot be shipped, so the checkpoint files hold weights drawn from a seed,
in the published formats; each original ran live, in an environment of its own.

This page is built from `tests/parity/results/*.json` by `tests/parity/parity_table.py`. `nox -s parity` and the
sessions called `parity_...` (`nox -l`) make the environments, run the originals, and write results, golden files and
this page again; the ordinary tests compare evalkit with the golden files. `evalkit verify --against originals` repeats
it on the published files and any clips; its bounds, which these figures and the tests keep, are in
`evalkit/originals/quantities.py`.

Errors are the largest over all cases; a case is one clip, or for a metric one number, unless its note says more.
For Stable Audio a case is a layout of the family, at full structure and reduced width, with a batch of two.
Clips are mono and stereo, at 16, 32, 44.1 and 48 kHz, of 0.1, 0.4, 1, 1.4, 9.99, 10.000, 10.001 and 31 s, quiet and
silent ones, and recordings (ESC-10); of av-benchmark's rows, each of these lengths at each rate in mono and stereo. A
relative error is relative to the oracle's largest absolute value in the case, unless its note says otherwise.
"""


def read_results(folder: Path) -> list[dict[str, object]]:
    """The rows of all result files, files by name. Raises ValueError, naming the file, for a row that is none."""
    rows: list[dict[str, object]] = []
    for path in sorted(folder.glob("*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, list) or not content:
            raise ValueError(f"{path.name} holds no list of rows")
        for row in content:
            _check(path, row)
        usual = OF_FILES.get(path.stem, path.stem)
        rows += [{**row, "section": row.get("section", usual)} for row in content]
    return rows


def _check(path: Path, row: dict[str, object]) -> None:
    for key, kind in REQUIRED.items():
        value = row.get(key)
        fits = isinstance(value, (int, float)) if kind is float else isinstance(value, kind)
        if not fits or (kind is float and not math.isfinite(float(str(value)))):
            raise ValueError(f"{path.name}: {key} is {value!r} in {row.get('quantity')!r}")
    if row["level"] not in LEVELS:
        raise ValueError(f"{path.name}: {row['level']!r} is none of {', '.join(LEVELS)}")
    if row.get("section", OF_FILES.get(path.stem, path.stem)) not in SECTIONS:
        raise ValueError(f"{path.name}: {row['quantity']!r} belongs to no section of the page")


def page(rows: list[dict[str, object]]) -> str:
    """The report as Markdown: a section for each judge, its rows by level, notes and oracles' versions below."""
    notes: list[str] = []
    parts = [INTRODUCTION]
    for section, title in SECTIONS.items():
        own = [row for row in rows if row["section"] == section]
        if own:
            parts += [f"## {title}", _table(own, notes)]
    versions = sorted({f"- {row['oracle']}: {row['version']}" for row in rows})
    listed = [f"{number}. {note}" for number, note in enumerate(notes, start=1)]
    if listed:
        parts.append("## Notes\n\n" + "\n".join(listed))
    parts.append("## Oracles\n\n" + "\n".join(versions))
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _table(rows: list[dict[str, object]], notes: list[str]) -> str:
    lines = [
        "| level | quantity | oracle | cases | largest absolute error | largest relative error |",
        "|---|---|---|---:|---:|---:|",
    ]
    for row in sorted(rows, key=lambda row: LEVELS.index(str(row["level"]))):
        mark = _mark(str(row.get("note") or ""), notes)
        cells = [row["level"], f"{row['quantity']}{mark}", row["oracle"], row["cases"]]
        cells += [f"{row['max_abs']:.1e}", f"{row['max_rel']:.1e}"]
        lines.append(f"| {' | '.join(_cell(cell) for cell in cells)} |")
    return "\n".join(lines)


def _mark(note: str, notes: list[str]) -> str:
    """The number of a note, as ` (1)`; equal notes share one."""
    if not note:
        return ""
    if note not in notes:
        notes.append(note)
    return f" ({notes.index(note) + 1})"


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def main() -> None:
    REPORT.write_text(page(read_results(HERE / "results")), encoding="utf-8")


if __name__ == "__main__":
    main()
