"""roberta-base: the ids of texts, as CLAP's text tower is told them, and the network's states where it is here too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import ClapConfig, RobertaModel

from evalkit.checkpoints.clap_folder import Words
from evalkit.checkpoints.shards import tensor_files
from evalkit.generators.hub_folder import read_network
from evalkit.verify.answer_files import Case, read_fields
from evalkit.verify.runners.base import Place, Skip


@dataclass(frozen=True)
class _Input:
    """Either `texts`, whose ids are asked for, or `ids`, whose states are."""

    texts: tuple[str, ...] = ()
    ids: tuple[int, ...] = ()


class Roberta:
    """A Runner."""

    def __init__(self, place: Place) -> None:
        """Raises MissingWeights or BadCheckpoint."""
        self._folder, self._device = place.weights, place.device
        self._words = Words(place.weights, ClapConfig())

    @torch.inference_mode()
    def answer(self, case: Case) -> NDArray[Any]:
        """The ids of all texts in a row, or states (1, tokens, width)."""
        asked = read_fields(_Input, case.input, "a case's input")
        if asked.texts:
            ids, mask = self._words.encode(asked.texts)
            return np.asarray(ids[mask.bool()].numpy())
        if not tensor_files(self._folder, "model", (".safetensors",)):
            raise Skip("the folder has the tokenizer alone, which is all that evalkit needs")
        pooler = ("pooler.dense.weight", "pooler.dense.bias")  # not in the file, and not asked for
        network = read_network(RobertaModel, self._folder, tied=pooler).to(self._device)
        states = network(torch.tensor([asked.ids], device=self._device)).last_hidden_state
        return np.asarray(states.cpu().numpy())
