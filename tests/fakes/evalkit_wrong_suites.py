"""Suites with faults planted in them: each knows what every one of its faults must be told as."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

MANIFEST = """
name = "own"
title = "Own"
version = "1"
protocol = "own-1"
size = "full"
[prompts]
file = "own.csv"
id = "id"
text = "prompt"
seconds = "seconds"
group = "clip"
count = 6
groups = 3
captions = "all"
no_reference = ["c2"]
[metrics.clap_score]
weights = "clap-mini"
[metrics.kl_passt]
weights = "passt-mini"
direction = "generated||reference"
reference = "pairs.npz"
[metrics.fd_openl3]
weights = "openl3-mini"
[metrics.fd_openl3.reference]
repo = "a/b"
commit = "0123456789012345678901234567890123456789"
path = "load/x.npz"
blob = "0123456789012345678901234567890123456789"
form = "mu_sigma"
count = 3
[reference]
audio = "sounds"
""".lstrip()

ROWS = [["id", "prompt", "seconds", "clip"], *([f"p{n}", f"sound {n}", "2.5", f"c{n // 2}"] for n in range(6))]


@dataclass
class Draft:
    """A suite in the making: the lines of its manifest, the rows of its prompts, and what must be told of it."""

    lines: list[str] = field(default_factory=lambda: MANIFEST.splitlines())
    rows: list[list[str]] = field(default_factory=lambda: [list(row) for row in ROWS])
    told: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)

    def at(self, text: str) -> int:
        return next(number for number, line in enumerate(self.lines) if line.startswith(text))


Fault = Callable[[Draft], None]


def line(old: str, new: str, *told: str) -> Fault:
    """Put another line in the place of the one that begins so; "" takes it away. `{line}` in what is told is its
    number."""

    def plant(draft: Draft) -> None:
        number = draft.at(old)
        draft.lines[number] = new
        draft.told += [each.replace("{line}", f"line {number + 1}") for each in told]

    return plant


def cell(row: int, column: int, value: str, *told: str) -> Fault:
    def plant(draft: Draft) -> None:
        draft.rows[row][column] = value
        draft.told += told

    return plant


def short_row(draft: Draft) -> None:
    draft.rows[4] = draft.rows[4][:2]
    draft.told += ["line 5: has 2 fields"]


IN_MANIFEST: dict[str, Fault] = {
    "no name": line("name", "", "'name' is missing"),
    "a misspelt title": line("title", 'tilte = "x"', "{line}: unknown key 'tilte'", "did you mean title"),
    "a number as version": line("version", "version = 2", "{line}: 'version' is 2"),
    "an empty protocol": line("protocol", 'protocol = " "', "{line}: 'protocol' is ' '"),
    "no such size": line("size", 'size = "huge"', "{line}: 'size' is 'huge'"),
    "no file": line("file", "", "'file' is missing"),
    "a list as id": line("id = ", "id = []", "{line}: [prompts]: 'id' is []"),
    "an empty column": line("text", 'text = ""', "{line}: [prompts]: 'text' is ''"),
    "too long": line("seconds", "seconds = 4000", "{line}: [prompts]: 'seconds' is 4000"),
    "a switch as seconds": line("seconds", "seconds = true", "{line}: [prompts]: 'seconds' is true"),
    "a misspelt group": line("group = ", 'gruop = "clip"', "{line}: unknown key 'gruop'", "did you mean group"),
    "a count below nothing": line("count = 6", "count = -1", "{line}: [prompts]: 'count' is -1"),
    "half a group": line("groups", "groups = 1.5", "{line}: [prompts]: 'groups' is 1.5"),
    "no such captions": line("captions", 'captions = "some"', "{line}: [prompts]: 'captions' is 'some'"),
    "one source as text": line("no_reference", 'no_reference = "c2"', "{line}: [prompts]: 'no_reference' is 'c2'"),
    "no such metric": line("[metrics.clap_score]", "[metrics.clap_scor]", "{line}: unknown key 'clap_scor'"),
    "no such judge": line('weights = "clap-mini"', 'weights = "clap-mni"', "{line}: ", "'clap-mni'", "did you mean"),
    "no weights": line('weights = "passt-mini"', "", "'weights' is missing"),
    "no such convention": line("direction", 'direction = "up"', "{line}: ", "'up'"),
    "a number as reference": line("reference = ", "reference = 3", "{line}: [metrics.kl_passt]: 'reference' is 3"),
    "a repository that is none": line("repo", 'repo = "a"', "{line}: ", "repo of a source cannot be 'a'"),
    "a way out": line("path", 'path = "../../x"', "the path of a source cannot be"),
    "no digest": line("blob", 'blob = "zz"', "{line}: ", "blob of a source cannot be 'zz'"),
    "no such form": line("form", 'form = "musigma"', "{line}: ", "'musigma'", "did you mean mu_sigma"),
    "nothing said of the clips": line("count = 3", "", "has no count"),
    "a misspelt key of a source": line("commit", 'comit = "main"', "{line}: unknown key 'comit'"),
    "a folder that is a list": line("audio", "audio = [1]", "{line}: [reference]: 'audio' is [1]"),
}  # fmt: skip

IN_PROMPTS: dict[str, Fault] = {
    "an empty text": cell(2, 1, " ", "line 3: 'prompt' is empty"),
    "an id twice": cell(3, 0, "p0", "'p0' is on line 2 and on line 4"),
    "no number": cell(1, 2, "soon", "line 2: seconds is 'soon'"),
    "below nothing": cell(5, 2, "-1", "line 6: seconds is '-1'"),
    "an empty source": cell(6, 3, "", "line 7: 'clip'"),
    "too few fields": short_row,
}
APART = [{"too long", "a switch as seconds"}, {"no such form", "nothing said of the clips"}]
"""What cannot be planted beside each other: they would be in one line, or one leaves nothing that the other is of."""


@dataclass(frozen=True)
class WrongSuite:
    names: tuple[str, ...]
    manifest: str
    prompts: str
    told: tuple[str, ...]

    def write(self, folder: Path) -> Path:
        (folder / "own.csv").write_text(self.prompts, encoding="utf-8")
        (folder / "own.toml").write_text(self.manifest, encoding="utf-8")
        return folder / "own.toml"


def wrong_suite(faults: Sequence[str]) -> WrongSuite:
    draft = Draft()
    for name in faults:
        {**IN_MANIFEST, **IN_PROMPTS}[name](draft)
    prompts = "".join(",".join(row) + "\n" for row in draft.rows)
    return WrongSuite(tuple(faults), "\n".join(draft.lines) + "\n", prompts, tuple(draft.told))


def wrong_suites(count: int, seed: int = 0) -> list[WrongSuite]:
    """Each fault alone, then combinations of two to five, `count` suites in all."""
    draw = random.Random(seed)
    chosen = [(name,) for name in (*IN_MANIFEST, *IN_PROMPTS)]
    while len(chosen) < count:
        picked = draw.sample(list(IN_MANIFEST), draw.randrange(1, 5))
        if draw.random() < 0.6:
            picked += draw.sample(list(IN_PROMPTS), draw.randrange(1, 3))
        if not any(each <= set(picked) for each in APART):
            chosen.append(tuple(picked))
    return [wrong_suite(each) for each in chosen]
