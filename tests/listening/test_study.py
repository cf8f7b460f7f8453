"""The key that stays with the author, and what of it the listeners' page may say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from evalkit.core.errors import UserError
from evalkit.listening.study import Study, public, read_key, write_key

Make = Callable[..., Study]
SECRET = "0123456789abcdef" * 2


@pytest.mark.parametrize("kind", ["mos", "ab", "mushra"])
def test_a_key_is_read_as_it_was_written(kind: str, make_study: Make, tmp_path: Path) -> None:
    study = make_study(kind)
    write_key(study, SECRET, tmp_path / "s.key.json")
    assert read_key(tmp_path / "s.key.json") == (study, SECRET)


@pytest.mark.parametrize("kind", ["mos", "ab", "mushra"])
def test_the_page_names_no_model_run_role_or_right_answer(kind: str, make_study: Make) -> None:
    told = public(make_study(kind))
    text = json.dumps(told)
    for secret in ("good-", "bad-", "low_3500", "role", "beeps", '"id": "dog"', SECRET):
        assert secret not in text, secret
    for name in ("items", "prompts", "trials"):
        codes = [each["code"] for each in told[name]]
        assert codes == sorted(codes), "the order says nothing"


def test_a_key_that_was_altered_is_refused(make_study: Make, tmp_path: Path) -> None:
    """Else two models would swap places by an edit that nobody sees."""
    path = tmp_path / "s.key.json"
    write_key(make_study(), SECRET, path)
    content = json.loads(path.read_text())
    items = content["study"]["items"]
    items[0]["run"], items[1]["run"] = items[1]["run"], items[0]["run"]
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match="it was changed"):
        read_key(path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[]", "is not the key"),
        ('{"kind": "evalkit-listening-key", "schema": 2}', "has schema 2"),
        ('{"kind": "evalkit-listening-key", "schema": 1}', "secret is missing; study is missing"),
        ('{"kind": "evalkit-listening-key", "schema": 1, "secret": 1, "study": {}}', "study.id is missing"),
        ("{", "cannot be read as JSON"),
    ],
)
def test_what_is_no_key_costs_one_line(content: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "s.key.json"
    path.write_text(content)
    with pytest.raises(UserError) as refused:
        read_key(path)
    assert told in str(refused.value)


@pytest.mark.parametrize("kind", ["mos", "ab", "mushra"])
def test_both_files_are_as_their_schemas_say(
    kind: str, make_study: Make, answered: Callable[..., Any], repository: Path, tmp_path: Path
) -> None:
    study = make_study(kind)
    write_key(study, SECRET, tmp_path / "s.key.json")
    for name, content in (
        ("listening_key", json.loads((tmp_path / "s.key.json").read_text())),
        ("answers", answered(study)),
    ):
        schema = json.loads((repository / "reports" / "schema" / f"{name}.schema.json").read_text())
        Draft202012Validator.check_schema(schema)
        Draft202012Validator(schema).validate(content)
