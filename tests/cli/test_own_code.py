"""Models and metrics of somebody's own, on the command line: a corrected one is another one, and what fails of it costs
itself alone, with the others' results told, JSON that is JSON, and an exit code that is not 0."""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import own_models
import pytest

Answer = tuple[int, str, str]
SUITE = """
name = "own"
title = "Three prompts"
version = "1"
protocol = "own-1"
size = "mini"
licence = ""
citation = ""
[prompts]
file = "own.csv"
[metrics.duration_error]
weights = "sound"
"""


@pytest.fixture
def run(evalkit: Callable[..., Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Answer]:
    """`run(MODEL, metric="", words)` is `evalkit run` on three prompts with that further metric; modules of the folder
    `own` are imported anew each time, as by a command of its own."""
    (tmp_path / "own.csv").write_text("id,prompt,seconds\na,a dog,0.5\nb,rain,0.5\nc,a clock,0.25\n")
    (tmp_path / "own").mkdir()
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(tmp_path / "own")

    def call(model: str, *words: str, metric: str = "", verb: str = "run") -> Answer:
        for name in [name for name in sys.modules if name.startswith("mine")]:
            del sys.modules[name]
        importlib.invalidate_caches()
        more = f'[metrics."{metric}"]\nweights = "sound"\n' if metric else ""
        (tmp_path / "own.toml").write_text(SUITE + more)
        page = ["--no-report"] if verb == "run" else []
        return evalkit(verb, "--model", model, "--suite", "own.toml", *page, *words)

    return call


def answered(answer: Answer, code: int = 0) -> dict[str, Any]:
    assert answer[0] == code, answer[2]
    told: dict[str, Any] = json.loads(answer[1])
    return told


MODEL = """
import own_models, mine_beside
class Model(own_models.Base):
    spec = own_models.spec(name="mine")
    def one(self, prompt, seconds, seed):
        return mine_beside.LEVEL * own_models.tone(seconds, seed)
"""
METRIC = """
import dataclasses, own_metrics
class Metric(own_metrics.Own):
    def compute(self, inputs):
        return dataclasses.replace(super().compute(inputs), value=1.0)
METRIC = Metric(name="mine")
"""


def test_a_corrected_model_is_another_run(run: Callable[..., Answer], tmp_path: Path) -> None:
    """It was "nothing to do". What it imports counts, what lies beside does not."""
    own = tmp_path / "own"
    (own / "mine.py").write_text(MODEL)
    (own / "mine_beside.py").write_text("LEVEL = 0.0\n")
    first = answered(run("mine:Model", "--json"), 1)
    assert set(first["failures"].values()) == {"silent"}
    (own / "mine_other.py").write_text("")
    again = answered(run("mine:Model", "--json"), 1)
    assert again["reused"] and again["run_id"] == first["run_id"]
    (own / "mine_beside.py").write_text("LEVEL = 1.0\n")
    answer = run("mine:Model", "--json")
    corrected = answered(answer)
    assert f"the code of mine is not that of {first['run']}: this is another run" in answer[2]
    assert corrected["n_ok"] == 3 and corrected["run_id"] != first["run_id"]
    (own / "mine.py").write_text(MODEL.replace("mine_beside.LEVEL *", "0.5 *"))
    assert answered(run("mine:Model", "--json"))["run_id"] not in (first["run_id"], corrected["run_id"])
    (own / "mine.py").write_text(MODEL)
    assert answered(run("mine:Model", "--json"))["reused"], "and back to what it was, it is the run that it was"


def test_another_code_in_the_same_out_folder_is_refused_by_name(run: Callable[..., Answer], tmp_path: Path) -> None:
    (tmp_path / "own" / "mine.py").write_text(MODEL)
    (tmp_path / "own" / "mine_beside.py").write_text("LEVEL = 1.0\n")
    assert run("mine:Model", "--out", "here")[0] == 0
    (tmp_path / "own" / "mine_beside.py").write_text("LEVEL = 0.5\n")
    code, _, err = run("mine:Model", "--out", "here")
    assert code == 2 and "here: holds another run (other code of the model)" in err and "another --out" in err


def test_a_corrected_metric_is_scored_anew_and_nothing_else_is_done(
    run: Callable[..., Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evalkit.embed import sound

    metric, words = tmp_path / "own" / "mine_metric.py", ("--json", "--out", "out")
    metric.write_text(METRIC)
    first = answered(run("own_models:Base", *words, metric="mine_metric:METRIC"))
    assert first["scores"]["mine_metric:METRIC"]["value"] == 1.0
    assert answered(run("own_models:Base", *words, metric="mine_metric:METRIC"))["reused"]
    audio = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "audio").iterdir()}
    metric.write_text(METRIC.replace("value=1.0", "value=2.0"))
    monkeypatch.setattr(own_models.Base, "load", None)
    monkeypatch.setattr(sound, "load", None)
    code, out, err = run("own_models:Base", *words, metric="mine_metric:METRIC")
    second = answered((code, out, err))
    assert second["scores"]["mine_metric:METRIC"]["value"] == 2.0 and not second["reused"]
    codes = [each["scores"]["mine_metric:METRIC"]["code"] for each in (first, second)]
    assert codes[0] != codes[1] and "code" not in second["scores"]["duration_error"]
    assert second["run_id"] == first["run_id"] and "the code of mine_metric:METRIC has changed" in err
    assert audio == {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "audio").iterdir()}
    assert answered(run("own_models:Base", *words, metric="mine_metric:METRIC"))["reused"]


def test_a_shipped_models_run_has_no_code_in_its_identity(run: Callable[..., Answer], tmp_path: Path) -> None:
    told = answered(run("mock", "--json"))
    assert "code" not in json.loads((tmp_path / told["run"] / "run.json").read_text())["identity"]


def test_what_the_world_has_put_right_is_tried_again_when_asked(run: Callable[..., Answer], tmp_path: Path) -> None:
    """The same code, and another outcome: a server is back, a bad sound is a good one."""
    words = ("own_models:Flaky", "--json", "--out", "out")
    failures = [answered(run(*words))["failures"] for _ in range(3)]
    assert failures[0]["b"].startswith("RuntimeError: server away") and failures[0]["c"].startswith("short")
    (tmp_path / "fixed").touch()
    code, out, _ = run("own_models:Flaky", "--out", "out")
    assert code == 0 and "nothing to do" in out and "--retry-failed tries each of them again" in out
    retried = answered(run(*words, "--retry-failed"))
    assert retried["failures"] == {} and retried["n_ok"] == 3
    assert "--retry-failed" not in run("own_models:Flaky", "--out", "out")[1]


WRONG_MODELS = {
    "Built": "RuntimeError: needs CUDA",
    "BuiltExits": "calls sys.exit(None)",
    "Takes": "missing 1 required positional argument: 'path'",
    "LoadMissing": "FileNotFoundError: [Errno 2] No such file or directory: 'weights.bin'",
    "LoadDenied": "PermissionError",
    "LoadCuda": "RuntimeError: CUDA error: no kernel image is available",
    "LoadExits": "calls sys.exit(0)",
    "LoadTold": "put the file there (and try again)",
    "NoGenerate": "has no generate()",
    "NoClose": "has no close()",
    "OptionsRaise": "check_options() failed: KeyError: 'steps'",
    "FilesRaise": "check_files() failed: KeyError: 'weights'",
    "SpecDict": "its spec is a dict, expected a GeneratorSpec",
    "SpecNone": "has no `spec`",
    "SpecRaises": "OSError: no config.json",
}


@pytest.mark.parametrize("name", WRONG_MODELS)
def test_a_model_that_fails_costs_itself_alone(name: str, run: Callable[..., Answer]) -> None:
    """With --json: one object, in which the others' results are, in the order that was typed."""
    answer = run(f"own_models:{name},own_models:Base", "--json")
    runs = answered(answer, 2)["runs"]
    assert [each["model"] for each in runs] == [f"own_models:{name}", "own"]
    assert WRONG_MODELS[name] in runs[0]["error"] and runs[1]["n_ok"] == 3
    assert "Traceback" not in answer[2] and WRONG_MODELS[name] in answer[2]


@pytest.mark.parametrize("name", WRONG_MODELS)
def test_alone_it_is_one_line(name: str, run: Callable[..., Answer]) -> None:
    code, out, err = run(f"own_models:{name}", "--out", "out")
    progress = re.compile(r"evalkit: \w+: (generate: |load )")
    lines = [line for line in err.splitlines() if not progress.match(line)]
    assert code == 2 and not out and len(lines) == 1 and WRONG_MODELS[name] in lines[0]


IMPORTS = {
    "exits": ("import sys\nsys.exit()", "calls sys.exit(None)"),
    "parses": (
        "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('ckpt')\nparser.parse_args([])",
        "calls sys.exit(2)",
    ),
    "raises": ("raise RuntimeError('torchvision::nms')", "RuntimeError: torchvision::nms"),
    "syntax": ("def f(:", "SyntaxError: invalid syntax"),
}


@pytest.mark.parametrize("name", IMPORTS)
@pytest.mark.parametrize("verb", ["run", "generate"])
def test_an_import_that_fails_costs_itself_alone(
    name: str, verb: str, run: Callable[..., Answer], tmp_path: Path
) -> None:
    text, told = IMPORTS[name]
    (tmp_path / "own" / f"mine_{name}.py").write_text(text)
    code, out, err = run(f"mine_{name}:Model", verb=verb)
    assert code == 2 and not out and told in err and f"mine_{name}.py, line" in err and "Traceback" not in err
    if verb == "run":
        code, out, err = run(f"own_models:Base,mine_{name}:Model")
        assert (
            code == 2 and "3 of 3 prompts have audio" in out and f"mine_{name}:Model: no run: " in out and told in err
        )


def test_what_is_mistyped_is_told_before_any_work_and_all_of_it(run: Callable[..., Answer], tmp_path: Path) -> None:
    code, out, err = run("own_models:Base,mok,own_models:Bas")
    assert code == 2 and not out and err.startswith("evalkit: 2 faults\n") and "Traceback" not in err
    assert "no model is called 'mok'" in err and "own_models:Bas" in err and "did you mean mock" in err
    assert not (tmp_path / "runs").exists()


def test_a_bug_of_evalkits_keeps_its_traceback_and_the_others_results(
    run: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    from evalkit.generators.mock import Mock

    def load(self: Mock, device: str, dtype: str) -> None:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr(Mock, "load", load)
    answer = run("mock,own_models:Base", "--json")
    runs = answered(answer, 1)["runs"]
    assert "a bug of ours" in runs[0]["error"] and runs[1]["n_ok"] == 3 and "Traceback" in answer[2]


@pytest.mark.parametrize("name", ["Unclosed", "CloseExits"])
def test_a_model_that_cannot_be_closed_loses_nothing(name: str, run: Callable[..., Answer]) -> None:
    answer = run(f"own_models:{name},own_models:Base", "--json")
    runs = answered(answer, 1)["runs"]
    assert [each["n_ok"] for each in runs] == [3, 3] and all(each["scores"] for each in runs)
    assert "close() failed, after the sounds were made" in runs[0]["unclosed"] and runs[1]["unclosed"] is None
    assert "close() failed" in answer[2] and "close() failed" in run(f"own_models:{name}", "--seed", "2")[1]
    assert answered(run(f"own_models:{name}", "--json"))["reused"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("ReturnsNone", "generate() returned None, expected a GenBatch"),
        ("ReturnsTuple", "generate() returned a tuple, expected a GenBatch"),
        ("ReturnsText", "wrong_rate: '8000' instead of 8000 Hz"),
        ("TimingsNone", "the batch's timings are None"),
        ("TimingsNan", "'sample': nan, expected seconds of 0 or more"),
        ("TimingsList", "the batch's timings are a list"),
        ("TimingsNegative", "'sample': -1"),
        ("TimingsText", "'sample': '1'"),
        ("AudioNone", "the batch's audio is None"),
    ],
)
def test_an_answer_that_is_none_is_a_row_that_says_so(name: str, told: str, run: Callable[..., Answer]) -> None:
    failures = answered(run(f"own_models:{name}", "--json"), 1)["failures"]
    assert set(failures) == {"a", "b", "c"} and all(told in reason for reason in failures.values())


def test_one_item_that_exits_is_a_row(run: Callable[..., Answer]) -> None:
    told = answered(run("own_models:ItemExits", "--json"))
    assert set(told["failures"]) == {"b"} and "sys.exit" in told["failures"]["b"]


@pytest.mark.parametrize("name", ["Numpy", "Nameless"])
def test_a_spec_that_numpy_filled_in_is_json_like_any_other(name: str, run: Callable[..., Answer]) -> None:
    assert answered(run(f"own_models:{name}", "--json"))["n_ok"] == 3


BROKEN_METRICS = {
    "EXITS": "calls sys.exit(0)",
    "RAISES": "ZeroDivisionError: no clips",
    "NONE": "returned None, expected a MetricResult",
    "FOREIGN": "per_prompt names 'zzz'",
    "CROSSED": "expected low <= high",
    "SIDE": "did you mean lower",
    "IN_PLACE": "read-only",
}


@pytest.mark.parametrize("name", BROKEN_METRICS)
def test_a_metric_that_fails_costs_its_number_alone(name: str, run: Callable[..., Answer]) -> None:
    """And it is computed again by the same command: what it failed of may be put right by then."""
    answers = [run("own_models:Base", "--json", "--out", "out", metric=f"own_metrics:{name}") for _ in range(2)]
    for answer in answers:
        scores = answered(answer, 1)["scores"]
        assert scores["duration_error"]["value"] == 0
        entry = scores[f"own_metrics:{name}"]
        assert entry["value"] is None and BROKEN_METRICS[name] in entry["error"]
        assert any(BROKEN_METRICS[name] in warning for warning in entry["warnings"])
        assert not answered(answer, 1)["reused"] and "Traceback" not in answer[2]


@pytest.mark.parametrize("name", IMPORTS)
def test_a_metric_that_cannot_be_imported_is_told_before_and_the_others_are_scored(
    name: str, run: Callable[..., Answer], tmp_path: Path
) -> None:
    text, told = IMPORTS[name]
    (tmp_path / "own" / f"mine_{name}.py").write_text(text)
    answer = run("own_models:Base", "--json", metric=f"mine_{name}:METRIC")
    scores = answered(answer, 1)["scores"]
    assert scores["duration_error"]["value"] == 0 and told in scores[f"mine_{name}:METRIC"]["error"]
    assert 0 < answer[2].index("it will have no number, and the others will") < answer[2].index("generate: ")
    shown = run("own_models:Base", metric=f"mine_{name}:METRIC")
    assert shown[0] == 1 and f"mine_{name}:METRIC" in shown[1] and "n/a" in shown[1] and told in shown[1]


@pytest.mark.parametrize(
    ("metric", "told"),
    [
        ("os:system", "no metric"),
        ("own_metrics:GOOOD", "did you mean GOOD"),
        ("no_such_module:METRIC", "No module named 'no_such_module'"),
    ],
)
def test_what_is_no_metric_is_one_line_before_any_work(
    metric: str, told: str, run: Callable[..., Answer], tmp_path: Path
) -> None:
    code, out, err = run("own_models:Base", metric=metric)
    assert code == 2 and not out and told in err and "Traceback" not in err and "to do" not in err
    assert not list(tmp_path.glob("runs/**/*.wav"))


def test_a_suite_that_names_code_is_looked_at_without_importing_it(
    run: Callable[..., Answer], evalkit: Callable[..., Answer], tmp_path: Path
) -> None:
    """Whoever sent the file may be a stranger. A run says first which code of which file it imports."""
    trap = tmp_path / "own" / "mine_trap.py"
    trap.write_text(f"open({str(tmp_path / 'sprung')!r}, 'w')\n" + METRIC)
    run("own_models:Nothing", metric="mine_trap:METRIC")
    for words in (("suites", "own.toml"), ("suites", "own.toml", "--json"), ("fetch", "suite", "own.toml")):
        code, out, err = evalkit(*words)
        assert code == 0, err
        assert words[0] == "fetch" or str(trap) in out
        assert not (tmp_path / "sprung").exists() and "mine_trap" not in sys.modules
    code, _, err = run("own_models:Base", metric="mine_trap:METRIC")
    assert code == 0 and (tmp_path / "sprung").exists()
    assert f"names code, which is imported now: mine_trap:METRIC ({trap})" in err


@pytest.mark.parametrize("target", ["os:system", "os:getcwd", "os:sep", "json:decoder", "no_module:x"])
def test_a_suite_named_by_code_that_is_none_is_one_line(evalkit: Callable[..., Answer], target: str) -> None:
    code, out, err = evalkit("suites", target)
    assert code == 2 and not out and err.count("\n") == 1


class Entry:
    """An entry point of an installed package."""

    def __init__(self, name: str, value: str) -> None:
        self.name, self.value = name, value


@pytest.mark.parametrize("verb", ["models", "metrics", "suites"])
def test_a_package_that_is_broken_does_not_hide_the_others(
    verb: str, evalkit: Callable[..., Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "broken_package.py").write_text("import sys\nsys.exit(0)\n")
    entries = [Entry("broken", "broken_package:THING")]
    monkeypatch.setattr("evalkit.core.registry.entry_points", lambda group: entries)
    listed = answered(evalkit(verb, "--json"))
    assert len(listed) > 1 and "sys.exit(0)" in json.dumps(next(each for each in listed if each["name"] == "broken"))
    code, out, err = evalkit(verb)
    assert code == 0 and ("sys.exit(0)" in err or "cannot be built" in out)
    code, out, err = evalkit(verb, "broken")
    assert (code == 2 or verb == "models") and "sys.exit(0)" in out + err and "Traceback" not in err


def test_a_metric_by_its_registered_name_is_known_by_its_code_too(
    run: Callable[..., Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metric = tmp_path / "own" / "mine_registered.py"
    metric.write_text(METRIC)
    monkeypatch.setattr("evalkit.core.registry.entry_points", lambda group: [Entry("mine", "mine_registered:METRIC")])
    answer = run("own_models:Base", "--json", "--out", "out", metric="mine")
    assert answered(answer)["scores"]["mine"]["value"] == 1.0
    assert "names code" not in answer[2], "an installed package is the person's own choice"
    metric.write_text(METRIC.replace("value=1.0", "value=3.0"))
    assert answered(run("own_models:Base", "--json", "--out", "out", metric="mine"))["scores"]["mine"]["value"] == 3.0
