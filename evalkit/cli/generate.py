"""`evalkit generate`: the first stage of `evalkit run` alone."""

from __future__ import annotations

import sys
from pathlib import Path

from evalkit.cli import brief
from evalkit.cli import run as options


def generate(
    model: str = options.MODEL,
    suite: str | None = brief.SUITE,
    prompts: str | None = brief.PROMPTS,
    reference: str | None = brief.REFERENCE,
    columns: str | None = brief.COLUMNS,
    judges: str | None = brief.JUDGES,
    seconds: float | None = brief.SECONDS,
    table: str | None = brief.TABLE,
    out: Path | None = options.OUT,
    preset: str | None = options.PRESET,
    set_: list[str] = options.SET,
    init: Path | None = options.INIT,
    prompt_template: str | None = options.TEMPLATE,
    seed: str = options.SEED,
    samples: int = options.SAMPLES,
    limit: int | None = options.LIMIT,
    batch_size: int | None = options.BATCH_SIZE,
    device: str = options.DEVICE,
    workers: int | None = options.WORKERS,
    devices: str | None = options.DEVICES,
    threads: int | None = options.THREADS,
    ray: str | None = options.RAY,
    ray_resources: str | None = options.RAY_RESOURCES,
    dtype: str = options.DTYPE,
    weights: list[str] = options.WEIGHTS,
    checkpoint: Path | None = options.CHECKPOINT,
    random_weights: bool = options.RANDOM_WEIGHTS,
    max_failures: int | None = options.MAX_FAILURES,
    retry_failed: bool = options.RETRY,
    anew: bool = options.ANEW,
    timeout: float | None = options.TIMEOUT,
    as_json: bool = options.JSON,
) -> None:
    """Generate audio for a suite's prompts, and stop before scoring.

    `evalkit run` with the same options goes on from here: it is the same run.

    \b
    Example:
      evalkit generate --model stable-audio-mini --suite mini --seed 1
    """
    from evalkit.api.request import request
    from evalkit.cli.session import Manner, conduct
    from evalkit.cli.words import wrong_words
    from evalkit.run.config import Sharing, parse_changes, parse_seeds, parse_weights, with_prompt_template

    wrong = wrong_words()
    seeds = wrong.read([0], parse_seeds, seed)
    given = wrong.read({}, parse_weights, weights)
    asked = brief.suite_asked(suite, prompts, columns, reference, judges, seconds, table, given, wrong)
    configs = [
        request(
            model,
            asked,
            out=options.place_of(out, "", each if len(seeds) > 1 else None),
            preset=preset,
            options=with_prompt_template(wrong.read({}, parse_changes, set_), prompt_template),
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
            command=("evalkit", *sys.argv[1:]),
            wrong=wrong,
        )
        for each in options.seeds_of(model, seeds)
    ]
    conduct(configs, Manner("generate", as_json, report=False, max_failures=max_failures))
