"""The baselines' manifests: every model is registered under its name, and a wrong line is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.core.errors import UserError
from evalkit.fetch.manifests import baselines, read_manifest
from evalkit.fetch.published import PUBLISHED
from evalkit.generators.base import BASELINES, GENERATORS

WHOLE = """
[defaults]
revision = "main"
licence = "MIT"
sample_rate = 16000
channels = 1
window_seconds = 10.0
max_seconds = 10.0
default_preset = "card"
[presets.card]
steps = 1
[models.mine]
hub = "somebody/mine"
"""


def test_every_model_has_its_name_on_the_command_line() -> None:
    """A model that only its manifest knows cannot be run, and one that it does not know cannot be found."""
    assert set(baselines()) == set(BASELINES)
    for name, model in baselines().items():
        spec = GENERATORS.load(name)().spec
        assert (spec.name, spec.sample_rate, spec.channels) == (name, model.sample_rate, model.channels)
        assert model.size != "full" or name in PUBLISHED
        assert (model.folder / "README.md").is_file()


def test_a_manifest_is_read_as_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "manifest.toml").write_text(WHOLE)
    (model,) = read_manifest(tmp_path / "manifest.toml")
    assert (model.name, model.place, model.presets) == ("mine", "mine", {"card": {"steps": 1}})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('hub = "somebody/mine"', 'hubs = "x"'), "unknown keys: hubs"),
        (('licence = "MIT"', ""), "licence"),
        (('default_preset = "card"', 'default_preset = "best"'), "'best'"),
        (("[defaults]", "[default]"), "default"),
        (("steps = 1", "steps ="), "cannot be read"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    file = tmp_path / "manifest.toml"
    file.write_text(WHOLE.replace(*change))
    with pytest.raises(UserError, match=message) as error:
        read_manifest(file)
    assert str(file) in error.value.message
