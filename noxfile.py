"""What to do with this repository, one session each: `nox -s NAME`; plain `nox` lints, types and tests."""

from __future__ import annotations

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

_RECIPES = ("openl3", "passt", "clap", "vae", "decoder", "dit")


@nox.session
def tests(session: nox.Session) -> None:
    """Install evalkit as a user would and run every test against it, two at a time. Options go to pytest."""
    session.install(".[dev]")
    workers = [] if any(option.startswith("-n") for option in session.posargs) else ["-n", "2"]
    session.run("pytest", *workers, *session.posargs, env=_ENVIRONMENT)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting (ruff)."""
    session.install("ruff>=0.9")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types (mypy), against the libraries as installed."""
    session.install(".[dev]")
    session.run("mypy")


@nox.session
def bench(session: nox.Session) -> None:
    """Time the main job on the embedded default: a fresh run, then the same command again."""
    session.install(".")
    out = session.create_tmp()
    for _ in range(2):
        session.run("evalkit", "run", "--out", f"{out}/run", env={**_ENVIRONMENT, "OMP_NUM_THREADS": "2"})


@nox.session
def train_mini(session: nox.Session) -> None:
    """Train a mini again: `nox -s train_mini -- passt --data DIR --out DIR` (or openl3, clap, vae, decoder, dit)."""
    recipe, *options = session.posargs or [""]
    if recipe not in _RECIPES:
        session.error(f"name a recipe first: {', '.join(_RECIPES)}")
    session.install("-e", ".")
    session.run("python", "-m", f"evalkit.mini.train_{recipe}", *options)


@nox.session
def mini_card(session: nox.Session) -> None:
    """Measure the minis and write evalkit/mini/CARD.md: `nox -s mini_card -- --data DIR`."""
    session.install("-e", ".")
    session.run("python", "-m", "evalkit.mini.card", *session.posargs, env=_ENVIRONMENT)
