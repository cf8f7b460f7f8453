"""What a page was made of, named in its head, so that a page of older figures is known as one and made again.

Which sounds and figures of papers a page has is the choice of whoever made it, and no part of this. The suite's anchors
are: they may be computed after a page was made.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import evalkit
from evalkit.core.ids import digest_file, digest_json
from evalkit.core.reading import open_regular
from evalkit.report.records import distinct
from evalkit.store.state import RunState, read_state
from evalkit.suites.anchors import known_anchors

ASSETS = Path(__file__).parent / "assets"

_META = re.compile(rb'<meta name="evalkit-made-of" content="([0-9a-f]{64})">')
_HEAD = 1000
"""Bytes of a page within which it names what it was made of."""


def made_of_runs(run_dirs: Iterable[Path]) -> str:
    """What a page of these runs would be made of now. Raises UserError where a folder is not a run folder."""
    states = [read_state(folder) for folder in distinct(run_dirs)]
    return made_of((state.digest for state in states), (_suite(state) for state in states))


def made_of(digests: Iterable[str], suites: Iterable[str]) -> str:
    """The digest of the runs' `digests`, in the page's order, of what is known of their `suites` (digests too), and of
    the evalkit that lays the page out."""
    assets = [digest_file(path) for path in sorted(ASSETS.iterdir()) if path.is_file()]
    anchors = [[asdict(each) for each in known_anchors(suite)] for suite in dict.fromkeys(suites)]
    return digest_json([evalkit.__version__, assets, list(digests), *filter(None, anchors)])


def _suite(state: RunState) -> str:
    """The digest of a run's suite; "" where its run.json has none."""
    suite = state.facts.get("suite")
    return str(suite.get("digest", "")) if isinstance(suite, dict) else ""


def named_in(page: Path) -> str:
    """What a page says it was made of; "" where it says nothing, or where there is none."""
    try:
        with open_regular(page) as file:
            found = _META.search(file.read(_HEAD))
    except OSError:
        return ""
    return found.group(1).decode("ascii") if found else ""
