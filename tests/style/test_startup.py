"""`evalkit --help` answers at once: people type it to think."""

from __future__ import annotations

import resource
import subprocess
import sys

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
    """(stdout, processor seconds) of `evalkit ARGUMENTS`; fails where a heavy library was imported.

    Starting up is imports on one core: on a machine with nothing else to do, wall time is processor time.
    """
    began = spent_by_children()
    done = subprocess.run(
        [sys.executable, "-c", _HELP.format(arguments=list(arguments))], capture_output=True, text=True, check=False
    )
    seconds = spent_by_children() - began
    assert done.returncode == 0, done.stderr
    return done.stdout, seconds


def spent_by_children() -> float:
    """Processor seconds of this process's ended children."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_help_is_quick_and_starts_no_torch() -> None:
    """Bar: 0.5 s, the best of three."""
    assert min(run_help("--help")[1] for _ in range(3)) < 0.5


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example_and_starts_no_torch(verb: str) -> None:
    text, _ = run_help(verb, "--help")
    assert "Example" in text
    assert f"evalkit {verb}" in text
    assert "--json" in text
