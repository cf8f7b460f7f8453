"""Files of one's own beside suites, with faults planted in them: a worker's manifest, what is told of a system, the
defaults of a folder, a baseline. Each file knows what every one of its faults must be told as."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from evalkit_gate import SUITE
from evalkit_wrong_suites import CannotPlantError, Draft, Fault, line

from evalkit.run.baseline import KIND, SCHEMA

WORKER = """
file = "worker.py"
python = "3.11"
complete = true
[timeouts]
load = 30
each = 5
[models.tone]
family = "tones"
sample_rate = 16000
channels = 1
max_seconds = 30
size = "full"
licence = "MIT"
gated = false
batch_size = 2
needs = ["tone"]
default_preset = "low"
copied = { tone = "torch" }
[models.tone.presets.low]
pitch = 440
""".lstrip()

IN_WORKER: dict[str, Fault] = {
    "no file": line("file", "", "'file' is missing"),
    "a file elsewhere": line("file", 'file = "../w.py"', "{line}: 'file' is '../w.py'"),
    "a number as Python": line("python", "python = 3.11", "{line}: 'python' is 3.11"),
    "text as switch": line("complete", 'complete = "yes"', "{line}: 'complete' is 'yes'"),
    "a misspelt limit": line("load", "laod = 30", "{line}: unknown key 'laod'", "did you mean load"),
    "no time at all": line("each", "each = 0", "{line}: [timeouts]: 'each' is 0"),
    "a list as family": line("family", "family = []", "{line}: [models.tone]: 'family' is []"),
    "no rate": line("sample_rate", "", "'sample_rate' is missing"),
    "half a channel": line("channels", "channels = 0.5", "{line}: [models.tone]: 'channels' is 0.5"),
    "endless": line("max_seconds", "max_seconds = inf", "{line}: ", "is no finite number"),
    "no such size": line("size", 'size = "huge"', "{line}: [models.tone]: 'size' is 'huge'"),
    "a misspelt licence": line("licence", 'license = "MIT"', "{line}: unknown key 'license'", "mean licence"),
    "gated by a word": line("gated", 'gated = "no"', "{line}: [models.tone]: 'gated' is 'no'"),
    "a batch of none": line("batch_size", "batch_size = 0", "{line}: [models.tone]: 'batch_size' is 0"),
    "a preset that is none": line("default_preset", 'default_preset = "hi"', "default_preset is one of them"),
    "copied from nowhere": line("copied", 'copied = { tone = "pickle" }', "'tone' is 'pickle'", "expected one of"),
    "copied for nobody": line("copied", 'copied = { tune = "torch" }', "'tune' is none of `needs`"),
    "no quotes": line("family", "family = tones", "{line}, column 10: cannot be read as a worker manifest"),
}  # fmt: skip

ABOUT = """
system = "MeanAudio"
version = "1.0"
date = "2025-08-01"
url = "https://example.org"
terms = "CC BY-NC 4.0"
citation = "Li et al."
notes = "25 steps"
[settings]
steps = 25
""".lstrip()

IN_ABOUT: dict[str, Fault] = {
    "no system": line("system", "", "'system' is missing"),
    "an empty system": line("system", 'system = " "', "{line}: 'system' is ' '"),
    "a number as version": line("version", "version = 1.0", "{line}: 'version' is 1.0"),
    "a date": line("date", "date = 2025-08-01", "{line}: date is a date", "in quotes"),
    "a list of pages": line("url", 'url = ["a"]', "{line}: 'url' is ['a']"),
    "misspelt terms": line("terms", 'tems = "x"', "{line}: unknown key 'tems'", "did you mean terms"),
    "a switch as citation": line("citation", "citation = true", "{line}: 'citation' is true"),
    "a page of notes": line("notes", f'notes = "{"x" * 501}"', "{line}: notes has 501 characters"),
    "settings that nobody knows": line("[settings]", "[setings]", "{line}: unknown key 'setings'", "mean settings"),
    "endless steps": line("steps", "steps = inf", ".steps is no finite number"),
    "no quotes": line("terms", "terms = CC BY", "{line}, column 9: cannot be read as a description of a system"),
}  # fmt: skip

DEFAULTS = """
[run]
model = "mock"
suite = "mini"
limit = 4
seed = 1
no-report = true
set = ["steps=3"]
out = "here"
judges = "mini"
[check]
strict = true
metric = ["kl_passt"]
baseline = "base.json"
""".lstrip()

IN_DEFAULTS: dict[str, Fault] = {
    "code as model": line("model", 'model = "evil:Model"', "{line}: [run]: 'model' names code"),
    "a file as suite": line("suite", 'suite = "./x.toml"', "{line}: [run]: 'suite' is a file"),
    "a misspelt limit": line("limit", "limt = 4", "{line}: unknown key 'limt'", "did you mean limit"),
    "a list of one seed": line("seed", "seed = [1]", "{line}: [run]: 'seed' is [1]"),
    "text as switch": line("no-report", 'no-report = "yes"', "{line}: [run]: 'no-report' is 'yes'"),
    "a table of settings": line("set", "set = { steps = 3 }", "{line}: [run]: 'set' is "),
    "a place outside": line("out", 'out = "/etc"', "{line}: [run]: 'out' is '/etc'"),
    "licences agreed to": line("judges", "yes = true", "{line}: [run]: 'yes' cannot be set here"),
    "no verb": line("[check]", "[chek]", "{line}: unknown key 'chek'", "did you mean check"),
    "no quotes": line("out", "out = here", "{line}, column 7: cannot be read as a table of options"),
}  # fmt: skip

TOML: Mapping[str, tuple[str, Mapping[str, Fault]]] = {
    "worker.toml": (WORKER, IN_WORKER), "about.toml": (ABOUT, IN_ABOUT), "evalkit.toml": (DEFAULTS, IN_DEFAULTS),
}  # fmt: skip


def untold(names: Sequence[str]) -> set[str]:
    """What is told the next time only: of a text with a line that is no TOML nobody can say what is missing."""
    return {"no file", "no system", "no rate"} if "no quotes" in names else set()


SCORE = {
    "value": 1.0, "low": 0.5, "high": 1.5, "se": 0.2, "freedom": 9, "level": 0.95, "method": "mean", "n": 4,
    "n_failed": 0, "n_reference": 0, "direction": "lower", "protocol": "p", "weights": "w", "headline": True,
    "code": None, "embedder": "e", "per_prompt": {"a": 1.0, "b": 2.0}, "leave_outs": [1.0, 2.0],
}  # fmt: skip
BASELINE: dict[str, Any] = {
    "schema": SCHEMA, "kind": KIND, "suite": SUITE, "model": {"name": "m"}, "run_id": "r",
    "groups": {"a": "a", "b": "b"}, "samples_per_prompt": 2, "made": {"torch": "2.10"},
    "metrics": {"kl_passt": SCORE, "clap_score": SCORE},
}  # fmt: skip

Harm = Callable[[dict[str, Any]], None]
_REMOVED = object()


def key(*path: str, to: Any = _REMOVED, named: str = "") -> Harm:
    """Put another value under a key, take it away, or call it otherwise."""

    def harm(record: dict[str, Any]) -> None:
        inner, whole = record, BASELINE
        for each in path[:-1]:
            if not isinstance(inner.get(each), dict):
                raise CannotPlantError
            inner, whole = inner[each], whole[each]
        if path[-1] not in inner or inner[path[-1]] != whole[path[-1]]:
            raise CannotPlantError
        if named:
            inner[named] = inner[path[-1]]
        if named or to is _REMOVED:
            del inner[path[-1]]
        else:
            inner[path[-1]] = to

    return harm


KL, CLAP = ("metrics", "kl_passt"), ("metrics", "clap_score")
IN_BASELINE: dict[str, tuple[Harm, tuple[str, ...]]] = {
    "no suite": (key("suite"), ("'suite' is missing",)),
    "a list of models": (key("model", to=[]), ("'model' is missing or is not an object",)),
    "no groups": (key("groups"), ("'groups' is missing",)),
    "a number as group": (key("groups", "b", to=3), ("groups does not map ids to sources",)),
    "samples of none": (key("samples_per_prompt", to=0), ("samples_per_prompt is 0",)),
    "made on a number": (key("made", "torch", to=2.1), ("made does not map names to words",)),
    "a misspelt made": (key("made", named="mades"), ("'mades'", "did you mean made")),
    "a score that is text": (key(*KL, to="1.0"), ("record of kl_passt is damaged",)),
    "text as value": (key(*CLAP, "value", to="1.0"), ("clap_score is damaged: its value is '1.0'",)),
    "a switch as n": (key(*CLAP, "n", to=True), ("clap_score is damaged: its n is True",)),
    "text as headline": (key(*CLAP, "headline", to="yes"), ("clap_score is damaged: its headline is 'yes'",)),
    "folds of text": (key(*CLAP, "leave_outs", to=["x"]), ("clap_score is damaged: its leave_outs",)),
    "no prompts": (key(*CLAP, "per_prompt"), ("record of clap_score is damaged",)),
    "a prompt without number": (key(*KL, "per_prompt", "a", to=None), ("kl_passt is damaged: its per_prompt",)),
    "a misspelt level": (key(*KL, "level", named="leval"), ("'leval' in metrics.kl_passt", "did you mean level")),
    "a huge error": (key(*KL, "se", to=1e200), ("kl_passt is damaged: its se is 1e+200",)),
}  # fmt: skip


@dataclass(frozen=True)
class WrongFile:
    """A file of the name `kind` with faults that are called `names`; each of `told` must be said of it."""

    kind: str
    names: tuple[str, ...]
    text: str
    told: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.kind}: {'; '.join(self.names)}"


def wrong_toml(kind: str, names: Sequence[str]) -> WrongFile:
    """Raises CannotPlantError where two of the faults are of one line."""
    good, faults = TOML[kind]
    draft, told = Draft(lines=good.splitlines()), list[str]()
    for name in names:
        draft.told = []
        faults[name](draft)
        told += [] if name in untold(names) else draft.told
    return WrongFile(kind, tuple(names), "\n".join(draft.lines) + "\n", tuple(told))


def wrong_baseline(names: Sequence[str]) -> WrongFile:
    """Raises CannotPlantError where two of the faults are in one place."""
    record = json.loads(json.dumps(BASELINE))
    for name in names:
        IN_BASELINE[name][0](record)
    told = tuple(each for name in names for each in IN_BASELINE[name][1])
    return WrongFile("baseline.json", tuple(names), json.dumps(record), told)


def wrong_files(each: int, seed: int = 0) -> list[WrongFile]:
    """Of each kind every fault alone, and then combinations of two to five, `each` files of a kind."""
    draw, found = random.Random(seed), list[WrongFile]()
    makers: dict[str, tuple[list[str], Callable[[Sequence[str]], WrongFile]]] = {
        kind: (list(faults), lambda names, kind=kind: wrong_toml(kind, names)) for kind, (_, faults) in TOML.items()
    }
    makers["baseline.json"] = (list(IN_BASELINE), wrong_baseline)
    for known, make in makers.values():
        these = [make([name]) for name in known]
        while len(these) < each:
            with suppress(CannotPlantError):
                these.append(make(draw.sample(known, draw.randrange(2, 6))))
        found += these
    return found
