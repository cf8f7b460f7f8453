"""Two hundred wrong files beside suites: a worker's manifest, what is told of a system, a folder's defaults, a
baseline. Whoever made one is told all that is wrong with it in one go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer.main
from evalkit_wrong_files import ABOUT, BASELINE, DEFAULTS, TOML, WORKER, WrongFile, wrong_files

from evalkit.cli.defaults import words_of
from evalkit.cli.main import build
from evalkit.core.errors import UserError
from evalkit.core.faults import Gathering
from evalkit.core.jsonio import write_json
from evalkit.generators.about import read_about
from evalkit.generators.worker.manifest import read_worker
from evalkit.run.baseline import read_baseline


@pytest.fixture(scope="module")
def options() -> dict[str, Any]:
    group: Any = typer.main.get_command(build(("run",)))
    return {word: param for param in group.commands["run"].params for word in param.opts}


def defaults(options: dict[str, Any], folder: Path) -> list[str]:
    wrong = Gathering()
    words = words_of("run", options, (), folder, wrong)
    wrong.settle()
    return words


def read(folder: Path, kind: str, options: dict[str, Any]) -> Any:
    (folder / "worker.py").touch()
    readers = {
        "worker.toml": lambda: read_worker(folder),
        "about.toml": lambda: read_about(folder / kind),
        "evalkit.toml": lambda: defaults(options, folder),
        "baseline.json": lambda: read_baseline(folder / kind),
    }
    return readers[kind]()


@pytest.mark.parametrize("wrong", wrong_files(50), ids=str)
def test_all_that_is_wrong_is_told_in_one_go(wrong: WrongFile, tmp_path: Path, options: dict[str, Any]) -> None:
    (tmp_path / wrong.kind).write_text(wrong.text, encoding="utf-8")
    with pytest.raises(UserError) as refused:
        read(tmp_path, wrong.kind, options)
    missing = [each for each in wrong.told if each not in str(refused.value)]
    assert not missing, str(refused.value)


def test_without_a_fault_each_is_read(tmp_path: Path, options: dict[str, Any]) -> None:
    """So that what is refused above is refused for what was planted."""
    for kind, (good, _) in TOML.items():
        (tmp_path / kind).write_text(good, encoding="utf-8")
    write_json(tmp_path / "baseline.json", BASELINE)
    assert WORKER and read(tmp_path, "worker.toml", options).model("tone").batch_size == 2
    assert ABOUT and read(tmp_path, "about.toml", options).name == "MeanAudio 1.0"
    assert DEFAULTS and read(tmp_path, "evalkit.toml", options)[:4] == ["--model", "mock", "--suite", "mini"]
    assert read(tmp_path, "baseline.json", options).samples == 2
