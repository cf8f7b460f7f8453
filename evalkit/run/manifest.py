"""`run.json`: what made a run and how far it got, and the check that a finished run needs nothing more.

Statuses: started, success, error, cancelled, decided (ended early by `run/until.py`). A killed run stays `started`, and
so can be told from one that ended. `identity` is what the run id is the digest of. `finished` lets the same command end
at once: the digests of scores.json and samples.parquet, and for each embedder's weights a stamp of its files (names,
sizes, times), which is compared before any network is loaded. A metric whose code is not evalkit's own has that code's
digest beside its embedder: where it is another one now, the run is scored anew, from the sounds and features it has.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from evalkit.core.errors import UserError
from evalkit.core.faults import together
from evalkit.core.files import PREFIX, write_bytes
from evalkit.core.ids import digest_file, digest_json
from evalkit.core.jsonio import MOST_BYTES, parse_json, read_json, write_json
from evalkit.core.own_code import code_digest
from evalkit.core.plugins import BrokenPlugin
from evalkit.core.reading import read_bytes
from evalkit.core.versions import UNTESTED, stamp
from evalkit.embed.base import is_own
from evalkit.execute.bench import Identity
from evalkit.fetch.digests import files_read
from evalkit.fetch.hub_revision import hub_revision
from evalkit.fetch.weights import WITHOUT_FILE, locate
from evalkit.generators.base import GeneratorSpec
from evalkit.metrics.base import METRICS
from evalkit.metrics.contract import load_metric
from evalkit.run.embedders import own_stamps, targets, tell_of_code
from evalkit.run.plan import Plan
from evalkit.run.progress import Progress
from evalkit.run.remembered import identity_of
from evalkit.run.samples import LYRICS, columns_told, has_lyrics
from evalkit.run.score import Scored
from evalkit.store.ledger import runs_in

SCHEMA = 1
_SHOWN = {"code": "code of the model"}
Status = Literal["started", "success", "error", "cancelled", "decided"]
SET_ASIDE = "run.json.damaged"
_FORM = {"run_id": str, "status": str, "identity": dict, "seconds": dict, "metrics": dict, "versions": dict}
"""What is gone by, and must be of its type."""


@dataclass
class Manifest:
    """The content of run.json, written whole at every change. `damaged` says what is wrong with the file that is
    there, "" for nothing: it is set aside before it is replaced."""

    path: Path
    content: dict[str, Any]
    damaged: str = ""

    def update(self, **changes: Any) -> None:
        if self.damaged:
            write_bytes(self.path.with_name(SET_ASIDE), read_bytes(self.path, MOST_BYTES))
            self.damaged = ""
        self.content.update(changes)
        write_json(self.path, self.content)

    def add_seconds(self, stage: str, seconds: float) -> None:
        """Wall time of a stage, over all commands that worked on this run."""
        spent = dict(self.content.get("seconds") or {})
        spent[stage] = round(float(spent.get(stage) or 0.0) + seconds, 3)
        self.update(seconds=spent)

    def known(self, weights_name: str, now: str) -> Identity | None:
        """The embedder that an earlier command used, where its files still have the stamp of then."""
        for entry in _table(self.content.get("metrics")).values():
            if isinstance(entry, dict) and entry.get("embedder") == weights_name and entry.get("stamp") == now:
                return identity_of(weights_name, entry)
        return None


def open_manifest(plan: Plan) -> Manifest:
    """The manifest of the plan's folder, new or as an earlier command left it; nothing is written yet.

    The ledger is enough to go on: where run.json is damaged or gone, the run is told by the place that bears its name,
    or by its ledger. Raises UserError where the folder holds another run or other files.
    """
    path = plan.folder.run_json
    if not path.exists():
        _refuse_foreign(plan)
        return Manifest(path, facts_of(plan))
    content, damage = _read(path)
    if damage and not _is_own(plan):
        message = f"{path}: is damaged ({damage}), and nothing else here says whose run this is"
        raise UserError(message, f"choose another --out, or move {path.name} and what was scored away")
    if damage:
        return Manifest(path, facts_of(plan), damage)
    if content.get("run_id") == plan.run_id:
        return Manifest(path, content)
    if plan.found is not None and _table(content.get("identity")).get("family") == "folder":
        return Manifest(path, facts_of(plan))  # nothing of a scored folder's run is lost by scoring it anew
    differs = _differences(_table(content.get("identity")), plan.identity)
    raise UserError(f"{plan.folder.root}: holds another run ({differs})", "choose another --out, or none")


def weights_stamp(name: str, overrides: Mapping[str, Path]) -> str:
    """Digest of the names, sizes and times of the files that a weights name's network is read from; "none" where it has
    none. Raises MissingWeights."""
    if name in WITHOUT_FILE:
        return "none"
    files = files_read(locate(name, overrides))
    listing = [[str(path), path.stat().st_size, path.stat().st_mtime_ns] for path in files]
    return digest_json(listing)


def stamps(plan: Plan, progress: Progress) -> dict[str, str]:
    """weights name -> stamp, for every embedder of the suite: of its files, or of its code where it is somebody's own.
    Raises MissingWeights before any work."""
    files = [name for name, target in targets(plan).items() if not is_own(target)]
    found = together(*(partial(weights_stamp, name, plan.config.weights) for name in files))
    return dict(zip(files, found, strict=True)) | own_stamps(plan, progress)


def metric_codes(plan: Plan, progress: Progress) -> dict[str, str]:
    """metric -> digest of its code, for those of the suite that are not evalkit's own.

    These are imported for it, and the person is told before. One that cannot be imported is known by its files.
    """
    codes: dict[str, str | None] = {}
    for name, chosen in plan.suite.metrics.items():
        target = chosen.computed_by
        if METRICS.is_builtin(target):
            continue
        tell_of_code(plan, METRICS, name, target, progress)
        objects: list[object] = []
        with suppress(BrokenPlugin):
            objects.append(load_metric(target))
        codes[name] = code_digest(METRICS.module(target), *objects)
    return {name: code for name, code in codes.items() if code is not None}


def changed_model(plan: Plan) -> list[str]:
    """A sentence where this run is new, and one beside it is the same but for the code of the model."""
    if "code" not in plan.identity or plan.config.out is not None or plan.folder.run_json.exists():
        return []
    for path in sorted(plan.folder.root.parent.glob(f"*/{plan.folder.run_json.name}")):
        with suppress(UserError):
            before = _table(_table(read_json(path)).get("identity"))
            if {**before, "code": None} == {**_as_read(plan.identity), "code": None}:
                return [f"the code of {plan.model.name} is not that of {path.parent}: this is another run, made anew"]
    return []


def _as_read(identity: Mapping[str, object]) -> dict[str, Any]:
    """As a file gives it back: a tuple is a list there."""
    return _table(json.loads(json.dumps(dict(identity))))


def changed_code(manifest: Manifest, now: Mapping[str, str], codes: Mapping[str, str]) -> list[str]:
    """A sentence for each metric and embedder whose code was another one when this run was last finished."""
    before = _table(manifest.content.get("metrics"))
    changed = [name for name in before if _code_of(manifest, name) != codes.get(name)]
    told = [f"the code of {name} has changed: it is computed again, from the same sounds" for name in changed]
    for entry in map(_table, before.values()):
        name = str(entry.get("embedder"))
        if "embedder_code" in entry and name in now and entry["embedder_code"] != now[name]:
            told.append(f"the code of {name} has changed: the same sounds are embedded again")
    return list(dict.fromkeys(told))


def _code_of(manifest: Manifest, metric: str) -> object:
    """The code that computed a metric when the run was last finished; None where that was evalkit's own."""
    return _table(_table(manifest.content.get("metrics")).get(metric)).get("code")


def finished(manifest: Manifest, plan: Plan, now: Mapping[str, str], codes: Mapping[str, str]) -> bool:
    """Are the scores of this run written, unchanged, without a failed metric, and made by the embedders and the code
    that would make them now?"""
    done = _table(manifest.content.get("finished"))
    if manifest.content.get("status") != "success" or done.get("stamps") != dict(now) or done.get("failed"):
        return False
    if any(_code_of(manifest, name) != codes.get(name) for name in plan.suite.metrics):
        return False
    if changed_columns(manifest, plan):
        return False
    try:
        digests = digest_file(plan.folder.scores), digest_file(plan.folder.samples)
    except OSError:
        return False
    return digests == (done.get("scores"), done.get("samples"))


def closing(plan: Plan, now: Mapping[str, str], codes: Mapping[str, str], scored: Scored) -> dict[str, Any]:
    """What run.json says once the scores are on the disk."""
    digests = {"scores": digest_file(plan.folder.scores), "samples": digest_file(plan.folder.samples)}
    failed = [name for name, entry in scored.scores.items() if "error" in entry]
    done = {**digests, "stamps": dict(now), **({"failed": failed} if failed else {}), **_columns_done(plan)}
    told = {"metrics": judges_told(plan, now, codes, scored), "columns": columns_told(plan)}
    return {**told, "finished": done, "versions": stamp()}


def _columns_done(plan: Plan) -> dict[str, str]:
    """The digest of what the further columns say; nothing where there are none, as in files of before."""
    sung = {LYRICS: "text"} if has_lyrics(plan) else {}
    kinds = dict(plan.suite.columns) | sung
    said = [[*prompt.further, *([prompt.lyrics] if sung else [])] for prompt in plan.suite.prompts]
    return {"columns": digest_json([kinds, said])} if kinds else {}


def changed_columns(manifest: Manifest, plan: Plan) -> list[str]:
    """A sentence where a run that was finished lacks what the prompt file's further columns say now."""
    done = _table(manifest.content.get("finished"))
    if not done or done.get("columns") == _columns_done(plan).get("columns"):
        return []
    return ["the prompt file's further columns are new here: they are put beside the sounds, which stay"]


def judges_told(plan: Plan, now: Mapping[str, str], codes: Mapping[str, str], scored: Scored) -> dict[str, Any]:
    """What run.json says of each metric: which embedder it had, and whose code."""
    metrics: dict[str, Any] = {}
    for name, chosen in plan.suite.metrics.items():
        identity = scored.embeddings[chosen.weights].identity
        metrics[name] = {
            "embedder": chosen.weights,
            "weights": identity.weights,
            "key": identity.key,
            "dimensions": identity.dimensions,
            "stamp": now[chosen.weights],
            **({"code": codes[name]} if name in codes else {}),
        }
        if is_own(chosen.embedded_by):
            metrics[name]["embedder_code"] = now[chosen.weights]
        elif chosen.weights not in WITHOUT_FILE:
            metrics[name]["revision"] = hub_revision(locate(chosen.weights, plan.config.weights)) or None
    return metrics


def begin(manifest: Manifest, plan: Plan) -> None:
    """Mark the run as started, by this command."""
    for of_before in ("error", "decided", "work"):
        manifest.content.pop(of_before, None)
    manifest.update(status="started", command=list(plan.config.command), finished={})


def changed_versions(manifest: Manifest) -> list[str]:
    """`name old -> new` for the libraries that an unfinished run began with and that are others now."""
    before, now = _table(manifest.content.get("versions")), stamp()
    now.pop(UNTESTED)
    return [f"{name} {before[name]} -> {now[name]}" for name in sorted(now) if before.get(name, now[name]) != now[name]]


def facts_of(plan: Plan) -> dict[str, Any]:
    """What run.json says of a run that begins."""
    suite, config = plan.suite, plan.config
    return {
        "schema": SCHEMA,
        "status": "started",
        "run_id": plan.run_id,
        "command": list(config.command),
        "suite": {
            "name": suite.name,
            "title": suite.title,
            "version": suite.version,
            "digest": suite.digest,
            "protocol": suite.protocol,
            "size": suite.size,
            "left_out": dict(suite.left_out),
            "notes": list(suite.notes),
        },
        "model": _model(plan.model),
        **({"about": plan.found.about.said} if plan.found is not None and plan.found.about is not None else {}),
        "preset": plan.preset,
        "options": dict(plan.options),
        "seed": config.seed,
        "limit": config.limit,
        "samples_per_prompt": config.samples,
        "batch_size": plan.identity.get("batch_size"),
        "device": config.device,
        "dtype": config.dtype,
        "threads": config.threads,
        "size": plan.size,
        "identity": dict(plan.identity),
        "versions": stamp(),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "seconds": {},
        "metrics": {},
    }


def _model(model: GeneratorSpec) -> dict[str, Any]:
    return {
        "name": model.name,
        "family": model.family,
        "size": model.size,
        "weights": model.weights,
        "revision": model.revision or None,
        "sample_rate": model.sample_rate or None,
        "channels": model.channels or None,
        "licence": model.licence,
        "notes": list(model.notes),
    }


def _read(path: Path) -> tuple[dict[str, Any], str]:
    """The content of run.json, and what is damaged about it. Raises UserError where it cannot be read at all."""
    data = read_bytes(path, MOST_BYTES)
    try:
        content = parse_json(data, "it", finite=True)
    except UserError as error:
        return {}, error.message
    if not isinstance(content, dict):
        return {}, "it is not a JSON object"
    wrong = [key for key, kind in _FORM.items() if not isinstance(content.get(key), kind)]
    seconds = _table(content.get("seconds")).values()
    if not wrong and all(isinstance(each, int | float) for each in seconds):
        return content, ""
    return {}, f"{', '.join(wrong) or 'seconds'} is not what it must be"


def _is_own(plan: Plan) -> bool:
    """Does the folder hold this run, as far as it can be told without run.json?"""
    return plan.config.out is None or plan.run_id in runs_in(plan.folder.ledger)


def _refuse_foreign(plan: Plan) -> None:
    """A run may start in an empty folder, or in what a run killed in its first moments left behind."""
    root = plan.folder.root
    if root.exists() and not root.is_dir():
        raise UserError(f"{root}: is not a folder", "choose another --out")
    own = {plan.folder.lock.name, plan.folder.audio.name, plan.folder.ledger.name}
    if _is_own(plan):
        own |= {SET_ASIDE, plan.folder.scores.name, plan.folder.samples.name, plan.folder.report.name}
    foreign = [path.name for path in root.glob("*") if path.name not in own and not path.name.startswith(PREFIX)]
    if foreign:
        raise UserError(f"{root}: holds files of something else ({sorted(foreign)[0]!r})", "choose an empty --out")


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    names = sorted(key for key in {**before, **now} if before.get(key) != now.get(key))
    shown = [_SHOWN.get(name, name) for name in names]
    return "other " + ", ".join(shown) if names else "made by another version"


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
