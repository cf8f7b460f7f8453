"""Which originals there are: a package of the papers, its environment, and the judges whose files it reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit.core.errors import unknown_name
from evalkit.core.faults import Gathering
from evalkit.fetch.environment import Environment, install, interpreter
from evalkit.fetch.sources import UrlSource

_HERE = Path(__file__).resolve().parent
COMMAND = "evalkit verify --against originals"


@dataclass(frozen=True)
class Original:
    """`package` is its name as pip has it. `judges` are the weights of evalkit's that it reads too, the first by
    default, from files that end in `suffixes`. `folder` has its `original.py` and `requirements.txt`; without the
    latter evalkit's own Python runs it. `bringing` and `unpacked` are the environment's."""

    package: str
    judges: tuple[str, ...]
    suffixes: tuple[str, ...]
    folder: Path
    bringing: tuple[str, ...] = ("torch",)
    unpacked: tuple[UrlSource, ...] = ()

    @property
    def script(self) -> Path:
        return self.folder / "original.py"

    @property
    def environment(self) -> Environment | None:
        """What it runs in, made or not; None for evalkit's own."""
        requirements = self.folder / "requirements.txt"
        if not requirements.exists():
            return None
        return Environment(
            self.package, requirements, "3.11", complete=True, bringing=self.bringing, unpacked=self.unpacked,
            room="originals", command=COMMAND,
        )  # fmt: skip


_OPENL3 = UrlSource(
    "https://files.pythonhosted.org/packages/33/fb/ac93a879d93db231e9f94acf2b07ac0977290f746953dd014ba7f1ac68b5"
    "/openl3-0.4.2.tar.gz",
    "bd590f6c311de5196b615b65a3f49ea1327be72ed6e9e3cddb5631e391c1ee8a",
)
"""Its setup downloads all published weights, and fails where it cannot."""

ORIGINALS = (
    Original("openl3", ("openl3-env", "openl3-music"), (".h5", ".gz"), _HERE / "openl3", (), (_OPENL3,)),
    Original("hear21passt", ("passt",), (".pt",), _HERE / "hear21passt"),
    Original(
        "laion-clap",
        ("clap", "clap-audioset", "clap-music", "clap-music-speech", "clap-music-speech-audioset"),
        (".pt",),
        _HERE / "laion_clap",
    ),
)


def chosen(names: Sequence[str], originals: Sequence[Original]) -> Mapping[str, Original]:
    """judge -> its original, for these names of judges or of packages; none: the first judge of each package.

    Raises UserError for all names that are neither.
    """
    judges = {judge: original for original in originals for judge in original.judges}
    packages = {original.package: original.judges[0] for original in originals}
    faults = Gathering()
    for name in names:
        if name not in judges and name not in packages:
            faults.add(unknown_name("judge with an original", name, (*judges, *packages)))
    faults.settle()
    wanted = [packages.get(name, name) for name in names] or list(packages.values())
    return {judge: judges[judge] for judge in wanted}


def made(package: str) -> Path:
    """The Python of a package's environment, made where there is none yet: for tests and benchmarks."""
    environment = next(each.environment for each in ORIGINALS if each.package == package)
    assert environment is not None
    install(environment, None, lambda line: None)
    return interpreter(environment)
