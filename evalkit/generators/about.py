"""`about.toml`: what is known of a system whose outputs are scored, and which cannot be run here.

    system = "MeanAudio"                  # the only key that must be there
    version = "1.0, 25 steps"
    date = "2025-08-01"                   # when the sounds were made, as text
    url = "https://..."
    terms = "CC BY-NC 4.0"                # what may be done with the sounds
    citation = "..."
    notes = "..."

    [settings]                            # whatever the system was told, as plain values
    steps = 25

`--about FILE` names it; else the `about.toml` inside of the folder is taken, where there is one. Its words stand in
run.json and on the page, and the system's name takes the folder's place on the board. They are part of the run's
identity: corrected words make another run, whose features are there already. Nothing in it is checked against anything:
it is what whoever made the folder says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalkit.core.paths import is_file
from evalkit.core.tomlio import read_toml_table

NAME = "about.toml"
_TEXTS = ("version", "date", "url", "terms", "citation", "notes")
_LONGEST = 500
"""Characters of a text; a name that fills a page hides the page."""


@dataclass(frozen=True)
class About:
    """The words of an `about.toml`, "" for those that it does not say."""

    system: str
    version: str = ""
    date: str = ""
    url: str = ""
    terms: str = ""
    citation: str = ""
    notes: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The system with its version, as a board shows it."""
        return f"{self.system} {self.version}".strip()

    @property
    def said(self) -> dict[str, Any]:
        """What it says, without what it does not."""
        words = {key: getattr(self, key) for key in ("system", *_TEXTS) if getattr(self, key)}
        return {**words, **({"settings": dict(self.settings)} if self.settings else {})}


def read_about(path: Path) -> About:
    """Raises UserError with all that is wrong with the file: absent, not TOML, a key that nothing reads, no system, a
    value that is no text, a setting that is no plain value."""
    table = read_toml_table(path, "description of a system", f'it says at least system = "..." ({NAME})')
    texts = {key: table.text(key, "", empty=True) for key in _TEXTS}
    found = About(table.text("system"), **texts, settings=table.free("settings"))
    for key, text in {"system": found.system, **texts}.items():
        if len(text) > _LONGEST:
            table.fault(key, f"{key} has {len(text):,} characters, at most {_LONGEST} are read")
    table.settle()
    return found


def about_folder(folder: Path, named: Path | None) -> About | None:
    """What the file says that was named, else the one in the folder; None where there is neither."""
    path = named if named is not None else folder / NAME
    return read_about(path) if named is not None or is_file(path) else None
