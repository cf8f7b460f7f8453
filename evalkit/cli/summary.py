"""The verdicts of `evalkit check` for machines and for the page of a CI job: JUnit XML, Markdown, a line of history."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.core.commit import commit_here
from evalkit.core.errors import UserError
from evalkit.core.files import writing
from evalkit.core.text import clean, one_line
from evalkit.report.text import MISSING, figure, number

if TYPE_CHECKING:
    from evalkit.api.comparisons import Comparisons
    from evalkit.run.gate import Comparison

STEP = "GITHUB_STEP_SUMMARY"
"""The variable in which GitHub names the file that a job's page is made of."""

_COMMITS = ("GITHUB_SHA", "CI_COMMIT_SHA")
_MARKS = {"pass": "✅ pass", "worse": "❌ worse", "inconclusive": "⚪ inconclusive", "invalid": "❌ invalid"}


def places(asked: Path | None) -> list[Path]:
    """Where the Markdown goes: to the file that was asked for, and to GitHub's where that is set. Raises UserError
    where one of them cannot be appended to, before anything is judged."""
    step = os.environ.get(STEP, "").strip()
    named = [*([("--summary", asked)] if asked is not None else []), *([(STEP, Path(step))] if step else [])]
    for name, path in named:
        if path.exists() and not path.is_file():
            raise UserError(f"{name} {path}: is no file", "name a file to append to")
        if not os.access(path if path.exists() else path.absolute().parent, os.W_OK):
            raise UserError(f"{name} {path}: cannot be written", "name a file in a folder that there is")
    return list(dict.fromkeys(path for _, path in named))


def append_markdown(found: Comparisons, path: Path) -> None:
    """Append the summary to a file. Raises CannotWrite where the disk refuses it."""
    with writing(path), path.open("a", encoding="utf-8") as file:
        file.write(markdown(found))


def markdown(found: Comparisons) -> str:
    """A heading with the verdict, a table of the metrics, and what is to be known of them."""
    verdict = "pass" if found.passed else "FAIL"
    lines = [f"### evalkit check: {verdict}{' (strict)' if found.strict else ''}", ""]
    lines += [_cell(f"{found.run.model.get('name')} on suite {found.run.suite.get('name')}, {found.against}"), ""]
    lines += ["| metric | better | current | baseline | difference | 95 % interval | n | verdict |"]
    lines += ["|---|---|--:|--:|--:|--:|--:|---|", *map(_row, found.comparisons), ""]
    lines += [f"- {_cell(f'{each.metric}: {each.words}')}" for each in found.comparisons if each.words]
    lines += [f"- {_cell(note)}" for note in found.notes]
    return "\n".join(lines).rstrip() + "\n\n"


def _row(each: Comparison) -> str:
    spread = MISSING if each.low is None else f"{figure(each.low, 3)} to {figure(each.high, 3)}"
    numbers = [figure(each.current), figure(each.baseline), figure(each.difference, 3), spread]
    cells = [each.metric, each.direction or "?", *numbers, str(each.n or MISSING)]
    return "| " + " | ".join([*map(_cell, cells), _MARKS[each.verdict]]) + " |"


def _cell(text: str) -> str:
    """Any text as plain words in a Markdown table."""
    flat = one_line(text, 300).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join("\\" + char if char in "\\`*_{}[]()#!|~$@" else char for char in flat)


def for_history(found: Comparisons, commit: str | None) -> dict[str, object]:
    """The record of a check in its history: what was judged, when, of which state of the code."""
    named, dirty = _state_of_code(commit)
    metrics = {}
    for each in found.comparisons:
        score = found.run.metrics.get(each.metric, {})
        ends = (score.get("low"), score.get("high")) if each.method != "bound" else (each.low, each.high)
        told = {"value": each.current, "low": ends[0], "high": ends[1], "se": number(score.get("se"))}
        told |= {"baseline": each.baseline, "n": each.n}
        metrics[each.metric] = {**told, "direction": each.direction, "verdict": each.verdict}
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": named,
        "dirty": dirty,
        "run_id": found.run.run_id,
        "model": found.run.model.get("name"),
        "suite": found.run.suite.get("name"),
        "protocol": found.run.suite.get("protocol"),
        "baseline": None if found.alone else found.baseline.source,
        "verdict": "pass" if found.passed else "fail",
        "metrics": metrics,
    }


def _state_of_code(commit: str | None) -> tuple[str, bool | None]:
    """What the history calls it ("": nothing says so), and whether files differ from it: None where that is not known,
    as of a commit that is not the one of the working folder."""
    named = commit or next((os.environ[name] for name in _COMMITS if os.environ.get(name)), "")
    here = commit_here(Path.cwd())
    if here is None or (named and named != here.id):
        return named, None
    return here.id, here.dirty


def junit(comparisons: Sequence[Comparison], strict: bool) -> bytes:
    """JUnit XML: what is worse or invalid fails; what is inconclusive is skipped, or fails where it is `strict`."""
    from xml.etree import ElementTree

    from evalkit.run.gate import passes

    suite = ElementTree.Element("testsuite", name="evalkit check", tests=str(len(comparisons)))
    for each in comparisons:
        case = ElementTree.SubElement(suite, "testcase", classname="evalkit.check", name=clean(each.metric))
        words = clean(f"{each.verdict}: {each.current} against {each.baseline}. {each.words}".strip())
        if not passes([each], strict):
            ElementTree.SubElement(case, "failure", message=words)
        elif each.verdict == "inconclusive":
            ElementTree.SubElement(case, "skipped", message=words)
        elif each.words:
            ElementTree.SubElement(case, "system-out").text = words
    for kind, name in (("failures", "failure"), ("skipped", "skipped")):
        suite.set(kind, str(len(suite.findall(f".//{name}"))))
    return bytes(ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True))
