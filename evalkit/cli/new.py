"""`evalkit new`: a model, metric, embedder or suite of one's own to begin with."""

from __future__ import annotations

import keyword
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import typer

import evalkit
from evalkit.cli.output import say
from evalkit.cli.paths import typed
from evalkit.core.errors import UserError, unknown_name
from evalkit.core.reading import read_bytes

_MOST_BYTES = 1 << 16


@dataclass(frozen=True)
class Kind:
    """`files` {what is written, `mine` being the name: the skeleton it is made of}, and the commands to type next."""

    files: dict[str, str]
    check: str
    run: str


KINDS = {
    "model": Kind(
        {"mine.py": "model.py"},
        "evalkit models check {mine.py}:Mine",
        "evalkit run --model {mine.py}:Mine --suite mini --limit 8",
    ),
    "metric": Kind(
        {"mine.py": "metric.py", "mine.toml": "metric.toml", "mine.csv": "suite.csv"},
        "evalkit metrics check {mine.py}:METRIC",
        "evalkit run --model mock --suite {mine.toml}",
    ),
    "embedder": Kind(
        {"mine.py": "embedder.py"},
        "evalkit embedders check {mine.py}:Mine",
        "evalkit score SOUNDS --prompts names --reference RECORDINGS --judges {mine.py}:Mine",
    ),
    "suite": Kind(
        {"mine.toml": "suite.toml", "mine.csv": "suite.csv"},
        "evalkit suites {mine.toml}",
        "evalkit run --model mock --suite {mine.toml}",
    ),
}


def new(
    kind: str = typer.Argument(..., metavar="KIND", help=f"One of {', '.join(KINDS)}."),
    name: str = typer.Argument(..., help="What it is to be called: letters, digits and _."),
    out: Path = typer.Option(Path(), "--out", parser=typed, metavar="DIR", help="Where to; default: here."),
) -> None:
    """Write a small model, metric, embedder or suite that works, to be filled with your own.

    What it writes can be checked and run as it stands, and the two commands for that are told. Nothing is overwritten.

    \b
    Example:
      evalkit new model whistle
      evalkit new embedder bands --out mine/
    """
    from evalkit.core.files import require_place, write_bytes

    if kind not in KINDS:
        raise unknown_name("kind of thing", kind, KINDS)
    _require_name(kind, name)
    chosen = KINDS[kind]
    texts = {file: _skeleton(source) for file, source in chosen.files.items()}
    cased = _class(name, "".join(texts.values()))
    paths = {file: out / _called(file, name, cased) for file in texts}
    there = [str(path) for path in paths.values() if path.exists() or path.is_symlink()]
    if there:
        raise UserError(
            f"{', '.join(there)}: already there, and nothing is overwritten", "choose another name or --out"
        )
    for path in paths.values():
        require_place(path)
    for file, path in paths.items():
        write_bytes(path, _called(texts[file], name, cased).encode())
        say(f"written:  {path}")
    for title, command in (("check it:", chosen.check), ("run it:", chosen.run)):
        for file, path in paths.items():
            command = command.replace(f"{{{file}}}", shlex.quote(str(path)))
        say(f"{title:9} {command.replace(':Mine', f':{cased}')}")


def _require_name(kind: str, name: str) -> None:
    """Raises UserError for what can be no name in Python, or is one already."""
    from evalkit.embed.base import EMBEDDERS
    from evalkit.generators.base import GENERATORS
    from evalkit.metrics.base import METRICS
    from evalkit.suites.load import suite_names

    if not re.fullmatch("[a-z][a-z0-9_]{0,39}", name) or keyword.iskeyword(name):
        raise UserError(f"{name!r} is no name for it", "small letters, digits and _, a letter first, at most 40")
    known = {"model": GENERATORS.names, "metric": METRICS.names, "embedder": EMBEDDERS.names, "suite": suite_names}
    if name in known[kind]():
        raise UserError(
            f"there is {'an' if kind[0] in 'aeiou' else 'a'} {kind} called {name} already", "choose another name"
        )


def _skeleton(name: str) -> str:
    return read_bytes(Path(evalkit.__file__).parent / "skeletons" / name, _MOST_BYTES).decode()


def _called(text: str, name: str, cased: str) -> str:
    """The text with `mine` as the name, and `Mine` as the class."""
    return re.sub(r"\bMine\b", cased, re.sub(r"\bmine\b", name, text))


def _class(name: str, text: str) -> str:
    """The class of that name, none that the text has for something else."""
    cased = "".join(part.capitalize() for part in name.split("_"))
    return f"My{cased}" if re.search(rf"\b{cased}\b", text) else cased
