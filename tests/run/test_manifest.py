"""run.json that is damaged, gone, or another's: the ledger is enough to go on, and nobody's sounds are mixed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import evalkit_fakes
import pytest

from evalkit.core.errors import UserError
from evalkit.run.pipeline import Outcome

PROMPTS = ["a dog", "rain", "raise"]
DAMAGES = [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"status": NaN}', b"{}", b'{"run_id": 3}', b"\0" * 4096]


def calls() -> int:
    return len(evalkit_fakes.Moody.calls)


def check_gone_on_with(first: Outcome, again: Outcome, made: int, scores: bytes) -> None:
    """The same run with the same scores, from the sounds that were there; the prompt that failed is tried once more."""
    assert again.plan.run_id == first.plan.run_id and not again.reused
    assert again.plan.folder.scores.read_bytes() == scores
    assert json.loads(again.plan.folder.run_json.read_text())["status"] == "success"
    assert {prompt for call in evalkit_fakes.Moody.calls[made:] for prompt in call} <= {*PROMPTS}
    assert all(record["attempt"] == 1 for record in ledger(again) if record["status"] == "ok")
    assert len([record for record in ledger(again) if record["status"] == "ok"]) == 2


def ledger(outcome: Outcome) -> list[dict[str, Any]]:
    return [json.loads(line) for line in outcome.plan.folder.ledger.read_text().splitlines()]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("out", [None, Path("here")])
def test_a_damaged_run_json_is_set_aside_and_the_run_goes_on(
    damage: bytes, out: Path | None, go: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    first = go(PROMPTS, out=out)
    made, folder = calls(), first.plan.folder
    scores = folder.scores.read_bytes()
    folder.run_json.write_bytes(damage)
    check_gone_on_with(first, go(PROMPTS, out=out), made, scores)
    assert (folder.root / "run.json.damaged").read_bytes() == damage
    assert go(PROMPTS, out=out).reused


@pytest.mark.parametrize("out", [None, Path("here")])
def test_a_run_json_that_is_gone_is_written_anew(out: Path | None, go: Any) -> None:
    first = go(PROMPTS, out=out)
    scores, made = first.plan.folder.scores.read_bytes(), calls()
    first.plan.folder.run_json.unlink()
    check_gone_on_with(first, go(PROMPTS, out=out), made, scores)


def test_a_ledger_of_another_run_is_not_taken_for_this_ones(go: Any) -> None:
    """The prompts are the same, so the items' keys are; the sounds are not."""
    first = go(PROMPTS, out=Path("here"), seed=0, changes={"level": 0.2})
    first.plan.folder.run_json.write_bytes(b"{")
    kept = first.plan.folder.ledger.read_bytes()
    with pytest.raises(UserError, match=r"here/run\.json: is damaged .*choose another --out"):
        go(PROMPTS, out=Path("here"), seed=0)
    first.plan.folder.run_json.unlink()
    with pytest.raises(UserError, match="holds files of something else"):
        go(PROMPTS, out=Path("here"), seed=0)
    assert first.plan.folder.ledger.read_bytes() == kept


def test_a_run_json_of_another_program_is_not_touched(go: Any, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "run.json").write_text('{"jobs": [1, 2]}')
    with pytest.raises(UserError, match=r"run\.json: is damaged"):
        go(PROMPTS, out=Path("here"))
    assert [path.name for path in (tmp_path / "here").iterdir()] == ["run.json"]


def test_no_field_of_run_json_can_be_so_wrong_that_it_is_a_bug(go: Any) -> None:
    """Each field by turns another type: the run goes on, or one line says what is wrong."""
    first = go(PROMPTS)
    folder, whole = first.plan.folder, first.plan.folder.run_json.read_text()
    scores = folder.scores.read_bytes()
    for key in json.loads(whole):
        for wrong in (None, 3, "x", [1], {"a": "b"}, {"generate": "long"}):
            folder.run_json.write_text(json.dumps({**json.loads(whole), key: wrong}))
            try:
                go(PROMPTS)
            except UserError as error:
                assert key in ("run_id",) and "holds another run" in error.message
                continue
            assert folder.scores.read_bytes() == scores, (key, wrong)
