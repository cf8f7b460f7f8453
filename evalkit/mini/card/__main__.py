"""Measures the minis on held-out recordings and writes `evalkit/mini/CARD.md`.

    python -m evalkit.mini.card [--data DATA/esc10] [--model NAME,...]

Every figure in the card is made here, on fold 4 of ESC-10, by the code that users run. What was measured is kept in
`training/measured/`, and the card is put together from there: `--model` measures these models anew and takes the rest
as it lies; without it the judges and every generator mini are measured, without `--data` nothing is.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from evalkit.core.errors import unknown_name
from evalkit.core.files import write_bytes
from evalkit.mini.card import files
from evalkit.mini.card.measures import measure_judges
from evalkit.mini.card.models import generator_minis, measure_model
from evalkit.mini.card.text import Figures, markdown
from evalkit.mini.recordings.references import RATE, compose_takes
from evalkit.mini.recordings.scenes import load_recordings
from evalkit.suites.load import load_suite

CARD = Path(__file__).parents[1] / "CARD.md"
TAKE = 11
"""Of the held-out recordings' scenes: one that is in none of the suite's references."""


def measure(data: Path, models: Sequence[str], judges: bool, folder: Path) -> None:
    """Measure what is named, each kept as soon as it is done."""
    suite = load_suite("mini")
    if judges:
        print("measuring the judges", flush=True)
        held_out = load_recordings(data, RATE, (4,))
        takes = compose_takes(held_out, (TAKE,))[TAKE]
        files.save(folder, files.JUDGES, measure_judges(suite, held_out, takes))
    for name in models:
        files.save(folder, name, measure_model(name, suite, data))


def assembled(folder: Path) -> Figures:
    """All figures that have been measured. Raises UserError where the judges have not been."""
    found = {name: files.load_model(folder, name) for name in generator_minis()}
    return Figures(files.load_judges(folder), {name: each for name, each in found.items() if each is not None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of ESC-10 with its clips.csv; without it nothing is measured")
    parser.add_argument("--model", default="", help="measure these models alone, separated by commas")
    parser.add_argument("--out", type=Path, default=CARD)
    found = parser.parse_args()
    names = [name for name in found.model.split(",") if name]
    for name in names:
        if name not in generator_minis():
            raise unknown_name("generator mini", name, generator_minis())
    if found.data is not None:
        measure(found.data, names or generator_minis(), not names, files.MEASURED)
    elif names:
        parser.error("--model measures, which needs --data")
    text = markdown(assembled(files.MEASURED))
    write_bytes(found.out, text.encode())
    print(text)


if __name__ == "__main__":
    main()
