"""The baselines' manifests: every model is registered under its name, and a wrong line is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.core.errors import UserError
from evalkit.fetch.manifests import baselines, read_manifest
from evalkit.fetch.published import PUBLISHED
from evalkit.fetch.weights import MINIS
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
        assert (name in PUBLISHED, name in MINIS) == (not model.shipped, model.shipped)
        assert (model.folder / "README.md").is_file()


def test_a_manifest_is_read_as_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "manifest.toml").write_text(WHOLE)
    (model,) = read_manifest(tmp_path / "manifest.toml")
    assert (model.name, model.place, model.presets) == ("mine", "mine", {"card": {"steps": 1}})


def test_a_model_that_ships_is_a_mini_and_none_of_the_hub(tmp_path: Path) -> None:
    """Its numbers must never stand among those of full models, and nobody is sent to fetch it. What the models of a
    file share about the hub is not its."""
    shared = WHOLE.replace("[presets.card]", 'files = ["a.bin"]\n[presets.card]')
    (tmp_path / "manifest.toml").write_text(f"{shared}[models.mine-mini]\nshipped = true\n")
    full, mini = read_manifest(tmp_path / "manifest.toml")
    assert (full.size, full.shipped, full.files) == ("full", False, ("a.bin",))
    assert (mini.size, mini.shipped, mini.files, mini.hub, mini.revision) == ("mini", True, (), "", "")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('hub = "somebody/mine"', 'hubs = "x"'), "unknown key .hubs. in .models.mine. .did you mean hub"),
        (('hub = "somebody/mine"', ""), "either hub or shipped"),
        (('hub = "somebody/mine"', 'hub = "somebody/mine"\nshipped = true'), "either hub or shipped"),
        (('licence = "MIT"', ""), "licence"),
        (('default_preset = "card"', 'default_preset = "best"'), "'best'"),
        (("[defaults]", "[default]"), "unknown key .default. .did you mean defaults"),
        (("steps = 1", "steps ="), "cannot be read"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    file = tmp_path / "manifest.toml"
    file.write_text(WHOLE.replace(*change))
    with pytest.raises(UserError, match=message) as error:
        read_manifest(file)
    assert str(file) in error.value.message
