"""Reading a suite's manifest: a TOML file beside its prompt file, or one that says where everything is published.

A manifest looks like this::

    name = "mini"                       # of these only the name must be there
    title = "Ten everyday sounds"       # absent: the name
    version = "1"                       # absent: "1"
    protocol = "evalkit-mini-1"         # absent: the name and the version
    size = "mini"                       # "full", or "own" (own embedders alone): their numbers never share a table;
                                        # absent: that of its weights
    licence = "MIT"                     # absent: not known
    citation = ""

    [prompts]
    file = "mini.csv"                   # .csv, .tsv, .jsonl, .json or .parquet, beside the manifest
    id = "id"                           # which column is which; `seconds` may also be one number for all (0: not said)
    text = "prompt"
    seconds = "seconds"
    group = "ytid"                      # optional: prompts that share a source
    labels = "labels"                   # optional: classes asked for (csv: separated by ";")
    count = 64                          # optional, and checked: how many prompts,
    groups = 64                         # and how many sources
    no_reference = []                   # optional: sources (or ids) without a reference recording
    captions = "all"                    # or "first": one prompt per source, which is another protocol

    [metrics.fd_openl3]
    weights = "openl3-mini"
    reference = "mini/openl3.npz"       # optional; also mu_ref and sigma_ref, or pairs as .pkl or .pt
    count = 64                          # only where a file of mu_ref and sigma_ref does not say its clips; or "unknown"

    [metrics.fd_mine]                   # a name of its own for the formula of a metric, on other features
    like = "fd_openl3"
    weights = "mine.py:Mine"            # what embeds: a file beside the manifest, or module:Class

    [metrics."mine.py:METRIC"]          # a metric of one's own, by its code
    weights = "sound"

    [reference]
    audio = "reference/"                # optional: a folder to compute references from

    [left_out]
    kl_passt = "no pairs"               # optional: why the suite goes without a metric, which every output then says

Instead of `file` there may be `[prompts.source]`, and instead of a path `[metrics.X.reference]`: tables with
the keys of a pinned source (`evalkit.fetch.sources`), which `evalkit fetch suite NAME` downloads. A
reference has two more: `form`, which is `evalkit` (the two forms of `evalkit.suites.references`), `mu_sigma` (a
mean and a covariance as stable-audio-metrics ships them) or `passt_probabilities` (its pickled tensors), and
`count`, the clips behind it or the prompts that it has a row for.

Manifests and prompt files come from outside: whatever is wrong with them is told in one go, each fault with its line
and key (`evalkit.core.tables`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.core.errors import unknown_name
from evalkit.core.ids import digest_bytes
from evalkit.core.paths import typed
from evalkit.core.registry import is_file, located
from evalkit.core.tables import Table
from evalkit.core.tomlio import read_toml_table
from evalkit.embed.base import EMBEDDERS, is_own
from evalkit.fetch.home import evalkit_home
from evalkit.fetch.sources import identity, place, read_source
from evalkit.fetch.weights import MINIS, WITHOUT_FILE
from evalkit.metrics.base import METRICS
from evalkit.protocols.base import weights_in
from evalkit.suites.base import UNKNOWN, Columns, MetricPlan, Outline, Pinned
from evalkit.suites.conventions import options_of, refuse_likeness
from evalkit.suites.prompts import LONGEST_SECONDS

TEXT_KEYS = ("name", "title", "version", "protocol", "size", "licence", "citation")
FORMS = ("evalkit", "mu_sigma", "passt_probabilities")
_SIZES = ("mini", "full", "own")
_CAPTIONS = ("all", "first")


@dataclass(frozen=True)
class Draft:
    """A manifest as far as it could be read: `outline` holds only once `file` is settled, which raises all faults;
    `prompts` is its table of that name."""

    outline: Outline
    file: Table
    prompts: Table


def read_outline(manifest: Path, typed: str) -> Outline:
    """What the manifest says; `typed` is how the person names the suite, for hints.

    Raises UserError with everything that is wrong with the file, each with its line and key.
    """
    draft = draft_outline(manifest, typed)
    draft.file.settle()
    return draft.outline


def draft_outline(manifest: Path, typed: str) -> Draft:
    """As :func:`read_outline`, for who has more to look at before all is told. Raises UserError for what is no TOML."""
    file = read_toml_table(manifest, "suite manifest", "evalkit suites lists the known ones")
    prompts, folder = file.table("prompts"), manifest.parent
    metrics = file.table("metrics")
    named = {name: _plan(table, name, folder, typed) for name, table in metrics.tables(METRICS.names()).items()}
    # Further names are of metrics that say themselves where their code is, or which other one they are like.
    metrics.knows(*(name for name, plan in named.items() if ":" in name or is_file(name) or plan.like))
    if metrics.is_sound and not named:
        metrics.fault("", "[metrics] names no metric", 'add e.g. [metrics.clap_score] weights = "clap"')
    reference = file.table("reference", optional=True)
    texts, said = _texts(file, named), _prompts(prompts, folder, typed)
    if said["captions"] != "all":
        texts["protocol"] += f"; captions={said['captions']}"
    audio = _beside(reference, "audio", folder) if reference.holds("audio") else None
    reference.knows("audio")
    without = file.table("left_out", optional=True)
    left_out = {name: without.text(name) for name in without.names()}
    outline = Outline(**{**texts, **said}, manifest=manifest, metrics=named, reference_audio=audio, left_out=left_out)
    return Draft(outline, file, prompts)


def _texts(file: Table, metrics: dict[str, MetricPlan]) -> dict[str, Any]:
    """The fields of an Outline that the manifest's own keys are about. What a number may stand beside is said by its
    protocol: where nobody names one, the suite's numbers stand by themselves."""
    name, version = file.text("name"), file.text("version", "1")
    return {
        "name": name,
        "title": file.text("title", name),
        "version": version,
        "protocol": file.text("protocol", f"{name}-{version}"),
        "size": file.one_of("size", _SIZES, _size_of(metrics.values())),
        "licence": file.text("licence", "", empty=True),
        "citation": file.text("citation", "", empty=True),
    }


def _size_of(plans: Iterable[MetricPlan]) -> str:
    """ "own" where nothing but somebody's own embedders judges: not the figures of minis, nor of papers."""
    judges = [plan for plan in plans if plan.weights not in WITHOUT_FILE]
    if any(weights_in(plan.weights) in MINIS for plan in judges):
        return "mini"
    return "own" if judges and all(is_own(plan.embedded_by) for plan in judges) else "full"


def _prompts(table: Table, folder: Path, typed: str) -> dict[str, Any]:
    """The fields of an Outline that `[prompts]` is about."""
    count = table.whole("count", 0)
    table.knows("source")
    pinned = None
    if table.holds("source"):
        pinned = _pinned(table.table("source"), count, "evalkit", typed)
        if table.holds("file"):
            table.fault("source", "it has both file and source", "leave one of them out")
            table.knows("file")
        file = Path() if pinned is None else pinned.path
    else:
        file = _beside(table, "file", folder)
    return {
        "prompts": file,
        "columns": _columns(table),
        "pinned": pinned,
        "count": count,
        "groups": table.whole("groups", 0),
        "absent": frozenset(table.texts("no_reference", "sources")),
        "captions": table.one_of("captions", _CAPTIONS, "all"),
    }


def _columns(table: Table) -> Columns:
    def fits(value: Any) -> bool:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return bool(value.strip()) if isinstance(value, str) else is_number and 0 <= value <= LONGEST_SECONDS

    what = "a column's name, or a number of seconds: at most 3600, 0 where nothing says it"
    return Columns(
        id=_column(table, "id") or "id",
        text=_column(table, "text") or "prompt",
        seconds=table.read("seconds", fits, what, "seconds", "seconds"),
        group=_column(table, "group"),
        labels=_column(table, "labels"),
        lyrics=_column(table, "lyrics"),
    )


def _column(table: Table, key: str) -> str | None:
    def fits(value: Any) -> bool:
        return isinstance(value, str) and bool(value)

    return str(table.read(key, fits, "a column's name", "", "")) or None


def _beside(table: Table, key: str, folder: Path) -> Path:
    """A path that the manifest names, from where it lies itself."""

    def fits(value: Any) -> bool:
        return isinstance(value, str) and bool(value) and "\0" not in value

    said = str(table.read(key, fits, "a path", None, "", f'add {key} = "..."'))
    if said:
        with table.at(key):
            return folder / typed(said)
    return folder


def _pinned(table: Table, count: int, form: str, typed: str) -> Pinned | None:
    source = read_source(table)
    return None if source is None else Pinned(source, evalkit_home() / "sources" / place(source), typed, form, count)


def _plan(table: Table, metric: str, folder: Path, typed: str) -> MetricPlan:
    weights = _weights(table)
    count = table.read("count", _is_count, 'a whole number or "unknown"', 0, 0)
    count = UNKNOWN if count == "unknown" else count
    pinned, reference = None, None
    table.knows("reference")
    if table.has_table("reference"):
        pinned = _reference_source(table.table("reference"), typed)
        reference = None if pinned is None else _ready_path(pinned)
        if table.holds("count"):
            table.fault("count", "has a count", f"it belongs into [metrics.{metric}.reference]")
    elif table.holds("reference"):
        reference = _beside(table, "reference", folder)
    like = table.text("like") if table.holds("like") else ""
    if like:
        with table.at("like"):
            refuse_likeness(metric, like)
    options = options_of(like or metric, table)
    code, embedder = (located(name, folder) for name in (metric, weights))
    return MetricPlan(metric, weights, reference, options, pinned, count=count, like=like, code=code, embedder=embedder)


def _is_count(value: Any) -> bool:
    return value == "unknown" or (isinstance(value, int) and not isinstance(value, bool) and value >= 0)


def _weights(table: Table) -> str:
    name = table.text("weights")
    if name and not is_own(name) and not EMBEDDERS.is_builtin(name):
        with table.at("weights"):
            raise unknown_name("embedder", name, EMBEDDERS.names())
    return name


def _reference_source(table: Table, typed: str) -> Pinned | None:
    form, count = table.one_of("form", FORMS, FORMS[0]), table.whole("count", 0)
    if form == "mu_sigma" and not count:
        hint = "such a file does not say how many clips are behind it: state it"
        table.fault("", "has no count", hint)
    return _pinned(table, count, form, typed)


def _ready_path(pinned: Pinned) -> Path:
    """The file that is read in the end: the download itself, or the safe file that is made of it.

    The latter is named by the content that it is made of, so that another download never meets an old one.
    """
    if pinned.form != "passt_probabilities":
        return pinned.path
    return evalkit_home() / "references" / f"{digest_bytes(identity(pinned.source).encode())[:32]}.npz"
