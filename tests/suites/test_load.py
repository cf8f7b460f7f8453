"""A suite is what its manifest says, and a bad manifest is one line that names the file and the key."""

import os
import time
from pathlib import Path

import pytest

from evalkit.core.errors import UserError
from evalkit.suites.load import load_suite, suite_names

MANIFEST = """
name = "own"
title = "My own"
version = "1"
protocol = "own-1"
size = "full"
licence = ""
citation = ""
[prompts]
file = "own.csv"
seconds = 10
[metrics.clap_score]
weights = "clap"
"""


def write(folder: Path, manifest: str = MANIFEST, prompts: str = "id,prompt\n1,rain\n2,wind\n") -> str:
    (folder / "own.csv").write_text(prompts, encoding="utf-8")
    path = folder / "own.toml"
    path.write_text(manifest, encoding="utf-8")
    return str(path)


def test_the_embedded_suite() -> None:
    suite = load_suite("mini")
    assert (suite.name, suite.size, suite.protocol) == ("mini", "mini", "evalkit-mini-1")
    assert len(suite.prompts) >= 60
    assert all(1 <= prompt.seconds <= 5 for prompt in suite.prompts)
    alone = [prompt.labels for prompt in suite.prompts if len(prompt.labels) == 1]
    assert len(alone) >= 30
    assert all(alone.count(label) >= 3 for label in set(alone))
    assert len({label for labels in alone for label in labels}) == 10
    assert {"openl3-mini", "passt-mini", "clap-mini"} <= {plan.weights for plan in suite.metrics.values()}
    assert "mini" in suite_names()


def test_a_users_own_suite_by_path(tmp_path: Path) -> None:
    suite = load_suite(write(tmp_path))
    assert [(p.id, p.text, p.seconds, p.group) for p in suite.prompts] == [
        ("1", "rain", 10.0, "1"),
        ("2", "wind", 10.0, "2"),
    ]
    assert suite.metrics["clap_score"].reference is None


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean mini"):
        load_suite("mimi")


def test_a_name_cannot_leave_the_prompts_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such suite manifest"):
        load_suite(str(tmp_path / "absent.toml"))
    with pytest.raises(UserError, match="no suite is called"):
        load_suite("..")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('name = "own"', "", "'name' is missing"),
        ('version = "1"', "version = 1", "line 4: 'version' is 1, expected text"),
        ('size = "full"', 'size = "huge"', "line 6: 'size' is 'huge', expected one of mini, full"),
        ("[metrics.clap_score]", "[other.clap_score]", r"'metrics' is missing .add a section \[metrics\]"),
        ('weights = "clap"', "", r"line 12: \[metrics.clap_score\]: 'weights' is missing"),
        ('weights = "clap"', 'weights = "clep"', r"line 13: \[metrics.clap_score\]: no embedder is called 'clep' .did"),
        ("seconds = 10", "seconds = true", r"line 11: \[prompts\]: 'seconds' is true, expected a column"),
        ("seconds = 10", "seconds = 3601", "expected .* at most 3600"),
        ('file = "own.csv"', "", r"line 9: \[prompts\]: 'file' is missing"),
        ('file = "own.csv"', 'file = "own.xlsx"', "must be .csv, .tsv, .jsonl, .json, .parquet"),
        ('file = "own.csv"', 'file = "gone.csv"', "no such prompt file"),
        ("[prompts]", "[prompts", "cannot be read as a suite manifest"),
    ],
)
def test_a_bad_manifest_is_one_line(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        load_suite(write(tmp_path, MANIFEST.replace(old, new)))
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("seconds = 10", 'seconds = 10\ngruop = "clip"', r"unknown key 'gruop' in \[prompts\] .did you mean group"),
        ("seconds = 10", "secnds = 10", r"'secnds' in \[prompts\] .did you mean seconds"),
        ("seconds = 10", 'seconds = 10\nno_refrence = ["1"]', "did you mean no_reference"),
        ("seconds = 10", 'seconds = 10\ncapitons = "first"', "did you mean captions"),
        ("[metrics", '[refrence]\naudio = "x"\n[metrics', "unknown key 'refrence' .did you mean reference"),
        ("[metrics", '[reference]\nadio = "x"\n[metrics', r"'adio' in \[reference\] .did you mean audio"),
        ('licence = ""', 'license = ""', "'license'.*did you mean licence"),
        ("clap_score", "clap_scor", r"'clap_scor' in \[metrics\] .did you mean clap_score"),
        ("weights", "wieghts", r"'wieghts' in \[metrics.clap_score\].*did you mean weights"),
        (
            '"clap"',
            '"clap"\ndirection = "up"',
            r"'direction' in \[metrics.clap_score\] .known in .*: count, reference, weights",
        ),
        ("clap_score", 'kl_passt]\nweights = "passt"\ndirecton = "a"\n[metrics.clap_score', "did you mean direction"),
        (
            "clap_score",
            'kl_passt]\nweights = "passt"\ndirection = "up"\n[metrics.clap_score',
            "'direction' is 'up', expected one of",
        ),
        ('file = "own.csv"', 'source = {ulr = "https://a.b/c.csv"}', r"'ulr' in \[prompts.source\].*did you mean url"),
        ('"clap"', '"clap"\nreference = {hub = "a/b", fille = "c"}', r"'fille' in .*reference\].*did you mean file"),
    ],
)
def test_a_mistyped_key_is_refused_wherever_it_stands(tmp_path: Path, old: str, new: str, words: str) -> None:
    """Ignored, `gruop` turns six clusters into sixty and narrows every interval of the run."""
    with pytest.raises(UserError, match=words) as caught:
        load_suite(write(tmp_path, MANIFEST.replace(old, new, 1), "id,prompt,clip\n1,rain,a\n2,wind,a\n"))
    assert str(tmp_path) in caught.value.message


def test_everything_that_is_wrong_with_a_manifest_is_told_at_once(tmp_path: Path) -> None:
    manifest = MANIFEST.replace("seconds = 10", "gruop = 1\nseconds = true").replace('version = "1"', "version = 1")
    with pytest.raises(UserError) as caught:
        load_suite(write(tmp_path, manifest.replace("weights", "wieghts")))
    told = caught.value.message
    assert all(
        each in told for each in ("'gruop'", "'wieghts'", "'seconds' is true", "'version'", "'weights' is missing")
    )
    assert told.count(str(tmp_path)) == 1 and "\n" not in told


def test_a_metric_of_somebody_else_may_have_keys_of_its_own(tmp_path: Path) -> None:
    """Its code is not imported to read the file; a run checks them, once it has loaded the metric."""
    more = '\n[metrics."absent_module:METRIC"]\nweights = "clap"\nflavour = "sweet"\n'
    plan = load_suite(write(tmp_path, MANIFEST + more)).metrics["absent_module:METRIC"]
    assert plan.options == {"flavour": "sweet"}


def test_the_digest_covers_the_content_and_not_its_spelling(tmp_path: Path) -> None:
    base = load_suite(write(tmp_path)).digest
    assert load_suite(write(tmp_path, "# a comment\n" + MANIFEST)).digest == base
    assert load_suite(write(tmp_path, prompts="id,prompt\r\n1,rain\r\n2,wind\r\n")).digest == base
    assert load_suite(write(tmp_path, prompts="id,prompt\n1,rain\n2,hail\n")).digest != base
    assert load_suite(write(tmp_path, MANIFEST.replace("seconds = 10", "seconds = 9"))).digest != base


def test_the_digest_covers_reference_files_and_folders(tmp_path: Path) -> None:
    manifest = MANIFEST + 'reference = "r.npz"\n[reference]\naudio = "sounds"\n'
    (tmp_path / "sounds").mkdir()
    absent = load_suite(write(tmp_path, manifest)).digest
    (tmp_path / "r.npz").write_bytes(b"one")
    first = load_suite(write(tmp_path, manifest)).digest
    (tmp_path / "sounds" / "1.wav").write_bytes(b"sound")
    suite = load_suite(write(tmp_path, manifest))
    assert len({absent, first, suite.digest}) == 3
    assert suite.reference_audio == tmp_path / "sounds"


@pytest.mark.parametrize("folder", ["/", "/dev", "/proc"])
def test_only_sounds_of_a_reference_folder_are_read(tmp_path: Path, folder: str) -> None:
    """`audio = "/"` of a stranger's suite must not hash the disk, nor wait for what has no end."""
    manifest = MANIFEST + f'[reference]\naudio = "{folder}"\n'
    began = time.process_time()
    load_suite(write(tmp_path, manifest))
    assert time.process_time() - began < 2


def test_a_reference_that_is_no_file_or_has_no_end_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "sounds").mkdir()
    os.mkfifo(tmp_path / "sounds" / "1.wav")
    (tmp_path / "sounds" / "2.wav").symlink_to("/dev/zero")
    with (tmp_path / "sounds" / "3.wav").open("wb") as file:
        file.truncate(1 << 42)
    (tmp_path / "sounds" / "notes.txt").write_text("read me")
    path = write(tmp_path, MANIFEST + '[reference]\naudio = "sounds"\n')
    began = time.process_time()
    digest = load_suite(path).digest
    assert time.process_time() - began < 2
    (tmp_path / "sounds" / "notes.txt").unlink()
    assert load_suite(path).digest == digest


@pytest.mark.parametrize("target", ["/etc/passwd", "/dev/zero"])
def test_a_prompt_file_that_leads_elsewhere_is_not_printed(tmp_path: Path, target: str) -> None:
    path = write(tmp_path)
    for name in ("own.csv", "own.jsonl"):
        (tmp_path / name).unlink(missing_ok=True)
        (tmp_path / name).symlink_to(target)
        (tmp_path / "own.toml").write_text(MANIFEST.replace("own.csv", name))
        with pytest.raises(UserError) as caught:
            load_suite(path)
        assert "root" not in str(caught.value).replace(str(tmp_path), "")


def test_one_caption_per_clip_is_another_protocol(tmp_path: Path) -> None:
    """AudioCaps is scored with five captions of a clip or with one: the numbers must not share a table."""
    manifest = MANIFEST.replace("seconds = 10", 'seconds = 10\ngroup = "clip"')
    prompts = "id,prompt,clip\n1,rain,b\n2,wind,a\n3,drizzle,b\n4,gale,a\n5,hail,b\n"
    everything = load_suite(write(tmp_path, manifest, prompts))
    one = load_suite(write(tmp_path, manifest.replace("[metrics", 'captions = "first"\n[metrics', 1), prompts))
    assert [prompt.id for prompt in everything.prompts] == ["1", "2", "3", "4", "5"]
    assert [prompt.id for prompt in one.prompts] == ["1", "2"]
    assert (everything.protocol, one.protocol) == ("own-1", "own-1; captions=first")
    assert everything.digest != one.digest
    with pytest.raises(UserError, match="'captions' is 'some'"):
        load_suite(write(tmp_path, manifest.replace("[metrics", 'captions = "some"\n[metrics', 1), prompts))
