"""`evalkit models check NAME` as it is typed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

Typed = Callable[..., "subprocess.CompletedProcess[str]"]
DRILL = Path(__file__).resolve().parent.parent / "fakes" / "drill_worker"


def test_a_broken_rule_is_named_and_the_exit_code_is_1(typed: Typed) -> None:
    done = typed("models", "check", "evalkit_broken:length")
    assert done.returncode == 1 and "evalkit_broken:length breaks length" in done.stdout
    assert "BROKEN" in done.stdout and "instead of" in done.stdout


def test_a_good_worker_passes_and_json_is_json(typed: Typed) -> None:
    """Although it prints to stdout while it loads."""
    done = typed("models", "check", f"worker:{DRILL}:drill", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["broken"] == [] and all(each["ok"] for each in told["rules"])


def test_what_cannot_be_checked_is_one_line(typed: Typed) -> None:
    for words, told in [
        (("check",), "which model?"),
        (("check", "nobody"), "no model is called 'nobody'"),
        (("check", f"worker:{DRILL}:broken-load"), "no checkpoint at all"),
        (("check", f"worker:{DRILL}:other"), "no model of"),
        (("check", "worker:/nowhere"), "no such worker manifest"),
        (("mock", "check"), "one name at a time"),
    ]:
        done = typed("models", *words)
        assert done.returncode == 2 and told in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
