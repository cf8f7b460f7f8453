"""`evalkit run`: generate, embed, score and report."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from evalkit.cli import brief
from evalkit.cli.bring import YES, bring_for
from evalkit.cli.output import json_option, warn
from evalkit.cli.paths import typed
from evalkit.cli.words import wrong_words

if TYPE_CHECKING:
    from evalkit.core.faults import Gathering
    from evalkit.suites.base import Suite
    from evalkit.suites.brief import Brief

_MODEL_HELP = "A model's name, folder:PATH, worker:PATH or module:Class; several with commas."
MODEL = typer.Option("stable-audio-3-mini", "--model", help=_MODEL_HELP)
OUT = typer.Option(None, "--out", parser=typed, metavar="FOLDER", help="The run folder; default runs/SUITE/MODEL/ID.")
PRESET = typer.Option(None, "--preset", help="A preset of the model; `evalkit models` lists them.")
SET = typer.Option(
    [], "--set", metavar="KEY=VALUE", help="Change an option of the preset (--set steps=50). Repeatable."
)
INIT = typer.Option(
    None,
    "--init",
    parser=typed,
    metavar="FILE",
    help="Start from this sound instead of noise; --set init_noise_level=X says how far from it.",
)
TEMPLATE = typer.Option(
    None,
    "--prompt-template",
    metavar="NAME|none",
    help="What stands before each prompt for the model; default: its preset's. `evalkit models NAME` lists them.",
)
SEED = typer.Option("0", "--seed", metavar="N", help="The run's seed; several with commas (0,1,2) are a run each.")
SAMPLES = typer.Option(1, "--samples", metavar="K", help="Sounds per prompt, each with a seed of its own.")
LIMIT = typer.Option(None, "--limit", help="Only the first N prompts of the suite.")
BATCH_SIZE = typer.Option(None, "--batch-size", help="Prompts per batch; default: the model's.")
DEVICE = typer.Option("auto", "--device", help="auto, cpu or cuda.")
WORKERS = typer.Option(
    None, "--workers", metavar="N", help="Share the work among N processes; on a CPU the numbers are the same."
)
DEVICES = typer.Option(
    None, "--devices", metavar="LIST", help="One process on each of these: cuda:0,cuda:1. Default: every GPU, or none."
)
RAY = typer.Option(
    None, "--ray", metavar="ADDRESS", help="Share the work among a cluster: auto (the one here), or HOST:6379."
)
RAY_RESOURCES = typer.Option(
    None, "--ray-resources", metavar="LIST", help="What each worker has there: num_gpus=1. Default: num_cpus=1."
)
THREADS = typer.Option(
    None,
    "--threads",
    metavar="N",
    help="Of each process; they decide a sound's last bits. Default: OMP_NUM_THREADS, or 1: --workers use more cores.",
)
DTYPE = typer.Option("float32", "--dtype", help="float32, float16 or bfloat16, for the generator.")
WEIGHTS = typer.Option(
    [],
    "--weights",
    metavar="NAME=PATH",
    help="This file or folder for weights of that name, or of that family. Repeatable.",
)
CHECKPOINT = typer.Option(
    None,
    "--checkpoint",
    parser=typed,
    metavar="PATH",
    help="A model of the same family to run in its place: a folder or file with its config.",
)
RANDOM_WEIGHTS = typer.Option(
    False, "--random-weights", help="The architecture without its weights, for speed tests; marked in every output."
)
MAX_FAILURES = typer.Option(
    None, "--max-failures", min=0, help="Exit 1 where more items failed than this; default: no limit."
)
RETRY = typer.Option(False, "--retry-failed", help="Try every failed item again, bad sounds too.")
ANEW = typer.Option(False, "--anew", help="Make every sound, also those that an earlier run has made.")
TIMEOUT = typer.Option(
    None,
    "--timeout",
    metavar="SECONDS",
    help="Give up on a sound that takes longer; default 600, or a worker's own. The first batch has twice that.",
)
FETCH = typer.Option(False, "--fetch", help="First bring what is published elsewhere and not here yet.")
UNTIL = typer.Option(
    None,
    "--until-decided",
    parser=typed,
    metavar="BASELINE",
    help="End early, once every metric that is a mean of prompts is decided against this baseline file, run or bundle.",
)
GATE = typer.Option(
    [],
    "--gate",
    metavar="DEMAND",
    help="With --until-decided: decide this instead of the headline metrics: METRIC<=+2% or METRIC>=-0.01. Repeatable.",
)
JSON = json_option("Print one JSON object.")
NO_REPORT = typer.Option(False, "--no-report", help="Write no report.html.")


def run(
    model: str = MODEL,
    suite: str | None = brief.SUITE,
    prompts: str | None = brief.PROMPTS,
    reference: str | None = brief.REFERENCE,
    columns: str | None = brief.COLUMNS,
    judges: str | None = brief.JUDGES,
    seconds: float | None = brief.SECONDS,
    table: str | None = brief.TABLE,
    out: Path | None = OUT,
    preset: str | None = PRESET,
    set_: list[str] = SET,
    init: Path | None = INIT,
    prompt_template: str | None = TEMPLATE,
    seed: str = SEED,
    samples: int = SAMPLES,
    limit: int | None = LIMIT,
    batch_size: int | None = BATCH_SIZE,
    device: str = DEVICE,
    workers: int | None = WORKERS,
    devices: str | None = DEVICES,
    threads: int | None = THREADS,
    ray: str | None = RAY,
    ray_resources: str | None = RAY_RESOURCES,
    dtype: str = DTYPE,
    weights: list[str] = WEIGHTS,
    checkpoint: Path | None = CHECKPOINT,
    random_weights: bool = RANDOM_WEIGHTS,
    max_failures: int | None = MAX_FAILURES,
    retry_failed: bool = RETRY,
    anew: bool = ANEW,
    timeout: float | None = TIMEOUT,
    until_decided: Path | None = UNTIL,
    gate: list[str] = GATE,
    fetch: bool = FETCH,
    yes: bool = YES,
    as_json: bool = JSON,
    no_report: bool = NO_REPORT,
) -> None:
    """Generate audio for a suite's prompts, score it, and report.

    --fetch first brings whatever of it is published elsewhere and not here yet, after a list of what, from where, how
    large and under which licence.

    --until-decided ends a run early, with exit 1 where it is worse: a run without figures, in which a distance of sets
    is not judged. The same command without it makes the rest.

    Typing the same command again goes on where it stopped; a finished run is shown again, and nothing is
    recomputed. Failed items are counted beside every number. A model or metric of your own that fails costs
    itself alone. Exit 1: more failed items than --max-failures, none that worked, a headline metric without a number
    or a metric that failed; 2: something to put right, also where it is one model of several; 130: interrupted.

    \b
    Example:
      evalkit run
      evalkit run --model stable-audio-3-mini,mock --suite mini --limit 8
      evalkit run --model mock --samples 3 --seed 0,1
    """
    from evalkit.api.request import request
    from evalkit.cli.session import Manner, conduct
    from evalkit.run.config import Sharing, parse_changes, parse_seeds, parse_weights, with_prompt_template

    wrong = wrong_words()
    models, seeds = models_of(model, checkpoint, wrong), wrong.read([0], parse_seeds, seed)
    changes, given = wrong.read({}, parse_changes, set_), wrong.read({}, parse_weights, weights)
    asked = brief.suite_asked(suite, prompts, columns, reference, judges, seconds, table, given, wrong, fetching=fetch)
    configs = [
        request(
            name,
            asked,
            out=place_of(out, name if len(models) > 1 else "", each if len(seeds) > 1 else None),
            preset=preset,
            options=with_prompt_template(changes, prompt_template),
            init=init,
            seed=each,
            samples=samples,
            limit=limit,
            batch_size=batch_size,
            sharing=Sharing(device, workers, devices, threads, ray, ray_resources),
            dtype=dtype,
            weights=given,
            checkpoint=checkpoint,
            random_weights=random_weights,
            retry_failed=retry_failed,
            anew=anew,
            timeout=timeout,
            until=until_decided,
            gates=gate,
            command=("evalkit", *sys.argv[1:]),
            wrong=wrong,
        )
        for name in models
        for each in seeds_of(name, seeds)
    ]
    if fetch:
        bring_for(configs, yes, quiet=as_json)
    conduct(configs, Manner("score", as_json, not no_report, max_failures), board=board(out, asked))


def models_of(asked: str, checkpoint: Path | None, wrong: Gathering) -> list[str]:
    """The models of --model, at least one; `wrong` gets what is wrong with them, and is raised where there is none."""
    from evalkit.cli.words import names

    models = names("--model", asked, wrong)
    alone = checkpoint is None or len(models) < 2
    wrong.require(alone, "--checkpoint goes with one --model", "run them one after the other, or use --weights")
    if not models:
        wrong.settle()
    return models


def place_of(out: Path | None, model: str, seed: int | None) -> Path | None:
    """The run folder within --out of one of several runs: `OUT/MODEL`, `OUT/seed-N`, or `OUT/MODEL/seed-N`; what all of
    them have in common is left out ("" and None)."""
    from evalkit.core.ids import safe_name

    if out is None:
        return None
    inner = out / safe_name(model) if model else out
    return inner if seed is None else inner / safe_name(f"seed-{seed}")


def seeds_of(model: str, seeds: Sequence[int]) -> Sequence[int]:
    """The seeds that make a difference: of a folder, whose sounds are made already, one run is all there is."""
    from evalkit.generators.folder import PREFIX

    if not model.startswith(PREFIX) or len(seeds) == 1:
        return seeds
    warn(f"{model}: its sounds are made already, so it is one run, whatever the seed")
    return seeds[:1]


def board(out: Path | None, suite: str | Suite | Brief) -> Path:
    """Where several runs of one command get their joint page."""
    from evalkit.core.ids import safe_name

    name = Path(suite).stem if isinstance(suite, str) else suite.name
    return (Path("runs") / safe_name(name) if out is None else out) / "report.html"
