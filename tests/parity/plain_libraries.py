"""torchvision and torchaudio beside a CPU build of torch, for oracles that need the Python half of each.

Importing this module makes them importable; it has to come before whatever imports either (transformers does).
"""

from __future__ import annotations

from evalkit.originals.harness import make_importable

make_importable()
