"""Words of a wrong form, unknown names and files that are none are told in one go: nobody mends a command twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import pytest
import typer.core
from evalkit_gate import record, write_run

import evalkit as door
from evalkit.cli.main import build
from evalkit.cli.words import GATHERS
from evalkit.core.errors import UserError

Answer = tuple[int, str, str]

WORDS = {
    "--limit 0": "--limit 0: at least 1",
    "--samples 0": "--samples 0: at least 1",
    "--batch-size 0": "--batch-size 0: at least 1",
    "--seed 1,x,2,y": ("'x' is no whole number", "'y' is no whole number"),
    "--timeout 0": "--timeout 0: a number of seconds",
    "--max-failures -1": "--max-failures '-1': at least 0",
    "--device nonsense": "--device nonsense cannot be used",
    "--dtype int8": "no dtype is called 'int8'",
    "--set steps": "--set 'steps': not of the form",
    "--weights passt": "--weights 'passt': not of the form",
    "--weights clap=none.pt": "--weights clap=none.pt: no such file",
    "--checkpoint none.ckpt": "--checkpoint none.ckpt: no such file",
    "--columns idd=file,ytid": ("no column of --columns is called 'idd'", "'ytid': not of the form"),
    "--prompts p.csv": "p.csv, line 3: 'caption' is empty",
    "--reference nowhere": "--reference nowhere: no such file",
    "--judges clapp,pasta": ("no judge is called 'clapp'", "no judge is called 'pasta'"),
    "--seconds -1": "--seconds is -1.0",
    "--model mockk": "no model is called 'mockk'",
    "--samples x": "--samples 'x': a whole number",
    "--out p.csv/run": "p.csv",
    "--until-decided none.json": "--until-decided none.json: no such baseline",
    "--limit 1.5": "--limit '1.5': a whole number",
    "--seconds long": "--seconds 'long': a number",
}
"""What is typed, and what of it is told."""

FORMS = ("--samples x", "--limit 1.5", "--seconds long")
"""Words that take the places of others."""


def told_of(words: Sequence[str]) -> list[str]:
    return [each for word in words for each in ([WORDS[word]] if isinstance(WORDS[word], str) else WORDS[word])]


def options_of(verb: str) -> set[str]:
    group = typer.main.get_command(build())
    assert isinstance(group, typer.core.TyperGroup)
    return {name for param in group.commands[verb].params for name in param.opts}


@pytest.fixture
def prompts(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("id,caption\na,rain\nb,\n", encoding="utf-8")


@pytest.mark.parametrize(("verb", "first"), [
    ("run", ()), ("generate", ()), ("score", ("no-folder", "nor-this")), ("fetch", ("for", "rum")),
    ("models", ("check",)), ("suites", ("new", "mine")),
])  # fmt: skip
@pytest.mark.parametrize("forms", [False, True], ids=["values", "forms"])
def test_everything_that_is_wrong_is_told_in_one_go(
    evalkit: Callable[..., Answer], prompts: None, verb: str, first: tuple[str, ...], forms: bool
) -> None:
    taken = {word.split()[0] for word in FORMS} if forms else set()
    words = [word for word in WORDS if (word in FORMS) == forms or (forms and word.split()[0] not in taken)]
    known = options_of(verb) - ({"--weights", "--device"} if verb == "suites" else set())  # of `suites anchors`
    words = [word for word in words if word.split()[0] in known and not (verb == "models" and "--model" in word)]
    typed = [each for word in words for each in word.split()]
    extra = ["--from", "p.csv"] if verb == "suites" else ["mockk"] if verb == "models" else []
    code, out, err = evalkit(verb, *first, *extra, *typed)
    expected = [*told_of(words), *(f"{each}: no such folder" for each in first if verb == "score")]
    missing = [each for each in expected if each not in err]
    assert code == 2 and not out and not missing, f"{missing}\n{err}"


@pytest.mark.parametrize("verb", GATHERS)
def test_a_verb_that_gathers_goes_no_further_with_a_default_in_the_place_of_a_wrong_word(
    evalkit: Callable[..., Answer], tmp_path: Path, verb: str
) -> None:
    first = {"score": [str(tmp_path)], "fetch": ["weights"], "plan": ["--detect", "a=1", "--baseline", "b"]}
    first |= {each: [str(tmp_path)] for each in ("check", "report", "compare", "agree", "codec", "bundle", "trend")}
    numbers = [option for option in ("--limit", "--seconds", "--timeout", "--samples") if option in options_of(verb)]
    code, out, err = evalkit(
        verb, *first.get(verb, []), *(word for each in numbers for word in (each, "wrong")), "--nix"
    )
    assert code == 2 and not out and f"{verb} has no option --nix" in err, err
    assert all(f"{option} 'wrong'" in err for option in numbers), err


def test_of_a_repeated_option_each_wrong_word_is_told_by_itself(evalkit: Callable[..., Answer], tmp_path: Path) -> None:
    said = ["--published", "1", "--metric", "fad_vggish", "--limit", "four", "--limit", "8", "--limit", "x"]
    code, _, err = evalkit("detect", str(tmp_path), *said)
    assert code == 2 and "--limit 'four': a whole number is needed" in err and "--limit 'x'" in err and "'8'" not in err


OWN_FILE = """
[run]
limt = 3
samples = "many"
yes = true
set = [["a"]]
[chek]
strict = true
"""


def test_an_unknown_option_and_the_defaults_file_are_told_with_the_rest(
    evalkit: Callable[..., Answer], tmp_path: Path, prompts: None
) -> None:
    (tmp_path / "evalkit.toml").write_text(OWN_FILE, encoding="utf-8")
    words = ("--modle", "mockk", "--no-reprot", "--model", "mok", "--prompts", "p.csv", "--judges", "pasta", "--limit")
    code, out, err = evalkit("run", *words)
    assert code == 2 and not out
    for each in (
        "no option --modle", "did you mean --model?", "no option --no-reprot", "'mok'", "p.csv, line 3",
        "no judge is called 'pasta'", "--limit", "'limt'", "--samples 'many'", "'yes' cannot be set here", "'set' is",
        "unknown key 'chek'",
    ):  # fmt: skip
        assert each in err, f"{each}\n{err}"
    assert "mockk" not in err, "it is the value of the mistyped option"


def test_the_defaults_file_is_told_with_the_rest_where_it_is_no_toml(
    evalkit: Callable[..., Answer], tmp_path: Path
) -> None:
    (tmp_path / "evalkit.toml").write_text("[run\nlimit = 3", encoding="utf-8")
    code, _, err = evalkit("run", "--model", "mockk", "--limt", "3")
    assert code == 2 and "evalkit.toml" in err and "'mockk'" in err and "--limt" in err, err
    code, _, err = evalkit("run", "--model", "", "--limt", "3", "--samples", "x")
    assert all(each in err for each in ("evalkit.toml", "--model is empty", "--limt", "--samples 'x'")), err


@pytest.mark.parametrize(("words", "told"), [
    (("check", "gone", "--tolerence", "a=1", "--baseline", "none.json"), ("--tolerence", "gone", "none.json")),
    (("check", "--strct", "gone", "--baseline", "none.json"), ("--strct", "gone", "none.json")),
    (("report", "gone", "--ot", "x.html", "--further"), ("--ot", "gone", "--further")),
    (("compare", "gone", "away", "--metrc", "fd"), ("--metrc", "gone", "away")),
    (("codec", "gone", "--devce", "cpu", "--limit", "x", "--dtype", "int8"), ("--devce", "gone", "'x'", "int8")),
    (("bundle", "gone", "--no-adio"), ("--no-adio", "gone")),
    (("trend", "gone", "--jsn"), ("--jsn", "gone")),
    (("agree", "gone", "--metrc", "x", "--estimate"), ("--metrc", "gone", "--estimate")),
    (("verify", "--weight", "a=b", "--clips", "x", "--device", "abacus"), ("--weight", "--clips", "abacus")),
    (("score", "gone", "--fp16", "--limit=x"), ("--fp16", "gone", "--limit 'x'")),
    (("score", "--jsonn", "--", "gone"), ("--jsonn", "gone")),
    (("suites", "new", "--jsn"), ("--jsn", "which name")),
])  # fmt: skip
def test_of_every_verb(evalkit: Callable[..., Answer], words: tuple[str, ...], told: tuple[str, ...]) -> None:
    code, out, err = evalkit(*words)
    assert code == 2 and not out and all(each in err for each in told), err


def test_a_word_behind_an_unknown_option_is_not_said_to_be_missing_or_too_many(
    evalkit: Callable[..., Answer],
) -> None:
    for words in (("bundle", "--audio", "gone"), ("bundle", "gone", "--nix", "--", "one", "two")):
        code, _, err = evalkit(*words)
        assert code == 2 and "missing" not in err and "too many" not in err, err


def test_what_describes_a_suite_is_looked_at_where_one_is_named_too(
    evalkit: Callable[..., Answer], prompts: None
) -> None:
    words = ("--suite", "minni", "--prompts", "p.csv", "--reference", "nowhere", "--judges", "pasta", "--seconds", "-1")
    code, out, err = evalkit("run", *words)
    assert code == 2 and not out
    for each in ("goes without --prompts", "'minni'", "p.csv, line 3", "nowhere", "'pasta'", "--seconds is -1"):
        assert each in err, f"{each}\n{err}"


def test_from_python_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prompts: None) -> None:
    monkeypatch.chdir(tmp_path)
    shared = {"columns": {"idd": "file"}, "prompts": "p.csv", "reference": "nowhere", "judges": ["clapp", "pasta"]}
    told = ["'idd'", "p.csv, line 3", "nowhere", "'clapp'", "'pasta'", "limit 0", "samples 0", "seconds is -1.0"]
    counts = {"limit": 0, "samples": 0, "seconds": -1.0, "weights": {"clap": "none.pt"}, "device": "nonsense"}
    more = {"batch_size": 0, "dtype": "int8", "timeout": 0.0, "checkpoint": "none.ckpt", "yes": True}
    told += ["weights clap=none.pt", "device nonsense"]
    for call, also in (
        (lambda: door.run("mockk", **shared, **counts, **more), ["batch_size 0", "'int8'", "timeout 0", "yes agrees"]),
        (lambda: door.score("no-folder", **shared, **counts), ["no-folder: no such folder"]),
        (lambda: door.Judge(**shared, **counts), []),
    ):
        with pytest.raises(UserError) as refused:
            call()
        missing = [each for each in [*told, *also] if each not in str(refused.value)]
        assert not missing, f"{missing}\n{refused.value}"


def test_from_python_values_of_a_wrong_kind_are_told_with_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prompts: None
) -> None:
    monkeypatch.chdir(tmp_path)
    run, score, judge = (cast("Callable[..., object]", each) for each in (door.run, door.score, door.Judge))
    wrong = {"limit": "x", "prompts": "p.csv", "reference": "nowhere", "samples": 1.5, "weights": 3}
    told = ["limit is 'x'", "samples is 1.5", "weights is 3", "p.csv, line 3", "nowhere"]
    for call, also in (
        (lambda: run("mockk", timeout="long", **wrong), ["'mockk'", "timeout is 'long'"]),
        (lambda: run(7, **wrong), ["model is 7"]),
        (lambda: score("no-folder", about=3, **wrong), ["about is 3", "no-folder: no such folder"]),
        (lambda: score(5, name="x", **wrong), ["audio is 5"]),
        (lambda: score({"a": 3}, **wrong), ["a: is not (samples, rate)"]),
        (lambda: score("no-folder", name="x", **wrong), ["name 'x'"]),
        (lambda: judge(seconds="x", **wrong), ["seconds is 'x'"]),
        (lambda: judge(**{**wrong, "reference": {"nowhere": 3}}), ["nowhere: is not (samples, rate)"]),
    ):
        with pytest.raises(UserError) as refused:
            call()
        missing = [each for each in [*told, *also] if each not in str(refused.value)]
        assert not missing, f"{missing}\n{refused.value}"
        assert "--" not in str(refused.value)


def test_all_that_is_wrong_with_what_is_held_against_one_another(
    evalkit: Callable[..., Answer], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    run = str(write_run(tmp_path / "run", record()))
    wrong = ["--metric", "fidd", "--metric", "loud"]
    _, _, err = evalkit("check", run, "--baseline", "none.json", *wrong, "--tolerance", "a", "--tolerance", "b=-1",
                        "--gate", "x", "--gate", "fd<=+2", "--junit", "file/x.xml",
                        "--history", str(tmp_path))  # fmt: skip
    for each in (
        "none.json: no such",
        "'fidd'",
        "'loud'",
        "'a' is not",
        "'b=-1' is not",
        "'x' is no demand",
        "file/x",
    ):
        assert each in err, err
    _, _, err = evalkit("check", run, "--save", *wrong, "--strict", "--gate", "a<=1")
    for each in ("'fidd'", "'loud'", "--strict:", "--gate:", "--baseline is missing"):
        assert each in err, err
    _, _, err = evalkit("compare", run, "gone", "away", *wrong, "--out", "file/x.html")
    for each in ("'fidd'", "'loud'", "gone", "away", "file/x"):
        assert each in err, err
    _, _, err = evalkit("plan", "--detect", "fidd=5%", "--detect", "x", "--detect", "y=0", "--baseline", run, "--twin",
                        "gone.json", "--correlation", "2", "--samples", "0")  # fmt: skip
    for each in ("'fidd'", "'x'", "'y=0'", "gone.json", "--correlation 2", "--samples 0"):
        assert each in err, err
    _, _, err = evalkit("report", "gone", "away", "--plus-minus", "--out", "file/x.html")
    for each in ("gone", "away", "--plus-minus", "file/x"):
        assert each in err, err


def test_missing_words_are_told_together(evalkit: Callable[..., Answer]) -> None:
    code, _, err = evalkit("plan")
    assert code == 2 and "--detect is missing" in err and "--baseline is missing" in err
    code, _, err = evalkit("score")
    assert code == 2 and err == "evalkit: FOLDER is missing\n"
    code, _, err = evalkit("run", "--limit")
    assert code == 2 and err.count("\n") == 1 and "--limit" in err


def test_no_options_are_looked_at_after_what_a_fetch_would_bring(evalkit: Callable[..., Answer]) -> None:
    """`run --fetch --preset typo` brought gigabytes, and then knew no such preset."""
    typed = ("--model", "stable-audio", "--suite", "audiocaps", "--preset", "fas", "--set", "stpes=3", "--limit", "0")
    code, out, err = evalkit("run", "--fetch", *typed)
    assert code == 2 and not out
    for each in ("'fas'", "'stpes'", "--limit 0"):
        assert each in err, err


@pytest.mark.parametrize(("words", "told"), [
    (("rnu", "--limit", "3"), "no verb is called 'rnu' (did you mean run"),
    (("--limit", "3", "run"), "evalkit has no option --limit (an option stands behind its verb"),
])  # fmt: skip
def test_a_word_that_is_no_verb_is_one_line(evalkit: Callable[..., Answer], words: tuple[str, ...], told: str) -> None:
    code, out, err = evalkit(*words)
    assert code == 2 and not out and told in err and err.count("\n") == 1, err
