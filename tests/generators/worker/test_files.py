"""What a worker hands over is checked before it is believed: its sounds, its manifest, and what its harness writes."""

from __future__ import annotations

import array
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from evalkit.core.errors import UserError
from evalkit.generators.worker import harness
from evalkit.generators.worker.audio import take
from evalkit.generators.worker.generator import from_name
from evalkit.generators.worker.manifest import read_worker
from evalkit.generators.worker.process import WorkerError, tail

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "own_worker"
GOOD = 'file = "w.py"\n[models.a]\nsample_rate = 8000\nchannels = 1\nmax_seconds = 5\n'


def written(folder: Path, content: bytes, name: str = "1-0.npy") -> dict[str, str]:
    (folder / name).write_bytes(content)
    import hashlib

    return {"name": name, "sha256": hashlib.sha256(content).hexdigest()}


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int16", "uint8"])
@pytest.mark.parametrize("shape", [(2, 5), (7,), (1, 0), (1, 2, 3)])
def test_the_harness_writes_what_numpy_reads(dtype: str, shape: tuple[int, ...]) -> None:
    """It has no numpy: an old package's environment may hold any version of it, or none."""
    sound = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    back = np.load(io.BytesIO(harness.npy(sound)), allow_pickle=False)
    assert back.dtype == sound.dtype and np.array_equal(back, sound) and back.shape == shape
    plain = memoryview(array.array("f", [0.5, -0.5])).cast("B").cast("f", (1, 2))
    assert np.load(io.BytesIO(harness.npy(plain))).tolist() == [[0.5, -0.5]]


def test_what_is_no_sound_is_refused_where_it_arises() -> None:
    with pytest.raises(TypeError):
        harness.npy([0.1, 0.2])
    with pytest.raises(TypeError, match="cannot be sent"):
        harness.npy(np.array([1 + 2j]))


def test_a_sound_that_is_not_contiguous_arrives_in_order() -> None:
    """Stereo as a model lays it out: (samples, 2), turned."""
    sound = np.arange(10, dtype=np.float32).reshape(5, 2).T
    assert np.array_equal(np.load(io.BytesIO(harness.npy(sound))), sound)


def test_a_file_is_taken_and_gone(tmp_path: Path) -> None:
    sound = np.ones((2, 9), np.float32)
    assert np.array_equal(take(tmp_path, written(tmp_path, harness.npy(sound)), 72), sound)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "told", [None, [], {}, {"name": "../1-0.npy", "sha256": ""}, {"name": "/etc/passwd"}, {"name": 3}, {"name": "log"}]
)
def test_a_name_that_leads_elsewhere_is_not_opened(told: object, tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="none of its own"):
        take(tmp_path, told, 100)


def test_a_pipe_a_folder_and_nothing_at_all_are_refused_at_once(tmp_path: Path) -> None:
    """Opening a pipe would wait for somebody to write into it."""
    os.mkfifo(tmp_path / "1-0.npy")
    with pytest.raises(WorkerError, match="no plain file"):
        take(tmp_path, {"name": "1-0.npy", "sha256": ""}, 100)
    with pytest.raises(WorkerError, match="cannot be read"):
        take(tmp_path, {"name": "1-1.npy", "sha256": ""}, 100)


def pickled() -> bytes:
    """An object array, whose content is a pickle."""
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"RIFF",
        b"\x93NUMPY\x01\x00\xff\xff{",
        harness.npy(np.ones((2, 9), np.float32))[:-4],
        harness.npy(np.ones((2, 9), np.float32)).replace(b"(2, 9)", b"(2,99)"),
        harness.npy(np.ones((2, 9), np.float32)).replace(b"(2, 9)", b"(-2,9)"),
        pickled(),
    ],
)
def test_what_is_no_array_is_one_line(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="is no sound"):
        take(tmp_path, written(tmp_path, content), 100)


def test_a_log_is_one_line_that_moves_no_cursor(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"old\n" * 9000 + b"\r 10%\r 20%\n\x1b[31mred\xff\x07 Error:  too hard\n\n")
    told = tail(tmp_path / "log")
    assert told.endswith("?[31mred\ufffd? Error: too hard") and "\n" not in told and len(told) <= 180
    assert tail(tmp_path / "absent") == ""


def test_a_manifest_of_the_least_is_enough(tmp_path: Path) -> None:
    (tmp_path / "worker.toml").write_text(GOOD)
    (tmp_path / "w.py").touch()
    found = read_worker(tmp_path)
    spec = found.model("")
    assert (spec.name, spec.family, spec.sample_rate, spec.size) == ("a", tmp_path.name, 8000, "full")
    assert found.requirements is None and found.timeouts.first == 1200


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ((GOOD, 'file = "w.py"'), "'models' is missing"),
        ((GOOD, 'file = "w.py"\nmodels = {}'), "names no model"),
        (('"w.py"', '"../w.py"'), "expected the name of a file"),
        (('"w.py"', '"none.py"'), "expected the name of a file"),
        (('"w.py"', f'"{300 * "w"}"'), "expected the name of a file"),
        (("sample_rate = 8000\n", ""), "'sample_rate' is missing"),
        (("8000", '"8000"'), "'sample_rate' is '8000', expected a whole number"),
        (("8000", "8000.5"), "'sample_rate' is 8000.5, expected a whole number"),
        (("max_seconds = 5", "max_seconds = 5\nseconds = 3"), "did you mean max_seconds"),
        (("max_seconds = 5", 'max_seconds = 5\nsize = "tiny"'), "size"),
        (("max_seconds = 5", 'max_seconds = 5\ndefault_preset = "x"'), "default_preset is one of them"),
        (('file = "w.py"', 'file = "w.py"\ntimeouts = 3'), "expected a table"),
        (("max_seconds = 5", 'max_seconds = 5\nneeds = ["a"]\ncopied = { b = "torch" }'), "copied"),
        (
            ("max_seconds = 5", 'max_seconds = 5\nneeds = ["a"]\ncopied = { a = "pickle" }'),
            "expected one of audiocraft, torch",
        ),
        (("[models.a]", "[modles.a]"), "did you mean models"),
        (("[models.a]", "[models.a"), "cannot be read as a worker manifest"),
    ],
)
def test_a_wrong_manifest_names_its_key(change: tuple[str, str], told: str, tmp_path: Path) -> None:
    (tmp_path / "worker.toml").write_text(GOOD.replace(*change, 1))
    (tmp_path / "w.py").touch()
    with pytest.raises(UserError) as error:
        read_worker(tmp_path)
    assert told in str(error.value) and str(tmp_path) in str(error.value)


def test_a_model_of_a_folder_is_named_by_its_path() -> None:
    """With the model's name after it, where there are several."""
    assert from_name(f"worker:{EXAMPLE}", {}).spec == from_name(f"worker:{EXAMPLE}:tone", {}).spec
    with pytest.raises(UserError, match=r"no model of .* is called 'tune'"):
        from_name(f"worker:{EXAMPLE}:tune", {})
    with pytest.raises(UserError, match=r"worker\.toml: no such worker manifest"):
        from_name("worker:nowhere", {})


def test_another_worker_file_or_other_weights_are_another_model(tmp_path: Path) -> None:
    """Else a resumed run would go on with sounds of two models in one folder."""
    weights = tmp_path / "weights.bin"
    (tmp_path / "worker.toml").write_text(GOOD + 'needs = ["mine"]\n')
    seen = set()
    for code, content in [("a = 1", "x"), ("a = 2", "x"), ("a = 2", "y")]:
        (tmp_path / "w.py").write_text(code)
        weights.write_text(content)
        seen.add(from_name(f"worker:{tmp_path}", {"mine": weights}).spec.weights)
    assert len(seen) == 3 and None not in seen
    missing = from_name(f"worker:{tmp_path}", {})
    assert missing.spec.weights is None
    with pytest.raises(UserError, match="--weights mine=PATH"):
        missing.load("cpu", "float32")


def test_a_worker_is_handed_no_pickle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own torch may be one that can be fooled; evalkit reads the file, and the worker sees safetensors alone."""
    import torch

    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))
    torch.save({"state_dict": {"w": torch.ones(2)}}, tmp_path / "mine.pth")
    (tmp_path / "worker.toml").write_text(GOOD + 'needs = ["mine"]\ncopied = { mine = "torch" }\n')
    code = [
        "from pathlib import Path",
        "class Reader:",
        "    def load(self, device, dtype, weights):",
        "        found = sorted(file.suffix for file in Path(weights['mine']).iterdir())",
        f"        Path({str(tmp_path / 'seen')!r}).write_text(' '.join(found))",
        "def build(name): return Reader()",
    ]
    (tmp_path / "w.py").write_text("\n".join(code))
    generator = from_name(f"worker:{tmp_path}", {"mine": tmp_path / "mine.pth"})
    generator.load("cpu", "float32")
    generator.close()
    assert (tmp_path / "seen").read_text() == ".json .json .safetensors"


def test_the_harness_asks_for_the_standard_library_alone() -> None:
    """It runs in environments that have no evalkit and no numpy, under old Pythons."""
    source = Path(harness.__file__)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import runpy; runpy.run_path({str(source)!r}, run_name='harness')"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
