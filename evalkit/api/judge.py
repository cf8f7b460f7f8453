"""`evalkit.Judge`: score sounds as they are made, in memory, inside of a training loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import RLock
from typing import Any

from evalkit.api.arrays import Sound, rate_of, samples_of, written
from evalkit.api.brief import suite_asked
from evalkit.api.request import request
from evalkit.api.results import Run
from evalkit.api.taken import parameters_checked, parameters_gathered, wrong_values
from evalkit.api.undisturbed import own_terms, same_draws
from evalkit.api.words import parameters_named
from evalkit.api.work import Told
from evalkit.audio.clip import Clip
from evalkit.audio.encode import float_wav_bytes
from evalkit.comparison.record import record_of
from evalkit.core.errors import UserError, close_names
from evalkit.core.ids import sound_name
from evalkit.core.text import count
from evalkit.execute.bench import Source
from evalkit.fetch.home import FEATURES, evalkit_home
from evalkit.report.records import record_in_memory
from evalkit.run.accept import accept_bytes, missing_clip
from evalkit.run.config import Sharing
from evalkit.run.embed import Embedding, Workshop
from evalkit.run.embedders import open_embedder
from evalkit.run.manifest import facts_of, judges_told, metric_codes, stamps
from evalkit.run.plan import Item, memory_plan
from evalkit.run.preflight import make_ready
from evalkit.run.samples import columns_told, sample_rows
from evalkit.run.score import Scoring, embed_all, score_all
from evalkit.store.ledger import Record
from evalkit.store.spill import Spill
from evalkit.suites.base import Prompt
from evalkit.suites.pinned import require_references


class Judge:
    """Scores sounds that are handed over one by one: the numbers of `evalkit.score`, without a file.

    Everything that is needed is found, read and loaded here; `update` embeds a sound and forgets it. Its features wait
    in a temporary file, so that memory does not grow with the number of sounds. A training's random numbers,
    autocast and precision are left as they are, and have no part in the figures.

    Parameters
    ----------
    suite : str, optional
        A suite's name (`evalkit.suites()` lists them), or the path of its manifest; by default mini, or what the next
        five describe.
    prompts : str, Path or mapping of str to str, optional
        Prompts of your own instead of a suite's: a csv, tsv, jsonl, json or parquet file, or {id: text}.
    columns : mapping of str to str, optional
        Which column of that file is "id", "text", "seconds", "group" or "labels", where it cannot be told by name.
    reference : str, Path or mapping of str to (array, int), optional
        What is compared with: a folder of recordings, a statistics file, a suite's name, or {id: (samples, rate)}.
    judges : str or sequence of str, optional
        "full", "mini", or names of weights; by default full where they are on this machine, else mini.
    seconds : float, optional
        One length for all prompts.
    samples : int
        Sounds per prompt.
    limit : int, optional
        Only the first so many prompts.
    device : str
        Where the networks are that judge: "auto", "cpu" or "cuda".
    weights : mapping of str to str or Path, optional
        Files or folders for weights by name, or by family.
    name : str
        What the sounds' model is called.

    Attributes
    ----------
    prompts : sequence of Prompt
        What is to be made: `id`, `text`, `seconds` of each.
    failures : mapping of str to str
        Why each sound that failed did, by its id.
    notes : sequence of str
        What was guessed or left out.

    Raises
    ------
    UserError
        For whatever can be put right (a name, weights that are not here, a reference that cannot be used).

    Examples
    --------
    >>> import evalkit
    >>> import numpy as np
    >>> judge = evalkit.Judge("mini", limit=5, device="cpu")
    >>> for prompt in judge.prompts:
    ...     judge.update(prompt.id, np.random.default_rng(0).normal(0, 0.1, (2, 44100)), 44100)
    >>> run = judge.compute()
    >>> run.scores["clap_score"].n, run.failures
    (5, {})
    >>> judge.reset()
    """

    @parameters_named()
    @parameters_gathered
    def __init__(
        self,
        suite: str | None = None,
        *,
        prompts: str | Path | Mapping[str, str] | None = None,
        columns: Mapping[str, str] | None = None,
        reference: str | Path | Mapping[str, Sound] | None = None,
        judges: str | Sequence[str] | None = None,
        seconds: float | None = None,
        samples: int = 1,
        limit: int | None = None,
        device: str = "auto",
        weights: Mapping[str, str | Path] | None = None,
        name: str = "judge",
    ) -> None:
        wrong = wrong_values()
        if isinstance(reference, Mapping):
            reference = wrong.read(None, written, reference, "reference")
        asked = suite_asked(
            suite,
            prompts=prompts,
            columns=columns,
            reference=reference,
            judges=judges,
            seconds=seconds,
            weights=weights,
            wrong=wrong,
        )
        self._plan = memory_plan(
            request(name, asked, samples=samples, limit=limit, sharing=Sharing(device), weights=weights, wrong=wrong)
        )
        self._told = Told()
        for note in self._plan.suite.notes:
            self._told.note(note)
        self._items = {(item.prompt.id, item.sample): item for item in self._plan.items}
        self._lock = RLock()
        with same_draws(), own_terms(self._plan.config.device):
            self._scoring, self._fixed = self._prepared()
        self.reset()

    def _prepared(self) -> tuple[Scoring, dict[str, Embedding]]:
        """What is known before any sound: references, networks, the features of texts and of reference recordings."""
        plan, told = self._plan, self._told
        require_references(plan.suite)
        codes, now = metric_codes(plan, told), stamps(plan, told)
        self._stamps = now
        ready = make_ready(plan, now, told)
        place, device = evalkit_home().joinpath(*FEATURES), plan.config.device
        shops = {name: Workshop(partial(open_embedder, plan, name, device), None, place, device) for name in now}
        nothing = {item.key: missing_clip(item) for item in plan.items}
        scoring = Scoring(plan, nothing, ready.metrics, ready.broken, codes, shops, ready.references)
        return scoring, embed_all(scoring, told)

    @property
    def prompts(self) -> Sequence[Prompt]:
        return self._plan.suite.prompts

    @property
    def notes(self) -> Sequence[str]:
        return tuple(self._told.notes)

    @property
    def failures(self) -> Mapping[str, str]:
        records = [(item.name, self._records.get(item.key)) for item in self._plan.items]
        return {name: each.error or each.kind for name, each in records if each is not None and each.status != "ok"}

    @parameters_checked
    @parameters_named()
    def update(self, id: str, audio: Any, rate: float, sample: int = 0) -> None:
        """Take a sound.

        A bad one (silent, NaN, too short) counts as failed, as it does in `evalkit.score`, and raises nothing.

        Parameters
        ----------
        id : str
            The prompt that the sound is of.
        audio : numpy.ndarray or torch.Tensor
            Floats, nominal range [-1, 1]: (samples,), (channels, samples) or (samples, channels). A tensor is detached,
            and may be on any device.
        rate : int
            Samples per second (Hz).
        sample : int
            Which of the prompt's sounds it is, from 0.

        Raises
        ------
        UserError
            For a prompt that the suite does not have, a sound that was taken already (`reset` begins anew), and an
            array that is no sound.
        """
        with self._lock:
            item = self._item(id, sample)
            samples = samples_of(audio, item.name)
            # As a file's bytes, which decide its verdicts and features: so the figures are those of files.
            record, clip = accept_bytes(float_wav_bytes(samples, rate_of(rate, item.name)), item)
            if record.status == "ok" and clip is not None:
                self._waiting[item.key] = clip
                self._embed(at_least=max((shop.chunk for shop in self._scoring.workshops.values()), default=1))
            self._records[item.key] = record

    def compute(self) -> Run:
        """Score what was taken; more may be taken afterwards.

        Returns
        -------
        Run
            As `evalkit.score` gives it, in memory: `folder` is None. A prompt without a sound counts as failed.
        """
        with self._lock, own_terms(self._plan.config.device):
            self._embed(at_least=1)
            records = {item.key: self._records.get(item.key) or missing_clip(item) for item in self._plan.items}
            scored = score_all(replace(self._scoring, records=records), self._embeddings())
            rows = sample_rows(self._plan, records, scored.per_prompt)
            metrics = judges_told(self._plan, self._stamps, self._scoring.codes, scored)
        name, facts = self._plan.model.name, {**facts_of(self._plan), "status": "success", "metrics": metrics}
        facts["columns"] = columns_told(self._plan)
        columns = {key: [row[key] for row in rows] for key in rows[0]}
        side = record_of(Path(name), facts, scored.scores, columns)
        return Run(record_in_memory(name, facts, scored.scores, rows), None, self.notes, side=side)

    def reset(self) -> None:
        """Forget all sounds, and begin anew; the networks stay loaded."""
        with self._lock:
            self._records: dict[str, Record] = {}
            self._waiting: dict[str, Clip] = {}
            self._spills = {name: Spill() for name in self._scoring.workshops}
            self._faults: dict[str, dict[str, str]] = {name: {} for name in self._scoring.workshops}

    def _item(self, id: str, sample: int) -> Item:
        item = self._items.get((id, sample))
        if item is None:
            suite = self._plan.suite.name
            if (id, 0) in self._items:
                raise UserError(
                    f"{sound_name(id, sample, 2)}: a prompt has {count(self._plan.config.samples, 'sound')} here"
                )
            close = close_names(str(id), [key for key, _ in self._items])
            raise UserError(f"no prompt of suite {suite} is called {id!r}", f"did you mean {close}?" if close else "")
        if item.key in self._records:
            raise UserError(f"{item.name}: its sound was taken already", "judge.reset() begins anew")
        return item

    def _embed(self, at_least: int) -> None:
        """Embed what is waiting, once it is a chunk, and forget the sounds."""
        if len(self._waiting) < at_least:
            return
        with own_terms(self._plan.config.device):
            for name, shop in self._scoring.workshops.items():
                if not self._fixed[name].lost:
                    self._embed_by(name, shop)
        self._waiting.clear()

    def _embed_by(self, name: str, shop: Workshop) -> None:
        made, faults = shop.embed_now([Source(key, clip.digest, clip=clip) for key, clip in self._waiting.items()])
        self._faults[name].update(faults)
        for key, features in made.items():
            self._spills[name].put(key, features)

    def _embeddings(self) -> dict[str, Embedding]:
        """By weights, the features of everything: what is fixed, and what was taken."""
        found = {}
        for name, fixed in self._fixed.items():
            features = {**fixed.features, **self._spills[name].arrays()}
            faults = {**fixed.faults, **self._faults[name]}
            broken = self._scoring.workshops[name].broken if self._faults[name] and not features else ""
            found[name] = replace(fixed, features=features, faults=faults, lost=fixed.lost or broken)
        return found
