"""`evalkit.listen`, `collect` and `agree` do what the verbs do, and say the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import evalkit_listeners
import pytest

import evalkit as door

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def runs(make_run: Callable[..., Path]) -> list[Path]:
    return [make_run(name, seed=seed, fail=()) for seed, name in enumerate(("good", "bad"))]


def test_the_way_from_runs_to_agreement(runs: list[Path], evalkit: Call, tmp_path: Path) -> None:
    test = door.listen(*runs, out="test.html", scales=["quality"], prompts=6, listeners=5, ratings_per_clip=5)
    assert test.page.is_file() and test.key.is_file() and "2 models x 6 prompts, 5 listeners" in test.told[0]
    said = evalkit_listeners.answer_all(test.key, "answers")
    wrong = json.loads(said[1].read_text())
    wrong["checks"][0]["beeps"] += 1
    said[1].write_text(json.dumps(wrong))
    heard = door.collect("answers", test.key, runs)
    assert [each.why for each in heard.left_out] == ["attention: 1 of 2 checks wrong"]
    assert door.collect(said, str(test.key)).to_dict() == heard.to_dict()
    _, told, _ = evalkit("listen", "--collect", "answers", "--key", str(test.key), "--json")
    assert {"ratings": "ratings.json", **json.loads(json.dumps(heard.to_dict()))} == json.loads(told)
    kept = Path("ratings.json").read_bytes()
    heard.save("again.json")
    assert Path("again.json").read_bytes() == kept
    agreed = door.agree("ratings.json", [door.load(runs[0]), runs[1]], metrics=["clap_score"])
    assert {each.metric for each in agreed.held} == {"clap_score"}
    words = ("--runs", str(runs[0]), "--runs", str(runs[1]), "--metric", "clap_score", "--json")
    _, told, _ = evalkit("agree", "ratings.json", *words)
    assert json.loads(json.dumps(agreed.to_dict())) == json.loads(told)


def test_what_is_wrong_is_told_at_once_and_in_the_words_of_python(runs: list[Path], evalkit: Call) -> None:
    with pytest.raises(door.UserError) as caught:
        door.listen(runs[0], "nowhere", listeners=0, scales=["qualty"], loudness="loud")  # type: ignore[arg-type]
    for told in ("nowhere", "listeners is 0", "did you mean quality", "loudness 'loud'"):
        assert told in str(caught.value)
    assert "--" not in str(caught.value)
    with pytest.raises(door.UserError, match=r"no\.key\.json"):
        door.collect("nowhere", "no.key.json")
    with pytest.raises(door.UserError, match="estimate has no metric"):
        door.agree("aes-pam", estimate=True)
    with pytest.raises(door.UserError, match="aes-pam"):
        door.agree("aes-pan")
