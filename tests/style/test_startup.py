"""`evalkit --help` answers at once: people type it to think."""

from __future__ import annotations

import resource
import subprocess
import sys

from evalkit.cli.main import VERBS

_HELP = """
import sys
from evalkit.cli.main import main

for words in {lines!r}:
    sys.argv = ["evalkit", *words]
    try:
        main()
    except SystemExit as end:
        assert not end.code, (words, end.code)
heavy = {{"torch", "transformers", "matplotlib", "pandas", "pyarrow", "scipy", "numpy"}} & set(sys.modules)
assert not heavy, heavy
"""


def run_help(*lines: tuple[str, ...]) -> tuple[str, float]:
    """(stdout, processor seconds) of these command lines in one process; fails where it imported a heavy library.

    Starting up is imports on one core: on a machine with nothing else to do, wall time is processor time.
    """
    began = spent_by_children()
    code = _HELP.format(lines=lines)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, spent_by_children() - began


def spent_by_children() -> float:
    """Processor seconds of this process's ended children."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_help_is_quick_and_starts_no_torch() -> None:
    """Bar: 0.5 s, the best of three."""
    assert min(run_help(("--help",))[1] for _ in range(3)) < 0.5


def test_the_help_of_no_verb_starts_torch_and_each_speaks_to_machines_too() -> None:
    text, _ = run_help(*((verb, "--help") for verb in VERBS))
    assert text.count("--json") >= len(VERBS)
    assert all(f"evalkit {verb}" in text for verb in VERBS)


def test_what_is_refused_is_refused_without_the_slow_half_of_scipy() -> None:
    """Every run loads its metrics before it can say what is wrong; scipy.stats alone would double that time."""
    code = "import sys; import evalkit.run.pipeline, evalkit.comparison.difference, evalkit.stats.paired; "
    code += "import evalkit.stats.relative, evalkit.stats.sequence; assert 'scipy.stats' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
