"""`evalkit tables`: the published tables that evalkit prints, or what one is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from evalkit.cli.output import explain, json_option, print_json, print_table, say

if TYPE_CHECKING:
    from evalkit.protocols.base import Protocol


def tables(
    name: str | None = typer.Argument(None, metavar="NAME", help="A table's name."),
    as_json: bool = json_option(),
) -> None:
    """List the published tables, or show one: its columns, what judges them, the paper's own rows.

    `score`, `run` and `report` print one with --table NAME: exactly these columns, in this order. A provisional one
    says what no primary source settles. Of a judge, what its name is fed by: channels, mean, converter, crop, padding.

    \b
    Example:
      evalkit tables
      evalkit tables av-benchmark
    """
    from evalkit.protocols.base import load_protocol, protocol_names

    if name is not None:
        _show(load_protocol(name), as_json)
        return
    found = [load_protocol(each) for each in protocol_names()]
    if as_json:
        print_json([_facts(each) for each in found])
        return
    rows = [
        [each.name, "provisional" if each.provisional else "", _length(each), ", ".join(c.metric for c in each.columns)]
        for each in found
    ]
    print_table(["table", "", "s", "columns"], rows)


def _show(protocol: Protocol, as_json: bool) -> None:
    own = _own_rows(protocol)
    if as_json:
        print_json({**_facts(protocol), "rows": [{"system": line[0], "values": line[2]} for line in own]})
        return
    for told in protocol.told:
        explain("", told)
    for key, value in protocol.generation.items():
        say(f"{key}: {value}")
    rows = [
        [each.title, each.metric, each.judge, "; ".join(f"{k}={v}" for k, v in each.options.items()) or each.why_not]
        for each in protocol.columns
    ]
    print_table(["column", "metric", "judge", "otherwise than by default"], rows)
    if protocol.judges:
        say()
        judges = protocol.judges.values()
        fed = [[each.name, "; ".join(f"{k}={_word(v)}" for k, v in each.settings.items())] for each in judges]
        print_table(["judge", "is fed"], fed)
    if own:
        say()
        heads = [each.title for each in protocol.columns]
        print_table(["as published", *heads, ""], [[line[0], *map(_number, line[2].values()), line[1]] for line in own])


def _own_rows(protocol: Protocol) -> list[tuple[str, str, dict[str, float | None]]]:
    """(system, where it stands, {column: value}) of the paper's own rows that have one under these columns."""
    from evalkit.report.published import lines_of, shipped

    own = [each for each in shipped() if (each.protocol, each.suite) == (protocol.published, protocol.published_suite)]
    found = []
    for line in lines_of(own):
        values = {each.title: line.values.get(each.published) for each in protocol.columns}
        if any(value is not None for value in values.values()):
            found.append((line.system, line.citation + ("" if line.checked else " (second-hand)"), values))
    return found


def _facts(protocol: Protocol) -> dict[str, Any]:
    return {
        "name": protocol.name,
        "protocol": protocol.id,
        "source": protocol.source,
        "provisional": protocol.provisional,
        "unsettled": list(protocol.unsettled),
        "seconds": protocol.seconds or None,
        "generation": dict(protocol.generation),
        "columns": [
            {
                "title": each.title,
                "metric": each.metric,
                "judge": each.judge,
                "options": dict(each.options),
                "why_not": each.why_not,
            }
            for each in protocol.columns
        ],
        "judges": {each.name: dict(each.settings) for each in protocol.judges.values()},
    }


def _length(protocol: Protocol) -> str:
    return f"{protocol.seconds:g}" if protocol.seconds else "any"


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"
