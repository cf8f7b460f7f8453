"""Work on a cluster: what is asked of it, which nodes are fit for it, and what their ends cost."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from evalkit_clusters import ROOT, started
from evalkit_drills import content, write_drill
from evalkit_processes import lives, wait_for

from evalkit.core.errors import UserError
from evalkit.embed.load import load_embedder
from evalkit.execute.bench import Source, identity
from evalkit.execute.ray_connection import outlook
from evalkit.execute.wire import Message, packed, unpacked
from evalkit.execute.worker import sources_of, sources_told
from evalkit.run.config import RunConfig, Sharing, parse_ray
from evalkit.run.pipeline import Outcome, run
from evalkit.run.plan import make_plan
from evalkit.run.progress import Silent

Go = Callable[..., Outcome]


class Noted(Silent):
    """What is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables_travel: None) -> Go:
    """`go(prompts, notes, **config)` runs the drilled model on them, one a batch."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVALKIT_DRILLS", str(tmp_path))

    def go(
        prompts: list[str], out: str = "run", noted: Silent | None = None, judge: bool = False, **config: Any
    ) -> Outcome:
        suite = write_drill(tmp_path, prompts, judge)
        told = {"model": "evalkit_drills:Drilled", "suite": str(suite), "out": tmp_path / out, "batch_size": 1}
        return run(make_plan(RunConfig(**{**told, **config})), noted or Silent())

    return go


def bytes_of(outcome: Outcome) -> dict[str, bytes]:
    return content(outcome.plan.folder.root)


def test_an_actor_that_is_killed_costs_no_byte_and_takes_its_worker_along(
    go: Go, cluster: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    outcome = go(["rain", "orphan once", "wind"], ray=cluster, workers=2)
    assert outcome.n_ok == 3
    assert bytes_of(outcome) == bytes_of(go(["rain", "orphan once", "wind"], "inline"))
    here = [int(pid) for pid in (tmp_path / "loads").read_text().split() if pid != str(os.getpid())]
    assert here
    wait_for(lambda: not any(map(lives, here)), 30)
    assert "raylet" not in "".join(capfd.readouterr()), "what Ray's servers say is not a command's result"


def test_resources_that_no_node_has_are_told_before_the_work(go: Go, cluster: str) -> None:
    with pytest.raises(UserError, match="no node has num_gpus=64"):
        go(["rain"], ray=cluster, resources={"num_gpus": 64.0})


@pytest.mark.parametrize(
    ("sharing", "told"),
    [
        (Sharing(ray="nowhere"), "is no address of a cluster"),
        (Sharing(ray="ray://head:10001"), "is no address of a cluster"),
        (Sharing(ray=""), "is no address of a cluster"),
        (Sharing(ray="auto", devices="cuda:0"), "is for processes of this machine"),
        (Sharing(ray="auto", ray_resources="num_gpus"), "not of the form NAME=NUMBER"),
        (Sharing(ray="auto", ray_resources="num_gpus=0"), "no number above 0"),
        (Sharing(ray="auto", ray_resources={"num_gpus": float("nan")}), "no number above 0"),
        (Sharing(ray="auto", ray_resources=""), "not of the form NAME=NUMBER"),
        (Sharing(ray="auto", ray_resources="num_gpus=-1"), "no number above 0"),
        (Sharing(ray="auto", ray_resources="num_gpus=1.5"), "whole numbers only"),
        (Sharing(ray="auto", ray_resources="num_gpus=1,num_gpus=2"), "names one twice"),
        (Sharing(ray="auto", ray_resources="GPU=1"), "GPU cannot be asked for so .num_gpus=1"),
        (Sharing(ray="auto", ray_resources="memory=1"), "memory cannot be asked for so"),
        (Sharing(ray_resources="num_gpus=1"), "says what each worker on a cluster has"),
    ],
)
def test_what_cannot_be_meant_is_told(sharing: Sharing, told: str) -> None:
    with pytest.raises(UserError, match=told):
        parse_ray(sharing)


def test_resources_are_read() -> None:
    assert parse_ray(Sharing(ray="auto")) == ("auto", {"num_cpus": 1.0})
    assert parse_ray(Sharing(ray="head:6379", ray_resources="num_gpus=1,big=0.5"))[1] == {"num_gpus": 1.0, "big": 0.5}


def test_without_the_package_nothing_is_begun(
    evalkit: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("run", "--model", "mock", "--suite", "mini", "--limit", "1", "--ray", "auto", "--out", "run")
    needed = "and 2.55 or later is needed, below 3.0"
    for found, told in (("", "is not installed"), ("2.9.3", f"is 2.9.3, {needed}"), ("3.0.1", f"is 3.0.1, {needed}")):
        monkeypatch.setattr("evalkit.execute.ray_connection.version", lambda package, found=found: found)
        code, _, err = evalkit(*words)
        assert code == 2 and f"the package ray {told}" in err
        assert "pip install 'evalkit-audio[ray]'" in err and err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_cluster_that_does_not_answer_is_told(go: Go, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    with pytest.raises(UserError, match=r"--ray 127\.0\.0\.1:1: nobody answers"):
        go(["rain"], ray="127.0.0.1:1")
    for address, told in (("127.0.0.1:1", "nobody answers"), ("junk", "no address"), ("auto", "no address")):
        monkeypatch.setenv("RAY_ADDRESS", address)
        with pytest.raises(UserError, match=rf"RAY_ADDRESS={address}: .*{told}"):
            go(["rain"], ray="auto")
    assert not (tmp_path / "run").exists(), "before the work"


def test_the_doctor_says_whether_ray_can_be_used(
    evalkit: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told() -> dict[str, str]:
        findings: list[dict[str, str]] = json.loads(evalkit("doctor", "--json")[1])["findings"]
        return next(each for each in findings if each["name"] == "ray")

    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    assert told()["state"] == "warn" and "RAY_ADDRESS=127.0.0.1:1: nobody answers" in told()["detail"]
    monkeypatch.delenv("RAY_ADDRESS")
    monkeypatch.setattr("ray._private.utils.get_ray_address_file", lambda folder: str(tmp_path / "none"))
    assert told()["state"] == "ok" and "started on this machine for the run" in told()["detail"]


def test_a_cluster_that_somebody_else_announces_is_not_taken(
    cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In /tmp anybody may write the address of a server, whose answers would be unpickled."""
    file = tmp_path / "ray_current_cluster"
    file.write_text(cluster)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr("ray._private.utils.get_ray_address_file", lambda folder: str(file))
    assert cluster in outlook()[1]
    if os.getuid() == 0:
        os.chown(file, 12345, -1)
    else:
        monkeypatch.setattr("os.getuid", lambda: file.stat().st_uid + 1)
    assert cluster not in outlook()[1]


def test_a_sound_that_a_worker_does_not_see_is_sent(tmp_path: Path) -> None:
    """With a fault of a file as one that sees it would tell it."""
    good, bad = tmp_path / "good.wav", tmp_path / "bad.wav"
    soundfile.write(good, np.zeros(80), 8000)
    sources = [Source("a", "", good), Source("b", "", bad), Source("c", "", None, "a text")]
    told, contents = sources_told(sources, far=True)
    found = sources_of(unpacked(packed(Message({"sources": told}, contents))))
    assert [each.key for each in found] == ["a", "b", "c"] and found[2].text == "a text"
    assert found[0].data == good.read_bytes() and found[0].path == good and found[1].data is None
    assert sources_told(sources, far=False)[1] == []


@pytest.fixture
def alone() -> Iterator[None]:
    """No connection of this process is left of other tests, nor to them."""
    import ray

    ray.shutdown()
    yield
    ray.shutdown()


@pytest.fixture
def other_evalkit(tmp_path: Path) -> str:
    """A folder with an evalkit of another version."""
    folder = tmp_path / "other"
    shutil.copytree(ROOT / "evalkit", folder / "evalkit", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("baselines", "prompts", "reports", "constraints.txt"):
        (folder / name).symlink_to(ROOT / name)
    with (folder / "evalkit" / "__init__.py").open("a", encoding="utf-8") as file:
        file.write('\n__version__ = "0.0.1"\n')
    return os.pathsep.join([str(folder), str(ROOT / "tests" / "fakes")])


PROMPTS = [f"sound {number}" for number in range(6)]


@pytest.mark.slow
def test_a_node_that_is_not_fit_is_left_out_with_one_line_and_the_run_goes_on(
    go: Go, alone: None, other_evalkit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken" / "evalkit").mkdir(parents=True)
    (tmp_path / "broken" / "evalkit" / "__init__.py").write_text("raise ImportError('not here')\n")
    monkeypatch.delenv("DRILL_LOAD", raising=False)
    around = [{}, {"PYTHONPATH": other_evalkit}, {"DRILL_LOAD": "missing"}, {"PYTHONPATH": str(tmp_path / "broken")}]
    noted = Noted()
    with started([1, 1, 1, 1], around) as nodes:
        outcome = go(PROMPTS, noted=noted, ray=nodes.address)
        assert outcome.n_ok == len(PROMPTS)
    lines = [note for note in noted.notes if "left out" in note]
    assert len(lines) == 3 and all("\n" not in line for line in lines), noted.notes
    told = "; ".join(lines)
    assert "evalkit (0.0.1, not " in told and "weights of drilled are not here" in told
    assert "evalkit cannot be imported there" in told
    assert bytes_of(outcome) == bytes_of(go(PROMPTS, "inline"))


@pytest.mark.slow
def test_where_the_only_node_is_not_fit_the_error_says_which_and_why_once(
    go: Go, alone: None, other_evalkit: str
) -> None:
    noted = Noted()
    with (
        started([1], [{"PYTHONPATH": other_evalkit}]) as nodes,
        pytest.raises(UserError, match=r"--ray 127.0.0.1:\d+: .*it has another code of evalkit; evalkit .0.0.1, not "),
    ):
        go(PROMPTS, noted=noted, ray=nodes.address)
    assert not [note for note in noted.notes if "left out" in note]


@pytest.mark.slow
@pytest.mark.parametrize("known", [False, True])
def test_a_node_whose_judge_is_another_one_is_left_out_with_one_line(
    go: Go, alone: None, tmp_path: Path, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its features would be other numbers. The features of the run are those of one judge."""
    known_here = identity(load_embedder("evalkit_drills:Judge"))
    if known:  # from an earlier run of this machine's
        monkeypatch.setattr("evalkit.run.pipeline._known", lambda *_: known_here)
    noted = Noted()
    with started([1, 1], [{}, {"DRILL_JUDGE": "other"}]) as nodes:
        outcome = go(PROMPTS, noted=noted, ray=nodes.address, judge=True)
    lines = [note for note in noted.notes if "left out" in note]
    assert len(lines) == 1 or (known and not lines), "the other one may do all before it is asked"
    assert all("\n" not in line and "its weights (" in line and "not those that the run has" in line for line in lines)
    if known:
        assert bytes_of(outcome) == bytes_of(go(PROMPTS, "inline", judge=True))


@pytest.mark.slow
def test_where_no_node_is_fit_the_run_ends_with_the_reason(go: Go, alone: None) -> None:
    unfit = [{"DRILL_LOAD": "missing"}] * 2
    with started([1, 1], unfit) as nodes, pytest.raises(UserError, match="weights of drilled are not here"):
        go(PROMPTS, ray=nodes.address)


@pytest.mark.slow
def test_a_node_that_is_lost_costs_no_byte(go: Go, alone: None, tmp_path: Path) -> None:
    """All of its processes are killed while they work, and the other node does the rest."""
    with started([1, 2]) as nodes:

        class Striking(Noted):
            """Ends a node once two sounds are there."""

            def advance(self, stage: str) -> None:
                if stage == "generate" and nodes.worker_nodes and len(list((tmp_path / "run" / "audio").iterdir())) > 1:
                    nodes.remove_node(next(iter(nodes.worker_nodes)), allow_graceful=False)

        outcome = go(PROMPTS * 2, noted=Striking(), ray=nodes.address)
        assert not nodes.worker_nodes, "it was struck"
    assert outcome.n_ok == 2 * len(PROMPTS)
    assert bytes_of(outcome) == bytes_of(go(PROMPTS * 2, "inline"))
