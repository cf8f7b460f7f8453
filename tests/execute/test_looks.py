"""What is loaded to be looked at before the work is a worker's, where workers do the work."""

from __future__ import annotations

import gc
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from time import monotonic

import numpy as np
import pytest
from evalkit_drills import Judge, write_drill

from evalkit.core.errors import UserError
from evalkit.execute.bench import Kind, identity
from evalkit.execute.orders import GeneratorOrder, JudgeOrder, require_judge
from evalkit.execute.pool import Processes
from evalkit.execute.schedule import Hand
from evalkit.execute.wire import Message
from evalkit.execute.worker import Worker
from evalkit.execute.workers import Workers
from evalkit.generators.base import Timeouts
from evalkit.run.config import RunConfig
from evalkit.run.executors import aside
from evalkit.run.pipeline import run
from evalkit.run.plan import make_plan
from evalkit.run.progress import Silent
from evalkit.store.ledger import Ledger

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


def drilled(folder: Path, monkeypatch: pytest.MonkeyPatch, load: str = "", judge: bool = True) -> RunConfig:
    """A run by two workers whose `judge` nobody has looked at, and what happens where its model is loaded."""
    monkeypatch.setenv("EVALKIT_HOME", str(folder / "home"))
    monkeypatch.setenv("EVALKIT_DRILLS", str(folder))
    monkeypatch.setenv("DRILL_LOAD", load)
    monkeypatch.delenv("EVALKIT_ANEW", raising=False)
    suite = write_drill(folder, ["rain", "wind", "a dog", "a bell"], judge)
    return RunConfig(model="evalkit_drills:Drilled", suite=str(suite), out=folder / "run", workers=2, batch_size=1)


def begun(monkeypatch: pytest.MonkeyPatch) -> list[GeneratorOrder]:
    """What workers are asked to load before there is something to make."""
    orders = list[GeneratorOrder]()
    begin = Workers.begin

    def noted(self: Workers, order: GeneratorOrder) -> None:
        orders.append(order)
        begin(self, order)

    monkeypatch.setattr(Workers, "begin", noted)
    return orders


def test_whoever_has_no_judge_to_look_at_loads_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one judge and two workers, one would wait for the other; and each loads the model once."""
    orders = begun(monkeypatch)
    plan = make_plan(drilled(tmp_path, monkeypatch))
    outcome = run(plan, Silent())
    assert outcome.n_ok == 4 and len(orders) == 1
    pids = (tmp_path / "loads").read_text().split()
    assert len(pids) == len(set(pids)) == 2
    told = ["load" in record.timings for record in Ledger(plan.folder.ledger, plan.run_id).records.values()]
    assert sum(told) == 2, "the first sound of each says how long it took"


def test_a_model_is_loaded_early_only_where_it_is_sure_to_be_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sounds that an earlier run has are taken over: no network of gigabytes is loaded beside a new judge for them."""
    assert run(make_plan(drilled(tmp_path, monkeypatch)), Silent()).n_ok == 4
    rmtree(tmp_path / "home" / "cache" / "loaded")
    (tmp_path / "loads").unlink()
    orders = begun(monkeypatch)
    outcome = run(make_plan(replace(drilled(tmp_path, monkeypatch), out=tmp_path / "other")), Silent())
    assert outcome.n_ok == 4 and not orders and not (tmp_path / "loads").exists()


@pytest.mark.parametrize("load", ["kill once", "missing", "raise", "kill", "deaf"])
def test_what_goes_wrong_in_loading_is_told_as_ever(load: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loaded early, a model that fails ends no look at judges, and the run ends as one whose judges are known."""
    plan = make_plan(replace(drilled(tmp_path, monkeypatch, load), timeouts=Timeouts(1.0, 5.0, 5.0)))
    if load == "kill once":
        assert run(plan, Silent()).n_ok == 4
        return
    told = {"missing": "weights of drilled are not here", "raise": "this prompt is too hard", "kill": "while it loads"}
    told["deaf"] = r"what a worker has to load does not come back \(no end after 1 s\)"
    with pytest.raises(UserError, match=told[load]):
        run(plan, Silent())
    assert list((tmp_path / "home" / "cache" / "loaded").iterdir()), "the judge was looked at"


def test_no_worker_is_started_for_sounds_and_features_that_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is one that would import torch in vain, beside a command of a second."""
    assert run(make_plan(drilled(tmp_path, monkeypatch, judge=False)), Silent()).n_ok == 4
    monkeypatch.setattr(Processes, "hire", lambda self, place: pytest.fail("started"))
    assert (
        run(make_plan(replace(drilled(tmp_path, monkeypatch, judge=False), out=tmp_path / "other")), Silent()).n_ok == 4
    )


def test_what_a_worker_imports_for_its_work_is_left_out_of_the_search_for_garbage() -> None:
    answer = Worker(lambda message: None).do(Message({"kind": "import", "task": 1, "modules": ["evalkit.embed.base"]}))
    try:
        assert answer.kind == "done" and gc.isenabled() and gc.get_freeze_count()
    finally:
        gc.unfreeze()


def test_a_full_pipe_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe holds 64 KiB: who slept a hundredth of a second at each would send a sound in a tenth of one."""
    monkeypatch.setattr("evalkit.execute.pool.time.sleep", lambda seconds: pytest.fail("slept"))
    with closing(Processes(["cpu"], {})) as crew:
        hand = crew.hire(0)
        hand.send(Message({"kind": "import", "task": 1, "modules": []}, [np.zeros(1 << 22, np.uint8)]))
        deadline = monotonic() + 60
        while monotonic() < deadline:
            if any(message is not None and message.kind == "done" for _, message in crew.heard(1.0)):
                return
    pytest.fail("not taken")


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
