"""Public ratings that come with evalkit, by name: `reports/ratings/`, where `sources.json` says what each file is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evalkit.core.errors import unknown_name
from evalkit.core.jsonio import read_json
from evalkit.core.resources import resource
from evalkit.ratings.base import Ratings
from evalkit.ratings.music_arena import Leaderboard
from evalkit.ratings.read import read_ratings


@dataclass(frozen=True)
class Source:
    """A shipped file: its title, where it was published, under which licence, and what was `dropped` of it."""

    name: str
    path: Path
    title: str
    source: str
    licence: str
    dropped: str


def sources() -> dict[str, Source]:
    """{name: what is shipped under it}."""
    folder = resource("reports") / "ratings"
    table: dict[str, Any] = read_json(folder / "sources.json")
    return {
        name: Source(name, folder / each["file"], each["title"], each["source"], each["licence"], each["dropped"])
        for name, each in table.items()
    }


def names() -> list[str]:
    """The names that are shipped."""
    return sorted(sources())


def shipped(name: str) -> Ratings | Leaderboard:
    """The ratings of one name. Raises UserError for a name that is not shipped."""
    known = sources()
    if name not in known:
        raise unknown_name("public set of ratings", name, known)
    one = known[name]
    found = read_ratings(one.path)
    kept = (f"dropped: {one.dropped}",)
    return replace(found, name=name, title=one.title, source=one.source, licence=one.licence, notes=kept)
