"""A baseline's environment: made once, only of pinned packages, without the network where that is forbidden."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import evalkit
from evalkit.core.errors import UserError
from evalkit.fetch import environment as environments
from evalkit.fetch.environment import READY, Environment, install, interpreter, is_ready, require_pinned
from evalkit.fetch.sources import UrlSource
from evalkit.generators.worker.generator import environment_of, from_folder
from evalkit.generators.worker.manifest import read_worker

MANIFEST = """
file = "worker.py"
requirements = "requirements.txt"
[models.siren]
sample_rate = 4000
channels = 1
max_seconds = 9
size = "none"
"""
WORKER = """
import siren

class Siren:
    def load(self, device, dtype, weights):
        pass

    def generate(self, prompts, seconds, seeds, options):
        return [siren.sound(round(4000 * length), seed) for length, seed in zip(seconds, seeds)], 4000, {}

def build(name):
    return Siren()
"""
PACKAGE = """
import array

def sound(frames, seed):
    samples = array.array("f", [((place * (seed + 1)) % 50) / 100 for place in range(frames)])
    return memoryview(samples).cast("B").cast("f", (1, frames))
"""


def wheel(folder: Path, version: str = "1.0", asks: str = "", name: str = "siren", source: str = PACKAGE) -> Path:
    """A wheel of one module, as an index would have it."""
    folder.mkdir(parents=True, exist_ok=True)
    about = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": source,
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{asks}",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(text.encode())}")
    files[f"{about}/RECORD"] = "\n".join([*lines, f"{about}/RECORD,,", ""])
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inner, text in files.items():
            archive.writestr(inner, text)
    return path


@pytest.fixture
def baseline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A baseline's folder whose worker imports a package that evalkit's Python does not have."""
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")  # no uv: venv and pip are everywhere
    folder = tmp_path / "alarm"
    folder.mkdir()
    (folder / "worker.toml").write_text(MANIFEST)
    (folder / "worker.py").write_text(WORKER)
    (folder / "requirements.txt").write_text("siren==1.0\n")
    return folder


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with nothing but pip in it."""
    folder = tmp_path_factory.mktemp("empty")
    subprocess.run([sys.executable, "-I", "-m", "venv", str(folder)], check=True)
    return folder


@pytest.fixture
def soon(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Making an environment takes three seconds; a copy, which its interpreter and pip are none the worse for, less."""
    really = environments._call

    def call(command: Sequence[str], environment: Environment) -> str:
        if "venv" not in command:
            return really(command, environment)
        shutil.copytree(empty, command[-1], symlinks=True, dirs_exist_ok=True)
        return ""

    monkeypatch.setattr(environments, "_call", call)


def environment(folder: Path) -> Environment:
    found = environment_of(read_worker(folder))
    assert found is not None
    return found


def test_a_model_runs_in_an_environment_made_from_its_own_requirements(baseline: Path, tmp_path: Path) -> None:
    """The whole way, in a Python that has neither numpy nor evalkit."""
    wheel(tmp_path / "wheels")
    generator = from_folder(baseline)
    with pytest.raises(UserError, match="evalkit baselines install alarm"):
        generator.load("cpu", "float32")
    told: list[str] = []
    assert install(environment(baseline), tmp_path / "wheels", told.append)
    assert any("making" in line for line in told)
    assert not install(environment(baseline), None, told.append), "the second time there is nothing to do"
    packages = json.loads((environment(baseline).folder / READY).read_text())["packages"]
    assert "siren==1.0" in packages and not any("numpy" in each for each in packages)
    generator.load("cpu", "float32")
    try:
        made = generator.generate(["an alarm"], [0.5], [2], {})
    finally:
        generator.close()
    assert made.audio[0].shape == (1, 2000) and made.audio[0].dtype == np.float32
    assert made.audio[0][0, 7] == np.float32(0.21)
    assert generator.facts["requirements"] == environment(baseline).digest


def test_making_an_environment_runs_nothing_that_lies_about(
    baseline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tools run in the folder of the requirements: a `pip.py` there, or on PYTHONPATH, is not pip; and PIP_TARGET
    does not put the packages elsewhere."""
    wheel(tmp_path / "wheels")
    trap = "from pathlib import Path\nPath(__file__).with_suffix('.ran').touch()\n"
    for name in ("pip", "venv", "ensurepip", "importlib_metadata", "sitecustomize", "logging", "argparse", "json"):
        (baseline / f"{name}.py").write_text(trap)
    monkeypatch.chdir(baseline)
    monkeypatch.setenv("PYTHONPATH", str(baseline))
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "elsewhere"))
    assert install(environment(baseline), tmp_path / "wheels", lambda text: None)
    assert not list(baseline.rglob("*.ran")) and not (tmp_path / "elsewhere").exists()
    generator = from_folder(baseline)
    generator.load("cpu", "float32")
    generator.close()
    assert not list(baseline.rglob("*.ran"))


@pytest.mark.usefixtures("soon")
def test_a_failed_install_counts_as_none_and_is_gone_on_with(baseline: Path, tmp_path: Path) -> None:
    """No wheel of that version yet: one line with what pip said; with the wheel the same command ends well."""
    wheel(tmp_path / "wheels", version="0.9")
    with pytest.raises(UserError, match=r"siren==1\.0"):
        install(environment(baseline), tmp_path / "wheels", lambda text: None)
    assert environment(baseline).interpreter.exists() and not is_ready(environment(baseline))
    wheel(tmp_path / "wheels")
    told: list[str] = []
    assert install(environment(baseline), tmp_path / "wheels", told.append)
    assert not any("making" in line for line in told), "the empty environment was kept"
    assert interpreter(environment(baseline)).exists()


def test_other_requirements_are_another_environment(baseline: Path) -> None:
    before = environment(baseline).folder
    (baseline / "requirements.txt").write_text("siren==1.1\n")
    assert environment(baseline).folder != before
    assert Environment("a", baseline / "requirements.txt", "3.9").folder != environment(baseline).folder


@pytest.mark.usefixtures("soon")
def test_a_complete_list_gets_no_package_more(baseline: Path, tmp_path: Path) -> None:
    """A package that asks for what cannot be built here, and does not need it, is installed without."""
    wheel(tmp_path / "wheels", asks="Requires-Dist: nowhere==9\n")
    with pytest.raises(UserError, match="nowhere"):
        install(environment(baseline), tmp_path / "wheels", lambda text: None)
    before = environment(baseline).folder
    (baseline / "worker.toml").write_text(f"complete = true\n{MANIFEST}")
    assert environment(baseline).folder != before
    assert install(environment(baseline), tmp_path / "wheels", lambda text: None)


@pytest.mark.usefixtures("soon")
def test_a_package_that_brings_its_own_gets_it_in_a_complete_list(baseline: Path, tmp_path: Path) -> None:
    """A torch that is built for a GPU is nothing without the CUDA libraries that it pins; a CPU's asks for none."""
    wheel(tmp_path / "wheels", asks="Requires-Dist: horn==2.0\n")
    wheel(tmp_path / "wheels", version="2.0", name="horn")
    bare = Environment("alarm", baseline / "requirements.txt", complete=True)
    whole = Environment("alarm", baseline / "requirements.txt", complete=True, bringing=("siren",))
    assert bare.folder != whole.folder
    for wanted, more in ((bare, False), (whole, True)):
        assert install(wanted, tmp_path / "wheels", lambda text: None)
        packages = json.loads((wanted.folder / READY).read_text())["packages"]
        assert "siren==1.0" in packages and ("horn==2.0" in packages) == more


@pytest.mark.usefixtures("soon")
def test_a_source_that_must_not_be_set_up_is_unpacked(
    baseline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its digest is checked first; its setup, which would fetch what it likes, never runs."""
    wheel(tmp_path / "wheels")
    archive = tmp_path / "mirror" / "some.host" / "bell-1.0.tar.gz"
    archive.parent.mkdir(parents=True)
    with tarfile.open(archive, "w:gz") as file:
        for name, text in (("bell.py", "RINGS = 1"), ("setup.py", "raise SystemExit('ran')")):
            member = tarfile.TarInfo(f"bell-1.0/{name}")
            member.size = len(text)
            file.addfile(member, io.BytesIO(text.encode()))
    monkeypatch.setenv("EVALKIT_MIRROR", str(tmp_path / "mirror"))
    url = "https://some.host/bell-1.0.tar.gz"
    wrong, right = (UrlSource(url, each) for each in ("0" * 64, hashlib.sha256(archive.read_bytes()).hexdigest()))
    wanted = Environment("alarm", baseline / "requirements.txt", unpacked=(wrong,))
    with pytest.raises(UserError, match=r"bell-1\.0"):
        install(wanted, tmp_path / "wheels", lambda text: None)
    assert not wanted.sources.exists() and not is_ready(wanted)
    wanted = Environment("alarm", baseline / "requirements.txt", unpacked=(right,))
    assert install(wanted, tmp_path / "wheels", lambda text: None)
    assert (wanted.sources / "bell-1.0" / "bell.py").read_text() == "RINGS = 1"


def test_whose_environment_it_is_decides_its_place_and_the_way_out(baseline: Path) -> None:
    wanted = Environment("bell", baseline / "requirements.txt", room="originals", command="evalkit verify")
    assert wanted.folder.parent.name == "originals"
    with pytest.raises(UserError, match=r"\(evalkit verify\)"):
        interpreter(wanted)


def test_without_the_network_it_says_so_before_it_does_anything(baseline: Path) -> None:
    with pytest.raises(UserError, match="EVALKIT_OFFLINE"):
        install(environment(baseline), None, lambda text: None)
    assert not environment(baseline).folder.exists()


def test_a_python_that_is_not_here_is_named(baseline: Path) -> None:
    wanted = Environment("alarm", baseline / "requirements.txt", "3.7")
    with pytest.raises(UserError, match=r"needs Python 3\.7"):
        install(wanted, baseline, lambda text: None)


@pytest.mark.parametrize(
    "line", ["siren", "siren>=1.0", "siren==1.*", "siren~=1.0", "git+https://x/y", "-r other.txt", "siren<2,>=1"]
)
def test_what_is_not_pinned_is_refused(line: str, tmp_path: Path) -> None:
    """It would be another model next month, under the same name."""
    (tmp_path / "r.txt").write_text(f"# why\nnumpy==1.0\n{line}\n")
    with pytest.raises(UserError, match="not pinned"):
        require_pinned(tmp_path / "r.txt")


def test_what_is_pinned_passes_and_one_line_more_does_not(tmp_path: Path) -> None:
    lines = ["siren==1.0  # why", "a-b[c]==2.0.post1 ; python_version < '3.12'", "./here", "x @ file:///y/z.whl"]
    lines += ["torch==2.1.0 \\", "    --hash=sha256:" + "0" * 64, "--extra-index-url https://x", ""]
    (tmp_path / "r.txt").write_text("\n".join(lines))
    require_pinned(tmp_path / "r.txt")
    (tmp_path / "r.txt").write_text("\n".join([*lines, "horn"]))
    with pytest.raises(UserError, match=r"'horn' is not pinned"):
        require_pinned(tmp_path / "r.txt")


@pytest.mark.slow
def test_a_killed_install_is_finished_by_the_same_command(baseline: Path, tmp_path: Path) -> None:
    """kill -9 at several moments; `evalkit baselines install` as it is typed."""
    wheel(tmp_path / "wheels")
    root = str(Path(evalkit.__file__).parent.parent)
    words = [
        sys.executable,
        "-m",
        "evalkit",
        "baselines",
        "install",
        str(baseline),
        "--wheels",
        str(tmp_path / "wheels"),
    ]
    variables = {**os.environ, "PYTHONPATH": root}
    for moment in (0.8, 2.0, 3.5):
        process = subprocess.Popen(words, env=variables, stderr=subprocess.DEVNULL, start_new_session=True)
        time.sleep(moment)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    done = subprocess.run(words, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "alarm: " in done.stdout, done.stderr
    assert is_ready(environment(baseline))
    again = subprocess.run([*words, "--json"], env=variables, capture_output=True, text=True, check=False)
    assert json.loads(again.stdout)["made"] is False
