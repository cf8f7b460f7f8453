"""A suite that a Brief described, written as a manifest and a prompt file: the same suite, to be kept and shared."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from evalkit.core.errors import UserError
from evalkit.core.files import write_bytes
from evalkit.core.paths import typed
from evalkit.core.registry import is_file, split
from evalkit.core.text import escaped
from evalkit.embed.base import EMBEDDERS
from evalkit.suites.base import UNKNOWN, MetricPlan, Prompt, Suite
from evalkit.suites.load import suite_names
from evalkit.suites.manifest import TEXT_KEYS


def keep(suite: Suite, folder: Path) -> tuple[Path, Path]:
    """Write `<name>.toml` and `<name>.jsonl` into a folder; they have the digest of `suite`. References stay where they
    lie, and are named as seen from the folder. So is an own embedder, where that is not the folder that the person is
    in: there the suite has a digest of its own, as the judge has another name.

    Raises UserError for a name that is no file's, and where one of the two is there already.
    """
    if not suite.name.isprintable() or set(suite.name) & set('/\\:*?"<>|') or suite.name.startswith((".", "-")):
        raise UserError(f"{suite.name!r}: a suite's name is the name of its manifest's file", "use letters and dashes")
    if suite.name in suite_names():
        raise UserError(f"there is a suite called {suite.name} already", "choose another name")
    manifest, prompts = folder / f"{suite.name}.toml", folder / f"{suite.name}.jsonl"
    for path in (manifest, prompts):
        if path.exists() or path.is_symlink():
            raise UserError(f"{path}: is there already", "choose another name, or move it away")
    rows = "".join(json.dumps(_row(each), ensure_ascii=False) + "\n" for each in suite.prompts)
    write_bytes(prompts, rows.encode())
    write_bytes(manifest, "\n".join(_lines(suite, prompts.name, folder)).encode() + b"\n")
    return manifest, prompts


def _row(prompt: Prompt) -> dict[str, object]:
    row: dict[str, object] = {"id": prompt.id, "prompt": prompt.text}
    row |= {"seconds": prompt.seconds} if prompt.seconds else {}
    row |= {"group": prompt.group, "labels": list(prompt.labels)}
    row |= {"lyrics": prompt.lyrics} if prompt.lyrics else {}
    return {**row, **{name: value for name, value in prompt.further if name not in row}}


def _lines(suite: Suite, prompts: str, folder: Path) -> Iterator[str]:
    yield from (f"# {note.replace(chr(10), ' ')}" for note in map(escaped, suite.notes) if note.isprintable())
    yield from _pairs({key: getattr(suite, key) for key in TEXT_KEYS})
    yield from ("", "[prompts]")
    missing = next(iter(suite.metrics.values())).excluded
    seconds: object = "seconds" if all(prompt.seconds for prompt in suite.prompts) else 0
    yield from _pairs({"file": prompts, "seconds": seconds, "group": "group", "labels": "labels"})
    yield from _pairs({"count": len(suite.prompts), **({"no_reference": sorted(missing)} if missing else {})})
    for name, plan in suite.metrics.items():
        yield from ("", f"[metrics.{_value(name)}]", *_pairs(_plan(plan, folder)))
        if plan.pinned is not None:
            source = {key: value for key, value in asdict(plan.pinned.source).items() if value}
            more = {"form": plan.pinned.form, **({"count": plan.pinned.count} if plan.pinned.count else {})}
            yield from ("", f"[metrics.{_value(name)}.reference]", *_pairs({**source, **more}))
    if suite.reference_audio is not None:
        yield from ("", "[reference]", *_pairs({"audio": _seen_from(folder, suite.reference_audio)}))
    if suite.left_out:
        yield from ("", "[left_out]", *_pairs(suite.left_out))


def _plan(plan: MetricPlan, folder: Path) -> dict[str, object]:
    said: dict[str, object] = {
        **({"like": plan.like} if plan.like else {}),
        "weights": _weights(plan, folder),
        **plan.options,
    }
    if plan.reference is not None and plan.pinned is None:
        said["reference"] = _seen_from(folder, plan.reference)
        said |= {"count": "unknown" if plan.count == UNKNOWN else plan.count} if plan.count else {}
    return said


def _weights(plan: MetricPlan, folder: Path) -> str:
    """The judge, as it is to be named in the folder: code that was typed is where the person is."""
    place, attribute = split(plan.embedded_by)
    if folder.absolute() == Path().absolute() or not EMBEDDERS.is_code(plan.weights) or not is_file(place):
        return plan.weights
    return f"{_seen_from(folder, typed(place))}:{attribute}"


def _seen_from(folder: Path, path: Path) -> str:
    return Path(os.path.relpath(path.absolute(), folder.absolute())).as_posix()


def _pairs(values: Mapping[str, object]) -> Iterator[str]:
    return (f"{key} = {_value(value)}" for key, value in values.items())


def _value(value: object) -> str:
    """A TOML value; JSON writes texts, numbers and lists as TOML does, but for one control character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
