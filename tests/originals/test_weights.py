"""Which file both sides read."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from evalkit.core.errors import MissingWeights, UserError
from evalkit.embed.load import load_embedder
from evalkit.fetch.home import evalkit_home
from evalkit.originals.base import ORIGINALS, chosen
from evalkit.originals.laion_clap.original import read_tensors
from evalkit.originals.seeded import torch_files
from evalkit.originals.weights import find, make


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))


def found(judge: str, **overrides: Path):  # type: ignore[no-untyped-def]
    return find(judge, chosen([judge], ORIGINALS)[judge], overrides)


def put(name: str) -> Path:
    path = evalkit_home() / "weights" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


@pytest.mark.parametrize("judge", [judge for original in ORIGINALS for judge in original.judges])
def test_without_a_published_file_one_is_drawn_in_its_format(judge: str) -> None:
    read = found(judge)
    assert read.why_seeded and "seeded" in str(read.file) and read.file.is_relative_to(evalkit_home())
    assert (read.words is not None) == judge.startswith("clap")


def test_the_published_file_is_read_where_it_is_here() -> None:
    assert found("openl3-env").why_seeded
    path = put("openl3_audio_mel256_env-v0_4_0.h5.gz")
    assert found("openl3-env").file == path and not found("openl3-env").why_seeded


def test_a_hub_folder_is_no_file_for_laion_clap() -> None:
    """evalkit would score by the folder: the table must say that it is about other weights."""
    put("clap-htsat-fused/config.json")
    assert "does not read" in found("clap").why_seeded
    put("roberta-base/vocab.json")
    path = put("630k-audioset-fusion-best.pt")
    assert (found("clap").file, found("clap").why_seeded) == (path, "")
    assert found("clap").words == evalkit_home() / "weights" / "roberta-base"


def test_a_named_file_that_is_none_of_its_kind_is_refused(tmp_path: Path) -> None:
    """Nothing is put in a named file's place."""
    with pytest.raises(MissingWeights):
        found("passt", passt=tmp_path / "none.pt")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match=r"hear21passt reads files that end in \.pt"):
        found("passt", passt=tmp_path / "folder")


def test_laions_file_without_a_tokenizer_names_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "some.pt"
    path.write_bytes(b"x")
    with pytest.raises(MissingWeights, match="clap_tokenizer"):
        found("clap", clap=path)


def test_seeded_weights_are_made_once_and_are_evalkits_too() -> None:
    """Both sides read the file that was drawn, and the next run finds it."""
    told: list[str] = []
    read = found("openl3-env")
    make(read, told.append)
    stamp = read.file.stat().st_mtime_ns
    make(read, told.append)
    assert len(told) == 1 and read.file.stat().st_mtime_ns == stamp
    assert load_embedder("openl3-env", overrides=read.overrides).spec.dimensions == 1024


def test_laions_tensors_are_read_without_running_the_file(tmp_path: Path) -> None:
    """The package's own loader unpickles anything; the witness does not."""
    import laion_seeded

    shapes: torch_files.Shapes = {"logit_scale_a": (), "text_branch.x": (2, 3)}
    laion_seeded.write_clap(tmp_path / "some.pt", shapes)
    tensors = read_tensors(tmp_path / "some.pt")
    assert {"logit_scale_a", "text_branch.x"} <= set(tensors)
    assert not any(name.startswith("module.") or name.endswith("position_ids") for name in tensors)

    class Touch:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (tmp_path / "ran",)

    torch.save({"state_dict": {}, "optimizer": Touch()}, tmp_path / "bad.pt")
    with pytest.raises(Exception, match=r"[Uu]npickl"):
        read_tensors(tmp_path / "bad.pt")
    assert not (tmp_path / "ran").exists()
