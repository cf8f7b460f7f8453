"""Finding weights, and saying what to do where they are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.core.errors import MissingWeights, UserError
from evalkit.fetch.home import evalkit_home
from evalkit.fetch.weights import PUBLISHED, locate


def test_missing_weights_say_which_file_from_where_under_which_licence_and_where_to_put_it() -> None:
    with pytest.raises(MissingWeights) as caught:
        locate("passt", {})
    text = str(caught.value)
    wanted = ("passt-s-f128-p16-s10-ap.476-swa.pt", "kkoutini/PaSST", "Apache-2.0", "--weights passt=PATH")
    assert all(part in text for part in (*wanted, str(evalkit_home() / "weights")))


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_a_published_file_is_found_under_its_own_name(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path))
    (tmp_path / "weights").mkdir()
    for file in PUBLISHED[name].files:
        path = tmp_path / "weights" / file
        path.touch()
        assert locate(name, {}) == path
        path.unlink()


def test_an_override_comes_first_and_must_exist(tmp_path: Path) -> None:
    assert locate("openl3-mini", {"openl3-mini": tmp_path}) == tmp_path
    with pytest.raises(MissingWeights, match="--weights openl3-mini="):
        locate("openl3-mini", {"openl3-mini": tmp_path / "absent"})


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UserError, match="passt-mini"):
        locate("past-mini", {})
