"""Whatever somebody's own code raises is one line that says what and where, and nothing of it gets past."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from evalkit.core.errors import UserError
from evalkit.core.plugins import BrokenPlugin, running
from evalkit.core.registry import Registry

NAMES = Registry("model", "evalkit.nothing", {})
RAISING = {
    "exits": "import sys\nsys.exit()",
    "exits_text": "raise SystemExit('no licence')",
    "parses": "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('--ckpt', required=True)\n"
    "ARGS = parser.parse_args([])",
    "runtime": "def deeper():\n    raise RuntimeError('operator torchvision::nms\\ndoes not exist')\ndeeper()",
    "system": "raise OSError('libcudart.so.11.0: cannot open shared object file')",
    "broken_syntax": "class M: pass\ndef f(:\n",
    "tabs": "if 1:\n\tx = 1\n        y = 2\n",
    "binary": "x = 1\0",
    "needs": "import a_package_that_is_not_here",
    "names": "from os import nothing_like_it",
    "base": "class Odd(BaseException): pass\nraise Odd('odd')",
    "group": "raise ExceptionGroup('many', [ValueError('one')])",
    "asserts": "assert False",
    "recursion": "def f(): f()\nf()",
    "attribute": "import os\nos.no_such_thing",
    "lazy": "def __getattr__(name): raise RuntimeError('lazily')",
}


@pytest.mark.parametrize("name", RAISING)
def test_an_import_that_fails_says_why_and_where(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / f"raising_{name}.py").write_text(RAISING[name])
    with pytest.raises(BrokenPlugin) as raised:
        NAMES.load(f"raising_{name}:Model")
    told = str(raised.value)
    assert told.startswith(f"model 'raising_{name}:Model' cannot be loaded from raising_{name}:Model: ")
    assert "\n" not in told and (f"raising_{name}.py, line " in told or name == "binary")
    assert raised.value.exit_code == 2


def test_the_place_is_where_the_persons_own_code_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the library's line that was called last, and not the importer's."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "raising_calls.py").write_text("import json\n\n\njson.loads('{')\n")
    with pytest.raises(BrokenPlugin, match=r"JSONDecodeError: .*raising_calls\.py, line 4\)"):
        NAMES.load("raising_calls:x")


def test_ctrl_c_passes_and_so_does_a_plug_ins_own_user_error() -> None:
    for error in (KeyboardInterrupt(), UserError("put the file there"), BrokenPlugin("inner")):
        with pytest.raises(type(error)) as raised, running("outer"):
            raise error
        assert raised.value is error


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("os:sistem", "it has no attribute 'sistem' (did you mean system"),
        ("os:path.joyn", "it has no attribute 'joyn' (did you mean join"),
        ("nomod:x", "No module named 'nomod'"),
        ("os.nix:x", "No module named 'os.nix'"),
        (":x", "of the form module:attribute"),
        ("os:", "of the form module:attribute"),
    ],
)
def test_a_mistyped_target_is_no_broken_plug_in(name: str, told: str) -> None:
    """The one is refused before any work, the other costs itself alone."""
    with pytest.raises(UserError) as raised:
        NAMES.load(name)
    assert not isinstance(raised.value, BrokenPlugin) and told in str(raised.value)


def test_the_cause_is_kept_for_whoever_debugs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "raising_cause.py").write_text("1 / 0")
    with pytest.raises(BrokenPlugin) as raised:
        NAMES.load("raising_cause:x")
    assert "ZeroDivisionError" in "".join(traceback.format_exception(raised.value))
