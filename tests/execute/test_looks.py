"""What is loaded to be looked at before the work is a worker's, where workers do the work."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from evalkit_drills import Judge, write_drill

from evalkit.core.errors import UserError
from evalkit.execute.bench import Kind, identity
from evalkit.execute.orders import JudgeOrder, require_judge
from evalkit.execute.pool import Processes
from evalkit.execute.schedule import Hand
from evalkit.execute.wire import Message
from evalkit.execute.worker import Worker
from evalkit.run.config import RunConfig
from evalkit.run.executors import aside
from evalkit.run.pipeline import run
from evalkit.run.plan import make_plan
from evalkit.run.progress import Silent

JUDGE = "evalkit_drills:Judge"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker imports nothing from the working folder: not this tree's evalkit either, where that is the folder."""
    monkeypatch.chdir(tmp_path)


def test_a_worker_says_who_and_what_a_judge_is() -> None:
    with closing(aside(RunConfig(workers=2))) as hands:
        strange = JudgeOrder("none-such", "none-such", {})
        first, wrong, last = hands.look([JudgeOrder(JUDGE, JUDGE, {}), strange, JudgeOrder(JUDGE, JUDGE, {})])
        assert first == last and not isinstance(first, UserError)
        assert first[1] == Kind(2, "drilled", False) and first[0].dimensions == 2
        assert isinstance(wrong, UserError) and "none-such" in str(wrong), "which costs the others nothing"
        assert hands.workforce().workers == 0, "who only looked has done no work"


def test_those_that_looked_do_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has imported torch for the look is not ended to begin another one, which would import it again."""
    started = []
    hire = Processes.hire

    def counted(self: Processes, place: int) -> Hand:
        started.append(place)
        return hire(self, place)

    monkeypatch.setattr(Processes, "hire", counted)
    monkeypatch.setenv("EVALKIT_DRILLS", str(tmp_path))
    suite = write_drill(tmp_path, ["rain", "wind"], judge=True)
    config = RunConfig(model="mock", suite=str(suite), out=tmp_path / "run", workers=2, batch_size=1)
    assert run(make_plan(config), Silent()).n_ok == 2
    assert sorted(started) == [0, 1]


def test_a_run_by_workers_opens_no_judge_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("loaded in the parent")

    monkeypatch.setenv("EVALKIT_DRILLS", str(tmp_path))
    monkeypatch.setattr("evalkit.run.preflight.open_embedder", refuse)
    monkeypatch.setattr("evalkit.run.pipeline.open_embedder", refuse)
    suite = write_drill(tmp_path, ["rain", "wind"], judge=True)
    outcome = run(make_plan(RunConfig(model="mock", suite=str(suite), out=tmp_path / "run", workers=1)), Silent())
    assert outcome.n_ok == 2 and outcome.scores["drilled"]["value"] is not None


def test_another_judge_than_was_ordered_is_refused() -> None:
    judge = Judge()
    require_judge(JudgeOrder(JUDGE, JUDGE, {}), judge)  # type: ignore[arg-type]
    require_judge(JudgeOrder(JUDGE, JUDGE, {}, identity(judge).key), judge)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"its weights \([0-9a-f]{12}\) are not those that the run has"):
        require_judge(JudgeOrder(JUDGE, JUDGE, {}, "other"), judge)  # type: ignore[arg-type]


def test_no_answer_of_a_worker_changes_what_its_message_is() -> None:
    """A fact called `kind` would take the place of the message's own, and its sender would wait for ever."""
    worker = Worker(lambda message: None)
    order = JudgeOrder(JUDGE, JUDGE, {}).told()
    for task in ({"kind": "look", "order": order}, {"kind": "embed", "order": order, "sources": [], "device": "cpu"}):
        assert worker.do(Message({**task, "task": 7})).facts["task"] == 7
        assert worker.do(Message({**task, "task": 7})).kind == "done"
