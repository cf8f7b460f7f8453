"""`evalkit --help` answers at once: people type it to think."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from evalkit.cli.main import VERBS

_HELP = """
import sys
sys.argv = ["evalkit", *{arguments!r}]
from evalkit.cli.main import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
heavy = {{"torch", "transformers", "matplotlib", "pandas", "pyarrow", "scipy"}} & set(sys.modules)
assert not heavy, heavy
"""


def run_help(*arguments: str) -> tuple[str, float]:
    """(stdout, wall seconds) of `evalkit ARGUMENTS`; fails where a heavy library was imported."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _HELP.format(arguments=list(arguments))], capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - began
    assert done.returncode == 0, done.stderr
    return done.stdout, seconds


def test_help_is_quick_and_starts_no_torch() -> None:
    """Bar: 0.5 s. The best of five, as the machine that tests is busy."""
    run_help("--help")
    assert min(run_help("--help")[1] for _ in range(5)) < 0.5


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example_and_starts_no_torch(verb: str) -> None:
    text, _ = run_help(verb, "--help")
    assert "Example" in text
    assert f"evalkit {verb}" in text
    assert "--json" in text
