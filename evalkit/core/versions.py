"""Versions: what made a number, for the record beside it, and how that differs from what evalkit is tested with."""

from __future__ import annotations

import platform
import re

import evalkit
from evalkit.core.installed import version
from evalkit.core.resources import resource

LIBRARIES = (
    *("torch", "numpy", "scipy", "soundfile", "av", "soxr", "pyloudnorm", "h5py"),
    *("transformers", "diffusers", "tokenizers", "safetensors"),
)
"""The libraries that numbers depend on."""

UNTESTED = "other than tested"
"""The entry of `stamp` that names the packages which differ from constraints.txt."""


def stamp() -> dict[str, str]:
    """name -> version of evalkit, Python, the platform and the libraries that numbers depend on; and under UNTESTED
    every package here that is another than evalkit is tested with, or "none"."""
    found = {"evalkit": evalkit.__version__, "python": platform.python_version(), "platform": platform.platform()}
    found |= {name: version(name) or "absent" for name in LIBRARIES}
    others = [f"{name} {own} (tested with {tested})" for name, (tested, own) in deviations().items()]
    return {**found, UNTESTED: ", ".join(others) or "none"}


def pinned() -> dict[str, str]:
    """name -> version, of every package that the tests ran with (constraints.txt)."""
    lines = resource("constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", "\n".join(lines), re.MULTILINE))


def deviations() -> dict[str, tuple[str, str]]:
    """name -> (tested, here), of the packages here that are others than tested. A build's own suffix (`+cpu`) is no
    difference, and what is not installed is not missed: the tools of development need not be."""
    pairs = {name: (tested, version(name)) for name, tested in pinned().items()}
    return {name: pair for name, pair in pairs.items() if pair[1] and pair[1].partition("+")[0] != pair[0]}
