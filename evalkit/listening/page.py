"""The listeners' page: one HTML file with its style and its script, and the sounds in it or in files beside it.

As the report's page it opens from file:// without a network, and its content security policy names the one style and
the one script by their hashes, so that nothing in a prompt can run or load. The one address that it may reach is the
one that the author set for the answers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from evalkit.core.text import escaped
from evalkit.listening.study import Study, public
from evalkit.report.page import asset, environment, policy

ASSETS = Path(__file__).parent / "assets"
SHARED = "turns.js"
"""Of the report's assets: how several sounds take turns at one position."""


def render(study: Study, inside: Mapping[str, str], folder: str) -> str:
    """The page as text. `inside` has the sounds as data: addresses, by code; where it is empty they are files of
    `folder`, beside the page."""
    style = asset("style.css") + _own("listen.css")
    script = asset(SHARED) + _own("listen.js")
    return (
        environment(ASSETS)
        .get_template("listen.html.j2")
        .render(
            title=study.title,
            style=style,
            script=script,
            policy=policy(style, script, "", "data:" if inside else "'self' file:", study.post.partition("?")[0]),
            study=embedded({**public(study), "folder": "" if inside else folder}),
            sounds=sorted(inside.items()),
        )
    )


def _own(name: str) -> str:
    """A style or script of this room, as the template engine finds it."""
    engine = environment(ASSETS)
    assert engine.loader is not None, "it has one"
    return engine.loader.get_source(engine, name)[0]


def embedded(value: object) -> str:
    """JSON that can stand in a script element of data: nothing in it ends the element or begins another."""
    text = escaped(json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
