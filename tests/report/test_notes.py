"""Notes under a board: each thing is said once, what sets runs apart comes first, and no run is left out of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evalkit.report.notes import Warned, notes_of

RUNS = ("A", "B", "C")


def warned(column: int, run: str, text: str) -> Warned:
    return Warned(column, f"M{column}", run, text)


def test_one_warning_of_several_columns_is_one_note() -> None:
    few = [warned(column, run, "3 clips are few") for column in (0, 1) for run in RUNS]
    found = notes_of(few, RUNS)
    assert found.texts == ("all runs · M0, M1: 3 clips are few",)
    assert set(found.numbers.values()) == {(1,)} and len(found.numbers) == 6


def test_what_differs_in_its_numbers_alone_is_one_note_with_their_range() -> None:
    """Ten runs, each with its own spread, were ten notes of two lines each."""
    values = {"A": "1,012.5", "B": "0.9", "C": "11"}
    found = notes_of([warned(0, run, f"crops of 7 s vary by {value} (sd)") for run, value in values.items()], RUNS)
    assert found.texts == ("all runs · M0: crops of 7 s vary by 0.9 to 1,012.5 (sd)",)


def test_names_and_digests_are_no_numbers() -> None:
    """Else a note would name a file that is in no run."""
    for first, second in (("'take 1.wav'", "'take 2.wav'"), ("4054cb4", "4055cb4"), ("v1.2.3", "v1.2.4"), ("-3", "-4")):
        found = notes_of([warned(0, "A", f"see {first}"), warned(0, "B", f"see {second}")], RUNS)
        assert found.texts == (f"A · M0: see {first}", f"B · M0: see {second}")


def test_what_sets_runs_apart_comes_before_what_holds_for_all() -> None:
    both = [*(warned(0, run, "few") for run in RUNS), warned(1, "B", "copies"), warned(2, "C", "copies")]
    found = notes_of(both, RUNS, before=["A · not finished"])
    assert found.texts == ("A · not finished", "B · M1; C · M2: copies", "all runs · M0: few")
    assert found.numbers[1, "B"] == (2,) and found.numbers[0, "B"] == (3,)


def test_two_warnings_of_one_run_stay_two() -> None:
    """A range would make one of them, and nobody knows which."""
    found = notes_of([warned(0, "A", "part 1 is short"), warned(0, "A", "part 2 is short")], ("A",))
    assert found.texts == ("A · M0: part 1 is short", "A · M0: part 2 is short")
    assert found.numbers[0, "A"] == (1, 2)


WORDS = st.lists(st.sampled_from(["1", "2", "10,000", "0.5", "few", "'a 1'", "x2"]), min_size=1, max_size=4).map(
    " ".join
)


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(RUNS), WORDS), max_size=12))
def test_every_warning_has_its_number_and_every_note_its_runs(drawn: list[tuple[int, str, str]]) -> None:
    warnings = [warned(*each) for each in drawn]
    found = notes_of(warnings, RUNS)
    assert set(found.numbers) == {(each.column, each.run) for each in warnings}
    named = {number for numbers in found.numbers.values() for number in numbers}
    assert named == set(range(1, len(found.texts) + 1))
    for (column, run), numbers in found.numbers.items():
        assert list(numbers) == sorted(numbers)
        for number in numbers:
            who = found.texts[number - 1].partition(": ")[0]
            assert f"M{column}" in who and (run in who or who.startswith("all runs"))
