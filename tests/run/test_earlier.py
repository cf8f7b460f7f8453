"""Sounds are made once: what an earlier run made is taken over, whole and unchanged, or else made again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import evalkit_fakes
import pytest

from evalkit.core import versions
from evalkit.core.ids import digest_file
from evalkit.run.pipeline import Outcome
from evalkit.store.ledger import Ledger

Run = Callable[..., Outcome]
TEXTS = [f"rain {number}" for number in range(8)]


@pytest.fixture(autouse=True)
def _found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVALKIT_ANEW")


def made() -> int:
    return sum(len(call) for call in evalkit_fakes.Moody.calls)


def sounds(outcome: Outcome) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(outcome.plan.folder.audio.iterdir())}


def scores(outcome: Outcome) -> bytes:
    return outcome.plan.folder.scores.read_bytes()


def test_another_folder_costs_no_sound_and_has_the_same_bytes(go: Run) -> None:
    first = go(TEXTS, out=Path("one"), batch_size=4)
    count = made()
    again = go(TEXTS, out=Path("two"), batch_size=4)
    assert made() == count and sounds(again) == sounds(first) and scores(again) == scores(first)
    records = Ledger(again.plan.folder.ledger).records.values()
    assert {record.made_in for record in records} == {str(Path("one").absolute())}
    third = go(TEXTS, out=Path("three"), batch_size=4)
    assert made() == count and sounds(third) == sounds(first), "also from one that made none itself"


def test_one_prompt_more_makes_its_own_batch_and_no_other(go: Run) -> None:
    go(TEXTS, out=Path("one"), batch_size=4)
    count = made()
    more = go([*TEXTS, "wind"], out=Path("two"), batch_size=4)
    assert made() == count + 1 and more.n_ok == 9
    alone = go([*TEXTS, "wind"], out=Path("three"), batch_size=4, anew=True)
    assert made() == count + 10 and sounds(alone) == sounds(more) and scores(alone) == scores(more)


def test_a_first_try_of_a_few_is_part_of_the_whole(go: Run) -> None:
    go(TEXTS, out=Path("few"), batch_size=4, limit=4)
    go(TEXTS, out=Path("whole"), batch_size=4)
    assert made() == 8


def test_sounds_of_another_batch_are_other_sounds(go: Run) -> None:
    """The last bit may depend on the neighbours: half a batch found is half a batch, and the whole is made."""
    go(TEXTS[:6], out=Path("one"), batch_size=4)
    count = made()
    again = go(TEXTS, out=Path("two"), batch_size=4)
    assert made() == count + 4
    assert sounds(go(TEXTS, out=Path("three"), batch_size=4, anew=True)) == sounds(again)


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"changes": {"level": 0.2}}, {"dtype": "float16"}, {"batch_size": 3}],
    ids=["seed", "option", "dtype", "batch"],
)
def test_what_decides_a_sound_makes_it_anew(go: Run, change: dict[str, Any]) -> None:
    go(TEXTS[:4], out=Path("one"), batch_size=4)
    go(TEXTS[:4], out=Path("two"), **{"batch_size": 4, **change})
    assert made() == 8


@pytest.mark.parametrize("what", ["version", "threads", "cpu"])
def test_another_machine_or_library_makes_it_anew(go: Run, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last bits would be another's, and a comparison would show that."""
    go(TEXTS[:4], out=Path("one"))
    if what == "version":
        monkeypatch.setattr(versions, "version", lambda name: "99.0")
    elif what == "threads":
        monkeypatch.setenv("OMP_NUM_THREADS", "7")
    else:
        monkeypatch.setattr("evalkit.run.earlier.device_name", lambda device: "another")
    go(TEXTS[:4], out=Path("two"))
    assert made() == 8


def damage(kind: str, folder: Path) -> None:
    clip = sorted((folder / "audio").iterdir())[0]
    if kind == "changed":
        clip.write_bytes(clip.read_bytes()[:-2] + b"xx")
    elif kind == "gone":
        clip.unlink()
    elif kind == "link":
        clip.rename(folder / "elsewhere.wav")
        clip.symlink_to(folder / "elsewhere.wav")
    elif kind == "ledger":
        (folder / "ledger.jsonl").write_text("nonsense\n")
    elif kind == "outside":
        lines = [json.loads(line) for line in (folder / "ledger.jsonl").read_text().splitlines()]
        clip.rename(folder.parent / clip.name)
        text = [json.dumps({**line, "audio": line["audio"].replace("audio/", "audio/../../")}) for line in lines]
        (folder / "ledger.jsonl").write_text("\n".join(text) + "\n")
    else:
        folder.rename(folder.parent / "moved")


@pytest.mark.parametrize("kind", ["changed", "gone", "link", "ledger", "outside", "moved"])
def test_what_is_no_longer_as_it_was_is_made_again(go: Run, kind: str) -> None:
    """With one of a batch gone the batch is made, as it was."""
    first = go(TEXTS[:4], out=Path("one"), batch_size=4)
    before, count = sounds(first), made()
    damage(kind, Path("one").absolute())
    again = go(TEXTS[:4], out=Path("two"), batch_size=4)
    assert made() - count == 4 and sounds(again) == before


def test_failures_are_not_taken_over(go: Run) -> None:
    go(["a dog", "raise", "silent"], out=Path("one"), batch_size=1)
    count = made()
    again = go(["a dog", "raise", "silent"], out=Path("two"), batch_size=1)
    assert made() == count + 2 and set(again.failures) == {"p1", "p2"}


def test_a_list_that_cannot_be_written_costs_only_the_finding(go: Run, tmp_path: Path) -> None:
    (tmp_path / "home" / "cache").mkdir(parents=True)
    (tmp_path / "home" / "cache" / "runs").write_text("")
    assert go(TEXTS[:2], out=Path("one")).n_ok == 2


def test_a_run_whose_features_are_all_there_loads_no_embedder(go: Run) -> None:
    """Seconds for each judge, only to learn who it is."""
    first = go(TEXTS[:2], out=Path("one"))
    loads = evalkit_fakes.Cheap.loads
    assert scores(go(TEXTS[:2], out=Path("two"))) == scores(first)
    assert evalkit_fakes.Cheap.loads == loads > 0


@pytest.mark.parametrize("what", ["files", "evalkit", "damaged", "not ours"])
def test_an_embedder_of_which_anything_changed_is_loaded_again(
    go: Run, what: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = go(TEXTS[:2], out=Path("one"))
    loads = evalkit_fakes.Cheap.loads
    kept = list((tmp_path / "home" / "cache" / "embedders").iterdir())
    assert kept
    for path in kept if what in ("damaged", "not ours") else ():
        path.write_text("{" if what == "damaged" else '{"weights": 3, "key": "x", "dimensions": 4}')
    if what == "files":
        monkeypatch.setattr("evalkit.run.manifest.weights_stamp", lambda name, overrides: "another")
    elif what == "evalkit":
        monkeypatch.setattr("evalkit.run.remembered._code", lambda: "another")
    assert scores(go(TEXTS[:2], out=Path("two"))) == scores(first)
    assert evalkit_fakes.Cheap.loads > loads


def test_a_scored_folder_that_is_scored_again_is_read_once(go: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """AudioCaps' 8.6 GB are twelve seconds of hashing each time."""
    made = go(["rain 0", "rain 1"], out=Path("made")).plan.folder.audio
    go(["rain 0", "rain 1"], model=f"folder:{made}", out=Path("scored"))
    read: list[Path] = []
    monkeypatch.setattr("evalkit.store.ledger.digest_file", lambda path: (read.append(path), digest_file(path))[1])
    assert go(["rain 0", "rain 1"], model=f"folder:{made}", out=Path("scored")).reused and read == []
    assert go(["rain 0", "rain 1"], out=Path("made")).reused and len(read) == 2, "nobody else reads these"


def test_the_speed_of_a_run_is_of_the_sounds_that_it_made(go: Run) -> None:
    """Else a figure of another day, and another load, would stand as this run's."""
    go(TEXTS[:4], out=Path("one"), batch_size=4)
    assert json.loads(Path("one/run.json").read_text())["speed"]["n"] == 4
    go(TEXTS[:4], out=Path("two"), batch_size=4)
    told = json.loads(Path("two/run.json").read_text())
    assert told["speed"] == {} and told["taken_over"] == 4
    go([*TEXTS[:4], "wind"], out=Path("three"), batch_size=4)
    told = json.loads(Path("three/run.json").read_text())
    assert told["speed"]["n"] == 1 and told["taken_over"] == 4


def test_random_weights_are_timed_each_time(go: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evalkit_fakes.Moody, "spec", replace(evalkit_fakes.Moody.spec, size="random"))
    go(TEXTS[:4], out=Path("one"))
    go(TEXTS[:4], out=Path("two"))
    assert made() == 8
