"""What `evalkit.run(fetch=True)` brings before it runs: all that `evalkit fetch for run` would."""

from __future__ import annotations

from evalkit.api.work import LOG
from evalkit.fetch.download import Quiet
from evalkit.fetch.parcels import consent, refuse_without_consent
from evalkit.run.config import RunConfig
from evalkit.run.needs import bring_all, needs_of, require_reachable


def bring(config: RunConfig, yes: bool) -> None:
    """Fetch what the run needs and does not have, told to the log.

    Raises UserError, before the first byte, for what cannot be had, for a disk without room, and for licences that want
    consent without `yes`.
    """
    needs = needs_of([config])
    for note in needs.notes:
        LOG.warning("%s", note)
    require_reachable(needs)
    if not yes:
        refuse_without_consent(consent(needs.parcels))
    meter = Quiet(lambda text: LOG.warning("%s", text))
    for parcel, piece, done in bring_all(needs.parcels, meter):
        if done.state == "fetched":
            LOG.info("%s %s: fetched %s (%s bytes)", parcel.kind, parcel.name, piece.name, done.size)
