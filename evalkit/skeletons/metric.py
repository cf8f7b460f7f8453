"""How loud the sounds are, on average: a metric of one's own. This text is its manual."""

from evalkit.embed.sound import COLUMNS
from evalkit.metrics.base import MetricCard, MetricInputs, MetricResult
from evalkit.metrics.results import mean_result


class Mine:
    """The mean of one value per sound: put your own in its place."""

    card = MetricCard(
        name="mine",
        title="Mine",
        direction="higher",  # which side is better: "lower", "higher" or "none"
        unit="LUFS",
        family="sound",  # the embedder whose features it takes
        reference="",  # or "set", or "pair"
        text=False,
        citation="",
        blind_to="everything but loudness",
    )

    def compute(self, inputs: MetricInputs) -> MetricResult:
        """From features alone, (frames, dimensions) per sound; the interval is clustered by the prompts' groups."""
        rows = zip(inputs.ids, inputs.features, strict=True)
        values = {key: float(each[0, COLUMNS.index("loudness")]) for key, each in rows}
        return mean_result(values, inputs.groups, prompts=inputs.prompts)


METRIC = Mine()
