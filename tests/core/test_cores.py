"""A container's share of the machine counts, not the machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from evalkit.core import cores

Group = Callable[..., None]


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Group:
    """`group(own, {path: text})`: what /proc/self/cgroup says, and the files under /sys/fs/cgroup; 8 are seen."""
    monkeypatch.setattr(cores, "_OWN", tmp_path / "own")
    monkeypatch.setattr(cores, "_GROUPS", tmp_path / "groups")
    monkeypatch.setattr(cores, "visible", lambda: 8)

    def group(own: str, files: dict[str, str]) -> None:
        (tmp_path / "own").write_text(own)
        for path, text in files.items():
            (tmp_path / "groups" / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "groups" / path).write_text(text)

    return group


OLD = "4:cpu,cpuacct:/docker/a\n3:memory:/docker/a\n"


@pytest.mark.parametrize(
    ("own", "files", "found"),
    [
        ("0::/\n", {"cpu.max": "100000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "350000 100000\n"}, 3),
        ("0::/\n", {"cpu.max": "50000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "max 100000\n"}, 8),
        ("0::/\n", {"cpu.max": "9000000 100000\n"}, 8),
        ("0::/pods/one\n", {"cpu.max": "max 100000\n", "pods/cpu.max": "2 1\n", "pods/one/cpu.max": "max 1\n"}, 2),
        ("0::/host/path/that/is/not/here\n", {"cpu.max": "400000 100000\n"}, 4),
        ("0::/../..\n", {"cpu.max": "2 1\n"}, 2),
        (OLD, {"cpu,cpuacct/cpu.cfs_quota_us": "150000\n", "cpu,cpuacct/cpu.cfs_period_us": "100000\n"}, 1),
        (OLD, {"cpu,cpuacct/cpu.cfs_quota_us": "-1\n", "cpu,cpuacct/cpu.cfs_period_us": "100000\n"}, 8),
        ("0::/\n", {"cpu.max": "what\n"}, 8),
        ("0::/\n", {"cpu.max": "1 0\n"}, 8),
        ("nonsense\n\n", {}, 8),
    ],
)
def test_a_share_of_the_cores_is_what_there_is(group: Group, own: str, files: dict[str, str], found: int) -> None:
    group(own, files)
    assert cores.cores() == found


def test_without_control_groups_all_that_are_seen_are_there(group: Group) -> None:
    assert cores.cores() == 8
