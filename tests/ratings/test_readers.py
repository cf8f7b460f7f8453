"""Files of ratings that people have: read as they are meant, and refused with line and column, all faults at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.core.errors import UserError
from evalkit.ratings.base import Ratings, score_of
from evalkit.ratings.music_arena import Leaderboard
from evalkit.ratings.read import read_ratings

LONG = "clip,system,rater,scale,score\na1,A,anna,quality,4\nb1,B,anna,quality,3\na1,A,ben,quality,5\n"
MUSHRA = (
    "session_test_id,email,session_uuid,trial_id,rating_stimulus,rating_score,rating_time,rating_comment\n"
    'test,x@y,u1,trial1,reference,100,1200,"</script>"\ntest,x@y,u1,trial1,C1,60,1200,\ntest,x@y,u2,trial1,C1,55,900,\n'
)
AXES = ("Production_Quality", "Production_Complexity", "Content_Enjoyment", "Content_Usefulness")
ARENA = (
    "Rank\tModel\tArena Score\t95% CI\t# Votes\tGeneration Speed (RTF)\n"
    "1\tone\t1174.1\t+68.9 / -35.1\t360\t6.74\n2\ttwo\t900\t±71\t42\t\n"
)


def line(path: str, **changed: object) -> str:
    return json.dumps({"data_path": path, **{axis: [3.0, 4.0] for axis in AXES}, **changed}) + "\n"


PAM = line("/your_path/PAM/human_eval/audio/audiogen_m/generated_audio_index_1.wav")
MOS = line("audiomos2025-track2-sys0v1wm-utt0dJodp")


def read(folder: Path, text: str, name: str = "ratings.csv") -> Ratings | Leaderboard:
    (folder / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    return read_ratings(folder / name)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_long_form(tmp_path: Path, separator: str) -> None:
    found = read(tmp_path, LONG.replace(",", separator))
    assert isinstance(found, Ratings) and found.known_raters
    assert [(r.clip, r.system, r.rater, r.score) for r in found.rows][-1] == ("a1", "A", "ben", 5)
    assert [each.name for each in found.scales] == ["quality"]


def test_long_form_without_raters_and_scales(tmp_path: Path) -> None:
    found = read(tmp_path, "\ufeffsystem,clip,score,prompt,remark\nA,a1,4,p1,=cmd()\nB,b1,3,p1,\n")
    assert isinstance(found, Ratings) and not found.known_raters
    assert {row.prompt for row in found.rows} == {"p1"} and found.scales[0].name == "score"


def test_webmushra(tmp_path: Path) -> None:
    found = read(tmp_path, MUSHRA)
    assert isinstance(found, Ratings)
    assert found.rows[0][:4] == ("trial1/reference", "trial1", "reference", "u1")
    assert (found.scales[0].low, found.scales[0].high) == (0, 100)


def test_aes_pam_and_audiomos(tmp_path: Path) -> None:
    pam, mos = read(tmp_path, PAM, "a.jsonl"), read(tmp_path, MOS, "b.jsonl")
    assert isinstance(pam, Ratings) and isinstance(mos, Ratings)
    assert pam.rows[0][:3] == (
        "audio/audiogen_m/generated_audio_index_1",
        "audio/generated_audio_index_1",
        "audio/audiogen_m",
    )
    assert mos.rows[0][:3] == ("sys0v1wm-utt0dJodp", "sys0v1wm-utt0dJodp", "sys0v1wm") and not mos.known_raters
    assert [len(pam.of(scale)) for scale in ("PQ", "PC", "CE", "CU")] == [2, 2, 2, 2]


def test_music_arena(tmp_path: Path) -> None:
    found = read(tmp_path, ARENA, "board.tsv")
    assert isinstance(found, Leaderboard)
    assert [(r.system, r.low, r.high, r.speed) for r in found.rows] == [
        ("one", pytest.approx(1139.0), pytest.approx(1243.0), 6.74),
        ("two", 829, 971, None),
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (LONG + "c1,C,ben,quality,good\n", "line 5: column score: 'good' is no number"),
        (LONG + "a1,A,anna,quality,2\n", "line 5: column rater: has rated this clip on line 2 already"),
        (LONG + "a1,B,cleo,quality,2\n", "line 5: column clip: stands under another system"),
        (LONG + "c1,C,,quality,2\n", "column rater: is filled in 3 of 4 rows"),
        (LONG + "c1,C\n", "line 5: has 2 cells where the header has 5"),
        (LONG + ",C,ben,quality,2\n", "line 5: column clip: is empty"),
        (LONG + "c1,C,ben,quality,nan\n", "line 5: column score: 'nan' is no number"),
        (LONG + "c1,C,ben,quality,1_0\n", "column score: '1_0' is no number"),
        ("clip,sytem,rater,scale,score\n", "line 1: has no column system"),
        ("clip,system,rater,scale,score\n", "holds no ratings"),
        (MUSHRA + "test,x@y,u2,trial1,C1,50,9,\n", "line 5: column rating_stimulus: this listener rated it on line 4"),
        (MUSHRA + "test,x@y,u3,trial1,C1,101,9,\n", "line 5: column rating_score: is not within 0 and 100"),
        (PAM + PAM, "line 2: data_path: this clip stands on line 1 already"),
        (PAM + line("nowhere"), "line 2: data_path: is not a path that ends in audio/SYSTEM/FILE"),
        (PAM + line("audio/x/2", Content_Enjoyment=[11]), "line 2: Content_Enjoyment: 11 is not within 0 and 10"),
        (PAM + line("audio/x/2", Content_Enjoyment="8"), "line 2: Content_Enjoyment: is no list"),
        (PAM + line("audio/x/2", Content_Enjoyment=[True, None]), "Content_Enjoyment: True is no number"),
        (PAM + "{not json}\n", "line 2: is no JSON"),
        (PAM + "[1]\n", "line 2: is no JSON object"),
        (ARENA + "3\tthree\t1\t-\t1\t1\n", "line 4: column 95% CI: '-' is neither"),
        (ARENA + "3\tone\t1\t±3\t1.5\t1\n", "line 4: column # Votes: is no whole number"),
        (PAM + PAM.replace("{", '{"data_path": "audio/x/2", ', 1), "line 2: is no JSON: "),
        (LONG.replace("\n", ",x" * 40_000 + "\n", 1), "line 1: is longer than the 65,536 bytes"),
        (line("audio/x/2", Content_Enjoyment=[3] * 40_000), "line 1: is longer than the 65,536 bytes"),
        ("who,what\n1,2\n", "line 1: is no header of a known form"),
        (LONG + "\0\n", "line 5: holds a NUL byte"),
        (LONG + "\ud800\n", "line 5: is not UTF-8"),
        ("\0", "no header of a known form"),
        ("", "no header"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(UserError) as caught:
        read(tmp_path, text)
    assert told in str(caught.value) and "\n" not in str(caught.value)


def test_all_faults_of_a_file_at_once(tmp_path: Path) -> None:
    text = LONG + "c1,C,ben,quality,good\nd1,,ben,quality,3\nb1,B,anna,quality,2\n" + "e,E,x,quality,?\n" * 50
    with pytest.raises(UserError) as caught:
        read(tmp_path, text)
    told = str(caught.value)
    assert "line 5" in told and "line 6: column system" in told and "line 7: column rater" in told
    assert "and 47 more: column score: '?' is no number" in told and len(told) < 1500


def test_no_file_says_which_names_there_are(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="aes-pam"):
        read_ratings(tmp_path / "gone.csv")
    with pytest.raises(UserError, match="folder"):
        read_ratings(tmp_path)


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.text(max_size=200),
        st.text(max_size=120).map(lambda text: LONG + text),
        st.text(max_size=120).map(lambda text: MUSHRA + text),
        st.text(max_size=120).map(lambda text: PAM + text),
        st.text(max_size=120).map(lambda text: ARENA + text),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
        ).map(lambda value: line("audio/x/1", Production_Quality=value)),
    )
)
def test_any_text_is_ratings_or_one_line(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """A file may hold anything: never a traceback, never a line break or control character in what is told."""
    folder = tmp_path_factory.mktemp("r")
    try:
        found = read(folder, text)
    except UserError as error:
        assert "\n" not in str(error) and "\x1b" not in str(error)
    else:
        assert found.rows


@pytest.mark.parametrize("value", ["1", " 2.5", "-3e1", 4, 4.5])
def test_numbers_as_people_write_them(value: object) -> None:
    assert score_of(value) is not None


@pytest.mark.parametrize("value", ["", "x", "inf", "nan", "1_0", "٣", "0x10", True, None, [1], float("nan"), 10**400])
def test_what_is_no_number(value: object) -> None:
    assert score_of(value) is None
