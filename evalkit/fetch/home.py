"""Where evalkit keeps what is too large to ship."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from evalkit.core.paths import typed


def evalkit_home() -> Path:
    """`EVALKIT_HOME`, else the platform's user cache folder; absolute; it need not exist."""
    chosen = os.environ.get("EVALKIT_HOME")
    if chosen:
        return typed(chosen).absolute()
    if sys.platform == "darwin":
        return typed("~") / "Library" / "Caches" / "evalkit"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or typed("~") / "AppData" / "Local") / "evalkit" / "Cache"
    # The XDG rule: a relative path there is to be ignored.
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base.startswith("/") else typed("~") / ".cache") / "evalkit"
