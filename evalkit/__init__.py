"""evalkit: generate, score, compare and gate text-to-audio models with numbers that can be trusted.

What a notebook or a training loop calls is here by name and in `evalkit/api/` by file; nothing of it is imported before
it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evalkit.api.agree import agree
    from evalkit.api.check import check, save_baseline
    from evalkit.api.collect import collect
    from evalkit.api.compare import compare
    from evalkit.api.judge import Judge
    from evalkit.api.listen import listen
    from evalkit.api.load import load
    from evalkit.api.models import models
    from evalkit.api.plan import plan
    from evalkit.api.results import Run
    from evalkit.api.run import run
    from evalkit.api.score import score
    from evalkit.api.sensitivity import sensitivity
    from evalkit.api.suites import suites
    from evalkit.core.errors import UserError

__version__ = "0.1.0"

_PLACES = {
    "run": "evalkit",
    "suites": "evalkit",
    "check": "evalkit.api.check",
    "save_baseline": "evalkit.api.check",
    "compare": "evalkit.api.compare",
    "listen": "evalkit.api.listen",
    "collect": "evalkit.api.collect",
    "agree": "evalkit.api.agree",
    "models": "evalkit.api.models",
    "plan": "evalkit.api.plan",
    "score": "evalkit.api.score",
    "Judge": "evalkit.api.judge",
    "load": "evalkit.api.load",
    "sensitivity": "evalkit.api.sensitivity",
    "Run": "evalkit.api.results",
    "UserError": "evalkit.core.errors",
}
"""Where each name is. `run` and `suites` are rooms of these names, which are called (`core/called_room.py`)."""

__all__ = [
    "Judge", "Run", "UserError", "agree", "check", "collect", "compare", "listen", "load",
    "models", "plan", "run", "save_baseline", "score", "sensitivity", "suites",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if _PLACES[name] == __name__:
        return importlib.import_module(f"{__name__}.{name}")
    return getattr(importlib.import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
