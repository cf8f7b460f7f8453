"""Which originals there are, and that their environments are another machine's too."""

from __future__ import annotations

import re

import pytest

from evalkit.core.errors import UserError
from evalkit.fetch.environment import require_pinned
from evalkit.fetch.published import PUBLISHED
from evalkit.originals.base import ORIGINALS, Original, chosen


@pytest.mark.parametrize("original", ORIGINALS, ids=lambda each: each.package)
def test_every_package_of_an_environment_is_named_with_its_version(original: Original) -> None:
    """A number of next year is made by the packages of this one, transitive ones too."""
    requirements = original.folder / "requirements.txt"
    require_pinned(requirements)
    lines = [line for line in requirements.read_text().splitlines() if not line.startswith("#")]
    assert len(lines) > 40 and all(re.match(r"[A-Za-z0-9._-]+==[0-9][^ ]*( ;|$)", line) for line in lines)
    environment = original.environment
    assert environment is not None and environment.complete and environment.python == "3.11"
    assert not any(line.partition("==")[2].partition("+")[2] for line in lines), "a build that no index has"
    for name in original.bringing:
        assert any(line.startswith(f"{name}==") for line in lines)
    packages = {re.split("==", line)[0].lower().replace("_", "-") for line in lines}
    assert (original.package in packages) != bool(original.unpacked)
    assert all(len(source.sha256) == 64 for source in original.unpacked)


def test_every_environment_is_another() -> None:
    found = [original.environment for original in ORIGINALS]
    assert len({each.folder for each in found if each is not None}) == 3


def test_every_judge_with_published_weights_has_one() -> None:
    judges = [judge for original in ORIGINALS for judge in original.judges]
    families = [name for name in PUBLISHED if name.partition("-")[0] in ("openl3", "passt", "clap")]
    assert sorted(judges) == sorted(families)


def test_a_package_stands_for_its_first_judge() -> None:
    assert list(chosen([], ORIGINALS)) == ["openl3-env", "passt", "clap"]
    assert list(chosen(["laion-clap", "openl3-music"], ORIGINALS)) == ["clap", "openl3-music"]
    with pytest.raises(UserError, match="hear21passt"):
        chosen(["hear21past"], ORIGINALS)
