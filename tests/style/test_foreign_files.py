"""Files from outside are read by the readers that have limits, and by nothing else: ARCHITECTURE has the list."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "evalkit"
CODE = sorted(
    path.relative_to(ROOT)
    for path in [*PACKAGE.rglob("*.py"), *(ROOT / "baselines").glob("*/adapter.py")]
    if not path.is_relative_to(PACKAGE / "mini")
)
"""`mini/` reads what its own recipes wrote, and runs on nobody else's machine."""

METHODS = {"read_bytes", "read_text", "open", "rglob", "from_pretrained"}
"""Of a path, or of a class of transformers."""

FUNCTIONS = {
    "open", "io.open", "os.open", "os.walk", "json.load", "json.loads", "np.load", "np.loadtxt", "np.fromfile",
    "np.genfromtxt", "np.memmap", "numpy.load", "torch.load", "safe_open", "load_file", "read_table", "gzip.open",
    "pickletools.genops", "csv.reader", "csv.DictReader", "soundfile.read", "soundfile.SoundFile",
}  # fmt: skip
ENDINGS = ("ParquetFile", "ZipFile", "GzipFile", "h5py.File", "genfromtxt", "Unpickler")
MODULES = {
    "pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle", "tarfile", "lzma", "bz2", "yaml", "tomllib",
    "configparser", "sqlite3", "xml", "h5py", "pandas", "plistlib", "omegaconf",
}  # fmt: skip

GUARDED = {
    "evalkit/core/reading.py": {"os.open"},
    "evalkit/core/jsonio.py": {"json.loads", "path.open"},
    "evalkit/core/tomlio.py": {"tomllib"},
    "evalkit/core/yamlio.py": {"yaml"},
    "evalkit/store/arrays.py": {"zipfile.ZipFile", "archive.open"},
    "evalkit/store/tables.py": {"parquet.ParquetFile"},
    "evalkit/store/bundle.py": {"zipfile.ZipFile", "archive.open", "part.open"},
    "evalkit/checkpoints/tensors.py": {"safe_open"},
    "evalkit/checkpoints/torch_file.py": {"torch.load"},
    "evalkit/checkpoints/hub_files.py": {"zipfile.ZipFile"},
    "evalkit/checkpoints/clap_folder.py": {"RobertaTokenizer.from_pretrained"},
    "evalkit/checkpoints/msclap.py": {"GPT2Tokenizer.from_pretrained"},
    "evalkit/generators/hub_folder.py": {"kind.from_pretrained", "AutoTokenizer.from_pretrained"},
    "evalkit/generators/latent_diffusion.py": {"kind.from_pretrained"},
    "evalkit/generators/stable_audio/text_towers.py": {
        "AutoTokenizer.from_pretrained", "T5EncoderModel.from_pretrained", "AutoConfig.from_pretrained",
        "T5GemmaEncoderModel.from_pretrained",
    },
    "evalkit/checkpoints/keras.py": {"gzip.GzipFile"},
    "evalkit/checkpoints/keras_worker.py": {"h5py", "h5py.File"},
    "evalkit/checkpoints/probabilities.py": {"pickletools.genops"},
    "evalkit/suites/rows.py": {"csv.reader"},
    "evalkit/ratings/delimited.py": {"csv.reader"},
    "evalkit/generators/worker/manifest.py": {"os.walk"},
    "evalkit/generators/worker/audio.py": {"os.open"},
    "evalkit/originals/hear21passt/original.py": {"torch.load"},
    "evalkit/originals/laion_clap/original.py": {
        "torch.load", "transformers.RobertaTokenizer.from_pretrained",
    },
    "evalkit/originals/openl3/original.py": {"gzip.open", "weights.open"},
    "evalkit/audio/with_libsndfile.py": {"soundfile.SoundFile"},
    "evalkit/audio/with_ffmpeg.py": {"av.open"},
}  # fmt: skip
"""The readers that have limits, or that stand behind one which has looked first."""

OWN = {
    "evalkit/api/frames.py": {"pandas"},
    "evalkit/audio/ladders.py": {"av.open"},
    "evalkit/audio/preview.py": {"av.open"},
    "evalkit/core/files.py": {"os.open"},
    "evalkit/core/own_code.py": {"home.rglob"},
    "evalkit/core/memory.py": {'Path("/proc/self/statm").read_text', 'Path("/proc/self/status").read_text'},
    "evalkit/core/cores.py": {"path.read_text"},
    "evalkit/core/device_names.py": {'Path("/proc/cpuinfo").read_text'},
    "evalkit/core/processes.py": {"log.open"},
    "evalkit/core/versions.py": {'resource("constraints.txt").read_text'},
    "evalkit/store/lock.py": {"os.open"},
    "evalkit/run/manifest.py": {"json.loads"},
    "evalkit/suites/references.py": {"zipfile.ZipFile"},
    "evalkit/cli/output.py": {"os.open"},
    "evalkit/cli/telling.py": {"os.open"},
    "evalkit/cli/summary.py": {"xml", "path.open"},
    "evalkit/report/page.py": {"(ASSETS / name).read_text"},
    "evalkit/fetch/http.py": {"redirects.opener().open", "self.parent.open"},
    "evalkit/fetch/download.py": {"job.part.open"},
    "evalkit/execute/pool.py": {"log.open"},
    "evalkit/generators/worker/process.py": {"log.open", "json.loads"},
    "evalkit/generators/worker/harness.py": {'Path("/proc/self/statm").read_text', "json.loads"},
    "evalkit/originals/harness.py": {'(folder / "job.json").read_bytes', "json.loads"},
    "evalkit/originals/seeded/openl3.py": {"h5py", "h5py.File"},
    "evalkit/originals/seeded/torch_files.py": {"path.open"},
    "evalkit/originals/seeded/audiobox.py": {"path.open"},
    "evalkit/originals/seeded/msclap.py": {"path.open"},
}
"""What evalkit itself writes or ships, the system's own files, and what is written to; each harness runs in another
Python, and reads what evalkit sends it."""


def readings(source: str) -> Iterator[str]:
    """What in a module's source opens, parses or searches files."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] in MODULES)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] in MODULES:
            yield node.module.partition(".")[0]
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).replace("'", '"')
            method = isinstance(node.func, ast.Attribute) and node.func.attr in METHODS
            if method or name in FUNCTIONS or name.endswith(ENDINGS):
                yield name


def allowed(path: Path) -> set[str]:
    return GUARDED.get(path.as_posix(), set()) | OWN.get(path.as_posix(), set())


@pytest.mark.parametrize("path", CODE, ids=str)
def test_a_file_from_outside_is_read_by_a_reader_with_limits(path: Path) -> None:
    """`core/reading.py` (bytes, text), `core/jsonio.py`, `core/tomlio.py`, `core/yamlio.py`, `core/paths.py` (folders),
    `store/arrays.py`, `store/tables.py`, and those of `checkpoints/`."""
    found = set(readings((ROOT / path).read_text(encoding="utf-8"))) - allowed(path)
    assert not found, f"{path}: {sorted(found)}: use a guarded reader, or name it in GUARDED with its guard"


def test_the_walk_sees_what_it_is_for() -> None:
    source = """
import pickle, yaml
from tomllib import loads
json.loads(x); np.load(p); Path(p).read_text(); open(p); p.open("rb"); torch.load(p); zipfile.ZipFile(p)
kind.from_pretrained(p); sorted(folder.rglob("*")); parquet.ParquetFile(p); safe_open(p); pandas.read_json(p)
"""
    assert set(readings(source)) == {
        "pickle", "yaml", "tomllib", "json.loads", "np.load", "Path(p).read_text", "open", "p.open", "torch.load",
        "zipfile.ZipFile", "kind.from_pretrained", "folder.rglob", "parquet.ParquetFile", "safe_open",
    }  # fmt: skip


def test_no_permission_outlives_its_use() -> None:
    """A module that was moved or mended must not leave its exception behind for the next one of that name."""
    for name, calls in {**GUARDED, **OWN}.items():
        assert calls and (ROOT / name).is_file(), name
        found = set(readings((ROOT / name).read_text(encoding="utf-8")))
        assert allowed(Path(name)) <= found, f"{name}: no longer has {sorted(allowed(Path(name)) - found)}"


def test_architecture_lists_every_guarded_reader() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    for name in GUARDED:
        assert f"`{name.removeprefix('evalkit/')}`" in text, name
