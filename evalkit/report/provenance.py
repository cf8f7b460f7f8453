"""What made a run's numbers: the facts that a reader needs to repeat them."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evalkit.core.text import clean, one_line, short_digest
from evalkit.report.cards import meaning
from evalkit.report.entrants import Entrant
from evalkit.report.records import RunRecord, mapping, plain, texts
from evalkit.report.speed import workers_told
from evalkit.report.text import MISSING, duration, number


@dataclass(frozen=True)
class Fact:
    """`full` is the untrimmed value where `value` is a shortened digest, else ""."""

    name: str
    value: str
    full: str = ""


@dataclass(frozen=True)
class Provenance:
    """Of one run: how to repeat it, what it ran on, which weights and prompts, how long it took."""

    entrant: Entrant
    command: str
    error: str
    groups: tuple[tuple[str, tuple[Fact, ...]], ...]


def provenance(entrant: Entrant) -> Provenance:
    """The panel of one run; groups of which its record says nothing are left out."""
    record = entrant.record
    groups = (
        ("Run", _run(record)),
        ("Model", _model(record)),
        ("About, as its maker says", tuple(_digest(*each) for each in texts(record.facts.get("about")).items())),
        ("Suite", _suite(record)),
        ("Time", _time(record)),
        *_metrics(record),
        ("Versions", tuple(Fact(name, value) for name, value in sorted(texts(record.facts.get("versions")).items()))),
    )
    filled = tuple((title, facts) for title, facts in groups if facts)
    return Provenance(entrant, _command(record.facts.get("command")), clean(record.facts.get("error"), 1000), filled)


def _command(value: object) -> str:
    """The command as one could paste it into a shell."""
    if isinstance(value, list):
        return clean(shlex.join(str(word) for word in value))
    return clean(value)


def _run(record: RunRecord) -> tuple[Fact, ...]:
    facts = record.facts
    named = [Fact("run id", record.run_id), Fact("status", record.status or MISSING)]
    named += [Fact(name, _text(facts, name)) for name in ("created", "device", "dtype", "seed", "preset")]
    named.append(Fact("samples per prompt", _text(facts, "samples_per_prompt")))
    named += _workers(record)
    if record.bundled:
        named.append(Fact("read from", "a bundle: its files are whole; its numbers are those that its maker states"))
    if isinstance(facts.get("taken_over"), int):
        named.append(Fact("sounds of earlier runs", f"{facts['taken_over']:,}, made by the same maker, taken over"))
    options = texts(facts.get("options"))
    return (*named, *_readers(record), *(Fact(f"option {name}", value) for name, value in sorted(options.items())))


def _workers(record: RunRecord) -> list[Fact]:
    """Who did the work of the last command, where that was not one process."""
    work = mapping(record.facts.get("work"))
    told, devices = workers_told(work), work.get("devices")
    on = f" on {', '.join(one_line(each, 40) for each in devices)}" if isinstance(devices, list) and devices else ""
    return [Fact("worked on by", f"{told}{on}")] if told else []


def _readers(record: RunRecord) -> tuple[Fact, ...]:
    """How many sounds each library decoded, where it was not libsndfile alone."""
    counts = Counter(item.reader for item in record.items if item.reader)
    if all(reader.startswith("libsndfile ") and "," not in reader for reader in counts):
        return ()
    return (Fact("sounds read by", "; ".join(f"{reader}: {count}" for reader, count in sorted(counts.items()))),)


def _model(record: RunRecord) -> tuple[Fact, ...]:
    return tuple(_digest(name.replace("_", " "), value) for name, value in record.model.items())


def _suite(record: RunRecord) -> tuple[Fact, ...]:
    suite = record.suite
    words = [("name", suite.name), ("version", suite.version), ("protocol", suite.protocol), ("size", suite.size)]
    facts = [Fact(name, value or MISSING) for name, value in words] + [_digest("digest", suite.digest or MISSING)]
    return (*facts, *(Fact("as read", note) for note in suite.notes))


def _metrics(record: RunRecord) -> list[tuple[str, tuple[Fact, ...]]]:
    """How each metric embedded (run.json), what it compared with and how (scores.json); metrics of which all of
    it is the same, as the measures of one embedder, share a group."""
    stated = {one_line(name, 120): value for name, value in mapping(record.facts.get("metrics")).items()}
    groups: dict[tuple[Fact, ...], list[str]] = {}
    for metric in sorted({*stated, *record.scores}):
        value = stated.get(metric)
        inner = texts(value) if isinstance(value, dict) else {"embedder": plain(value)} if value else {}
        facts = [_digest(name, text) for name, text in sorted(inner.items())]
        estimate = record.scores.get(metric)
        if estimate is not None:
            facts.append(Fact("protocol", estimate.protocol or MISSING))
            facts.append(Fact("reference clips", str(estimate.n_reference) if estimate.n_reference else MISSING))
            facts.append(Fact("interval", estimate.method or MISSING))
        groups.setdefault(tuple(facts), []).append(meaning(metric, estimate.like if estimate else "").title)
    return [(", ".join(titles), facts) for facts, titles in groups.items()]


def _time(record: RunRecord) -> tuple[Fact, ...]:
    seconds = mapping(record.facts.get("seconds"))
    spent = {name: number(seconds.get(name)) for name in ("generate", "embed", "score")}
    found = [Fact(name, duration(value)) for name, value in spent.items() if value is not None]
    total = sum(value for value in spent.values() if value is not None)
    if len(found) > 1:
        found.append(Fact("together", duration(total)))
    made = audio_seconds(record)
    found.append(Fact("audio made", duration(made)))
    generate = spent["generate"]
    if generate and made:
        found.append(Fact("generate, loading included", f"{generate / made:.3g} s per second of audio"))
    return tuple(found)


def audio_seconds(record: RunRecord) -> float:
    """Seconds of audio in the run's good items."""
    return sum(item.frames / item.rate for item in record.items if not item.failed and item.frames and item.rate)


def _text(facts: Mapping[str, Any], name: str) -> str:
    value = facts.get(name)
    return MISSING if value is None or value == "" else plain(value)


def _digest(name: str, value: str) -> Fact:
    short = short_digest(value)
    return Fact(name, short, value if short != value else "")
