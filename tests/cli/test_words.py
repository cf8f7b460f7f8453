"""An unset variable in a script is an error line, never a default, the working folder, or nothing to do with exit 0."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer.core

import evalkit
from evalkit.cli.main import VERBS, build

Answer = tuple[int, str, str]


def every_word() -> list[tuple[str, str]]:
    """(verb, option or "" for its first argument) of everything on the command line that takes a text."""
    group = typer.main.get_command(build())
    assert isinstance(group, typer.core.TyperGroup)
    found = []
    for verb in VERBS:
        for param in group.commands[verb].params:
            if param.param_type_name == "argument":
                found.append((verb, ""))
            elif not getattr(param, "is_flag", False) and param.name != "help":
                found.append((verb, param.opts[0]))
    return list(dict.fromkeys(found))


def needed_beside(verb: str, option: str) -> set[str]:
    """What a command lacks that has but this option, or "" its first argument, by the names that a person reads."""
    group = typer.main.get_command(build())
    assert isinstance(group, typer.core.TyperGroup)
    params = group.commands[verb].params
    given = next(each for each in params if (option in each.opts if option else each.param_type_name == "argument"))
    lacking = [each for each in params if each.required and each is not given]
    options = {each.opts[0] for each in lacking if each.param_type_name == "option"}
    return options | {str(each.metavar or each.name).upper() for each in lacking if each.param_type_name == "argument"}


@pytest.mark.parametrize(("verb", "option"), every_word())
def test_no_option_and_no_argument_may_be_empty(evalkit: Callable[..., Answer], verb: str, option: str) -> None:
    code, out, err = evalkit(verb, *([option] if option else []), "" if verb == "run" else " ")
    assert code == 2 and not out and "is empty (is a variable not set?)" in err
    needed = needed_beside(verb, option)
    assert all(f"{each} is missing" in err for each in needed)
    assert err.count("\n") == (2 + len(needed) if needed else 1), err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("run", "--model", ","), "a name in it is empty"),
        (("run", "--model", "mock,"), "a name in it is empty"),
        (("run", "--model", "mock, ,mock"), "a name in it is empty"),
        (("run", "--out", "--json"), "--out has no value: it is followed by --json"),
        (("check", "r", "--baseline", "--save"), "--baseline has no value"),
        (("run", "--weights="), "--weights is empty"),
        (("run", "--model", "folder:"), "folder: names no folder"),
        (("run", "--model", "worker:"), "worker: names no folder"),
        (("generate", "--model", ":"), "':'"),
        (("generate", "--model", ":Class"), "':Class'"),
        (("generate", "--model", "os:"), "'os:'"),
    ],
)
def test_what_an_unset_variable_leaves_behind_is_refused(
    evalkit: Callable[..., Answer], words: tuple[str, ...], told: str
) -> None:
    code, out, err = evalkit(*words)
    assert code == 2 and not out and told in err and err.count("\n") == 1, err


def piped(command: str, folder: Path) -> tuple[int, str, str]:
    """(exit code of evalkit, what its reader saw, stderr) of `evalkit COMMAND | READER` in a shell."""
    variables = {**os.environ, "PYTHONPATH": str(Path(evalkit.__file__).parent.parent), "HERE": sys.executable}
    line = command.replace("evalkit ", '"$HERE" -m evalkit ', 1)
    script = f"set -o pipefail; {line}; echo code ${{PIPESTATUS[0]}} >&2"
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=variables, capture_output=True, text=True, timeout=120
    )
    told, _, code = done.stderr.rpartition("code ")
    return int(code), done.stdout, told


def large_run(folder: Path, shift: float) -> Path:
    """A run folder with 200 metrics, whose check prints far more than a pipe holds."""
    import pyarrow
    from pyarrow import parquet

    ids = [f"p{number}" for number in range(12)]
    values = [1.0 + shift + 0.01 * (number % 5) + 0.02 * shift * number for number in range(len(ids))]
    score = {"value": sum(values) / len(values), "low": 0.9, "high": 1.1, "level": 0.95, "method": "m", "n": len(ids)}
    score |= {"n_failed": 0, "n_reference": 0, "direction": "lower", "protocol": "p", "weights": "w"}
    names = [f"metric_{number}_{'x' * 100}" for number in range(200)]
    suite = {"name": "s", "version": "1", "digest": "d", "protocol": "p", "size": "mini"}
    run = {"status": "success", "run_id": "r", "suite": suite, "model": {"name": "m"}, "metrics": {}}
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps(run))
    (folder / "scores.json").write_text(json.dumps(dict.fromkeys(names, score)))
    columns: dict[str, Any] = {"id": ids, "group": ids, "status": ["ok"] * len(ids), **dict.fromkeys(names, values)}
    parquet.write_table(pyarrow.table(columns), folder / "samples.parquet")
    return folder


@pytest.mark.parametrize("more", ["", " --json"])
@pytest.mark.parametrize("reader", ["head -1", "true"])
def test_a_reader_that_goes_away_changes_no_verdict(tmp_path: Path, reader: str, more: str) -> None:
    """`check … | head -1` said 1, which means worse."""
    large_run(tmp_path / "good", 0.0)
    large_run(tmp_path / "bad", 0.3)
    assert piped("evalkit check good --baseline base.json --save | cat", tmp_path)[0] == 0
    assert piped(f"evalkit check good --baseline base.json{more} | {reader}", tmp_path)[::2] == (0, "")
    assert piped(f"evalkit check bad --baseline base.json{more} | {reader}", tmp_path)[::2] == (1, "")


def test_a_full_disk_behind_the_output_is_told(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    for more in ("", " --json"):
        code, _, told = piped(f"evalkit metrics fd_openl3{more} > /dev/full", tmp_path)
        assert code == 2 and told.count("\n") == 1 and "the output cannot be written: No space left" in told
    assert piped("evalkit metrics nothing 2> /dev/full", tmp_path)[0] == 2
