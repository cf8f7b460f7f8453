"""Many faults in a terminal of 80 columns: a line each, whatever a stranger's file has in it."""

from __future__ import annotations

from evalkit.cli.complaints import complaint
from evalkit.core.errors import MissingWeights, UserError
from evalkit.core.faults import Fault, Faults


def test_one_error_is_one_line() -> None:
    assert complaint(UserError("a\nb", "do c")) == ["a b (do c)"]
    assert complaint(UserError("a"), "model-x") == ["model-x: a"]


def test_faults_of_one_file_stand_under_its_name_in_their_order() -> None:
    faults = [Fault("x.toml", 9, "late"), Fault("x.toml", 2, "early", "did you mean y?"), Fault("x.toml", 0, "all")]
    assert complaint(Faults(faults)) == [
        "x.toml: 3 faults", "  all", "  line 2: early (did you mean y?)", "  line 9: late",
    ]  # fmt: skip


def test_faults_of_several_things_stand_under_what_they_are_of() -> None:
    missing = MissingWeights(f"the weights clap are not here: {'x' * 60}", "evalkit fetch weights clap")
    lines = complaint(Faults([Fault("x.toml", 3, "wrong"), missing, Fault("p.csv", 2, "empty")]))
    assert lines == [
        "3 faults", "  x.toml", "    line 3: wrong", f"  {missing.message}", "      evalkit fetch weights clap",
        "  p.csv", "    line 2: empty",
    ]  # fmt: skip


def test_what_is_hostile_moves_no_cursor_and_fills_no_screen() -> None:
    faults = [
        Fault(f"a\n\x1b[2Jb{'c' * 5000}", number, f"\r\x1b[31m{'d' * 9000}\nfake", "\n\nx") for number in range(900)
    ]
    lines = complaint(Faults(faults))
    assert lines[-1] == "  and 860 more"
    assert len(lines) < 90 and all(len(line) < 1100 for line in lines)
    assert not any(ord(char) < 32 or ord(char) == 0x7F for line in lines for char in line)
