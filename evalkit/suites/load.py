"""Reading a suite: a TOML manifest, and the prompt file that it names.

A manifest looks like this::

    name = "mini"
    title = "Ten everyday sounds"
    version = "1"
    protocol = "evalkit-mini-1"
    size = "mini"                       # or "full": their numbers never share a table
    licence = "MIT"
    citation = ""

    [prompts]
    file = "mini.csv"                   # .csv or .jsonl, beside the manifest
    id = "id"                           # which column is which; `seconds` may also be one number for all
    text = "prompt"
    seconds = "seconds"
    group = "ytid"                      # optional: prompts that share a source
    labels = "labels"                   # optional: classes asked for (csv: separated by ";")

    [metrics.fd_openl3]
    weights = "openl3-mini"
    reference = "mini/openl3.npz"       # optional

    [reference]
    audio = "reference/"                # optional: a folder to compute references from

Manifests and prompt files come from outside: whatever is wrong with one is a single :class:`UserError`
that names the file, and the line or key.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evalkit.core.errors import UserError, unknown_name
from evalkit.core.ids import digest_file, digest_json
from evalkit.core.registry import Registry
from evalkit.core.resources import resource
from evalkit.suites.base import MetricPlan, Prompt, Suite
from evalkit.suites.prompts import Columns, read_prompts

SUITES = Registry("suite", "evalkit.suites", {})
"""Suites of other packages: each entry point is the path of a manifest, or a function that returns it."""

_TEXT_KEYS = ("name", "title", "version", "protocol", "size", "licence", "citation")
_SIZES = ("mini", "full")


def suite_names() -> list[str]:
    """The suites that can be named without a path: evalkit's own and those of installed packages."""
    return sorted({path.stem for path in resource("prompts").glob("*.toml")} | set(SUITES.names()))


def load_suite(name_or_path: str) -> Suite:
    """The suite of that name, or of that manifest path (anything with a folder separator or `.toml`).

    Raises UserError for an unknown name (with the nearest), an unreadable manifest or a bad prompt file.
    """
    manifest = find_manifest(name_or_path)
    table = _read_manifest(manifest)
    texts = {key: _text(table, key, manifest) for key in _TEXT_KEYS}
    if texts["size"] not in _SIZES:
        raise UserError(f"{manifest}: size is {texts['size']!r}", f"it must be one of {', '.join(_SIZES)}")
    prompts = _prompts(_section(table, "prompts", manifest), manifest)
    audio = _section(table, "reference", manifest, optional=True).get("audio")
    reference_audio = None if audio is None else _beside(manifest, audio, "[reference] audio")
    metrics = _plans(_section(table, "metrics", manifest), manifest)
    return Suite(
        **texts,
        prompts=prompts,
        metrics=metrics,
        reference_audio=reference_audio,
        digest=_digest(texts, prompts, metrics, reference_audio),
    )


def find_manifest(name_or_path: str) -> Path:
    """The manifest that a name or a path on the command line means."""
    if name_or_path.endswith(".toml") or "/" in name_or_path or "\\" in name_or_path:
        return Path(name_or_path).expanduser()
    own = {path.stem: path for path in resource("prompts").glob("*.toml")}
    if name_or_path in own:
        return own[name_or_path]
    if name_or_path not in SUITES.targets() and ":" not in name_or_path:
        raise unknown_name("suite", name_or_path, suite_names())
    target = SUITES.load(name_or_path)
    return Path(target() if callable(target) else target)


def _read_manifest(manifest: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(manifest.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{manifest}: no such suite manifest", "evalkit suites lists the known ones") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{manifest}: cannot be read as a suite manifest: {error}") from None


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


def _prompts(section: Mapping[str, Any], manifest: Path) -> tuple[Prompt, ...]:
    seconds = section.get("seconds", "seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, str | int | float):
        raise UserError(f"{manifest}: [prompts] seconds must be a column's name or a number")
    columns = Columns(
        id=_column(section, "id", manifest) or "id",
        text=_column(section, "text", manifest) or "prompt",
        seconds=seconds,
        group=_column(section, "group", manifest),
        labels=_column(section, "labels", manifest),
    )
    return tuple(read_prompts(_beside(manifest, section.get("file"), "[prompts] file"), columns))


def _column(section: Mapping[str, Any], key: str, manifest: Path) -> str | None:
    value = section.get(key)
    if value is not None and (not isinstance(value, str) or not value):
        raise UserError(f"{manifest}: [prompts] {key} must be a column's name")
    return value


def _beside(manifest: Path, value: object, what: str) -> Path:
    if not isinstance(value, str) or not value or "\0" in value:
        raise UserError(f"{manifest}: {what} must be a path")
    return manifest.parent / Path(value).expanduser()


def _plans(section: Mapping[str, Any], manifest: Path) -> dict[str, MetricPlan]:
    if not section:
        raise UserError(f"{manifest}: [metrics] names no metric", 'add e.g. [metrics.clap_score] weights = "clap"')
    plans = {}
    for metric, plan in section.items():
        where = f"{manifest}: [metrics.{metric}]"
        if not isinstance(plan, dict):
            raise UserError(f"{where} must be a table")
        named = plan.get("reference")
        reference = None if named is None else _beside(manifest, named, f"[metrics.{metric}] reference")
        options = {key: _text(plan, key, where) for key in plan if key not in ("weights", "reference")}
        plans[metric] = MetricPlan(metric, _text(plan, "weights", where), reference, options)
    return plans


def _digest(
    texts: Mapping[str, str],
    prompts: tuple[Prompt, ...],
    metrics: Mapping[str, MetricPlan],
    reference_audio: Path | None,
) -> str:
    """Digest of what the suite says, not of how its files are spelled: comments and line ends are free."""
    rows = [[p.id, p.text, p.seconds, p.group, list(p.labels)] for p in prompts]
    plans = {name: [plan.weights, _file_digest(plan.reference), *_chosen(plan)] for name, plan in metrics.items()}
    audio = None
    if reference_audio is not None:
        files = sorted(path for path in reference_audio.rglob("*") if path.is_file())
        audio = {str(path.relative_to(reference_audio)): digest_file(path) for path in files}
    return digest_json({**texts, "prompts": rows, "metrics": plans, "reference_audio": audio})


def _chosen(plan: MetricPlan) -> list[dict[str, str]]:
    """The options, where there are any: a suite without them keeps the digest that it had before there were."""
    return [dict(plan.options)] if plan.options else []


def _file_digest(path: Path | None) -> str | None:
    """A reference that is not here yet has no digest; using it is refused later, by name."""
    return digest_file(path) if path is not None and path.is_file() else None
