"""The runners of tokenizers: ids are the same or wrong; roberta-base's states where the folder holds the network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from evalkit_checkpoints import small_t5
from transformers import RobertaConfig, RobertaForMaskedLM

from evalkit.originals.seeded.torch_files import write_tokenizer

T5 = [
    ("ids", {"texts": ["word0 word5", "word9"]}, "", [3, 8, 1, 12, 1]),
    ("no end", {"texts": ["word7"], "end": False}, "", [10]),
]
"""`small_t5`'s words are counted from 3; 1 is the end."""

ROBERTA = ("ids", {"texts": ["Hello world", "Hello"]}, "", [0, 31414, 232, 2, 0, 31414, 2])


def test_t5_s_ids_are_equal(held: Callable[..., Any], tmp_path: Path) -> None:
    assert [each.result for each in held("t5", "t5-base", T5, small_t5(tmp_path / "t5"))] == ["equal", "equal"]


def test_one_other_word_in_t5_s_vocabulary_is_wrong(held: Callable[..., Any], tmp_path: Path) -> None:
    file = small_t5(tmp_path / "t5") / "tokenizer.json"
    file.write_text(file.read_text().replace('"word5": 8', '"word500": 8'))
    assert [each.result for each in held("t5", "t5-base", T5, tmp_path / "t5")] == ["wrong", "equal"]


@pytest.fixture
def roberta(tmp_path: Path) -> Path:
    write_tokenizer(tmp_path / "roberta")
    return tmp_path / "roberta"


def test_roberta_s_ids_are_equal_and_states_are_left_out_where_there_is_no_network(
    held: Callable[..., Any], roberta: Path
) -> None:
    states = ("states", {"ids": [0, 31414, 2]}, "[0, :3, :3]", [[0.0] * 3] * 3)
    found = held("roberta", "clap_tokenizer", [ROBERTA, states], roberta)
    assert [each.result for each in found] == ["equal", "skipped"] and "tokenizer alone" in found[1].reason


def test_another_word_is_wrong(held: Callable[..., Any], roberta: Path) -> None:
    """Two words that have changed places: the vocabulary is as large as ever."""
    file = roberta / "vocab.json"
    text = file.read_text()
    text = text.replace(": 31414", ': "x"').replace(": 31415", ": 31414").replace(': "x"', ": 31415")
    file.write_text(text)
    (found,) = held("roberta", "clap_tokenizer", [ROBERTA], roberta)
    assert found.result == "wrong"


def test_roberta_s_states_are_those_of_transformers(
    held: Callable[..., Any], changed: Callable[..., Path], roberta: Path
) -> None:
    torch.manual_seed(0)
    sizes = {"vocab_size": 50265, "hidden_size": 16, "intermediate_size": 32, "max_position_embeddings": 514}
    config = RobertaConfig(num_hidden_layers=2, num_attention_heads=2, initializer_range=0.5, pad_token_id=1, **sizes)
    model = RobertaForMaskedLM(config).eval()
    ids = [0, 31414, 232, 328, 2]
    with torch.no_grad():
        expected = model.roberta(torch.tensor([ids])).last_hidden_state[0, :3, :3].numpy()
    model.save_pretrained(roberta)
    case = ("states", {"ids": ids}, "[0, :3, :3]", expected)
    (found,) = held("roberta", "clap_tokenizer", [case], roberta)
    assert found.result in ("equal", "near"), found
    other = changed(roberta, "model.safetensors", "roberta.encoder.layer.1.output.dense.weight", 40)
    (found,) = held("roberta", "clap_tokenizer", [case], other)
    assert found.result == "wrong"
