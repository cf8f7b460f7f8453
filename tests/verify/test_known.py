"""Known answers: all are read and have a runner, the minis give theirs, and one changed weight is noticed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from evalkit.core.errors import UserError
from evalkit.fetch.weights import MINI_FOLDER, MINIS
from evalkit.verify import known
from evalkit.verify.answer_files import SHIPPED, Answers, Case, known_answers, read_answers
from evalkit.verify.known import Request, nothing_known, part, verify_all
from evalkit.verify.runners.base import RUNNERS
from evalkit.verify.verdict import Tolerance, Verdict

Answer = tuple[int, str, str]
Changed = Callable[[Path, str, str, int], Path]

PUBLISHED = {
    "audioldm", "audioldm2", "kl_formula", "musicgen_small", "musicgen_stereo_small", "openl3_music", "roberta_base",
    "stable_audio_open_1_0", "t5_tokens",
}  # fmt: skip

ONE_WEIGHT = {
    "openl3-mini": ("model.safetensors", "conv2d_4.bias", 3),
    "passt-mini": ("model.safetensors", "blocks.1.attn.qkv.weight", 40000),
    "clap-mini": ("model.safetensors", "text_model.encoder.layer.1.output.dense.bias", 7),
    "panns-mini": ("model.safetensors", "conv_block4.bn2.bias", 3),
    "vggish-mini": ("model.safetensors", "embeddings.2.bias", 3),
    "audiobox-mini": ("model.safetensors", "wavlm_model.encoder.layers.0.fc2.bias", 5),
    "stable-audio-mini": ("model.safetensors", "model.model.transformer.layers.2.ff.ff.2.weight", 777),
    "stable-audio-1-mini": ("model.safetensors", "model.model.to_time.0.0.weights", 3),
    "stable-audio-3-mini": ("model.safetensors", "model.model.transformer.layers.1.ff.ff.2.weight", 777),
    "audioldm-mini": ("unet/diffusion_pytorch_model.safetensors", "conv_in.weight", 30),
    "audiogen-mini": ("model.safetensors", "audio_encoder.decoder.layers.0.conv.bias", 5),
}
"""In the middle of each mini, a number that matters."""


def test_every_published_answer_is_read_and_has_its_runner() -> None:
    found = {each.name: each for each in known_answers()}
    assert found.keys() == PUBLISHED | set(MINIS)
    assert all(each.runner in RUNNERS for each in found.values())
    for name in PUBLISHED:
        told = " ".join(f"{key} {value}" for key, value in found[name].source.items())
        assert "repository" in told and "commit" in told and "licence" in told, name


def test_an_answer_whose_weights_are_not_here_says_how_to_get_them() -> None:
    found = list(verify_all(Request(("musicgen-small", "openl3_music", "t5_tokens", "audioldm2", "roberta_base"))))
    assert {each.result for each in found} == {"skipped"}
    reasons = {each.name: each.reason for each in found}
    names = ("musicgen-small", "openl3-music", "t5-base", "t5-large", "audioldm2", "audioldm2-large", "clap_tokenizer")
    assert reasons == {name: f"weights not here: evalkit fetch weights {name}" for name in names}


def test_the_answers_of_another_checkpoint_are_not_held_against_the_one_of_that_name() -> None:
    """audioldm-s is audioldm-s-full-v2; the published numbers are of cvssp/audioldm."""
    (verdict,) = verify_all(Request(("audioldm",)))
    assert verdict.result == "skipped" and "--weights audioldm-s=PATH" in verdict.reason


def test_where_nobody_publishes_an_answer_the_way_to_leave_one_is_told(evalkit: Callable[..., Answer]) -> None:
    code, out, _ = evalkit("verify", "passt", "openl3-env", "clap", "audiogen-medium", "--json")
    told = json.loads(out)
    assert code == 2 and [each["result"] for each in told["verdicts"]] == ["skipped"] * 4
    assert all("nobody publishes any" in each["reason"] for each in told["verdicts"])
    assert "audiogen-medium" in nothing_known() and "passt" not in nothing_known()


def test_the_minis_and_the_formula_give_their_answers(evalkit: Callable[..., Answer]) -> None:
    """What a person types first. On another processor they are near; on none are they wrong."""
    code, out, _ = evalkit("verify", "minis", "kl_formula", "--json")
    told = json.loads(out)
    assert code == 0 and told["ok"], told
    assert {each["name"] for each in told["verdicts"]} == {*MINIS, "kl_formula"}
    assert {each["result"] for each in told["verdicts"]} <= {"equal", "near"}
    digests = [each for each in told["verdicts"] if each["what"] == "weights, by digest"]
    assert [each["result"] for each in digests] == ["equal"] * len(MINIS)


@pytest.mark.parametrize("name", sorted(ONE_WEIGHT))
def test_one_changed_weight_of_a_mini_is_wrong_by_digest_and_by_output(
    evalkit: Callable[..., Answer], changed: Changed, name: str
) -> None:
    folder = changed(MINI_FOLDER / name, *ONE_WEIGHT[name])
    code, out, _ = evalkit("verify", name, "--weights", f"{name}={folder}")
    assert code == 1
    wrong = [line for line in out.splitlines() if "WRONG" in line]
    assert any("weights, by digest" in line for line in wrong) and any("test " in line for line in wrong), out
    assert "other weights than were recorded" in out


def test_a_file_that_is_no_checkpoint_is_wrong_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"\0" * 100)
    (tmp_path / "config.json").write_bytes((MINI_FOLDER / "passt-mini" / "config.json").read_bytes())
    found = list(verify_all(Request(("passt-mini", "kl_formula"), {"passt-mini": tmp_path})))
    assert [each.result for each in found if each.name == "passt-mini"] == ["wrong"]
    assert str(tmp_path) in next(each.reason for each in found if each.name == "passt-mini")
    assert len(found) == 3


def test_torch_s_threads_are_afterwards_what_they_were() -> None:
    """A notebook's training loop goes on as fast as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        list(verify_all(Request(("passt-mini",))))
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_a_runner_that_breaks_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("no\nway")

    monkeypatch.setattr("evalkit.verify.runners.kl.kl_divergence", broken)
    (verdict,) = verify_all(Request(("kl_formula",)))
    assert verdict.result == "wrong" and verdict.reason == "failed: ZeroDivisionError: no way"


@pytest.mark.parametrize("words", [("opnl3-mini",), ("minis", "--weights", "opnl3-mini=.")])
def test_a_mistyped_name_is_told_before_any_work(evalkit: Callable[..., Answer], words: tuple[str, ...]) -> None:
    code, out, err = evalkit("verify", *words)
    assert code == 2 and not out and "did you mean openl3-mini" in err and err.count("\n") == 1


def test_a_family_s_name_stands_for_the_one_that_is_asked(evalkit: Callable[..., Answer], tmp_path: Path) -> None:
    """--weights openl3=FILE, as `score` takes it: the file is looked at, and is none."""
    (tmp_path / "x.h5").write_bytes(b"no weights")
    code, out, err = evalkit("verify", "openl3-music", "--weights", f"openl3={tmp_path / 'x.h5'}")
    assert code == 1 and "x.h5" in out, err


def test_all_names_that_are_unknown_are_told(evalkit: Callable[..., Answer]) -> None:
    code, out, err = evalkit("verify", "opnl3-mini", "pasts-mini")
    assert code == 2 and not out and "'opnl3-mini'" in err and "'pasts-mini'" in err


@pytest.mark.parametrize(
    ("words", "unverified"), [(("passt",), ["passt"]), (("passt-mini", "passt", "clap"), ["clap", "passt"])]
)
def test_a_name_of_which_nothing_was_computed_does_not_pass_for_verified(
    evalkit: Callable[..., Answer], words: tuple[str, ...], unverified: list[str]
) -> None:
    """Also beside one that is equal: a script that asks for a judge would go on without it."""
    code, out, err = evalkit("verify", *words, "--json")
    told = json.loads(out)
    assert (code, told["ok"], told["unverified"]) == (2, False, unverified)
    code, out, err = evalkit("verify", *words)
    assert code == 2 and f"nothing could be verified of {', '.join(unverified)}" in err


@pytest.mark.parametrize("words", [("--clips", "."), ("--out", "."), ("--against", "orignals")])
def test_options_that_do_not_go_together_are_refused(evalkit: Callable[..., Answer], words: tuple[str, ...]) -> None:
    code, out, err = evalkit("verify", *words)
    assert code == 2 and not out and err.count("\n") == 1


def test_all_options_that_do_not_go_together_are_told(evalkit: Callable[..., Answer]) -> None:
    code, out, err = evalkit("verify", "--clips", ".", "--out", ".")
    assert code == 2 and not out and "--clips goes with" in err and "--out goes with" in err


def stated(*devices: str) -> Case:
    """Numbers for each of these devices, a little apart."""
    expected = {device: np.array([1.0, 2.0 + 0.1 * index]) for index, device in enumerate(devices)}
    return Case("x", {}, "", None, expected, Tolerance(absolute=0.01))


@pytest.mark.parametrize(
    ("here", "expected", "spread"),
    [("cuda 7", 2.0, 0.0), ("cuda 8", 2.1, 0.0), ("cuda 9", 2.1, 0.2), ("cuda 5", 2.0, 0.2), ("xpu 3", 2.2, 0.0)],
)
def test_a_device_without_numbers_of_its_own_is_judged_by_its_kind(
    monkeypatch: pytest.MonkeyPatch, here: str, expected: float, spread: float
) -> None:
    """An H100 (cuda 9) differs from what is stated for 8 about as 7 does: no more is called wrong."""
    monkeypatch.setattr(known, "_capability", lambda device: here)
    found = known._stated(stated("cuda 7", "cuda 8", "xpu 3"), "a device")
    assert isinstance(found, known._Stated)
    assert found.expected[1] == pytest.approx(expected) and found.spread == pytest.approx(spread)
    assert bool(found.note) == bool(spread)


def test_a_device_of_another_kind_is_told_which_there_are() -> None:
    case = next(each for each in known_answers() if each.name == "stable_audio_open_1_0").cases[0]
    reason = known._stated(case, "cpu")
    assert str(reason) == "stated for cuda 7, cuda 8, xpu 3 alone; this is cpu"


def test_a_difference_that_proves_nothing_is_told_and_not_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = read_answers(SHIPPED / "kl_formula.json", ours=True)
    case = replace(answers.cases[0], expected={"": np.array([7.0])}, unjudged="it is drawn")
    monkeypatch.setattr(known, "known_answers", lambda files=(): [replace(answers, cases=(case,))])
    (verdict,) = verify_all(Request(("kl_formula",)))
    assert verdict.result == "skipped" and "it is drawn" in verdict.reason and verdict.difference is not None


def test_a_part_of_an_array_is_what_numpy_calls_so() -> None:
    array = np.arange(60).reshape(3, 4, 5)
    assert np.array_equal(part(array, "[0, :, -2:]"), array[0, :, -2:])
    assert np.array_equal(part(array, "[1:3, -1]"), array[1:3, -1])
    assert part(array, "") is array
    for wrong in ("[0", "[x]", "[0][1]", "[__import__('os')]", "[::2]"):
        with pytest.raises(UserError):
            part(array, wrong)


def test_what_is_by_somebody_elses_file_says_so() -> None:
    """A verdict on a stranger's record must not look like one on what evalkit ships."""
    verdict = known._told(
        Verdict("passt", "x", "wrong", reason="why"),
        Answers("a", Path("/tmp/a.json"), "", "judge", ("passt",), (), {}),
    )
    assert verdict.reason == "why; by /tmp/a.json"
