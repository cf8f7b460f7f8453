"""Suites by name or path: the manifest (`evalkit.suites.manifest`) and the prompts that belong to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from evalkit.core.errors import unknown_name
from evalkit.core.faults import shown
from evalkit.core.paths import typed
from evalkit.core.plugins import running
from evalkit.core.registry import Registry, is_file, split
from evalkit.core.resources import resource
from evalkit.suites.base import Outline, Prompt, Suite
from evalkit.suites.brief import Brief
from evalkit.suites.columns import lyrics_column
from evalkit.suites.compose import compose
from evalkit.suites.further import Further, further_of
from evalkit.suites.identity import suite_digest
from evalkit.suites.manifest import TEXT_KEYS, Draft, draft_outline, read_outline
from evalkit.suites.pinned import require_fetched
from evalkit.suites.prompts import prompts_of
from evalkit.suites.rows import read_rows

SUITES = Registry("suite", "evalkit.suites", {})
"""Suites of other packages: each entry point is the path of a manifest, or a function that returns it."""

_NAMED = 5
"""Sources that an error names before it only counts the rest."""


def suite_names() -> list[str]:
    """The suites that can be named without a path: evalkit's own and those of installed packages."""
    return sorted({path.stem for path in resource("prompts").glob("*.toml")} | set(SUITES.names()))


def load_outline(name_or_path: str) -> Outline:
    """What the manifest of a suite says, without its prompts: they need not be here.

    Raises UserError for an unknown name (with the nearest), or an unreadable manifest.
    """
    return read_outline(find_manifest(name_or_path), name_or_path)


def load_suite(asked: str | Brief, weights: Mapping[str, Path] | None = None) -> Suite:
    """The suite of that name, of that manifest path (anything with a folder separator or `.toml`), or of that Brief.
    `weights` {name: path} are given by hand, and here for that.

    Raises UserError as `load_outline` does, for a bad prompt file, for one that is not fetched yet, and where
    there are other numbers of prompts or sources than the manifest states.
    """
    if isinstance(asked, Brief):
        named = asked.reference if isinstance(asked.reference, str) and is_suite(asked.reference) else None
        return compose(asked, None if named is None else load_outline(named), weights or {})
    draft = draft_outline(find_manifest(asked), asked)
    outline, further = draft.outline, _prompts(draft)
    draft.file.settle()
    prompts = tuple(further.prompts)
    if outline.captions == "first":
        prompts = _first_of_each_source(prompts)
    texts: dict[str, Any] = {key: getattr(outline, key) for key in TEXT_KEYS}
    excluded = frozenset(each.id for each in prompts if outline.absent & {each.group, each.id})
    return Suite(
        **texts,
        prompts=prompts,
        metrics={name: replace(plan, excluded=excluded) for name, plan in outline.metrics.items()},
        reference_audio=outline.reference_audio,
        digest=suite_digest(texts, prompts, outline.metrics, outline.reference_audio, outline.absent),
        left_out=outline.left_out,
        **further.of_suite,
    )


def is_suite(name_or_path: str) -> bool:
    """Does a word name a suite, and not a file or folder? A bare word that a suite has is the suite's, as in --suite;
    `./mini` is the folder."""
    return name_or_path.endswith(".toml") or name_or_path in suite_names()


def _first_of_each_source(prompts: tuple[Prompt, ...]) -> tuple[Prompt, ...]:
    first: dict[str, Prompt] = {}
    for prompt in prompts:
        first.setdefault(prompt.group, prompt)
    return tuple(first.values())


def find_manifest(name_or_path: str) -> Path:
    """The manifest that a name or a path on the command line means."""
    is_code = is_file(split(name_or_path)[0])
    if name_or_path.endswith(".toml") or (not is_code and ("/" in name_or_path or "\\" in name_or_path)):
        return typed(name_or_path)
    own = {path.stem: path for path in resource("prompts").glob("*.toml")}
    if name_or_path in own:
        return own[name_or_path]
    if name_or_path not in SUITES.targets() and ":" not in name_or_path:
        raise unknown_name("suite", name_or_path, suite_names())
    target = SUITES.load(name_or_path, typed=True)
    with running(f"suite {name_or_path!r} does not say where its manifest is"):
        return Path(target() if callable(target) else target)


def _prompts(draft: Draft) -> Further:
    """The prompts, where the manifest says well which they are; what is wrong with them is told with its faults."""
    outline, found, doubtful = draft.outline, Further(()), draft.prompts.doubtful()
    if not doubtful & {"file", "source", "id", "text"}:
        columns = replace(outline.columns, seconds=1.0) if "seconds" in doubtful else outline.columns
        with draft.file.report.also():
            if outline.pinned is not None:
                require_fetched(outline.pinned)
            table = read_rows(outline.prompts)
            if columns.lyrics is None:
                columns = replace(columns, lyrics=lyrics_column(table))
            prompts = prompts_of(table, columns)
            found = further_of(prompts, table.rows, table.columns, columns)
            if not doubtful:
                _look_at_counts(draft, prompts)
    return found


def _look_at_counts(draft: Draft, prompts: Sequence[Prompt]) -> None:
    """What the manifest states must be what is here: else it is not the file that the manifest is about."""
    outline, groups = draft.outline, {prompt.group for prompt in prompts}
    for key, what, claimed, found in (
        ("count", "prompts", outline.count, len(prompts)),
        ("groups", "sources", outline.groups, len(groups)),
    ):
        if claimed and claimed != found:
            draft.prompts.fault(key, f"states {claimed} {what}, and {outline.prompts} holds {found}")
    strangers = sorted(outline.absent - groups - {prompt.id for prompt in prompts})
    if strangers:
        more = f" and {len(strangers) - _NAMED} more" if len(strangers) > _NAMED else ""
        named = ", ".join(map(shown, strangers[:_NAMED]))
        draft.prompts.fault(
            "no_reference", f"no_reference names {named}{more}, which no prompt has as its source or id"
        )
