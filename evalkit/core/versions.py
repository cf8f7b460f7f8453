"""Version stamps: what made a number, for the record beside it."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

import evalkit

_STAMPED = ("torch", "numpy", "scipy", "soundfile", "av", "soxr", "transformers", "safetensors")


def stamp() -> dict[str, str]:
    """name -> version of evalkit, Python, the platform and the libraries that numbers depend on."""
    found = {"evalkit": evalkit.__version__, "python": platform.python_version(), "platform": platform.platform()}
    for name in _STAMPED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found
