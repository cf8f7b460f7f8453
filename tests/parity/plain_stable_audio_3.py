"""stable-audio-tools 0.0.20 beside a present torch on the CPU, for the oracle of Stable Audio 3.

It asks for Python 3.10, torch 2.7.1 and a trainer. Importing this module puts empty ones where only an import is
wanted; nothing of what is replaced computes anything here.
"""

from __future__ import annotations

import sys
import types


def _module(name: str, **contents: object) -> types.ModuleType:
    module = types.ModuleType(name)
    module.__dict__.update(contents)
    sys.modules[name] = module
    return module


_module(
    "torchaudio._extension",
    _IS_TORCHAUDIO_EXT_AVAILABLE=False,
    _IS_ALIGN_AVAILABLE=False,
    fail_if_no_align=lambda function: function,
)
callbacks = _module("pytorch_lightning.callbacks", ModelCheckpoint=object)
_module("pytorch_lightning", Callback=object, callbacks=callbacks)
