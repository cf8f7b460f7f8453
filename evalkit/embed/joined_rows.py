"""Rows that hold a network's features and, behind them, its logits of AudioSet's 527 classes (`panns`, `passt_rows`).

A network of fewer classes, as a mini is, has its own in the first places, and never hears the others.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from evalkit.embed.batching import Array

CLASSES = 527
_NEVER = -100.0


def joined(features: Tensor, logits: Tensor) -> Array:
    """float32 (batch, features + 527) of (batch, features) and (batch, classes)."""
    whole = F.pad(logits, (0, max(0, CLASSES - logits.shape[1])), value=_NEVER)
    return np.asarray(torch.cat([features, whole], dim=1).float().cpu().numpy())
