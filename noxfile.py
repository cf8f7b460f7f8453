"""What to do with this repository, one session each: `nox -s NAME`; plain `nox` lints, types and tests."""

from __future__ import annotations

import os
from pathlib import Path

import nox

nox.options.sessions = ["lint", "types", "tests"]
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_existing_virtualenvs = True

_ENVIRONMENT = {
    # No model hub is needed, and each look for one costs half a minute where there is no network.
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    # Tests run side by side; more threads in each would only get in each other's way.
    "OMP_NUM_THREADS": "1",
}

_TESTED = ("-c", "constraints.txt")
"""What every session installs with, so that a release made elsewhere tomorrow changes no result of today."""

_ORACLES = {"openl3": "openl3", "passt": "hear21passt", "clap": "laion-clap"}
"""Name of the oracle's script -> the package, in the environment that `evalkit verify --against originals` makes."""

_STABLE_AUDIO = (
    "stable-audio-tools==0.0.19",
    "descript-audio-codec==1.0.0",
    "k-diffusion==0.1.1.post1",
    "torchaudio==2.11.0",
)
_STABLE_AUDIO_3 = ("stable-audio-tools==0.0.20", "vector-quantize-pytorch==1.14.41", "v-diffusion-pytorch==0.0.2")

_RECIPES = sorted(path.stem for path in Path("evalkit/mini/train").glob("*.py") if "def main(" in path.read_text())


@nox.session
def tests(session: nox.Session) -> None:
    """Install evalkit as a user would and test it, two tests at a time; `-- -m slow` runs the slow ones instead."""
    session.install(*_TESTED, ".[dev]")
    _pytest(session)


@nox.session(reuse_venv=False)
def newest(session: nox.Session) -> None:
    """As `tests`, on the newest release of everything that pyproject.toml allows: what will break next."""
    session.install("--upgrade", "--upgrade-strategy", "eager", ".[dev]")
    session.run("python", "-m", "pip", "freeze")
    _pytest(session)


def _pytest(session: nox.Session) -> None:
    workers = [] if any(option.startswith("-n") for option in session.posargs) else ["-n", "2", "--dist", "worksteal"]
    session.run("pytest", *workers, *session.posargs, env=_ENVIRONMENT)


@nox.session(reuse_venv=False)
def constraints(session: nox.Session) -> None:
    """Write constraints.txt: the newest release of everything that `pip install .[dev]` brings; then run the tests.

    A build's own suffix (`+cpu`) goes, so that the same line takes a GPU's build where there is one; so do the packages
    of CUDA, which that build names itself.
    """
    session.install(".[dev]")
    frozen = session.run(
        "python", "-m", "pip", "freeze", "--all", "--exclude=evalkit-audio", "--exclude=pip", silent=True
    )
    pins = [line.partition("+")[0] for line in str(frozen).splitlines() if "==" in line]
    pins = [pin for pin in pins if not pin.startswith(("nvidia-", "cuda-", "triton=="))]
    head = (
        "# What evalkit is tested with, package by package. Written by `nox -s constraints`; the tests must pass then."
    )
    Path("constraints.txt").write_text("\n".join([head, *pins]) + "\n", encoding="utf-8")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting (ruff)."""
    session.install(*_TESTED, "ruff")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types (mypy), against the libraries as installed; as none of them runs, none is compiled.

    `nox -s types -- .nox/tests`: those of an environment that has them, which saves installing them once more.
    """
    mypy = "mypy"
    if session.posargs:
        mypy = str(Path(session.posargs[0]).resolve() / "bin" / "mypy")
    else:
        session.install("--no-compile", *_TESTED, ".[dev]")
    session.run(mypy, external=True)
    for adapter in sorted(Path("baselines").glob("*/adapter.py")):  # one by one, as all of them have one name
        session.run(mypy, str(adapter), external=True)


@nox.session
def picture(session: nox.Session) -> None:
    """The README's picture of a report: `nox -s picture -- report.html`, with Chromium on the path."""
    session.install(*_TESTED, ".[dev]")
    session.run("python", "tests/fakes/evalkit_pages.py", *session.posargs, "reports/report.png")


@nox.session
def bench(session: nox.Session) -> None:
    """Time the main job on the embedded default: a fresh run, then the same command again."""
    session.install(*_TESTED, ".")
    out = session.create_tmp()
    for _ in range(2):
        anew = {"EVALKIT_ANEW": "1", "OMP_NUM_THREADS": "2"}
        session.run("evalkit", "run", "--out", f"{out}/run", env={**_ENVIRONMENT, **anew})


@nox.session
def bench_score(session: nox.Session) -> None:
    """Time scoring beside the originals: the Frechet distance, then the three metrics over 40 recordings.

    `nox -s bench_score -- --clips 8 --cpu --keep --data DIR`: fewer recordings, processor time (on a busy machine),
    figures kept in reports/bench, where the recordings (ESC-10) are. The originals' environments are made once, under
    .nox/.cache.
    """
    session.install(*_TESTED, ".")
    busy = [option for option in session.posargs if option == "--cpu"]
    session.run("python", "tests/bench/bench_frechet.py", *busy, env=_ENVIRONMENT)
    options = [*session.posargs, *([] if "--data" in session.posargs else _beside())]
    if "--data" not in options:
        session.error("the three metrics need recordings: -- --data DIR (ESC-10)")
    openl3, passt, clap = (_original(session, package) for package in _ORACLES.values())
    options += ["--openl3", str(openl3), "--source", _source(openl3), "--passt", str(passt), "--clap", str(clap)]
    environment = {**_ENVIRONMENT, "PYTHONPATH": os.pathsep.join((str(Path.cwd()), "tests/parity"))}
    session.run("python", "tests/bench/bench_score.py", *options, env=environment)


def _original(session: nox.Session, package: str) -> Path:
    """The Python of an original's environment, made where there is none yet, under .nox/.cache."""
    words = "import sys; from evalkit.originals.base import made; print(made(sys.argv[1]))"
    environment = {**_ENVIRONMENT, "EVALKIT_HOME": str(session.cache_dir)}
    return Path(str(session.run("python", "-c", words, package, env=environment, silent=True)).split()[-1])


def _source(python: Path) -> str:
    return str(python.parents[1] / "unpacked" / "openl3-0.4.2")


@nox.session
def parity(session: nox.Session) -> None:
    """Run each original in its own environment and write the golden files and results that the tests read.

    `nox -s parity` runs all three, then `parity_table`; `nox -s parity -- openl3 --data DIR` runs one, with recordings
    (ESC-10) as cases too.
    """
    session.install(*_TESTED, ".")
    asked = [name for name in session.posargs if name in _ORACLES]
    data = [option for option in session.posargs if option not in asked] or _beside()
    for oracle in asked or list(_ORACLES):
        python = _original(session, _ORACLES[oracle])
        more = ["--source", _source(python), "--full", str(_full(session))] if oracle == "openl3" else []
        environment = {**_ENVIRONMENT, "PYTHONPATH": os.pathsep.join((str(Path.cwd()), "tests/parity"))}
        session.run(str(python), f"tests/parity/oracle_{oracle}.py", *data, *more, env=environment, external=True)
    session.notify("parity_table", posargs=data)


@nox.session
def originals(session: nox.Session) -> None:
    """`evalkit verify --against originals` as a test: the three packages agree, and a planted error is found."""
    session.install(*_TESTED, ".[dev]")
    environment = {**_ENVIRONMENT, "EVALKIT_ORIGINALS": str(session.cache_dir)}
    session.run("pytest", "-m", "slow", "tests/originals", *session.posargs, env=environment)


@nox.session
def parity_stable_audio(session: nox.Session) -> None:
    """As `parity`, for Stable Audio: stable-audio-tools, k-diffusion and diffusers on seeded random weights."""
    session.install("-r", "tests/parity/requirements-stable_audio.txt")
    session.install("--no-deps", *_STABLE_AUDIO)
    environment = {**_ENVIRONMENT, "PYTHONPATH": str(Path.cwd())}
    session.run("python", "tests/parity/oracle_stable_audio.py", env=environment)
    session.notify("parity_table")


@nox.session
def parity_stable_audio_3(session: nox.Session) -> None:
    """As `parity`, for Stable Audio 3: stable-audio-tools 0.0.20 and diffusers 0.42.1 on seeded random weights."""
    session.install("-r", "tests/parity/requirements-stable_audio_3.txt")
    session.install("--no-deps", "--ignore-requires-python", *_STABLE_AUDIO_3)
    beside = (str(Path.cwd()), "tests/parity", "tests/checkpoints", "tests/fakes")
    environment = {**_ENVIRONMENT, "PYTHONPATH": os.pathsep.join(beside)}
    for script in ("oracle_same", "oracle_stable_audio_3", "oracle_stable_audio_3_diffusers", "measure_stable_audio_3"):
        session.run("python", f"tests/parity/{script}.py", env=environment)
    session.notify("parity_table")


@nox.session
def parity_protocols(session: nox.Session) -> None:
    """As `parity_panns`, of the networks as av-benchmark feeds them; and MAUVE beside mauve-text."""
    names = ("panns", "vggish", "mauve")
    requirements = [part for name in names for part in ("-r", f"tests/parity/requirements-{name}.txt")]
    session.install(*_TESTED, *requirements, "-r", "evalkit/originals/hear21passt/requirements.txt", ".")
    session.install("--no-deps", "torchaudio==2.11.0")
    environment = {**_ENVIRONMENT, "PYTHONPATH": os.pathsep.join((str(Path.cwd()), "tests/parity"))}
    session.run("python", "tests/parity/oracle_mauve.py", env=environment)
    session.run("python", "tests/parity/oracle_protocols.py", *(session.posargs or _beside()), env=environment)
    session.notify("parity_table")


@nox.session
def parity_clap_protocols(session: nox.Session) -> None:
    """As `parity`, of CLAP as fadtk, stable-audio-tools, audiocraft and av-benchmark feed it; sox must be installed."""
    session.install("--no-deps", "-r", "evalkit/originals/laion_clap/requirements.txt")  # complete; its pins are older
    alone = ("--no-deps", "--ignore-requires-python", "-r", "tests/parity/requirements-clap_protocols.txt")
    session.install(*alone)
    environment = {**_ENVIRONMENT, "PYTHONPATH": os.pathsep.join((str(Path.cwd()), "tests/parity"))}
    options = session.posargs or _beside()
    session.run("python", "tests/parity/oracle_clap_protocols.py", *options, env=environment)
    session.notify("parity_table")


@nox.session
def parity_panns(session: nox.Session) -> None:
    """As `parity`, for PANNs' Cnn14, VGGish and torchaudio's conversion of rates, on seeded random weights; and the
    numbers of the packages that print FAD and KL, for `evalkit detect`."""
    requirements = [part for name in ("panns", "vggish") for part in ("-r", f"tests/parity/requirements-{name}.txt")]
    session.install(*_TESTED, *requirements, ".")
    session.install("--no-deps", "torchaudio==2.11.0")  # of which the compiled part is for another build of torch
    environment = {**_ENVIRONMENT, "PYTHONPATH": os.pathsep.join((str(Path.cwd()), "tests/parity"))}
    for oracle in ("panns", "vggish"):
        session.run("python", f"tests/parity/oracle_{oracle}.py", *(session.posargs or _beside()), env=environment)
    place = str(Path(session.create_tmp()) / "originals")
    session.install("--no-deps", "--target", place, "-r", "tests/parity/requirements-detect.txt")
    session.run("python", "tests/parity/oracle_detect.py", "--originals", place, env=environment)
    session.notify("parity_table")


@nox.session
def parity_audiobox(session: nox.Session) -> None:
    """As `parity`, for Audiobox Aesthetics by its own package, on seeded random weights."""
    session.install(*_TESTED, "-r", "tests/parity/requirements-audiobox.txt", ".")
    environment = {**_ENVIRONMENT, "PYTHONPATH": os.pathsep.join((str(Path.cwd()), "tests/parity"))}
    session.run("python", "tests/parity/oracle_audiobox.py", *(session.posargs or _beside()), env=environment)
    session.notify("parity_table")


@nox.session
def parity_msclap(session: nox.Session) -> None:
    """As `parity`, for MS-CLAP 2023 by its own package, on seeded random weights."""
    session.install(*_TESTED, "-r", "tests/parity/requirements-msclap.txt", ".")
    session.install("--no-deps", "msclap==1.3.4", "torchaudio==2.11.0")  # which ask for other versions, and more
    environment = {**_ENVIRONMENT, "PYTHONPATH": os.pathsep.join((str(Path.cwd()), "tests/parity"))}
    session.run("python", "tests/parity/oracle_msclap.py", *(session.posargs or _beside()), env=environment)
    session.notify("parity_table")


@nox.session
def bench_judges(session: nox.Session) -> None:
    """Time PANNs, VGGish, Audiobox Aesthetics and MS-CLAP beside the packages that they are from, one thread.

    `nox -s bench_judges -- --clips 8 --keep --data DIR`: recordings, figures kept in reports/bench, where they are
    (ESC-10).
    """
    oracles = ("panns", "vggish", "audiobox", "msclap")
    requirements = [part for name in oracles for part in ("-r", f"tests/parity/requirements-{name}.txt")]
    session.install(*_TESTED, *requirements, ".")
    session.install("--no-deps", "msclap==1.3.4", "torchaudio==2.11.0")
    folders = (str(Path.cwd()), "tests/parity", "tests/bench")
    data = [] if "--data" in session.posargs else _beside()
    environment = {**_ENVIRONMENT, "PYTHONPATH": os.pathsep.join(folders)}
    session.run("python", "tests/bench/bench_judges.py", *session.posargs, *data, env=environment)


@nox.session
def bench_generate(session: nox.Session) -> None:
    """Time Stable Audio's sampling beside diffusers and stable-audio-tools, on a CPU at reduced width.

    Options go to tests/bench/bench_generate.py: `nox -s bench_generate -- --rounds 9 --keep`; its first lines say
    how it is run on a GPU at full size.
    """
    session.install("-r", "tests/parity/requirements-stable_audio.txt")
    session.install("--no-deps", *_STABLE_AUDIO)
    environment = {**_ENVIRONMENT, "PYTHONPATH": os.pathsep.join((str(Path.cwd()), "tests/parity"))}
    session.run("python", "tests/bench/bench_generate.py", *session.posargs, env=environment)


@nox.session
def bench_stable_audio_3(session: nox.Session) -> None:
    """As `bench_generate`, for Stable Audio 3: `nox -s bench_stable_audio_3 -- --rounds 9 --keep`."""
    session.install("-r", "tests/parity/requirements-stable_audio_3.txt")
    session.install("--no-deps", "--ignore-requires-python", *_STABLE_AUDIO_3)
    beside = (str(Path.cwd()), "tests/parity", "tests/checkpoints")
    environment = {**_ENVIRONMENT, "PYTHONPATH": os.pathsep.join(beside)}
    session.run("python", "tests/bench/bench_stable_audio_3.py", *session.posargs, env=environment)


@nox.session
def bench_scale(session: nox.Session) -> None:
    """Time one process beside two workers and Ray: clips, scoring at full size, thousands of prompts without a network.

    `nox -s bench_scale -- --prompts 24 --clips 8 --sizes 100,1000,5000 --keep`: figures kept in reports/bench. What
    was measured is kept in .nox/bench_scale, so that a bench that was stopped goes on (`--anew` begins anew).
    """
    session.install(*_TESTED, ".[fast,ray]")
    environment = {**_ENVIRONMENT, "PYTHONPATH": str(Path.cwd())}
    session.run("python", "tests/bench/bench_scale.py", *session.posargs, env=environment)


@nox.session
def bench_ahead(session: nox.Session) -> None:
    """Time how long a simulated device waits for sounds to be prepared: `nox -s bench_ahead -- --keep`."""
    session.install(*_TESTED, ".[fast]")
    environment = {**_ENVIRONMENT, "PYTHONPATH": str(Path.cwd())}
    session.run("python", "tests/bench/bench_ahead.py", *session.posargs, env=environment)


@nox.session
def parity_table(session: nox.Session) -> None:
    """Compare evalkit with every frame of the last OpenL3 run, if there was one, and write reports/parity.md."""
    session.install(*_TESTED, ".")
    if _full(session).is_file():
        session.run(
            "python",
            "tests/parity/measure_openl3.py",
            str(_full(session)),
            *(session.posargs or _beside()),
            env=_ENVIRONMENT,
        )
    session.run("python", "tests/parity/parity_table.py")


def _beside() -> list[str]:
    beside = Path.cwd().parent / "shared" / "data" / "esc10"
    return ["--data", str(beside)] if beside.is_dir() else []


def _full(session: nox.Session) -> Path:
    """Every frame of the OpenL3 oracle, which is too large to commit."""
    return session.cache_dir / "openl3_full.npz"


@nox.session
def train_mini(session: nox.Session) -> None:
    """Train a mini again: `nox -s train_mini -- passt --data DIR --out DIR`; no name lists what there is."""
    recipe, *options = session.posargs or [""]
    if recipe not in _RECIPES:
        session.error(f"name a recipe first: {', '.join(_RECIPES)}")
    session.install(*_TESTED, "-e", ".")
    session.run("python", "-m", f"evalkit.mini.train.{recipe}", *options)


@nox.session
def mini_answers(session: nox.Session) -> None:
    """Record what the minis compute: the known answers that `evalkit verify` holds every installation against."""
    session.install(*_TESTED, "-e", ".")
    session.run("python", "-m", "evalkit.verify.record", env=_ENVIRONMENT)


@nox.session
def mini_card(session: nox.Session) -> None:
    """Measure the minis and write evalkit/mini/CARD.md: `nox -s mini_card -- --data DIR`."""
    session.install(*_TESTED, "-e", ".")
    session.run("python", "-m", "evalkit.mini.card", *session.posargs, env=_ENVIRONMENT)


@nox.session
def cards(session: nox.Session) -> None:
    """Make the sensitivity cards that ship (metrics/cards, reports/cards): what each metric hears, by the minis.

    `nox -s cards -- METRIC --weights vggish=PATH`: of these metrics, with weights that do not ship.
    """
    session.install(*_TESTED, "-e", ".")
    session.run("python", "-m", "evalkit.mini.card.ladders", *session.posargs, env=_ENVIRONMENT)


@nox.session
def mini_anchors(session: nox.Session) -> None:
    """Compute the marks on suite mini's scales, prompts/mini/anchors.json: `nox -s mini_anchors -- --data DIR`."""
    session.install(*_TESTED, "-e", ".")
    session.run("python", "-m", "evalkit.mini.recordings.anchors", *session.posargs, env=_ENVIRONMENT)
