"""Reading a suite's manifest: a TOML file beside its prompt file, or one that says where everything is published.

A manifest looks like this::

    name = "mini"
    title = "Ten everyday sounds"       # this and what follows here may be left out
    version = "1"
    protocol = "evalkit-mini-1"         # else name and version
    size = "mini"                       # or "full": their numbers never share a table; else as the weights are
    licence = "MIT"
    citation = ""

    [prompts]
    file = "mini.csv"                   # .csv or .jsonl, beside the manifest
    id = "id"                           # which column is which; `seconds` may also be one number for all
    text = "prompt"
    seconds = "seconds"
    group = "ytid"                      # optional: prompts that share a source
    labels = "labels"                   # optional: classes asked for (csv: separated by ";")
    count = 64                          # optional, and checked: how many prompts,
    groups = 64                         # and how many sources
    no_reference = []                   # optional: sources without a reference recording
    captions = "all"                    # or "first": one prompt per source, which is another protocol

    [metrics.fd_openl3]
    weights = "openl3-mini"
    reference = "mini/openl3.npz"       # optional; also mu_ref and sigma_ref, or pairs as .pkl or .pt
    count = 64                          # only where a file of mu_ref and sigma_ref does not say its clips

    [metrics.fd_mine]                   # a name of its own for the formula of a metric, on other features
    like = "fd_openl3"
    weights = "mine.py:Mine"            # what embeds: a file beside the manifest, or module:Class

    [metrics."mine.py:METRIC"]          # a metric of one's own, by its code
    weights = "sound"

    [reference]
    audio = "reference/"                # optional: a folder to compute references from

Instead of `file` there may be `[prompts.source]`, and instead of a path `[metrics.X.reference]`: tables with
the keys of a pinned source (`evalkit.fetch.sources`), which `evalkit fetch suite NAME` downloads. A
reference has two more: `form`, which is `evalkit` (the two forms of `evalkit.suites.references`), `mu_sigma` (a
mean and a covariance as stable-audio-metrics ships them) or `passt_probabilities` (its pickled tensors), and
`count`, the clips behind it or the prompts that it has a row for.

Manifests and prompt files come from outside: all that is wrong with one is a single :class:`UserError` that names the
file, and each line and key.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evalkit.core.ids import digest_bytes
from evalkit.core.paths import typed
from evalkit.core.registry import located
from evalkit.core.sheet import Sheet
from evalkit.core.tomlio import read_sheet
from evalkit.fetch.home import evalkit_home
from evalkit.fetch.sources import identity, parse_source, place
from evalkit.fetch.weights import MINIS
from evalkit.suites.base import Columns, MetricPlan, Outline, Pinned
from evalkit.suites.conventions import PLAIN_KEYS, metric_keys, metric_names, refuse_likeness, refuse_values
from evalkit.suites.prompts import LONGEST_SECONDS

TEXT_KEYS = ("name", "title", "version", "protocol", "size", "licence", "citation")
FORMS = ("evalkit", "mu_sigma", "passt_probabilities")
SOURCE_KEYS = ("repo", "commit", "path", "blob", "hub", "revision", "file", "url", "sha256")
PROMPT_KEYS = (
    "file", "source", "id", "text", "seconds", "group", "labels", "count", "groups", "no_reference", "captions",
)  # fmt: skip
_SIZES = ("mini", "full")
_CAPTIONS = ("all", "first")


def read_outline(manifest: Path, typed: str) -> Outline:
    """What the manifest says; `typed` is how the person names the suite, for hints.

    Raises UserError for a file that cannot be read as a manifest, with all that is wrong with it, key by key.
    """
    sheet = read_sheet(manifest, "suite manifest", "evalkit suites lists the known ones")
    sheet.known((*TEXT_KEYS, "prompts", "metrics", "reference"))
    prompts = _prompts(sheet.sheet("prompts"), manifest.parent, typed)
    metrics = _plans(sheet.sheet("metrics"), manifest.parent, typed)
    audio = _reference_audio(sheet.sheet("reference", optional=True), manifest.parent)
    texts: dict[str, Any] = _texts(sheet, "mini" if any(plan.weights in MINIS for plan in metrics.values()) else "full")
    sheet.faults.refuse()
    if prompts["captions"] != "all":
        texts["protocol"] += f"; captions={prompts['captions']}"
    return Outline(**texts, **prompts, manifest=manifest, metrics=metrics, reference_audio=audio)


def _texts(sheet: Sheet, size: str) -> dict[str, str]:
    """What is not said is said by the rest: a suite of which only its name is given is its first version."""
    name = sheet.text("name")
    version = sheet.text("version", "1")
    return {
        "name": name,
        "title": sheet.text("title", name or "?"),
        "version": version,
        "protocol": sheet.text("protocol", f"{name}-{version}"),
        "size": sheet.one_of("size", _SIZES, size),
        **{key: sheet.text(key, "", empty=True) for key in ("licence", "citation")},
    }


def _prompts(sheet: Sheet, folder: Path, typed: str) -> dict[str, Any]:
    """The fields of an Outline that `[prompts]` is about."""
    sheet.known(PROMPT_KEYS)
    count = sheet.count("count")
    pinned = _prompt_source(sheet, count, typed)
    file = _beside(sheet, "file", folder) if pinned is None else None
    return {
        "prompts": file or (folder if pinned is None else pinned.path),
        "columns": _columns(sheet),
        "pinned": pinned,
        "count": count,
        "groups": sheet.count("groups"),
        "absent": frozenset(sheet.names("no_reference")),
        "captions": sheet.one_of("captions", _CAPTIONS, "all"),
    }


def _reference_audio(sheet: Sheet, folder: Path) -> Path | None:
    sheet.known(("audio",))
    return _beside(sheet, "audio", folder) if "audio" in sheet.table else None


def _columns(sheet: Sheet) -> Columns:
    seconds = sheet.table.get("seconds", "seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, str | int | float):
        sheet.fault("seconds", f"is {seconds!r:.60}, and must be a column's name or a number")
        seconds = 1.0
    elif not isinstance(seconds, str) and not 0 < seconds <= LONGEST_SECONDS:
        sheet.fault("seconds", f"is {seconds!r:.60}", f"it must be above 0 and at most {LONGEST_SECONDS:g}")
    named = {key: sheet.text(key) for key in ("id", "text", "group", "labels") if key in sheet.table}
    return Columns(
        id=named.get("id", "id"),
        text=named.get("text", "prompt"),
        seconds=seconds,
        group=named.get("group"),
        labels=named.get("labels"),
    )


def _beside(sheet: Sheet, key: str, folder: Path) -> Path | None:
    """The path that `key` names, from the manifest's folder."""
    value = sheet.table.get(key)
    if isinstance(value, str) and value and "\0" not in value:
        path: Path | None = sheet.ask(key, lambda: folder / typed(value))
        return path
    told = "is missing" if value is None else f"is {value!r:.60}"
    sheet.fault(key, f"{told}, and must be a path")
    return None


def _prompt_source(sheet: Sheet, count: int, typed: str) -> Pinned | None:
    if "source" not in sheet.table:
        return None
    if "file" in sheet.table:
        sheet.fault("", "has both file and source", "leave one of them out")
    source = sheet.sheet("source")
    source.known(SOURCE_KEYS)
    return _pinned(source, source.table, count, "evalkit", typed)


def _pinned(sheet: Sheet, table: Mapping[str, Any], count: int, form: str, typed: str) -> Pinned | None:
    """The source that a table describes. Where keys of it are unknown, that is the fault to tell."""
    if not set(table) <= set(SOURCE_KEYS):
        return None
    source = sheet.ask("", parse_source, table, sheet.name)
    return None if source is None else Pinned(source, evalkit_home() / "sources" / place(source), typed, form, count)


def _plans(section: Sheet, folder: Path, typed: str) -> dict[str, MetricPlan]:
    if not section.table:
        section.fault("", "names no metric", 'add e.g. [metrics.clap_score] weights = "clap"')
    section.known(metric_names(section.table))
    return {metric: _plan(section.sheet(metric), metric, folder, typed) for metric in section.table}


def _plan(sheet: Sheet, metric: str, folder: Path, typed: str) -> MetricPlan:
    sheet.known(metric_keys(metric, sheet.table))
    pinned: Pinned | None = None
    reference: Path | None = None
    if isinstance(sheet.table.get("reference"), dict):
        pinned = _reference_source(sheet.sheet("reference"), typed)
        reference = None if pinned is None else _ready_path(pinned)
        if "count" in sheet.table:
            sheet.fault("count", "belongs into the table of its reference")
    elif "reference" in sheet.table:
        reference = _beside(sheet, "reference", folder)
    like = sheet.text("like") if "like" in sheet.table else ""
    if like:
        sheet.ask("like", refuse_likeness, sheet.name, metric, like)
    options = {key: sheet.text(key) for key in sheet.table if key not in PLAIN_KEYS}
    sheet.ask("", refuse_values, sheet.name, like or metric, options)
    weights = sheet.text("weights")
    code, embedder = (located(name, folder) for name in (metric, weights))
    return MetricPlan(
        metric, weights, reference, options, pinned, count=sheet.count("count"), like=like, code=code, embedder=embedder
    )


def _reference_source(sheet: Sheet, typed: str) -> Pinned | None:
    sheet.known((*SOURCE_KEYS, "form", "count"))
    form, count = sheet.one_of("form", FORMS, FORMS[0]), sheet.count("count")
    if form == "mu_sigma" and not count:
        sheet.fault("", "has no count", "such a file does not say how many clips are behind it: state it")
    rest = {key: value for key, value in sheet.table.items() if key not in ("form", "count")}
    return _pinned(sheet, rest, count, form, typed)


def _ready_path(pinned: Pinned) -> Path:
    """The file that is read in the end: the download itself, or the safe file that is made of it.

    The latter is named by the content that it is made of, so that another download never meets an old one.
    """
    if pinned.form != "passt_probabilities":
        return pinned.path
    return evalkit_home() / "references" / f"{digest_bytes(identity(pinned.source).encode())[:32]}.npz"
