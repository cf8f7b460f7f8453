"""torchaudio's conversion of rates without its compiled part, which does not load beside a CPU build of torch."""

from __future__ import annotations

import importlib.util
import math
import sys
from types import ModuleType

import torch

_spec = importlib.util.find_spec("torchaudio")
if _spec is None or not _spec.submodule_search_locations:
    raise ImportError("torchaudio is not installed: pip install --no-deps torchaudio==2.11.0")
_root = _spec.submodule_search_locations[0]
for _name, _path in (("torchaudio", _root), ("torchaudio.functional", f"{_root}/functional")):
    _package = ModuleType(_name)
    _package.__path__ = [_path]
    _package.__spec__ = importlib.util.spec_from_loader(_name, None)  # transformers looks whether it has one
    sys.modules[_name] = _package
_extension = ModuleType("torchaudio._extension")
_extension._IS_TORCHAUDIO_EXT_AVAILABLE = False  # type: ignore[attr-defined]
sys.modules["torchaudio._extension"] = _extension

from torchaudio.functional import functional as _original  # noqa: E402


def converted(samples: torch.Tensor, rate_from: int, rate_to: int, form: str) -> torch.Tensor:
    """By `torchaudio.functional.resample`, or as `torchaudio.transforms.Resample` does, whose module does not load."""
    if form == "function" or rate_from == rate_to:
        return _original.resample(samples, rate_from, rate_to)
    common = math.gcd(rate_from, rate_to)
    kernel, width = _original._get_sinc_resample_kernel(rate_from, rate_to, common)
    return _original._apply_sinc_resample_kernel(samples, rate_from, rate_to, common, kernel, width)
