"""What verbs print: harmless whatever the files say, on any terminal, and with --json one object and nothing else."""

from __future__ import annotations

import json
import os
import re
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import evalkit_fakes
import numpy as np
import pytest
from evalkit_warm import Warm

from evalkit.audio.encode import wav_bytes
from evalkit.cli import output

HOSTILE = "x\x1b[31mred\x9b2J\x07\x08\x7f\u202eevil\u2066"
MOODY, LATE = "evalkit_fakes:Moody", "evalkit_fakes:Late"
NARROW = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}


def disturbs(text: str) -> set[str]:
    """The characters of an output that a terminal would act on."""
    bidi = {chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
    return {char for char in text if (char < " " and char not in "\n\t") or "\x7f" <= char < "\xa0" or char in bidi}


@pytest.fixture
def suite(tmp_path: Path) -> str:
    """A suite whose every text is hostile."""
    rows = [(f"{HOSTILE}1", f"a dog {HOSTILE}", 0.5), (f"{HOSTILE}2", "silent", 0.5)]
    manifest = evalkit_fakes.write_suite(tmp_path / "suite", rows)
    text = manifest.read_text(encoding="utf-8")
    escaped = json.dumps(HOSTILE).replace("\x7f", "\\u007f")
    for key, value in (("title", "Tiny"), ("licence", ""), ("citation", "")):
        text = text.replace(f'{key} = "{value}"', f"{key} = {escaped}")
    manifest.write_text(text, encoding="utf-8")
    return str(manifest)


def test_no_control_character_of_a_file_reaches_the_terminal(typed: Any, suite: str, tmp_path: Path) -> None:
    folder = tmp_path / f"made {HOSTILE}"
    folder.mkdir()
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, (1, 8000)).astype(np.float32)
    for name in (f"{HOSTILE}1", f"stranger {HOSTILE}"):
        (folder / f"{name}.wav").write_bytes(wav_bytes(noise, 16000))
    said = [typed("run", "--model", MOODY, "--suite", suite, "--out", "out")]
    said.append(typed("score", str(folder), "--suite", suite, "--no-report"))
    (tmp_path / "out" / "run.json").write_text(hostile_facts((tmp_path / "out" / "run.json").read_text("utf-8")))
    said += [typed("report", "out"), typed("check", "out", "--baseline", "b.json", "--save")]
    said.append(typed("check", "out", "--baseline", "b.json", "--junit", "j.xml"))
    said += [typed("suites", suite), typed("suites", suite, "--json"), typed("report", "out", "--json")]
    said.append(typed("report", f"absent {HOSTILE}"))
    assert [each.returncode for each in said] == [0, 0, 0, 0, 0, 0, 0, 0, 2], [each.stderr for each in said]
    for each in said:
        assert not disturbs(each.stdout + each.stderr), each.args
    assert all("␛[31mred" in told for told in (said[5].stdout, said[1].stderr, said[8].stderr))
    assert json.loads(said[6].stdout)["title"] == HOSTILE
    assert not disturbs((tmp_path / "j.xml").read_text(encoding="utf-8"))
    ElementTree.parse(tmp_path / "j.xml")


def hostile_facts(run_json: str) -> str:
    facts = json.loads(run_json)
    facts["model"]["name"] = facts["suite"]["name"] = facts["error"] = HOSTILE
    return json.dumps(facts)


def test_junit_is_well_formed_whatever_a_metric_is_called(tmp_path: Path) -> None:
    from evalkit.cli.summary import junit
    from evalkit.run.gate import Comparison

    found = [Comparison(HOSTILE, "invalid", f"because\0\ufffe\ud800 {HOSTILE}")]
    (tmp_path / "j.xml").write_bytes(junit(found, strict=True))
    (failure,) = ElementTree.parse(tmp_path / "j.xml").iter("failure")
    assert "because" in str(failure.get("message")) and not disturbs(str(failure.get("message")))


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_is_not_utf8_gets_every_output(tmp_path: Path, encoding: str) -> None:
    """All of them are forks of one process that was started there."""
    narrow = {**NARROW, "PYTHONIOENCODING": encoding}
    started, variables = Warm("evalkit_fakes", narrow), {**os.environ, **narrow, "EVALKIT_HOME": str(tmp_path / "home")}

    def typed(*words: str) -> subprocess.CompletedProcess[str]:
        return started.run(words, tmp_path, variables)

    with closing(started):
        check_every_output(typed, tmp_path, encoding)


def check_every_output(typed: Any, tmp_path: Path, encoding: str) -> None:
    rows = [("p0", "ein Hund – Gebell “☃”", 0.5), ("naïve", "silent", 0.5)]
    suite = str(evalkit_fakes.write_suite(tmp_path / "suite", rows))
    said = [typed("run", "--model", MOODY, "--suite", suite, "--out", "out")]
    said += [typed("report", "out"), typed("report", "out", "--json")]
    said += [typed("check", "out", "--baseline", "b.json", "--save")]
    said += [typed("check", "out", "--baseline", "b.json"), typed("suites", suite)]
    said += [typed("suites", suite, "--json"), typed("metrics", "fd_openl3")]
    for verb in ("metrics", "suites", "models", "fetch"):
        said.append(typed(verb, *(["weights"] if verb == "fetch" else [])))
    for each in said:
        assert each.returncode == 0 and "Traceback" not in each.stderr, (each.args, each.stderr)
        each.stdout.encode("utf-8", "surrogateescape").decode(encoding)
    assert "higher" in said[0].stdout and "\\u2191" not in said[0].stdout
    assert json.loads(said[6].stdout)["items"][0]["text"] == rows[0][1]


@pytest.mark.parametrize("model", [MOODY, LATE])
def test_json_is_alone_on_stdout_to_the_end_of_the_process(typed: Any, tmp_path: Path, model: str) -> None:
    suite = str(evalkit_fakes.write_suite(tmp_path / "suite", [("p0", "a dog", 0.5), ("p1", "rain", 0.5)]))
    for words in (("run", "--no-report"), ("generate", "--out", "g")):
        done = typed(*words, "--model", model, "--suite", suite, "--json", alone=True)
        assert json.loads(done.stdout)["n_ok"] == 2, done.stderr
        assert "a model that prints to stdout" in done.stderr
        if model == LATE:
            assert all(told in done.stderr for told in ("printed at exit", "written at exit", "printed by C"))
    assert json.loads(typed("models", "check", model, "--json").stdout)["model"] == model


def test_an_import_that_prints_is_not_in_the_json_either(typed: Any, tmp_path: Path) -> None:
    plug_in = "import os, atexit\nprint('at import')\nos.write(1, b'by os\\n')\natexit.register(print, 'at exit')\n"
    (tmp_path / "loud.py").write_text(plug_in + "from evalkit_fakes import LEVEL, Moody\n", encoding="utf-8")
    for words in (("models", "loud:Moody"), ("metrics", "loud:LEVEL")):
        done = typed(*words, "--json", alone=True)
        assert json.loads(done.stdout), done.stderr
        assert "at import" in done.stderr and "at exit" in done.stderr


def test_help_stays_on_stdout(typed: Any) -> None:
    assert "Example:" in typed("run", "--json", "--help").stdout


def test_the_locale_does_not_decide_which_file_belongs_to_a_prompt(typed: Any, tmp_path: Path) -> None:
    """Python reads a file's name by the locale; a prompt's id is UTF-8 in every one."""
    suite = str(evalkit_fakes.write_suite(tmp_path / "suite", [("naïve-☃", "a dog", 0.5), ("p1", "rain", 0.5)]))
    (tmp_path / "made").mkdir()
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, (1, 8000)).astype(np.float32)
    for name in ("naïve-☃", "p1"):
        (tmp_path / "made" / f"{name}.wav").write_bytes(wav_bytes(noise, 16000))
    words = ("score", "made", "--suite", suite, "--json", "--no-report")
    wide, narrow = (json.loads(typed(*words, **variables).stdout) for variables in ({}, NARROW))
    assert wide["n_ok"] == narrow["n_ok"] == 2 and wide["run"] == narrow["run"]


def test_no_control_character_of_a_plug_in_or_a_listing_reaches_the_terminal(typed: Any, tmp_path: Path) -> None:
    plug_in = f"""
from dataclasses import replace
import evalkit_fakes
HOSTILE = {HOSTILE!r}
class Model(evalkit_fakes.Moody):
    spec = replace(evalkit_fakes.Moody.spec, name=HOSTILE, licence=HOSTILE, presets={{HOSTILE: {{HOSTILE: HOSTILE}}}},
                   default_preset=HOSTILE)
    def generate(self, *arguments):
        raise ValueError(HOSTILE)
METRIC = evalkit_fakes.Level()
METRIC.card = replace(evalkit_fakes.LEVEL.card, title=HOSTILE, blind_to=HOSTILE, unit=HOSTILE)
"""
    (tmp_path / "hostile.py").write_text(plug_in, encoding="utf-8")
    suite = str(evalkit_fakes.write_suite(tmp_path / "suite", [("p0", "a dog", 0.5)]))
    said = [typed("models", "hostile:Model"), typed("models", "check", "hostile:Model")]
    said += [typed("metrics", "hostile:METRIC"), typed("run", "--model", "hostile:Model", "--suite", suite)]
    said += [typed("models", "hostile:Model", "--json"), typed("metrics", "hostile:METRIC", "--json")]
    said += [typed(verb, f"no {HOSTILE}") for verb in ("models", "metrics", "suites", "baselines", "fetch")]
    for each in said:
        assert not disturbs(each.stdout + each.stderr), (each.args, each.stdout, each.stderr)
        assert "Traceback" not in each.stderr, each.stderr
    assert all("red" in each.stdout + each.stderr for each in said)


@pytest.mark.parametrize("columns", [200, 90, 80, 40])
def test_a_narrow_terminal_breaks_no_name(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name that is cut in two can neither be copied nor searched for; nothing may be left out for it."""
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    monkeypatch.setenv("COLUMNS", str(columns))
    rows = [[f"stable-audio-open-small-{each}", "full", 1213.25, "not fetched", "Stability"] for each in range(3)]
    output.print_table(["name", "size", "parameters", "state", "licence of the weights"], rows, numbers=(2,))
    said = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert all(row[0] in said for row in rows)
    assert said.split().count("1213.25") == said.split().count("Stability") == 3
    assert max(map(len, said.splitlines())) <= columns
