"""Which networks judge a suite that a person describes: the published ones where they are here, else the minis."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evalkit.core.errors import MissingWeights, UserError, unknown_name
from evalkit.core.faults import Gathering
from evalkit.core.registry import split
from evalkit.embed.base import is_own
from evalkit.fetch.published import FAMILIES, PUBLISHED, TOKENIZERS, VGGISH_PCA, family_names, wants_pca
from evalkit.fetch.weights import MINIS, locate
from evalkit.metrics.base import METRICS
from evalkit.protocols.base import judge_called, judges, weights_in

SETS = {
    "full": {"openl3": "openl3-env", "passt": "passt", "clap": "clap"},
    "mini": {"openl3": "openl3-mini", "passt": "passt-mini", "clap": "clap-mini"},
}
"""What `full` and `mini` stand for. Whether sounds are music is not guessed: for them say `openl3-music,passt,clap`."""

MINI_OF = {**SETS["mini"], "panns": "panns-mini", "vggish": "vggish-mini", "audiobox": "audiobox-mini"}
"""The mini of each family that has one; those beyond `mini` judge where they are asked for."""


@dataclass(frozen=True)
class Judges:
    """`weights` {family: name of its weights}, `size` "mini", "full", or "own" where all judges are
    somebody's own; `note` a sentence on what was chosen. `own` are such embedders, {name of the distance that each
    gives: name or target}."""

    weights: Mapping[str, str]
    size: str
    note: str
    own: Mapping[str, str] = field(default_factory=dict)


def choose_judges(asked: Sequence[str], overrides: Mapping[str, Path]) -> Judges:
    """The judges that are asked for; of none, the full ones where all of them are here or among `overrides`
    ({name or family: path}), else the minis. Raises UserError for all names that are no judge's, or of one family."""
    if not asked:
        missing = [name for name in SETS["full"].values() if not _is_here(name, overrides)]
        if not missing:
            return Judges(SETS["full"], "full", f"judges: {_listed('full')}, whose weights are here")
        where = f"evalkit fetch weights {' '.join(_families_of(missing))}; or name some with --judges"
        note = f"judges: MINI ({_listed('mini')}), as the weights of {', '.join(missing)} are not here ({where})"
        return Judges(SETS["mini"], "mini", f"{note}. Mini figures compare with mini figures alone")
    if len(asked) == 1 and asked[0] in SETS:
        return Judges(SETS[asked[0]], asked[0], f"judges: {asked[0]} ({_listed(asked[0])})")
    weights: dict[str, str] = {}
    own: dict[str, str] = {}
    asked, wrong = _spelled_out(asked), Gathering()
    for name in asked:
        with wrong.look():
            if is_own(name):
                own[_distance(name, own)] = name
                continue
            family = family_of(name)
            if family in weights:
                raise UserError(f"--judges: {weights[family]} and {name} are both {family}", "one of each family")
            weights[family] = name
    wrong.settle()
    size = "mini" if any(weights_in(name) in MINIS for name in weights.values()) else "full" if weights else "own"
    return Judges(weights, size, f"judges: {', '.join(asked)}", own)


def _spelled_out(asked: Sequence[str]) -> list[str]:
    """The names, with those that `mini` or `full` among others stands for in its place."""
    return [each for name in asked for each in (SETS[name].values() if name in SETS else (name,))]


def _distance(name: str, known: Mapping[str, str]) -> str:
    """The name of the distance that an embedder of somebody's own gives: `fd_mine` of `folder/file.py:Mine`."""
    attribute = split(name)[1] or name
    found = f"fd_{re.sub('[^a-z0-9]+', '_', attribute.lower())}"
    if found in known or found in METRICS.names():
        other = known.get(found, "a metric of evalkit's")
        raise UserError(f"--judges: {name} gives {found}, as {other} does", "score with one after the other")
    return found


def family_of(name: str) -> str:
    """The family of weights that judge, as a protocol feeds them where their name says one. Raises UserError for other
    names."""
    fed = judge_called(name)
    if fed is not None:
        return fed.family
    for family in FAMILIES:
        if name == MINI_OF.get(family) or (name in family_names(family) and name not in TOKENIZERS.values()):
            return family
    known = [*SETS, *MINI_OF.values(), *(each for family in FAMILIES for each in family_names(family))]
    known += judges()
    raise unknown_name("judge", name, known)


def _is_here(name: str, overrides: Mapping[str, Path]) -> bool:
    given = {family: path for family, path in overrides.items() if family in FAMILIES}
    known = {**overrides, **({name: given[family_of(name)]} if family_of(name) in given else {})}
    try:
        found = locate(name, known)
        if family_of(name) in TOKENIZERS and found.is_file():
            locate(TOKENIZERS[family_of(name)], overrides)
        if wants_pca(name):
            locate(VGGISH_PCA, overrides)
    except MissingWeights:
        return False
    return name in PUBLISHED


def _families_of(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(family_of(name) for name in names))


def _listed(size: str) -> str:
    return ", ".join(SETS[size].values())
