"""`evalkit.run`: generate audio for a suite's prompts, and score it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from evalkit.api.brief import suite_asked
from evalkit.api.bring import bring
from evalkit.api.load import loaded
from evalkit.api.request import request
from evalkit.api.results import Run
from evalkit.api.taken import parameters_gathered, wrong_values
from evalkit.api.words import parameters_named
from evalkit.api.work import Told, prepared, worked
from evalkit.core.errors import UserError
from evalkit.core.paths import typed
from evalkit.run.config import DEFAULT_MODEL, RunConfig, Sharing, with_prompt_template

_YES_ALONE = "--yes agrees to the licences of what is fetched, and nothing is"


@parameters_named()
@parameters_gathered
def run(
    model: str = DEFAULT_MODEL,
    suite: str | None = None,
    *,
    prompts: str | Path | Mapping[str, str] | None = None,
    columns: Mapping[str, str] | None = None,
    reference: str | Path | None = None,
    judges: str | Sequence[str] | None = None,
    seconds: float | None = None,
    table: str | None = None,
    out: str | Path | None = None,
    preset: str | None = None,
    options: Mapping[str, object] | None = None,
    init: str | Path | None = None,
    prompt_template: str | None = None,
    seed: int = 0,
    samples: int = 1,
    limit: int | None = None,
    batch_size: int | None = None,
    device: str = "auto",
    workers: int | None = None,
    devices: Sequence[str] | None = None,
    threads: int | None = None,
    ray: str | None = None,
    ray_resources: str | Mapping[str, float] | None = None,
    dtype: str = "float32",
    weights: Mapping[str, str | Path] | None = None,
    checkpoint: str | Path | None = None,
    random_weights: bool = False,
    retry_failed: bool = False,
    anew: bool = False,
    timeout: float | None = None,
    until_decided: Run | str | Path | None = None,
    gates: Sequence[str] = (),
    fetch: bool = False,
    yes: bool = False,
) -> Run:
    """Generate audio for a suite's prompts and score it.

    It is the run of `evalkit run` with the same words: called again it goes on where it stopped, and a finished one is
    read and nothing is recomputed.

    Parameters
    ----------
    model : str
        A model's name (`evalkit.models()` lists them), folder:PATH, worker:PATH or module:Class.
    suite : str, optional
        A suite's name (`evalkit.suites()` lists them), or the path of its manifest; by default mini, or what the next
        five describe.
    prompts : str, Path or mapping of str to str, optional
        Prompts of your own instead of a suite's: a csv, tsv, jsonl, json or parquet file, or {id: text}.
    columns : mapping of str to str, optional
        Which column of that file is "id", "text", "seconds", "group" or "labels", where it cannot be told by name.
    reference : str or Path, optional
        What is compared with: a folder of recordings, a statistics file, a suite's name.
    judges : str or sequence of str, optional
        "full", "mini", or names of weights; by default full where they are on this machine, else mini.
    seconds : float, optional
        One length for all prompts.
    table : str, optional
        A published table, as `evalkit tables` lists them: exactly its columns, by its judges and rules.
    out : str or Path, optional
        The run's folder; by default runs/SUITE/MODEL/ID in the working folder.
    preset : str, optional
        A preset of the model; by default its own choice.
    options : mapping of str to object, optional
        Options laid over the preset, as {"steps": 50}.
    init : str or Path, optional
        A sound to start from instead of noise.
    prompt_template : str, optional
        What stands before each prompt as the model reads it, by its name, or "none"; by default its preset's.
        `evalkit.models(name).templates` has those of a model. Metrics of text hear the prompt alone.
    seed : int
        The run's seed.
    samples : int
        Sounds per prompt, each with a seed of its own.
    limit : int, optional
        Only the first so many prompts.
    batch_size : int, optional
        Prompts per batch; by default the model's.
    device : str
        "auto", "cpu" or "cuda".
    workers : int, optional
        Processes that share the work; by default one for each GPU, else none. On a CPU they change no number.
    devices : sequence of str, optional
        One process on each of these, as ["cuda:0", "cuda:1"].
    threads : int, optional
        Of each process; by default OMP_NUM_THREADS, or 1. They decide the last bits of a sound.
    ray : str, optional
        "auto" or the address of a Ray cluster, whose actors share the work; `workers` is how many at most.
    ray_resources : mapping of str to float, optional
        What each actor has, as {"num_gpus": 1}; by default one CPU.
    dtype : str
        "float32", "float16" or "bfloat16", for the generator.
    weights : mapping of str to str or Path, optional
        Files or folders for weights by name, or by family, as {"openl3": "openl3_audio_mel256_env.h5"}.
    checkpoint : str or Path, optional
        A model of the same family to run in its place: a folder or file with its config.
    random_weights : bool
        The architecture without its weights, for speed tests.
    retry_failed : bool
        Try every failed sound again, bad ones too.
    anew : bool
        Make every sound, also those that an earlier run has made.
    timeout : float, optional
        Seconds that one sound may take; by default 600, or a worker's own. A model that cannot be interrupted even then
        ends the process, which keeps what was made.
    until_decided : Run, str or Path, optional
        A baseline file, a run, its folder or a bundle. The run ends early, once every metric that is a mean of prompts
        is decided against it: `decided` has what was found, and `unfinished` says that figures there are none. The same
        call without it makes the rest.
    gates : sequence of str
        With `until_decided`: what is decided instead of the headline metrics, as "clap_score>=-0.01".
    fetch : bool
        First bring what is published elsewhere and not here yet, as `evalkit run --fetch` does; a suite that is
        described is then judged by the full judges, if `judges` does not say otherwise.
    yes : bool
        With `fetch`: agree to the licences of what is brought. Without it, only what needs no consent is fetched.

    Returns
    -------
    Run
        Its scores, sounds and failures. A sound that fails is counted and ends nothing.

    Raises
    ------
    UserError
        For whatever can be put right (a name, a path, weights that are not here), before any work that it would waste.

    Examples
    --------
    >>> import evalkit
    >>> run = evalkit.run("mock", limit=4, seed=1)
    >>> run.scores["fd_openl3"].direction
    'lower'
    >>> evalkit.run("mock", limit=4, seed=1).reused
    True
    """
    wrong = wrong_values()
    wrong.require(fetch or not yes, _YES_ALONE, "say --fetch too")
    config = request(
        model,
        suite_asked(
            suite,
            prompts=prompts,
            columns=columns,
            reference=reference,
            judges=judges,
            seconds=seconds,
            table=table,
            weights=weights,
            fetching=fetch,
            wrong=wrong,
        ),
        out=out,
        preset=preset,
        options=with_prompt_template(options, prompt_template),
        init=init,
        seed=seed,
        samples=samples,
        limit=limit,
        batch_size=batch_size,
        sharing=Sharing(device, workers, devices, threads, ray, ray_resources),
        dtype=dtype,
        weights=weights,
        checkpoint=checkpoint,
        random_weights=random_weights,
        retry_failed=retry_failed,
        anew=anew,
        timeout=timeout,
        until=wrong.read(None, _place_of, until_decided),
        gates=gates,
        command=("evalkit.run",),
        wrong=wrong,
    )
    return done(_brought(config, yes) if fetch else config)


def _brought(config: RunConfig, yes: bool) -> RunConfig:
    """The same, once all that it needs is here."""
    bring(config, yes)
    return config


def _place_of(baseline: Run | str | Path | None) -> Path | None:
    if not isinstance(baseline, Run):
        return None if baseline is None else typed(baseline)
    if baseline.folder is None:
        raise UserError("--until-decided: this run is in memory alone", "evalkit.save_baseline keeps it in a file")
    return baseline.folder


def done(config: RunConfig) -> Run:
    """The run that is asked for, told to the log."""
    told = Told()
    plan = prepared(config)
    for note in plan.suite.notes:
        told.note(note)
    outcome = worked(plan, "score", told)
    return loaded(outcome.plan.folder.root, tuple(told.notes), outcome.reused)
