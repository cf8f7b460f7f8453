"""T5's tokenizer: the ids of texts, exactly. A tokenizer without its files knows five words, and says nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.checkpoints.config_file import read_object
from evalkit.generators.hub_folder import read_tokenizer
from evalkit.verify.answer_files import Case, read_fields
from evalkit.verify.runners.base import Place

_ENTRIES = 32128
"""Of T5's embedding, where the config does not say."""


@dataclass(frozen=True)
class _Input:
    """`end` adds the token of a text's end."""

    texts: tuple[str, ...]
    end: bool = True


class T5Words:
    """A Runner."""

    def __init__(self, place: Place) -> None:
        """Raises BadCheckpoint."""
        size = read_object(place.weights / "config.json").get("vocab_size")
        self._words = read_tokenizer(place.weights, size if isinstance(size, int) else _ENTRIES)

    def answer(self, case: Case) -> NDArray[Any]:
        """The ids of all texts in a row."""
        asked = read_fields(_Input, case.input, "a case's input")
        return np.concatenate([self._words(text, add_special_tokens=asked.end)["input_ids"] for text in asked.texts])
