"""What a build demands in words: a change or a bound, never silently another one than was typed."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from evalkit_gate import changed, record
from hypothesis import given
from hypothesis import strategies as st

from evalkit.core.errors import UserError
from evalkit.run.gate import check, passes
from evalkit.run.gates import parse_gates, tolerance_of


@pytest.mark.parametrize(
    ("text", "kind", "amount"),
    [
        ("fd_openl3<=+2%", "share", 0.02),
        (" clap_score >= -0.01 ", "change", -0.01),
        ("fd_openl3<=60", "bound", 60.0),
        ("loudness_lufs>=value:-30", "bound", -30.0),
        ("evalkit_fakes:LEVEL>=-1e-3", "change", -1e-3),
        ("kl_passt<=+0", "change", 0.0),
    ],
)
def test_a_sign_makes_a_change_and_none_a_bound(text: str, kind: str, amount: float) -> None:
    (gate,) = parse_gates([text])
    assert (gate.kind, gate.amount) == (kind, pytest.approx(amount))


@pytest.mark.parametrize(
    "text", ["", "fd_openl3", "fd_openl3<+2%", "fd_openl3<=", "fd_openl3<=2%", "fd<=nan", "fd<=inf", "<=3", "fd=<3",
             "fd_openl3<=-2%", "clap_score>=+0.1", "fd<=1..2", "fd<=+2%%", "fd<=+2 % 3"],
)  # fmt: skip
def test_what_is_no_demand_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="--gate"):
        parse_gates([text])


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(UserError) as told:
        parse_gates(["fd_openl3<=", "clap_score>=+1", "kl_passt<=+2%"])
    assert (
        "fd_openl3<=" in str(told.value) and "clap_score>=+1" in str(told.value) and "kl_passt" not in str(told.value)
    )
    with pytest.raises(UserError) as told:
        check(record(), record(), gates=parse_gates(["fd_openl3>=-2%", "kl_past<=+1", "clap_score<=0.3"]))
    assert "lower is better" in str(told.value) and "kl_pass" in str(told.value)


@pytest.mark.parametrize(("loss", "verdict"), [(0.0, "pass"), (0.02, "pass"), (0.2, "worse")])
def test_a_share_is_of_the_baselines_value(loss: float, verdict: str) -> None:
    base = record(noise=0.01, seed=1)
    (gate,) = parse_gates(["kl_passt<=+3%"])
    assert tolerance_of(gate, base) == pytest.approx(0.03 * base.metrics["kl_passt"]["value"])
    (found,) = check(record(shift=loss, noise=0.01, seed=2), base, gates=[gate])
    assert (found.metric, found.verdict) == ("kl_passt", verdict), "the demands are what is judged, and nothing else"


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("fd_openl3<=110", "pass"), ("fd_openl3<=101", "pass"), ("fd_openl3<=97", "inconclusive"),
        ("fd_openl3<=95", "worse"), ("fd_openl3>=90", "pass"), ("fd_openl3>=105", "worse"),
    ],
)  # fmt: skip
def test_a_bound_is_held_against_the_values_interval(text: str, verdict: str) -> None:
    """FD is 100 [96, 104]."""
    (found,) = check(record(), record(), gates=parse_gates([text]))
    assert (found.metric, found.verdict) == (text, verdict)


def test_a_bound_of_no_number_or_no_interval_never_passes_in_silence() -> None:
    gates = parse_gates(["fd_openl3<=110"])
    for value in (None, math.nan, "x"):
        (found,) = check(changed(record(), "fd_openl3", value=value), record(), gates=gates)
        assert found.verdict == "invalid" and not passes([found])
    (found,) = check(changed(record(), "fd_openl3", low=None, high=None), record(), gates=gates)
    assert found.verdict == "pass" and "no interval" in found.reason
    (found,) = check(changed(record(), "fd_openl3", low=None, high=None, value=111.0), record(), gates=gates)
    assert found.verdict == "worse"


def test_no_bound_is_passed_by_a_run_that_the_baseline_is_not_comparable_with() -> None:
    gates = parse_gates(["fd_openl3<=110"])
    other = replace(record(), suite={**record().suite, "version": "2"})
    (found,) = check(record(), other, gates=gates)
    assert found.verdict == "invalid" and "suite version" in found.reason
    for change in ({"low": math.nan}, {"se": -1.0}, {"n": None}):
        (found,) = check(changed(record(), "fd_openl3", **change), record(), gates=gates)
        assert found.verdict == "invalid", change


@given(st.floats(-1e6, 1e6).filter(lambda x: abs(x) > 1e-9), st.sampled_from(["<=", ">="]))
def test_a_gate_says_what_was_typed(amount: float, sense: str) -> None:
    (gate,) = parse_gates([f"m{sense}value:{amount!r}"])
    assert gate.amount == amount and gate.sense == sense and gate.kind == "bound"
