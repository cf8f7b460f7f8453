"""Which files of a listing a model needs: the published layouts, and whatever else a repository may hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.core.errors import UserError
from evalkit.fetch.hub_selection import HubFile, checked, gaps, needed
from evalkit.fetch.sources import Digest

T5 = ["config.json", "generation_config.json", "model.safetensors", "spiece.model", "tokenizer.json"]
PIPELINE = [
    "model_index.json", "scheduler/scheduler_config.json", "text_encoder/config.json", "text_encoder/model.safetensors",
    "tokenizer/merges.txt", "tokenizer/tokenizer_config.json", "tokenizer/vocab.json", "unet/config.json",
    "unet/diffusion_pytorch_model.safetensors",
]  # fmt: skip
SHARDS = [f"model-0000{number}-of-00003.safetensors" for number in (1, 2, 3)]
DECOYS = [
    "README.md", ".gitattributes", "model.fp16.safetensors", "pytorch_model.bin", "tf_model.h5", "flax_model.msgpack",
    "rust_model.ot", "onnx/config.json", "onnx/model.onnx", "model.ckpt", "state_dict.bin", "model.gguf",
    "pytorch_model.bin.index.json", "flax_model.msgpack.index.json", "picture.png",
]  # fmt: skip


@pytest.mark.parametrize(
    ("listed", "wanted"),
    [
        ([*T5, *DECOYS], T5),
        (["config.json", *DECOYS[3:]], ["config.json", "pytorch_model.bin"]),
        (["config.json", *SHARDS, "model.safetensors.index.json", "pytorch_model.bin"],
         ["config.json", *SHARDS, "model.safetensors.index.json"]),
        (["config.json", *SHARDS[:2], "model.safetensors.index.json", "pytorch_model.bin"],
         ["config.json", "pytorch_model.bin"]),
        (["config.json", "model.fp16.safetensors"], ["config.json", "model.fp16.safetensors"]),
        ([*PIPELINE, "unet/diffusion_pytorch_model.bin", "unet/diffusion_pytorch_model.fp16.safetensors",
          "text_encoder/pytorch_model.bin", *DECOYS[7:9]], PIPELINE),
        (["model.safetensors", "model_config.json", "model.ckpt", *PIPELINE],
         ["model.safetensors", "model_config.json"]),
        ([*PIPELINE, "model_config.json", "model.ckpt"], [*PIPELINE, "model_config.json"]),
    ],
)  # fmt: skip
def test_each_layout_is_taken_once_and_nothing_beside_it(listed: list[str], wanted: list[str]) -> None:
    """In the cheapest form that evalkit reads; anything more is gigabytes for nothing."""
    assert needed(listed, (), "hub") == sorted(wanted)
    assert gaps(wanted, (), ["unet", "tokenizer"] if "model_index.json" in wanted else ()) in ([], ["tokenizer.json"])


@pytest.mark.parametrize("listed", [[], ["README.md"], ["config.json", *SHARDS[:2]], ["onnx/model.safetensors"]])
def test_a_repository_without_whole_tensors_is_said_to_have_none(listed: list[str]) -> None:
    with pytest.raises(UserError, match="no tensors"):
        needed(listed, (), "hub")


def test_named_files_are_these_or_an_error_that_names_the_absent() -> None:
    assert needed([*DECOYS, "a.pt"], ("a.pt", "state_dict.bin"), "hub") == ["a.pt", "state_dict.bin"]
    with pytest.raises(UserError, match=r"b\.pt"):
        needed(DECOYS, ("b.pt",), "hub")


@pytest.mark.parametrize(
    ("without", "lacking"),
    [("model.safetensors", ["its tensors"]), ("config.json", ["config.json"])],
)
def test_a_folder_that_lacks_something_says_what(without: str, lacking: list[str]) -> None:
    """huggingface_hub hands out half a snapshot as if it were whole, where it was made by an older version."""
    assert gaps([each for each in T5 if each != without], ()) == lacking


def test_a_tokenizer_without_words_is_a_gap() -> None:
    assert gaps(["config.json", "model.safetensors"], ()) == ["tokenizer.json"]
    assert gaps([each for each in PIPELINE if "vocab" not in each], (), ["tokenizer", "unet"]) == ["tokenizer"]
    assert gaps([each for each in PIPELINE if "unet/d" not in each], (), ["tokenizer", "unet"]) == ["unet"]


names = st.lists(st.sampled_from([*T5, *PIPELINE, *SHARDS, *DECOYS, "model.safetensors.index.json"]), unique=True)


@given(names)
def test_what_is_needed_does_not_hang_on_the_order_and_needs_no_more_itself(listed: list[str]) -> None:
    try:
        found = needed(listed, (), "hub")
    except UserError:
        return
    assert found == needed(listed[::-1], (), "hub") == needed(found, (), "hub")
    assert set(found) <= set(listed)
    assert not [each for each in found if each.endswith((".ckpt", ".h5", ".msgpack", ".ot", ".onnx", ".gguf", ".png"))]
    for folder in {each.rpartition("/")[0] for each in found}:
        inside = [each for each in found if each.rpartition("/")[0] == folder]
        assert len({each[-4:] for each in inside if each.endswith((".safetensors", ".bin"))}) <= 1, "one form"


def file(path: str, size: int = 1) -> HubFile:
    return HubFile(path, size, Digest("blob", "0" * 40))


@given(st.lists(st.text(min_size=1, max_size=30), unique=True, max_size=6))
def test_no_listed_path_leads_out_of_a_folder_or_is_another_file_elsewhere(paths: list[str]) -> None:
    try:
        found = checked(map(file, paths), "hub")
    except UserError:
        return
    for each in found:
        parts = each.path.split("/")
        assert not {"", ".", ".."} & set(parts)
        assert not set(each.path) & set('\\:*?"<>|\0')
    assert len({each.path.casefold() for each in found}) == len(paths)


def test_a_listing_of_too_many_files_is_refused() -> None:
    with pytest.raises(UserError, match="no model has"):
        checked((file(f"{number}.json") for number in range(10**6)), "hub")
