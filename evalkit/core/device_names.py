"""What the maker of a device calls it."""

from __future__ import annotations

import sys
from pathlib import Path


def device_name(device: str) -> str:
    """The name of "cpu" or "cuda:1"; "" where nobody says. torch is asked only where it is in use."""
    torch = sys.modules.get("torch")
    if device.startswith("cuda"):
        return str(torch.cuda.get_device_name(device)) if torch is not None and torch.cuda.is_available() else ""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
