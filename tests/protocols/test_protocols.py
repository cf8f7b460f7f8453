"""The shipped tables: each says only what evalkit can do, and tells what it cannot."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from evalkit.audio.preparation import Preparation
from evalkit.core.errors import UserError
from evalkit.embed.base import EMBEDDERS, family_of
from evalkit.embed.by_protocol import further_settings, preparation_of
from evalkit.embed.clap_windows import Windows
from evalkit.embed.vggish import Rows
from evalkit.metrics.base import METRICS
from evalkit.metrics.kl_passt import JOINED
from evalkit.protocols.base import judges, load_protocol, protocol_names, protocol_of, read_protocol, weights_in

OF_FAMILIES = {"sixteen_bits", *(field.name for kind in (Windows, Rows) for field in fields(kind))}
"""Settings that a family of embedders has beyond those of a preparation."""


@pytest.mark.parametrize("name", protocol_names())
def test_every_column_is_a_metric_of_its_judge_or_says_why_not(name: str) -> None:
    protocol = load_protocol(name)
    assert protocol.columns and protocol_of(protocol.id) is protocol
    for heading in protocol.columns:
        if heading.why_not:
            assert len(heading.why_not) > 20
            continue
        card = METRICS.load(heading.metric).card
        served = {card.family} | ({"passt_rows"} if heading.options.get("rows") == JOINED else set())
        assert family_of(heading.judge) in served, heading
        assert all(value in card.options[key] for key, value in heading.options.items()), heading


@pytest.mark.parametrize("name", list(judges()))
def test_every_judge_is_fed_by_settings_that_somebody_reads(name: str) -> None:
    """A key that nothing reads would be a rule of the paper that is silently not kept."""
    assert EMBEDDERS.is_builtin(weights_in(name)) and weights_in(name) != name
    assert preparation_of(name, Preparation(7)).rate == 7
    assert set(further_settings(name)) <= OF_FAMILIES
    assert not OF_FAMILIES & {field.name for field in fields(Preparation)}


def test_a_mistyped_table_is_told_with_the_nearest() -> None:
    with pytest.raises(UserError) as told:
        load_protocol("av-benchmrk")
    assert "av-benchmark" in told.value.hint


def test_a_provisional_protocol_says_what_is_open(tmp_path: Path) -> None:
    """Else a table of a guess would look like one of a fact."""
    path = tmp_path / "x.toml"
    said = (
        'title = "x"\nversion = "1"\nsource = "x"\nprovisional = true\n[columns.fd_panns]\ntitle = "FD"\njudge = "p"\n'
    )
    path.write_text(said)
    with pytest.raises(UserError, match="not settled"):
        read_protocol(path)
    path.write_text(said.replace("provisional = true", 'provisional = true\nunsettled = ["how many"]'))
    assert "PROVISIONAL" in read_protocol(path).told[1] and "how many" in read_protocol(path).told[1]
