"""The run's identity: the same command is the same run, and whatever changes a number is another."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import evalkit_fakes
import pytest

from evalkit.core.errors import UserError
from evalkit.fetch.weights import MINI_FOLDER
from evalkit.run.config import RunConfig
from evalkit.run.manifest import weights_stamp
from evalkit.run.options import by_content, choose_options
from evalkit.run.plan import Plan, make_plan

PROMPTS = [("a", "one", 1.0), ("b", "two", 3.0), ("c", "three", 2.0), ("d", "four", 3.0), ("e", "five", 1.0)]


def plan(folder: Path, prompts: list[tuple[str, str, float]] = PROMPTS, **config: Any) -> Plan:
    suite = evalkit_fakes.write_suite(folder, prompts)
    return make_plan(RunConfig(**{"model": "evalkit_fakes:Moody", "suite": str(suite), **config}))


def test_the_same_command_is_the_same_run_wherever_the_suite_lies(tmp_path: Path) -> None:
    assert plan(tmp_path / "a").run_id == plan(tmp_path / "b", command=("other", "words")).run_id


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"limit": 4},
        {"dtype": "float16"},
        {"device": "cuda"},
        {"batch_size": 3},
        {"changes": {"level": 0.2}},
    ],
)
def test_every_choice_that_may_change_a_number_is_another_run(change: dict[str, Any], tmp_path: Path) -> None:
    assert plan(tmp_path).run_id != plan(tmp_path, **change).run_id


def test_another_prompt_text_is_another_run_and_a_useless_limit_is_not(tmp_path: Path) -> None:
    assert plan(tmp_path).run_id == plan(tmp_path, limit=99).run_id
    assert plan(tmp_path).run_id != plan(tmp_path, [("a", "uno", 1.0), *PROMPTS[1:]]).run_id


def test_batches_hold_every_item_once_the_longest_first(tmp_path: Path) -> None:
    batches = [[item.prompt.id for item in batch] for batch in plan(tmp_path, batch_size=2).batches]
    assert batches == [["b", "d"], ["c", "a"], ["e"]]


def test_seeds_do_not_depend_on_the_other_prompts(tmp_path: Path) -> None:
    alone = plan(tmp_path / "x", PROMPTS[2:3]).items[0]
    assert alone in plan(tmp_path).items


def test_prompts_that_the_model_cannot_make_are_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="at most 30 s; 1 of 1"):
        plan(tmp_path, [("a", "x", 31.0)])


def test_unknown_models_presets_options_and_weights_suggest_the_nearest(tmp_path: Path) -> None:
    for config, hint in (
        ({"model": "mok"}, "mock"),
        ({"preset": "defalt"}, "default"),
        ({"changes": {"levle": 1}}, "level"),
        ({"weights": {"paast-mini": tmp_path}}, "passt-mini"),
    ):
        with pytest.raises(UserError, match=f"did you mean .*{hint}"):
            plan(tmp_path, **config)  # type: ignore[arg-type]


def test_options_out_of_range_are_refused_before_weights_are_looked_for(tmp_path: Path) -> None:
    """They were refused in the first batch, after minutes of loading; this model's weights are not even here."""
    for changes, named in (({"steps": 0}, "steps"), ({"cfg": "much"}, "cfg"), ({"sampler": "dpmp"}, "dpmpp")):
        with pytest.raises(UserError, match=named):
            plan(tmp_path, model="stable-audio", changes=changes)


def test_something_that_is_no_generator_is_one_clear_line(tmp_path: Path) -> None:
    for model in ("os:sep", "os:getcwd"):
        with pytest.raises(UserError, match=model):
            plan(tmp_path, model=model)


def test_a_preset_is_laid_under_the_changes() -> None:
    name, options = choose_options(evalkit_fakes.Moody.spec, None, {"level": 0.1})
    assert name == "default" and options == {"level": 0.1, "rate": evalkit_fakes.RATE}


def test_an_option_that_no_preset_has_is_taken_and_not_made_up() -> None:
    """Options nobody set must not change the identity of runs that were made before there were any."""
    spec = replace(evalkit_fakes.Moody.spec, further={"negative_prompt": ""})
    assert "negative_prompt" not in choose_options(spec, None, {})[1]
    assert choose_options(spec, None, {"negative_prompt": "hum"})[1]["negative_prompt"] == "hum"


def test_what_a_preset_means_for_its_own_sampler_falls_away_with_it() -> None:
    """`--set sampler=ddim` ran with the eta of the preset's SDE solver."""
    spec = replace(
        evalkit_fakes.Moody.spec, presets={"default": {"sampler": "a", "eta": 1.0}}, follows={"eta": "sampler"}
    )
    assert choose_options(spec, None, {"sampler": "b"})[1] == {"sampler": "b"}
    assert choose_options(spec, None, {"sampler": "b", "eta": 0.5})[1] == {"sampler": "b", "eta": 0.5}
    assert choose_options(spec, None, {"sampler": "a"})[1] == choose_options(spec, None, {})[1]


def test_a_file_among_the_options_counts_by_its_bytes(tmp_path: Path) -> None:
    """Another recording under the old name is another run; the old one at another place is not."""
    spec = replace(evalkit_fakes.Moody.spec, further={"init_audio": None}, files=("init_audio",))
    (tmp_path / "a.wav").write_bytes(b"one")
    (tmp_path / "b.wav").write_bytes(b"one")
    options = [choose_options(spec, None, {"init_audio": str(tmp_path / name)})[1] for name in ("a.wav", "b.wav")]
    first, second = (by_content(spec, each) for each in options)
    assert first == second
    (tmp_path / "b.wav").write_bytes(b"two")
    assert by_content(spec, options[1]) != first
    with pytest.raises(UserError, match=r"init_audio: no such file: .*none\.wav"):
        choose_options(spec, None, {"init_audio": str(tmp_path / "none.wav")})


def test_a_folder_has_no_preset(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="made already"):
        plan(tmp_path, model=f"folder:{tmp_path}", preset="x")


FULL = """
name = "full"
title = "Full"
version = "1"
protocol = "stable-audio-metrics"
size = "full"
licence = ""
citation = ""
[prompts]
file = "full.csv"
seconds = 1
[metrics.fd_openl3]
weights = "openl3-env"
[metrics.kl_passt]
weights = "passt"
[metrics.clap_score]
weights = "clap"
"""


def full_plan(folder: Path, **weights: str) -> Plan:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "full.csv").write_text("id,prompt\na,rain\n")
    (folder / "full.toml").write_text(FULL)
    paths = {name.replace("__", "-"): folder / file for name, file in weights.items()}
    for path in paths.values():
        path.write_text(path.name)
    return make_plan(RunConfig(model="mock", suite=str(folder / "full.toml"), weights=paths))


def test_a_familys_name_stands_for_the_weights_that_the_suite_names(tmp_path: Path) -> None:
    chosen = full_plan(tmp_path, openl3="e.h5", passt="p.pt", clap="c.pt", clap_tokenizer="t").config.weights
    assert {name: path.name for name, path in chosen.items()} == {
        "openl3-env": "e.h5",
        "passt": "p.pt",
        "clap": "c.pt",
        "clap_tokenizer": "t",
    }


def test_other_bytes_behind_a_familys_name_are_another_run(tmp_path: Path) -> None:
    one, same = full_plan(tmp_path / "1", openl3="a"), full_plan(tmp_path / "2", openl3__env="a")
    assert one.run_id == same.run_id
    assert one.run_id != full_plan(tmp_path / "3", openl3="b").run_id
    assert full_plan(tmp_path / "4", clap_tokenizer="a").run_id != full_plan(tmp_path / "5", clap_tokenizer="b").run_id


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        ({"openl3": "a", "openl3__env": "b"}, "openl3-env is given twice"),
        ({"openl3__music": "a"}, "would have no effect"),
        ({"clap__music": "a"}, "would have no effect"),
        ({"openl4": "a"}, "openl3"),
    ],
)
def test_weights_given_in_vain_are_refused(weights: dict[str, str], told: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=told):
        full_plan(tmp_path, **weights)


def test_a_published_file_for_a_mini_suite_is_refused(tmp_path: Path) -> None:
    """A mini suite's numbers are mini numbers; a full network behind them would be neither."""
    with pytest.raises(UserError, match=r"suite mini names other weights .*openl3-mini"):
        make_plan(RunConfig(model="mock", suite="mini", weights={"openl3": tmp_path}))


def test_a_changed_worker_is_another_run(tmp_path: Path) -> None:
    """Its file, what lies beside it, its table and its requirements: all of them decide what is made."""
    suite = evalkit_fakes.write_suite(tmp_path / "suite", [("a", "a dog", 0.5)])
    folder = tmp_path / "drill"
    folder.mkdir()
    source = Path(__file__).resolve().parent.parent / "fakes" / "drill_worker"
    for name in ("worker.py", "worker.toml"):
        (folder / name).write_bytes((source / name).read_bytes())

    def run_id() -> str:
        return make_plan(RunConfig(model=f"worker:{folder}:drill", suite=str(suite))).run_id

    seen = [run_id()]
    (folder / "notes.txt").write_text("nothing to it")
    (folder / ".venv").mkdir()
    (folder / ".venv" / "hidden.py").write_text("")
    assert run_id() == seen[0]
    (folder / "helper.py").write_text("x = 1\n")
    seen.append(run_id())
    for name in ("helper.py", "worker.py", "worker.toml"):
        (folder / name).write_text((folder / name).read_text() + "\n# changed\n")
        seen.append(run_id())
    assert len(set(seen)) == 5


def test_files_of_a_folder_that_nothing_reads_make_no_other_run(tmp_path: Path) -> None:
    """A judge's whole snapshot of the hub, and evalkit's selection of it, are one; what is read is in the run's id."""
    folder = tmp_path / "clap"
    shutil.copytree(MINI_FOLDER / "clap-mini", folder)
    config = {"model": "mock", "suite": "mini", "weights": {"clap-mini": folder}}
    before, stamp = make_plan(RunConfig(**config)).run_id, weights_stamp("clap-mini", {"clap-mini": folder})
    for decoy in ("README.md", "pytorch_model.bin", "tf_model.h5", "onnx/model.onnx", ".gitattributes"):
        (folder / decoy).parent.mkdir(exist_ok=True)
        (folder / decoy).write_bytes(b"another framework's")
    assert make_plan(RunConfig(**config)).run_id == before
    assert weights_stamp("clap-mini", {"clap-mini": folder}) == stamp
    for read in ("merges.txt", "preprocessor_config.json", "config.json"):
        content = (folder / read).read_bytes()
        (folder / read).write_bytes(content + b" ")
        assert make_plan(RunConfig(**config)).run_id != before, read
        (folder / read).write_bytes(content)
    assert make_plan(RunConfig(**config)).run_id == before
