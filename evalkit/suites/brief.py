"""A suite as a person describes it: by options on the command line or in a notebook, instead of by a manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Prompts = Path | Mapping[str, str] | Literal["names"] | None
"""A prompt file; {id: text}; "names": the sounds' file names are the prompts; None: texts lie beside the sounds."""


@dataclass(frozen=True)
class Brief:
    """What a suite is made of (`evalkit.suites.load` makes it).

    `sounds` are the folders that are to be scored, which several of the other fields go by; a run that generates has
    none. `columns` {"id": column of the prompt file, ...} has the keys of `Columns`. `reference` is a folder of
    recordings, a statistics file, or (as text) the name of a suite, whose references it takes; None: nothing is
    compared with. `judges` are "full", "mini", or names of weights; (): full where they are on this machine, else mini.
    `seconds` is one length for all prompts; None: what the file says of each, if anything. `samples` is how many of
    `sounds` a prompt has, where these say what the prompts are. `name` is what the suite is
    called; "": after the content of its prompts. `table` is a published table (`evalkit.protocols`), which says the
    metrics and the judges; "": whatever can be had.
    """

    prompts: Prompts = None
    columns: Mapping[str, str] = field(default_factory=dict)
    reference: str | Path | None = None
    judges: Sequence[str] = ()
    seconds: float | None = None
    name: str = ""
    table: str = ""
    sounds: Sequence[Path] = ()
    samples: int = 1
