"""The commit of a folder is told, and a stranger's repository runs nothing for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from evalkit_git import git, repository

from evalkit.core import commit as room
from evalkit.core.commit import Commit, commit_here


def test_the_commit_and_whether_files_differ(tmp_path: Path) -> None:
    assert commit_here(tmp_path) is None, "no repository"
    head = repository(tmp_path)
    (tmp_path / "inner").mkdir()
    (tmp_path / "untracked").write_text("x")
    assert commit_here(tmp_path / "inner") == Commit(head, False)
    (tmp_path / "code.py").write_text("2\n")
    assert commit_here(tmp_path) == Commit(head, True)
    git(tmp_path, "add", "code.py")
    assert commit_here(tmp_path) == Commit(head, True), "what is staged differs too"


def test_a_repository_without_a_commit_and_a_broken_one_have_none(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    assert commit_here(tmp_path) is None
    (tmp_path / ".git" / "HEAD").write_bytes(b"\xff\0ref: ../../../etc/passwd")
    assert commit_here(tmp_path) is None


def test_a_worktree_and_a_detached_head_are_told(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    head = repository(tmp_path / "a")
    git(tmp_path / "a", "worktree", "add", "--quiet", "--detach", str(tmp_path / "b"))
    assert commit_here(tmp_path / "b") == Commit(head, False)


@pytest.mark.parametrize(
    "config",
    [
        '[core]\n\tfsmonitor = "touch {pwned}; true"\n',
        '[filter "x"]\n\tclean = "touch {pwned}; cat"\n',
        '[filter "x"]\n\tprocess = "touch {pwned}"\n',
        "[include]\n\tpath = {hidden}\n",
        '[core]\n\tsshCommand = "touch {pwned}"\n\tgitProxy = "touch {pwned}"\n',
        '[extensions]\n\tpartialClone = o\n[remote "o"]\n\tpromisor = true\n\turl = ext::sh -c "touch% {pwned}"\n',
        "[extensions]\n\tworktreeConfig = true\n",
    ],
)
def test_a_hostile_repository_runs_nothing_and_its_commit_is_told(tmp_path: Path, config: str) -> None:
    head, pwned, hidden = repository(tmp_path), tmp_path / "pwned", tmp_path / "hidden"
    hidden.write_text(f'[filter "x"]\n\tclean = "touch {pwned}; cat"\n')
    (tmp_path / ".git" / "info").mkdir(exist_ok=True)
    (tmp_path / ".git" / "info" / "attributes").write_text("* filter=x\n")
    (tmp_path / "code.py").write_text("2\n")
    os.utime(tmp_path / "code.py", (1, 1))
    with (tmp_path / ".git" / "config").open("a") as file:
        file.write(config.format(pwned=pwned, hidden=hidden))
    assert commit_here(tmp_path) == Commit(head, None)
    assert not pwned.exists()


def test_without_git_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository(tmp_path)
    monkeypatch.setattr(room.processes, "program", lambda name: None)
    assert commit_here(tmp_path) is None
