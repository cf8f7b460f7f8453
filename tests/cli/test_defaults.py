"""evalkit.toml beside the work: it saves typing, says what it did, and can do no harm in a stranger's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import evalkit_fakes
import pytest

from evalkit.cli.defaults import words_of
from evalkit.cli.main import build
from evalkit.core.errors import UserError
from evalkit.core.faults import Gathering


@pytest.fixture
def suite(tmp_path: Path) -> str:
    rows = [("p0", "a dog", 0.5), ("p1", "thunder", 0.5), ("p2", "rain", 0.5)]
    return str(evalkit_fakes.write_suite(tmp_path / "suite", rows))


def options(verb: str) -> dict[str, Any]:
    from typer.main import get_command

    group: Any = get_command(build((verb, "check")))
    return {word: param for param in group.commands[verb].params for word in param.opts}


def words(folder: Path, text: str, typed: tuple[str, ...] = (), verb: str = "run") -> list[str]:
    (folder / "evalkit.toml").write_text(text, encoding="utf-8")
    wrong = Gathering()
    found = words_of(verb, options(verb), typed, folder, wrong)
    wrong.settle()
    return found


def test_a_verbs_table_is_what_would_have_been_typed(tmp_path: Path) -> None:
    text = '[run]\nmodel = "mock"\nlimit = 4\nno-report = true\nretry-failed = false\nset = ["a=1", "b=2"]\n[check]\n'
    assert words(tmp_path, text) == ["--model", "mock", "--limit", "4", "--no-report", "--set", "a=1", "--set", "b=2"]
    assert words(tmp_path, text, ("--limit=9", "--set", "c=3")) == ["--model", "mock", "--no-report"]
    (tmp_path / "evalkit.toml").unlink()
    assert words_of("run", options("run"), (), tmp_path, Gathering()) == []


def test_it_is_told_and_what_is_typed_stands(typed: Any, suite: str, tmp_path: Path) -> None:
    (tmp_path / "evalkit.toml").write_text('[run]\nmodel = "mock"\nno-report = true\nlimit = 2\n', encoding="utf-8")
    done = typed("run", "--suite", suite, "--limit", "3")
    assert done.returncode == 0 and "3 of 3 prompts" in done.stdout and "report:" not in done.stdout
    assert done.stderr.splitlines()[0] == "evalkit: evalkit.toml: --model mock --no-report"
    assert "evalkit.toml" not in typed("run", "--help").stderr


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    text = '[run]\nlimt = 3\nmodel = 7\nno-report = "yes"\nseed = [1]\n[chek]\nx = 1\n'
    with pytest.raises(UserError) as told:
        words(tmp_path, text)
    for part in ("'limt'", "did you mean limit", "'no-report'", "'seed'", "'chek'", "did you mean check"):
        assert part in str(told.value), part


@pytest.mark.parametrize(
    "line",
    [
        'model = "evil:Model"', 'model = "mock,a/b.py:Model"', 'model = "worker:here"',
        'judges = "mini,bands.py:Bands"', 'suite = "suite.toml"', 'suite = "./suite"', "yes = true", 'log = "x"',
        'out = "link/x"',
        'out = "/etc/cron.d"', 'out = "a/../../b"', 'out = "~/x"',
    ],
)  # fmt: skip
def test_a_strangers_file_decides_nothing_that_a_person_should(tmp_path: Path, line: str) -> None:
    """`evalkit run` in a folder that was downloaded ran what is in it."""
    (tmp_path / "link").symlink_to(tmp_path.parent)
    with pytest.raises(UserError, match=r"evalkit\.toml"):
        words(tmp_path, f"[run]\n{line}\n")


def test_no_baseline_is_replaced_by_a_strangers_file(tmp_path: Path) -> None:
    """With `save` the baseline is written, wherever that is: only whoever types --save means it."""
    with pytest.raises(UserError, match="'save' cannot be set here"):
        words(tmp_path, '[check]\nsave = true\nbaseline = "/etc/x"\n', verb="check")
    assert words(tmp_path, '[check]\nbaseline = "/data/b.json"\n', verb="check") == ["--baseline", "/data/b.json"]


def test_what_is_no_regular_file_or_no_toml_is_one_line(typed: Any, suite: str, tmp_path: Path) -> None:
    (tmp_path / "evalkit.toml").write_text("[run\n", encoding="utf-8")
    done = typed("run", "--suite", suite)
    assert done.returncode == 2 and "evalkit.toml" in done.stderr and "Traceback" not in done.stderr
