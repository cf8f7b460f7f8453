"""`evalkit.sensitivity`: what metrics hear, on recordings that are damaged step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from evalkit.api.brief import described
from evalkit.api.request import request
from evalkit.api.taken import parameters_checked
from evalkit.api.words import parameters_named
from evalkit.api.work import Told
from evalkit.audio.ladders import LADDERS
from evalkit.core.errors import unknown_name
from evalkit.core.faults import Gathering
from evalkit.core.paths import typed
from evalkit.metrics.sensitivity import Sensitivity
from evalkit.run.config import Sharing
from evalkit.run.ladders import Trial, measure
from evalkit.suites.brief import Brief


@parameters_checked
@parameters_named()
def sensitivity(
    *metrics: str,
    data: str | Path | None = None,
    prompts: str | Path | Mapping[str, str] | None = None,
    columns: Mapping[str, str] | None = None,
    reference: str | Path | None = None,
    judges: str | Sequence[str] | None = None,
    ladders: Sequence[str] = (),
    weights: Mapping[str, str | Path] | None = None,
    limit: int | None = None,
    device: str = "auto",
) -> list[Sensitivity]:
    """Try metrics on ladders of damage: noise, low-pass, MP3, wrong captions and others, step by step.

    Parameters
    ----------
    *metrics : str
        Metrics by name, or your own as "file.py:NAME" or "module:NAME".
    data : str or Path, optional
        A folder of recordings; by default the scenes that ship with evalkit.
    prompts : str, Path or mapping of str to str, optional
        Their captions, for metrics that compare with text: a file, {id: text}, or "names"; by default they lie beside
        the sounds.
    columns : mapping of str to str, optional
        Which column of that file is "id", "text", "seconds", "group" or "labels", where it cannot be told by name.
    reference : str or Path, optional
        A folder of other recordings to compare with, named as the prompts are; by default the metrics of sets compare
        one half of the recordings with the other, and those of pairs each with itself.
    judges : str or sequence of str, optional
        "full", "mini", names of weights, or an embedder of your own; by default full where they are here, else mini.
    ladders : sequence of str, optional
        These alone: "noise", "low_pass", "mp3" ...; by default all.
    weights : mapping of str to str or Path, optional
        Files or folders for weights by name.
    limit : int, optional
        Only the first so many recordings.
    device : str
        Where the judges run: "auto", "cpu" or "cuda".

    Returns
    -------
    list of Sensitivity
        A card for each metric: its `ladders`, each with its steps, Spearman's `rho` and the `verdict`.

    Raises
    ------
    UserError
        For all that is wrong, before the work: unknown metrics, a folder without sounds, captions or weights that lack.

    Examples
    --------
    >>> import evalkit
    >>> (card,) = evalkit.sensitivity("bandwidth", ladders=["low_pass"], limit=6)
    >>> card.ladders[0].verdict, card.ladders[0].rho
    ('heard', -1.0)
    """
    wrong = Gathering()
    sounds = () if data is None else (data,)
    brief = wrong.read(None, _described, sounds, prompts, columns, reference, judges)
    return measure(trial_of(metrics, brief, ladders, weights, limit, device, wrong), Told())


def _described(
    sounds: Sequence[str | Path],
    prompts: str | Path | Mapping[str, str] | None,
    columns: Mapping[str, str] | None,
    reference: str | Path | None,
    judges: str | Sequence[str] | None,
) -> Brief:
    folders = [typed(each) for each in sounds]
    return described(prompts=prompts, columns=columns, reference=reference, judges=judges, sounds=folders)


def trial_of(
    metrics: Sequence[str],
    brief: Brief | None,
    ladders: Sequence[str],
    weights: Mapping[str, str | Path] | None,
    limit: int | None,
    device: str,
    wrong: Gathering,
) -> Trial:
    """What is asked, as one record; what is wrong with it is in it, and told by `measure` with the rest."""
    wrong.require(bool(metrics), "which metric is to be tried?", "evalkit metrics test NAME")
    for name in ladders:
        if name not in LADDERS:
            wrong.add(unknown_name("ladder", name, LADDERS))
    config = request("ladders", limit=limit, weights=weights, sharing=Sharing(device), wrong=wrong)
    return Trial(
        metrics=tuple(dict.fromkeys(metrics)),
        brief=brief or Brief(),
        ladders=tuple(ladders),
        weights=config.weights,
        limit=config.limit,
        device=config.device,
        wrong=tuple(wrong.errors),
    )
