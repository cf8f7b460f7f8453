"""torchvision and torchaudio beside a CPU build of torch, for oracles that need the Python half of each.

Their wheels are linked against CUDA, so that beside a CPU torch the compiled half does not load and the
whole import fails. The oracles use no compiled operator: importing this module puts empty ones in their
place. It has to come before whatever imports either library (transformers does).
"""

from __future__ import annotations

import sys
import types

import torch

_KEPT: list[torch.library.Library] = []


def _make_importable() -> None:
    try:
        import torchvision
    except RuntimeError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "FRAGMENT")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _KEPT.append(library)
        import torchvision  # noqa: F401
    extension = types.ModuleType("torchaudio._extension")
    extension.__dict__.update(
        _IS_TORCHAUDIO_EXT_AVAILABLE=False, _IS_ALIGN_AVAILABLE=False, fail_if_no_align=lambda function: function
    )
    sys.modules["torchaudio._extension"] = extension
    import torchaudio  # noqa: F401


_make_importable()
