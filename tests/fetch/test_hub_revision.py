"""Which commit a folder of weights is of: a number is worth more where one knows what made it."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.fetch.hub_revision import hub_revision

COMMIT, OTHER = "4c8334b02c6ec4e8664a91979669a501ec497792", "2610ed09b7335026d4c2f977003a0dbc2c815272"


def test_a_snapshot_of_the_hub_s_cache_tells_also_through_a_link(tmp_path: Path) -> None:
    snapshot = tmp_path / "models--facebook--musicgen-small" / "snapshots" / COMMIT
    (snapshot / "unet").mkdir(parents=True)
    assert hub_revision(snapshot) == hub_revision(snapshot / "unet") == COMMIT
    (tmp_path / "musicgen-small").symlink_to(snapshot)
    assert hub_revision(tmp_path / "musicgen-small") == COMMIT
    (snapshot / "model.pth").touch()
    assert hub_revision(snapshot / "model.pth") == COMMIT


def test_a_folder_of_one_s_own_has_the_hub_s_notes(tmp_path: Path) -> None:
    """As `hf download --local-dir` leaves them: the commit, the digest and the time, a line each."""
    notes = tmp_path / ".cache" / "huggingface" / "download"
    (notes / "unet").mkdir(parents=True)
    for name in ("config.json", "unet/config.json"):
        (notes / f"{name}.metadata").write_text(f"{COMMIT}\nabc\n1700000000.0\n")
    assert hub_revision(tmp_path) == COMMIT
    (notes / "unet" / "config.json.metadata").write_text(f"{OTHER}\nabc\n1.0\n")
    assert hub_revision(tmp_path) == "", "files of two commits are of none"


@pytest.mark.parametrize("name", ["snapshots/main", "snapshots/" + COMMIT[:39], COMMIT, "weights"])
def test_what_tells_nothing_is_not_guessed_at(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir(parents=True)
    assert hub_revision(tmp_path / name) == ""
