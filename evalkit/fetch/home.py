"""Where evalkit keeps what is too large to ship."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from evalkit.core.errors import UserError
from evalkit.core.paths import typed

FEATURES = "cache", "features"
"""Where the features of every sound are kept, under evalkit's folder."""


def evalkit_home() -> Path:
    """`EVALKIT_HOME`, else the platform's user cache folder; absolute; it need not exist."""
    chosen = os.environ.get("EVALKIT_HOME", "").strip()
    if chosen:
        return typed(chosen).absolute()
    if sys.platform == "darwin":
        return typed("~") / "Library" / "Caches" / "evalkit"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or typed("~") / "AppData" / "Local") / "evalkit" / "Cache"
    # The XDG rule: a relative path there is to be ignored.
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base.startswith("/") else typed("~") / ".cache") / "evalkit"


def writable_home(*parts: str) -> Path:
    """A folder under EVALKIT_HOME, made where there is none. Raises UserError where no file can be written there: a
    look before any work, as what is kept there comes at the end of it."""
    folder = evalkit_home().joinpath(*parts)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        message = f"EVALKIT_HOME cannot be written: {folder}: {error.strerror}"
        raise UserError(message, "say EVALKIT_HOME=FOLDER with a folder of yours") from None
