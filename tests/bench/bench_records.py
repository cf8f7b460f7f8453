"""Where a bench's figures go: appended to reports/bench/NAME.json, and reports/bench/NAME.md made anew from it."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

REPORTS = Path(__file__).resolve().parents[2] / "reports" / "bench"
NOT_MEASURED = "not measured"

Row = Mapping[str, object]


def versions(*packages: str) -> str:
    """`name version` of those that are installed, Python first."""
    found = [f"Python {platform.python_version()}"]
    for package in packages:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def processor() -> str:
    """The processor's own name where Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def today() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d")


def append(name: str, title: str, manual: str | None, row: Row, folder: Path = REPORTS) -> Path:
    """Add one row, and write the table of all rows so far; returns the table's path. Columns are the rows' keys.

    `manual` is the bench's docstring, whose last paragraph says above the table how it was measured.
    """
    about = (manual or "").split("\n\n")[-1].strip()
    folder.mkdir(parents=True, exist_ok=True)
    store = folder / f"{name}.json"
    rows: list[Row] = json.loads(store.read_text(encoding="utf-8")) if store.is_file() else []
    rows.append(row)
    store.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    page = folder / f"{name}.md"
    page.write_text(f"# {title}\n\n{about}\n\n{table(rows)}\n", encoding="utf-8")
    return page


def table(rows: Sequence[Row]) -> str:
    """The rows as markdown, newest last; a figure that a row has not is told as not measured."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [columns, ["---"] * len(columns), *([_shown(row.get(key)) for key in columns] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _shown(value: object) -> str:
    if value is None:
        return NOT_MEASURED
    return f"{value:.3g}" if isinstance(value, float) else str(value)
