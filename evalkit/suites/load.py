"""Suites by name or path: the manifest (`evalkit.suites.manifest`) and the prompts that belong to it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from evalkit.audio.folders import sound_digest, sound_files
from evalkit.core.errors import UserError, unknown_name
from evalkit.core.ids import digest_file, digest_json
from evalkit.core.paths import typed
from evalkit.core.plugins import running
from evalkit.core.registry import Registry
from evalkit.core.resources import resource
from evalkit.fetch.sources import identity
from evalkit.suites.base import MetricPlan, Outline, Prompt, Suite
from evalkit.suites.manifest import TEXT_KEYS, read_outline
from evalkit.suites.pinned import require_fetched
from evalkit.suites.prompts import read_prompts

SUITES = Registry("suite", "evalkit.suites", {})
"""Suites of other packages: each entry point is the path of a manifest, or a function that returns it."""


def suite_names() -> list[str]:
    """The suites that can be named without a path: evalkit's own and those of installed packages."""
    return sorted({path.stem for path in resource("prompts").glob("*.toml")} | set(SUITES.names()))


def load_outline(name_or_path: str) -> Outline:
    """What the manifest of a suite says, without its prompts: they need not be here.

    Raises UserError for an unknown name (with the nearest), or an unreadable manifest.
    """
    return read_outline(find_manifest(name_or_path), name_or_path)


def load_suite(name_or_path: str) -> Suite:
    """The suite of that name, or of that manifest path (anything with a folder separator or `.toml`).

    Raises UserError as `load_outline` does, for a bad prompt file, for one that is not fetched yet, and where
    there are other numbers of prompts or sources than the manifest states.
    """
    outline = load_outline(name_or_path)
    if outline.pinned is not None:
        require_fetched(outline.pinned)
    prompts = tuple(read_prompts(outline.prompts, outline.columns))
    _require_counts(outline, prompts)
    if outline.captions == "first":
        prompts = _first_of_each_source(prompts)
    excluded = frozenset(prompt.id for prompt in prompts if prompt.group in outline.absent)
    return Suite(
        **{key: getattr(outline, key) for key in TEXT_KEYS},
        prompts=prompts,
        metrics={name: replace(plan, excluded=excluded) for name, plan in outline.metrics.items()},
        reference_audio=outline.reference_audio,
        digest=_digest(outline, prompts),
    )


def _first_of_each_source(prompts: tuple[Prompt, ...]) -> tuple[Prompt, ...]:
    first: dict[str, Prompt] = {}
    for prompt in prompts:
        first.setdefault(prompt.group, prompt)
    return tuple(first.values())


def find_manifest(name_or_path: str) -> Path:
    """The manifest that a name or a path on the command line means."""
    if name_or_path.endswith(".toml") or "/" in name_or_path or "\\" in name_or_path:
        return typed(name_or_path)
    own = {path.stem: path for path in resource("prompts").glob("*.toml")}
    if name_or_path in own:
        return own[name_or_path]
    if name_or_path not in SUITES.targets() and ":" not in name_or_path:
        raise unknown_name("suite", name_or_path, suite_names())
    target = SUITES.load(name_or_path)
    with running(f"suite {name_or_path!r} does not say where its manifest is"):
        return Path(target() if callable(target) else target)


def _require_counts(outline: Outline, prompts: tuple[Prompt, ...]) -> None:
    """What the manifest states must be what is here: else it is not the file that the manifest is about."""
    groups = {prompt.group for prompt in prompts}
    for what, claimed, found in (("prompts", outline.count, len(prompts)), ("sources", outline.groups, len(groups))):
        if claimed and claimed != found:
            raise UserError(f"{outline.prompts}: holds {found} {what}, {outline.manifest} states {claimed}")
    strangers = sorted(outline.absent - groups)
    if strangers:
        raise UserError(f"{outline.manifest}: no_reference names {strangers[0]!r}, which no prompt has as its source")


def _digest(outline: Outline, prompts: tuple[Prompt, ...]) -> str:
    """Digest of what the suite says, not of how its files are spelled or where they lie."""
    rows = [[p.id, p.text, p.seconds, p.group, list(p.labels)] for p in prompts]
    audio = None
    if outline.reference_audio is not None:
        audio = _digests_of_sounds(outline.reference_audio)
    said: dict[str, object] = {key: getattr(outline, key) for key in TEXT_KEYS}
    said |= {"prompts": rows, "metrics": _said_of_metrics(outline.metrics), "reference_audio": audio}
    if outline.absent:  # a suite without any keeps the digest that it had before there could be some
        said["no_reference"] = sorted(outline.absent)
    return digest_json(said)


def _digests_of_sounds(folder: Path) -> dict[str, str]:
    """Of the sounds in a suite's reference folder, by name, and of nothing else that lies there: it may be `/`. A
    folder that is absent or has none counts as empty, and using it is refused later, by name."""
    with suppress(UserError):
        return {path.name: sound_digest(path) for path in sound_files(folder)}
    return {}


def _said_of_metrics(metrics: Mapping[str, MetricPlan]) -> dict[str, list[object]]:
    """Per metric: weights, reference, and options where there are any. A pinned reference counts as what its
    source says it is, whether or not it is here; any other one that is not here yet counts as none, and using
    it is refused later, by name."""
    said: dict[str, list[object]] = {}
    for name, plan in metrics.items():
        path, pinned = plan.reference, plan.pinned
        if pinned is not None:
            reference: object = [identity(pinned.source), pinned.form, pinned.count]
        else:
            reference = digest_file(path) if path is not None and path.is_file() else None
            reference = [reference, plan.count] if plan.count else reference
        said[name] = [plan.weights, reference, *([dict(plan.options)] if plan.options else [])]
    return said
