"""The command line itself: quick to start, every verb with help, no guessing after a typo."""

from __future__ import annotations

from typing import Any

import pytest

from evalkit.cli.main import VERBS


def test_help_lists_every_verb_without_torch(typed: Any) -> None:
    done = typed("--help", module="evalkit", PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0 and all(f"  {verb} " in done.stdout for verb in VERBS)
    imported = {line.split("|")[-1].strip() for line in done.stderr.splitlines()}
    assert "evalkit.cli.main" in imported
    assert not imported & {"torch", "numpy", "transformers", "pandas", "matplotlib", "scipy"}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example(verb: str, typed: Any) -> None:
    done = typed(verb, "--help", module="evalkit")
    assert done.returncode == 0 and "Example:" in done.stdout and f"evalkit {verb}" in done.stdout


def test_a_misspelt_verb_is_suggested(typed: Any) -> None:
    done = typed("scor", module="evalkit")
    assert done.returncode == 2 and "score" in done.stderr and "Traceback" not in done.stderr


def test_the_version_is_printed(typed: Any) -> None:
    import evalkit

    assert typed("--version", module="evalkit").stdout.strip() == evalkit.__version__
