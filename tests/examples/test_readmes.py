"""Every command of the READMEs is typed as it stands, in a fresh folder, by a process of its own.

One that is new in a README must be listed here: with what it needs, or with the line that it ends in where there is no
network, and why.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import evalkit_checkpoints
import evalkit_listeners
import evalkit_warm
import numpy as np
import pytest
import soundfile

import evalkit

ROOT = Path(__file__).resolve().parents[2]
READMES = ("README.md", "baselines/README.md", "examples/README.md")
_COMMAND = re.compile(r"(\w+=\S+ )*(evalkit|pip|nox|examples/\S+) ")


@dataclass(frozen=True)
class Try:
    """How a command is tried: `typed` instead (a placeholder filled in), with `more` words (less of the same work),
    `after` others. It ends with `code`, having told `told`."""

    more: str = ""
    typed: str = ""
    after: tuple[str, ...] = ()
    code: int = 0
    told: str = ""
    slow: bool = False


NOT_HERE = "evalkit fetch suite audiocaps"
"""The line of a run that needs AudioCaps: its prompts and statistics are published elsewhere."""

SAVE, NEW = "evalkit check RUN --baseline baseline.json --save", "evalkit new embedder bands"
LISTEN, COLLECT = "evalkit listen RUN RUN...", "evalkit listen --collect ANSWERS... --key FILE"
FOLEY = "evalkit suites new foley --from captions.csv --reference recordings"
FIVE = (
    "evalkit run --model stable-audio-mini,stable-audio-1-mini,stable-audio-3-mini,audioldm-mini,audiogen-mini "
    "--suite mini"
)

TRIED = {
    "README.md": {
        "pip install . && evalkit run": Try(typed="evalkit run", more="--limit 2", slow=True),
        "evalkit score my-outputs --suite mini": Try(slow=True),
        "evalkit score my-outputs --prompts captions.csv --reference recordings": Try(told="fd_openl3"),
        "evalkit score system-a system-b --prompts captions.csv --reference recordings": Try(slow=True),
        FOLEY: Try(told="foley.toml"),
        "evalkit suites anchors foley.toml": Try(after=(FOLEY,), slow=True),
        "evalkit bundle RUN": Try(),
        FIVE: Try("--limit 1", slow=True),
        "evalkit report runs/mini/*/* --out compare.html": Try(after=(FIVE,), slow=True),
        "evalkit baselines install audiogen": Try(code=2, told="audiogen", slow=True),
        "evalkit run --model audiogen-medium,audiogen-medium-audiocraft --suite audiocaps": Try(code=2, told=NOT_HERE),
        "evalkit run --model mock --limit 8 --samples 3": Try(slow=True),
        "evalkit run --model mock --limit 8 --seed 0,1,2": Try(slow=True),
        "evalkit score FOLDER --samples 3": Try(slow=True),
        "evalkit tables": Try(told="av-benchmark", slow=True),
        "evalkit fetch for run --model mock --prompts captions.csv --table av-benchmark": Try(
            "--json", code=2, told="Cnn14_16k", slow=True
        ),
        "evalkit score my-outputs --prompts captions.csv --reference recordings --table av-benchmark": Try(
            code=2, told="Cnn14_16k", slow=True
        ),
        "evalkit report RUN --table av-benchmark --format latex": Try(code=2, told="was scored by protocol", slow=True),
        SAVE: Try(),
        "evalkit check RUN --baseline baseline.json": Try(after=(SAVE,)),
        "evalkit check --stop-early": Try(
            typed="evalkit check RUN --baseline baseline.json --stop-early", after=(SAVE,)
        ),
        "evalkit trend FILE": Try(typed="evalkit trend --help", told="--history"),
        "evalkit plan --detect fd_openl3=5% --baseline FILE": Try(
            typed="evalkit plan --detect clap_score=0.05 --baseline baseline.json", after=(SAVE,)
        ),
        "evalkit run --until-decided BASELINE": Try(typed="evalkit run --help", told="--until-decided"),
        "evalkit compare RUN RUN...": Try(typed="evalkit compare --help", told="Holm"),
        LISTEN: Try(
            typed="evalkit run --model mock --limit 8 --seed 1 --out RUN-2 --no-report && "
            "evalkit listen RUN RUN-2 --scales quality --listeners 6",
            told="listen.key.json",
            slow=True,
        ),
        COLLECT: Try(
            typed="listeners && evalkit listen --collect ANSWERS --key listen.key.json",
            after=(LISTEN,),
            told="6 listeners count",
            slow=True,
        ),
        "evalkit report RUN... --listeners FILE": Try(
            typed="evalkit report RUN RUN-2 --listeners ratings.json --out heard.html",
            after=(LISTEN, COLLECT),
            told="heard.html",
            slow=True,
        ),
        "evalkit agree aes-pam": Try(told="0.81 ["),
        "evalkit agree FILE --metrics FILE --estimate": Try(
            typed="evalkit agree heard.csv --metrics metrics.csv --estimate", told="does not help"
        ),
        "evalkit report RUN... --audio all": Try(
            typed="evalkit report RUN --audio all --out every", told="every", slow=True
        ),
        "evalkit report RUN... --format latex": Try(typed="evalkit report RUN --format latex", told="toprule"),
        "evalkit report RUN --by genre": Try(typed="evalkit report RUN --by words", told="by words"),
        "evalkit compare A B --by genre": Try(typed="evalkit compare --help", told="--by"),
        "evalkit fetch suite audiocaps": Try(code=2, told="EVALKIT_OFFLINE"),
        "evalkit fetch weights openl3 passt clap": Try(code=2, told="EVALKIT_OFFLINE"),
        "evalkit fetch for run --model stable-audio --suite audiocaps": Try(code=2, told="EVALKIT_OFFLINE"),
        "evalkit score my-outputs --suite audiocaps": Try(code=2, told=NOT_HERE),
        "evalkit run --model stable-audio --checkpoint my-run/ --suite audiocaps": Try(code=2, told=NOT_HERE),
        "evalkit codec recordings/ --model stable-audio --checkpoint my-run/": Try(slow=True),
        "evalkit codec recordings/ --checkpoint my-autoencoder/": Try(slow=True),
        NEW: Try(told="bands.py"),
        "evalkit embedders check bands.py:Bands": Try(after=(NEW,), told="keeps them all"),
        "evalkit score my-outputs --prompts names --reference recordings/ --judges bands.py:Bands": Try(
            after=(NEW,), told="fd_bands"
        ),
        "evalkit suites FILE": Try(typed="evalkit suites examples/own_suite/suite.toml"),
        "evalkit models check examples/own_model.py:Whistle": Try(told="keeps them all"),
        "evalkit baselines install my-model/": Try(code=2, told="its models run as they are"),
        "evalkit run --model worker:my-model/ --suite mini": Try("--limit 4", slow=True),
        "evalkit models": Try(slow=True),
        "evalkit suites": Try(),
        "evalkit metrics fd_openl3": Try(told="Frechet"),
        "evalkit metrics NAME": Try(typed="evalkit metrics kl_passt", slow=True),
        "evalkit metrics test NAME": Try(
            typed="evalkit metrics test bandwidth --ladder gain --limit 5", told="not heard"
        ),
        "evalkit doctor": Try(slow=True),
        "evalkit verify": Try(slow=True),
        "evalkit verify NAME --record": Try(typed="evalkit verify --help"),
        "evalkit verify --against originals --clips recordings/": Try(typed="evalkit verify --help"),
    },
    "baselines/README.md": {
        "evalkit models": Try(slow=True),
        "evalkit models NAME": Try(typed="evalkit models audiogen-medium", told="audiogen", slow=True),
        "evalkit baselines": Try(told="audiogen"),
        "evalkit baselines install NAME": Try(typed="evalkit baselines install --help"),
        "evalkit check RUN --save --baseline FILE": Try(slow=True),
    },
    "examples/README.md": {
        "evalkit run --model mock --suite examples/own_suite/suite.toml": Try(slow=True),
        "evalkit run --model examples/own_model.py:Whistle --suite examples/own_suite/suite.toml": Try(),
        "evalkit models check examples/wrapped_model.py:Wrapped": Try(told="keeps them all", slow=True),
        "evalkit run --model worker:examples/own_worker --suite examples/own_suite/suite.toml": Try(slow=True),
        "evalkit metrics check examples/own_metric.py:DIVERSITY": Try(told="keeps them all"),
        "PYTHONPATH=examples evalkit run --model mock --suite examples/own_suite/with_metric.toml": Try(
            told="DIVERSITY", slow=True
        ),
        "evalkit score my-outputs --prompts names --reference recordings/ --judges examples/own_embedder.py:Bands": Try(
            told="fd_bands", slow=True
        ),
        "examples/cluster/slurm.sh --dry-run --model mock --suite mini": Try(
            told="evalkit run --ray ADDRESS-OF-FIRST-NODE:6379 --ray-resources num_gpus=1 --model mock --suite mini"
        ),
        "examples/gate_in_ci.sh mock examples/own_suite/suite.toml": Try(told="baseline written", slow=True),
    },
}

NAMED = {
    "evalkit new",
    "evalkit report",
    "evalkit fetch suite",
    "evalkit check",
    "evalkit detect",
    "evalkit models check",
    "evalkit --install-completion",
}
"""Verbs that are mentioned, and not meant to be typed so."""

ELSEWHERE = {
    "pip install -c constraints.txt nox && nox -s tests",
    "pip install -c constraints.txt .",
    "pip install '.[fast]'",
    "pip install '.[ray]'",
    'pip install "evalkit-audio[notebook]"',
    "nox -s newest",
    "nox -s tests -- -m slow",
}
"""The tests themselves and the installation: `.ci/run` and `tests/style/test_packaging.py` do these."""


def commands(text: str) -> list[str]:
    """The commands of a README: lines of code, and code within a sentence or a table."""
    found = []
    for line in text.splitlines():
        if line.startswith("    ") and _COMMAND.match(line.strip()):
            found.append(line.strip().partition(" #")[0].strip())
        else:
            found += [span.strip() for span in re.findall(r"`([^`]+)`", line) if _COMMAND.match(span)]
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("readme", READMES)
def test_every_command_of_a_readme_is_tried(readme: str) -> None:
    found = set(commands((ROOT / readme).read_text(encoding="utf-8"))) - NAMED - ELSEWHERE
    assert found == set(TRIED[readme])


class Desk:
    """A fresh folder with what the READMEs speak of, in which a command is typed once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ended: dict[str, subprocess.CompletedProcess[str]] = {}
        shutil.copytree(ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(ROOT / "examples" / "own_worker", folder / "my-model")
        made = self.run("evalkit run --model mock --limit 8 --out RUN --no-report")
        assert made.returncode == 0, made.stderr
        for name in ("my-outputs", "FOLDER", "system-a", "system-b"):
            shutil.copytree(folder / "RUN" / "audio", folder / name)
        ids = [path.stem for path in sorted((folder / "my-outputs").glob("*.wav"))]
        (folder / "captions.csv").write_text("\n".join(["id,caption", *(f"{each},a sound" for each in ids)]))
        (folder / "recordings").mkdir()
        for place in range(6):
            noise = np.random.default_rng(place).normal(0, 0.1, (44100, 2))
            soundfile.write(folder / "recordings" / f"r{place}.wav", noise, 44100)
        evalkit_checkpoints.write_folder(folder / "my-run")
        evalkit_checkpoints.small_autoencoder(folder / "my-autoencoder", "s")
        self._listeners()

    def _listeners(self) -> None:
        """A command `listeners`, which answers the study of listen.key.json, and ratings beside a metric that knows
        nothing of them."""
        script = (
            f"import sys; sys.path.insert(0, {str(Path(evalkit_listeners.__file__).parent)!r}); "
            "import evalkit_listeners; evalkit_listeners.answer_all('listen.key.json', 'ANSWERS')"
        )
        where = ROOT if "site-packages" not in evalkit.__file__ else ""
        command = self.folder / "bin" / "listeners"
        command.write_text(f'#!/bin/sh\nPYTHONPATH="{where}" exec "{sys.executable}" -c "{script}"\n')
        command.chmod(0o755)
        rng = np.random.default_rng(0)
        clips = [f"{system}-{place}" for system in "ab" for place in range(20)]
        rows = [f"{clip},{clip[0]},r{r},quality,{rng.integers(1, 6)}" for clip in clips for r in range(5)]
        (self.folder / "heard.csv").write_text("\n".join(["clip,system,rater,scale,score", *rows]))
        values = [f"{system}-{place},{system},{rng.random():.3f}" for system in "ab" for place in range(100)]
        (self.folder / "metrics.csv").write_text("\n".join(["clip,system,judge", *values]))

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        if command not in self._ended:
            variables = {
                **os.environ,
                "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
                "PYTHONPATH": "",
                "EVALKIT_HOME": str(self.folder / "home"),
                "EVALKIT_OFFLINE": "1",
                "PIP_NO_INDEX": "1",
                "UV_OFFLINE": "1",
                "OMP_NUM_THREADS": "1",
            }
            self._ended[command] = subprocess.run(
                ["bash", "-c", command],
                cwd=self.folder,
                env=variables,
                capture_output=True,
                text=True,
                timeout=280,
                check=False,
            )
        return self._ended[command]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    (folder / "bin").mkdir()
    with evalkit_warm.command_in(folder / "bin" / "evalkit"):
        yield Desk(folder)


def _cases() -> list[object]:
    return [
        pytest.param(readme, command, marks=[pytest.mark.slow] if how.slow else [], id=command)
        for readme, each in TRIED.items()
        for command, how in each.items()
    ]


@pytest.mark.parametrize(("readme", "command"), _cases())
def test_it_runs_as_typed(readme: str, command: str, desk: Desk) -> None:
    how = TRIED[readme][command]
    for before in how.after:
        other = TRIED[readme][before]
        desk.run(" ".join(filter(None, (other.typed or before, other.more))))
    ended = desk.run(" ".join(filter(None, (how.typed or command, how.more))))
    assert ended.returncode == how.code, ended.stdout + ended.stderr
    assert how.told in ended.stdout + ended.stderr and "Traceback" not in ended.stderr


@pytest.mark.parametrize("name", sorted(NAMED))
def test_a_verb_that_is_named_is_there(name: str, desk: Desk) -> None:
    assert desk.run(f"{name} --help").returncode == 0
