"""Reading a suite's manifest: a TOML file beside its prompt file, or one that says where everything is published.

A manifest looks like this::

    name = "mini"
    title = "Ten everyday sounds"
    version = "1"
    protocol = "evalkit-mini-1"
    size = "mini"                       # or "full": their numbers never share a table
    licence = "MIT"
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

Manifests and prompt files come from outside: whatever is wrong with one is a single :class:`UserError`
that names the file, and the line or key.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from evalkit.core.errors import UserError, unknown_name
from evalkit.core.faults import Section, refuse_unknown, together
from evalkit.core.ids import digest_bytes
from evalkit.core.paths import typed
from evalkit.core.registry import located
from evalkit.core.tomlio import read_toml
from evalkit.fetch.home import evalkit_home
from evalkit.fetch.sources import identity, parse_source, place
from evalkit.suites.base import UNKNOWN, Columns, MetricPlan, Outline, Pinned
from evalkit.suites.conventions import PLAIN_KEYS, metric_keys, metric_names, refuse_likeness, refuse_values

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

    Raises UserError for a file that cannot be read as a manifest, naming the key.
    """
    table = read_toml(manifest, "suite manifest", "evalkit suites lists the known ones")
    _, texts, prompts, metrics, audio, left_out = together(
        lambda: _refuse_strangers(table, manifest),
        lambda: _texts(table, manifest),
        lambda: _prompts(_section(table, "prompts", manifest), manifest, typed),
        lambda: _plans(_section(table, "metrics", manifest), manifest, typed),
        lambda: _reference_audio(_section(table, "reference", manifest, optional=True), manifest),
        lambda: _left_out(_section(table, "left_out", manifest, optional=True), manifest),
    )
    if prompts["captions"] != "all":
        texts["protocol"] += f"; captions={prompts['captions']}"
    return Outline(**texts, **prompts, manifest=manifest, metrics=metrics, reference_audio=audio, left_out=left_out)


def _refuse_strangers(table: Mapping[str, Any], manifest: Path) -> None:
    """A key that nothing reads, in any of the tables. Which a metric's own are, its card says."""
    prompts, metrics, own = (table.get(key) for key in ("prompts", "metrics", "reference"))
    sections = [
        Section("", table, (*TEXT_KEYS, "prompts", "metrics", "reference", "left_out")),
        Section("[prompts]", prompts, PROMPT_KEYS),
        Section("[reference]", own, ("audio",)),
    ]
    if isinstance(prompts, dict):
        sections.append(Section("[prompts.source]", prompts.get("source"), SOURCE_KEYS))
    if isinstance(metrics, dict):
        sections.append(Section("[metrics]", metrics, metric_names(metrics)))
    for name, plan in metrics.items() if isinstance(metrics, dict) else ():
        if isinstance(plan, dict):
            sections.append(Section(f"[metrics.{name}]", plan, metric_keys(name, plan)))
            source = plan.get("reference")
            sections.append(Section(f"[metrics.{name}.reference]", source, (*SOURCE_KEYS, "form", "count")))
    refuse_unknown(manifest, *sections)


def _texts(table: Mapping[str, Any], manifest: Path) -> dict[str, str]:
    texts = dict(zip(TEXT_KEYS, together(*(partial(_text, table, key, manifest) for key in TEXT_KEYS)), strict=True))
    if texts["size"] not in _SIZES:
        raise UserError(f"{manifest}: size is {texts['size']!r}", f"it must be one of {', '.join(_SIZES)}")
    return texts


def _prompts(section: Mapping[str, Any], manifest: Path, typed: str) -> dict[str, Any]:
    """The fields of an Outline that `[prompts]` is about."""
    captions = section.get("captions", "all")
    if captions not in _CAPTIONS:
        raise UserError(f"{manifest}: [prompts] captions is {captions!r}", f"it must be one of {', '.join(_CAPTIONS)}")
    pinned = _prompt_source(section, manifest, typed)
    return {
        "prompts": _beside(manifest, section.get("file"), "[prompts] file") if pinned is None else pinned.path,
        "columns": _columns(section, manifest),
        "pinned": pinned,
        "count": _count(section, "count", f"{manifest}: [prompts]"),
        "groups": _count(section, "groups", f"{manifest}: [prompts]"),
        "absent": _absent(section, manifest),
        "captions": captions,
    }


def _reference_audio(section: Mapping[str, Any], manifest: Path) -> Path | None:
    audio = section.get("audio")
    return None if audio is None else _beside(manifest, audio, "[reference] audio")


def _left_out(section: Mapping[str, Any], manifest: Path) -> dict[str, str]:
    return {name: _text(section, name, f"{manifest}: [left_out]") for name in section}


def _section(table: Mapping[str, Any], key: str, manifest: Path, optional: bool = False) -> dict[str, Any]:
    section = table.get(key, {} if optional else None)
    if not isinstance(section, dict):
        raise UserError(f"{manifest}: section [{key}] is missing or is not a table")
    return section


def _text(table: Mapping[str, Any], key: str, where: Path | str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or (not value.strip() and key not in ("licence", "citation")):
        raise UserError(f"{where}: {key!r} is missing or is not text", f'add {key} = "..."')
    return value


def _count(section: Mapping[str, Any], key: str, where: str) -> int:
    value = section.get(key, 0)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise UserError(f"{where} {key} must be a whole number")
    return value


def _columns(section: Mapping[str, Any], manifest: Path) -> Columns:
    seconds = section.get("seconds", "seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, str | int | float):
        raise UserError(f"{manifest}: [prompts] seconds must be a column's name or a number")
    return Columns(
        id=_column(section, "id", manifest) or "id",
        text=_column(section, "text", manifest) or "prompt",
        seconds=seconds,
        group=_column(section, "group", manifest),
        labels=_column(section, "labels", manifest),
    )


def _column(section: Mapping[str, Any], key: str, manifest: Path) -> str | None:
    value = section.get(key)
    if value is not None and (not isinstance(value, str) or not value):
        raise UserError(f"{manifest}: [prompts] {key} must be a column's name")
    return value


def _absent(section: Mapping[str, Any], manifest: Path) -> frozenset[str]:
    names = section.get("no_reference", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UserError(f"{manifest}: [prompts] no_reference must be a list of sources")
    return frozenset(names)


def _beside(manifest: Path, value: object, what: str) -> Path:
    if not isinstance(value, str) or not value or "\0" in value:
        raise UserError(f"{manifest}: {what} must be a path")
    return manifest.parent / typed(value)


def _prompt_source(section: Mapping[str, Any], manifest: Path, typed: str) -> Pinned | None:
    if "source" not in section:
        return None
    where = f"{manifest}: [prompts.source]"
    if "file" in section:
        raise UserError(f"{manifest}: [prompts] has both file and source", "leave one of them out")
    table = section["source"]
    if not isinstance(table, dict):
        raise UserError(f"{where} must be a table")
    return _pinned(table, _count(section, "count", f"{manifest}: [prompts]"), "evalkit", where, typed)


def _pinned(table: Mapping[str, Any], count: int, form: str, where: str, typed: str) -> Pinned:
    source = parse_source(table, where)
    return Pinned(source, evalkit_home() / "sources" / place(source), typed, form, count)


def _plans(section: Mapping[str, Any], manifest: Path, typed: str) -> dict[str, MetricPlan]:
    if not section:
        raise UserError(f"{manifest}: [metrics] names no metric", 'add e.g. [metrics.clap_score] weights = "clap"')
    plans = {}
    for metric, plan in section.items():
        where = f"{manifest}: [metrics.{metric}]"
        if not isinstance(plan, dict):
            raise UserError(f"{where} must be a table")
        pinned = None
        reference = plan.get("reference")
        if isinstance(reference, dict):
            pinned = _reference_source(reference, f"{manifest}: [metrics.{metric}.reference]", typed)
            reference = _ready_path(pinned)
        elif reference is not None:
            reference = _beside(manifest, reference, f"[metrics.{metric}] reference")
        if pinned is not None and "count" in plan:
            raise UserError(f"{where} has a count", f"it belongs into [metrics.{metric}.reference]")
        like = _text(plan, "like", where) if "like" in plan else ""
        if like:
            refuse_likeness(where, metric, like)
        options = {key: _text(plan, key, where) for key in plan if key not in PLAIN_KEYS}
        refuse_values(where, like or metric, options)
        weights = _text(plan, "weights", where)
        count = UNKNOWN if plan.get("count") == "unknown" else _count(plan, "count", where)
        code, embedder = (located(name, manifest.parent) for name in (metric, weights))
        plans[metric] = MetricPlan(
            metric, weights, reference, options, pinned, count=count, like=like, code=code, embedder=embedder
        )
    return plans


def _reference_source(table: Mapping[str, Any], where: str, typed: str) -> Pinned:
    form = table.get("form", FORMS[0])
    if form not in FORMS:
        raise unknown_name("form of a reference", str(form), FORMS)
    count = _count(table, "count", where)
    if form == "mu_sigma" and not count:
        raise UserError(f"{where} has no count", "such a file does not say how many clips are behind it: state it")
    rest = {key: value for key, value in table.items() if key not in ("form", "count")}
    return _pinned(rest, count, form, where, typed)


def _ready_path(pinned: Pinned) -> Path:
    """The file that is read in the end: the download itself, or the safe file that is made of it.

    The latter is named by the content that it is made of, so that another download never meets an old one.
    """
    if pinned.form != "passt_probabilities":
        return pinned.path
    return evalkit_home() / "references" / f"{digest_bytes(identity(pinned.source).encode())[:32]}.npz"
