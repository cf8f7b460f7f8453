"""Identities: no prompt id leaves the run folder, no two share a file, no seed depends on a neighbour."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.core.ids import digest_bytes, digest_file, digest_json, item_seed, safe_name

ANY = st.text(st.characters(exclude_categories=()), max_size=400)
HOSTILE = [
    "",
    ".",
    "..",
    "../x",
    "/abs",
    "a/b",
    "a\\b",
    "C:x",
    "CON",
    "con",
    "com1",
    "x\0y",
    "a\n",
    "-rf",
    "é",
    "e\u0301",
]
HOSTILE += ["A", "a", "a.", "a ", " a", "x" * 300, "x" * 301, "\u202egpj", "🎵", "~", "a~0123456789abcdef", "\ud800"]


@given(ANY)
@settings(max_examples=500)
def test_a_name_is_portable_and_stays_in_its_folder(identifier: str) -> None:
    name = safe_name(identifier)
    assert name == Path(name).name and name.isascii() and name == name.lower()
    assert 0 < len(name) <= 90 and not name.startswith((".", "-", "~")) and "\0" not in name
    assert name not in ("con", "nul", "aux", "prn")


@given(st.lists(ANY, unique=True, max_size=50))
@settings(max_examples=300)
def test_two_ids_never_share_a_file(identifiers: list[str]) -> None:
    assert len({safe_name(each) for each in identifiers}) == len(identifiers)


def test_hostile_ids_are_told_apart_even_on_a_disk_that_folds_case_and_unicode() -> None:
    names = [unicodedata.normalize("NFC", safe_name(each)).casefold() for each in HOSTILE]
    assert len(set(names)) == len(HOSTILE)


@given(ANY)
def test_a_name_cannot_be_claimed_by_spelling_out_another_ones_name(identifier: str) -> None:
    name = safe_name(identifier)
    assert name == identifier or safe_name(name) != name or "~" not in name


def test_a_plain_id_keeps_its_name() -> None:
    assert safe_name("dog_bark-07") == "dog_bark-07"


def test_digests_are_those_of_sha256sum(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest_bytes(b"abc") == digest_file(tmp_path / "f") == known


def test_key_order_does_not_change_a_digest_and_nan_has_none() -> None:
    assert digest_json({"a": 1, "b": 2}) == digest_json({"b": 2, "a": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        digest_json(float("nan"))


@given(st.integers(), ANY, st.integers(0, 9))
def test_a_seed_fits_every_generator_and_is_the_items_own(run_seed: int, prompt_id: str, sample: int) -> None:
    seed = item_seed(run_seed, prompt_id, sample)
    assert 0 <= seed < 2**63 and seed == item_seed(run_seed, prompt_id, sample)
    assert seed != item_seed(run_seed + 1, prompt_id, sample) and seed != item_seed(run_seed, prompt_id, sample + 1)
