"""`evalkit.score`: score audio that any model made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from evalkit.api.arrays import Sound, written
from evalkit.api.brief import suite_asked
from evalkit.api.request import request
from evalkit.api.results import Run
from evalkit.api.run import done
from evalkit.api.taken import parameters_gathered, wrong_values
from evalkit.api.words import parameters_named
from evalkit.core.errors import UserError
from evalkit.core.ids import safe_name
from evalkit.core.paths import typed
from evalkit.generators.folder import PREFIX
from evalkit.run.config import Sharing
from evalkit.run.plan import memory_plan


@parameters_named()
@parameters_gathered
def score(
    audio: str | Path | Mapping[str, Sound],
    suite: str | None = None,
    *,
    prompts: str | Path | Mapping[str, str] | None = None,
    columns: Mapping[str, str] | None = None,
    reference: str | Path | Mapping[str, Sound] | None = None,
    judges: str | Sequence[str] | None = None,
    seconds: float | None = None,
    table: str | None = None,
    name: str | None = None,
    about: str | Path | None = None,
    out: str | Path | None = None,
    samples: int = 1,
    limit: int | None = None,
    device: str = "auto",
    workers: int | None = None,
    devices: Sequence[str] | None = None,
    threads: int | None = None,
    ray: str | None = None,
    ray_resources: str | Mapping[str, float] | None = None,
    weights: Mapping[str, str | Path] | None = None,
) -> Run:
    """Score audio that any model made.

    Parameters
    ----------
    audio : str, Path or mapping of str to (array, int)
        A folder of sound files named by prompt id, which are scored where they lie; or {id: (samples, rate)}: NumPy
        arrays or torch tensors of floats, (samples,), (channels, samples) or (samples, channels), and their rate in Hz.
        Arrays land as float32 WAV under runs/arrays and are scored from there, by the same path.
    suite : str, optional
        A suite's name (`evalkit.suites()` lists them), or the path of its manifest; by default mini, or what the next
        five describe.
    prompts : str, Path or mapping of str to str, optional
        Prompts of your own instead of a suite's: a csv, tsv, jsonl, json or parquet file, {id: text}, or "names", where
        the sounds' names are the prompts; by default the texts that lie beside the sounds.
    columns : mapping of str to str, optional
        Which column of that file is "id", "text", "seconds", "group" or "labels", where it cannot be told by name.
    reference : str, Path or mapping of str to (array, int), optional
        What is compared with: a folder of recordings, a statistics file, a suite's name, or {id: (samples, rate)}.
    judges : str or sequence of str, optional
        "full", "mini", or names of weights; by default full where they are on this machine, else mini.
    seconds : float, optional
        One length for all prompts.
    table : str, optional
        A published table, as `evalkit tables` lists them: exactly its columns, by its judges and rules.
    name : str, optional
        What the model is called, where `audio` is no folder, which has a name; by default "arrays".
    about : str or Path, optional
        A TOML file that says which system made the sounds; by default the folder's about.toml, where there is one.
    out : str or Path, optional
        The run's folder; by default runs/SUITE/NAME/ID in the working folder.
    samples : int
        Sounds per prompt: ID.wav, ID.s1.wav, ID.s2.wav ..., or "ID#0", "ID#1" ... of arrays.
    limit : int, optional
        Only the first so many prompts.
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
    weights : mapping of str to str or Path, optional
        Files or folders for weights by name, or by family.

    Returns
    -------
    Run
        Its scores, sounds and failures. A prompt without a sound, and a sound that cannot be used, count as failed.

    Raises
    ------
    UserError
        For whatever can be put right, before any work that it would waste.

    Examples
    --------
    >>> import evalkit
    >>> made = evalkit.run("mock", limit=4)
    >>> run = evalkit.score(made.folder / "audio", limit=4)
    >>> run.scores["fd_openl3"].value == made.scores["fd_openl3"].value
    True
    >>> import numpy as np
    >>> noise = {"rain": (np.random.default_rng(0).normal(0, 0.1, (2, 44100)), 44100)}
    >>> evalkit.score(noise, prompts={"rain": "rain on a roof"}, judges="mini").scores["clap_score"].n
    1
    """
    wrong = wrong_values()
    folder = None if audio is None else wrong.read(None, _folder, audio, name, samples)
    if isinstance(reference, Mapping):
        reference = wrong.read(None, written, reference, "reference")
    if folder is None and prompts in (None, "names"):
        wrong.settle()  # the sounds would say what the prompts are
    config = request(
        f"{PREFIX}{folder}",
        suite_asked(
            suite,
            prompts=prompts,
            columns=columns,
            reference=reference,
            judges=judges,
            seconds=seconds,
            table=table,
            weights=weights,
            sounds=[] if folder is None else [folder],
            samples=samples,
            wrong=wrong,
        ),
        about=about,
        out=out,
        samples=samples,
        limit=limit,
        sharing=Sharing(device, workers, devices, threads, ray, ray_resources),
        weights=weights,
        command=("evalkit.score",),
        wrong=wrong,
    )
    if folder is None:
        memory_plan(config)  # which raises all that is wrong
    return done(config)


def _folder(audio: str | Path | Mapping[str, Sound], name: str | None, samples: int) -> Path:
    if isinstance(audio, Mapping):
        return written(audio, safe_name(name or "arrays"), samples)
    if name is not None:
        raise UserError(f"name {name!r}: a folder has one", "name is for arrays")
    return typed(audio)
