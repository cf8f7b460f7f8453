"""`--prompt-template`: the model is asked otherwise, the judges are not, and every output says which."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import evalkit as evalkit_api
from evalkit.core.errors import UserError

Answer = tuple[int, str, str]
MODEL = '''
import numpy as np
from evalkit.generators.base import GenBatch, GeneratorSpec


class Tone:
    """As loud as its prompt is long; what it was asked is written down."""

    def __init__(self):
        self.spec = GeneratorSpec(
            name="tone", family="tone", sample_rate=16000, channels=1, max_seconds=2.0, size="none",
            presets={"card": {"prompt_template": "sfx"}}, default_preset="card",
            templates={"sfx": {"TrackType": "SFX"}, "music": {"TrackType": "Music"}},
        )

    def load(self, device, dtype):
        pass

    def generate(self, prompts, seconds, seeds, options):
        assert options == {}, options
        with open("asked.txt", "a") as file:
            file.writelines(prompt + "\\n" for prompt in prompts)
        made = [
            (len(prompt) / 100 * np.sin(np.arange(round(each * 16000)) / 9))[None].astype("float32")
            for prompt, each in zip(prompts, seconds)
        ]
        return GenBatch(made, 16000, {})

    def close(self):
        pass
'''


@pytest.fixture
def run(evalkit: Callable[..., Answer], tmp_path: Path) -> Callable[..., Answer]:
    """`run(*words)`: three prompts by a model with templates."""
    (tmp_path / "tone.py").write_text(MODEL)
    (tmp_path / "own.csv").write_text("id,prompt,seconds\na,a dog,0.5\nb,rain on tin,0.5\nc,a clock,0.25\n")

    def call(*words: str, verb: str = "run", model: str = "tone.py:Tone") -> Answer:
        page = ["--no-report"] if verb == "run" else []
        return evalkit(verb, "--model", model, "--prompts", "own.csv", "--judges", "mini", "--json", *page, *words)

    return call


def told(answer: Answer, code: int = 0) -> dict[str, Any]:
    assert answer[0] == code, answer[2]
    found: dict[str, Any] = json.loads(answer[1])
    return found


def test_a_suite_with_and_without_is_two_rows_and_everything_says_which(
    run: Callable[..., Answer], evalkit: Callable[..., Answer], tmp_path: Path
) -> None:
    with_it, without = told(run()), told(run("--prompt-template", "none"))
    asked = (tmp_path / "asked.txt").read_text().splitlines()
    assert {"TrackType: SFX, a dog", "a dog"} <= set(asked)
    assert with_it["run_id"] != without["run_id"]
    records = [json.loads((Path(each["run"]) / "run.json").read_text()) for each in (with_it, without)]
    assert [each["options"]["prompt_template"] for each in records] == ["sfx", "none"]
    assert records[0]["identity"]["options"]["prompt_template"] == {"TrackType": "SFX"}
    assert "TrackType: SFX, PROMPT" in " ".join(records[0]["model"]["notes"])
    assert records[0]["suite"]["digest"] == records[1]["suite"]["digest"]

    page = evalkit("report", with_it["run"], without["run"], "--format", "md")
    assert page[0] == 0 and "card · template sfx" in page[1] and "card · no template" in page[1], page
    table = evalkit("report", with_it["run"], without["run"], "--format", "csv")[1].splitlines()
    assert {line.rpartition(",")[2] for line in table[1:] if "headline" in line} == {"sfx", ""}

    same = "another prompt template than the baseline's: sfx, there none"
    compared = evalkit("compare", with_it["run"], without["run"])
    assert "template sfx" in compared[1] and "no template" in compared[1], "the two sides are named by it"
    assert evalkit("check", without["run"], "--save", "--baseline", "b.json")[0] == 0
    checked = evalkit("check", with_it["run"], "--baseline", "b.json")
    assert same in " ".join(checked[1].split()) + " ".join(checked[2].split())


def test_the_judges_hear_the_suites_own_caption(run: Callable[..., Answer], tmp_path: Path) -> None:
    """Else a CLAP score with a template and one without would be two scales."""
    import pyarrow.parquet as parquet

    found = told(run("--prompt-template", "music"))
    prompts = parquet.read_table(Path(found["run"]) / "samples.parquet").column("prompt").to_pylist()
    assert sorted(prompts) == ["a clock", "a dog", "rain on tin"]
    assert "TrackType: Music, rain on tin" in (tmp_path / "asked.txt").read_text()


def test_no_sound_of_another_template_is_taken_over(run: Callable[..., Answer]) -> None:
    first = told(run(verb="generate"))
    other = told(run("--prompt-template", "music", verb="generate"))
    sounds = [json.loads((Path(each["run"]) / "run.json").read_text()) for each in (first, other)]
    assert "taken_over" not in sounds[1] and first["run_id"] != other["run_id"]
    assert told(run(verb="generate"))["reused"] is True


@pytest.mark.parametrize(
    ("model", "name", "line"),
    [
        ("tone.py:Tone", "sfxx", "no prompt template of tone is called 'sfxx'"),
        ("mock", "sfx", "mock has no prompt templates"),
        ("folder:sounds", "sfx", "--prompt-template changes how audio is made"),
    ],
)
def test_what_cannot_be_is_one_line_before_any_work(
    run: Callable[..., Answer], tmp_path: Path, model: str, name: str, line: str
) -> None:
    (tmp_path / "sounds").mkdir()
    code, _, err = run("--prompt-template", name, model=model)
    assert code == 2 and line in " ".join(err.split()) and "Traceback" not in err
    assert not (tmp_path / "asked.txt").exists()


def test_a_default_in_evalkit_toml(run: Callable[..., Answer], tmp_path: Path) -> None:
    (tmp_path / "evalkit.toml").write_text('[generate]\nprompt-template = "music"\n')
    told(run(verb="generate"))
    assert "TrackType: Music, a dog" in (tmp_path / "asked.txt").read_text()


def test_from_python_it_is_a_parameter() -> None:
    with pytest.raises(UserError, match=r"^prompt_template music: mock has no prompt templates"):
        evalkit_api.run("mock", prompt_template="music")
