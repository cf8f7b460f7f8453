"""Five listeners whose preferences are known answer a test of three models in a real browser; what is collected holds
them, and the one who did not listen is left out by name."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evalkit_at_the_page import Listener, faults, forgotten

from evalkit.listening.study import Item, Study, read_key

Call = Callable[..., tuple[int, str, str]]
MODELS = ("stable-audio-mini", "audioldm-mini", "audiogen-mini")
LIKING = (0.9, 0.1, -0.8)
"""How far above the middle of the scale the sounds of each model are to all listeners."""

FIELDS = {
    *("schema", "kind", "study", "listener", "seat", "complete", "seconds", "headphones", "given", "tries", "checks"),
    *("check", "beeps", "place", "ratings", "preferences", "trial", "item", "scale", "score", "left", "chosen"),
    "comment",
}


def taste(study: Study, seat: int, attentive: bool) -> Callable[[Item], int]:
    """One listener's score of each sound: mild or strict, and not the same from sound to sound. Whoever does not
    listen says the opposite: it would show."""
    rng, liking = np.random.default_rng(seat), dict(zip((run.id for run in study.runs), LIKING, strict=True))
    mild = 0.25 * rng.standard_normal()
    own = {each.code: 3 + liking[each.run] + mild + 0.5 * rng.standard_normal() for each in study.items}
    scores = {code: int(np.clip(round(score), 1, 5)) for code, score in own.items()}
    return lambda item: scores[item.code] if attentive else 6 - scores[item.code]


def answered(browser: Any, page: Path, study: Study, folder: Path) -> Iterator[Path]:
    """The files of five listeners, the first two by keys alone; the third does not listen."""
    for seat in range(1, 6):
        forgotten(browser)
        browser.open(page)
        attentive = seat != 3
        one = Listener(browser, study, folder / f"seat-{seat}", taste(study, seat, attentive), keys=seat < 3)
        one.begin(seat)
        one.finish(attentive)
        assert one.heading() == "Done"
        yield one.download()
        assert faults(browser) == []


def values(table: Any) -> Iterator[tuple[str, Any]]:
    """Every (key, value that is no list or object) of a JSON value."""
    for key, value in table.items() if isinstance(table, dict) else (("", each) for each in table):
        if isinstance(value, (dict, list)):
            yield key, None
            yield from values(value)
        else:
            yield key, value


def require_harmless(path: Path, study: Study) -> None:
    """Nothing stands in an answer file but what its form has: codes, whole numbers, names of scales."""
    text = path.read_text(encoding="utf-8")
    told = list(values(json.loads(text)))
    assert {key for key, _ in told} - {""} <= FIELDS
    for key, value in told:
        assert value is None or isinstance(value, int) or key == "schema" or re.fullmatch("[0-9a-z-]*", value), value
    for word in (*MODELS, *(run.id for run in study.runs), *(one.id for one in study.prompts if "-" in one.id)):
        assert word not in text
    assert not re.search(r"/|\\|\d{4}-\d\d|\d{12,}\b", text.replace(json.loads(text)["listener"], ""))


def collected(evalkit: Call, folder: Path, key: Path, runs: list[Path]) -> dict[str, Any]:
    named = [word for run in runs for word in ("--runs", str(run))]
    code, out, err = evalkit("listen", "--collect", str(folder), "--key", str(key), *named, "--json")
    assert code == 0, err
    return dict(json.loads(out))


def go_through(kind: str, runs: list[Path], prompts: int, browser: Any, evalkit: Call, folder: Path) -> None:
    """The whole way, and what must come of it."""
    words = ["--kind", kind, "--scales", "quality", "--prompts", str(prompts), "--listeners", "5"]
    code, _, err = evalkit("listen", *map(str, runs), *words, "--ratings-per-clip", "5", "--out", "test.html")
    assert code == 0, err
    key, said = folder / "test.key.json", folder / "answers"
    said.mkdir()
    study = read_key(key)[0]
    for path in answered(browser, folder / "test.html", study, folder):
        require_harmless(path, study)
        path.rename(said / path.name)
    found = collected(evalkit, said, key, runs)
    assert found["listeners"] == 4
    (out,) = found["left_out"]
    assert out["why"] == "attention: 2 of 2 checks wrong"
    _, text, err = evalkit("listen", "--collect", str(said), "--key", str(key))
    assert "4 listeners count" in text
    assert f"{out['listener']} is left out: attention: 2 of 2 checks wrong" in err
    (scale,) = found["scales"]
    by = {each["system"]: each for each in scale["systems"]}
    first, second, third = (by[run.id] for run in study.runs)
    assert first["value"] > second["value"] > third["value"]
    if kind == "mos":
        for each, liking in zip((first, second, third), LIKING, strict=True):
            assert each["low"] <= 3 + liking <= each["high"]
            assert (each["listeners"], each["ratings"]) == (4, 4 * prompts)
        likings = dict(zip((run.id for run in study.runs), LIKING, strict=True))
        for pair in scale["differences"]:
            assert pair["low"] <= likings[pair["first"]] - likings[pair["second"]] <= pair["high"]
    best, worst = study.runs[0].id, study.runs[2].id
    (clear,) = [pair for pair in scale["differences"] if {pair["first"], pair["second"]} == {best, worst}]
    assert (clear["low"] > 0) if clear["first"] == best else (clear["high"] < 0)


def test_five_listeners_rate_three_models(
    make_run: Callable[..., Path], browser: Any, evalkit: Call, tmp_path: Path
) -> None:
    runs = [make_run(name, seed=seed, fail=()) for seed, name in enumerate(MODELS)]
    go_through("mos", runs, 4, browser, evalkit, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mos", "ab"])
def test_five_listeners_and_the_three_minis(kind: str, browser: Any, evalkit: Call, tmp_path: Path) -> None:
    """Sounds that the minis made."""
    code, _, err = evalkit("run", "--model", ",".join(MODELS), "--suite", "mini", "--limit", "6", "--quiet")
    assert code == 0, err
    runs = [next((tmp_path / "runs" / "mini" / name).iterdir()) for name in MODELS]
    go_through(kind, runs, 6, browser, evalkit, tmp_path)
