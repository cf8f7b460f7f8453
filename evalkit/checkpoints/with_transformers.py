"""How transformers is called: without its advice, and without drawing weights that are read next.

It is imported where it is called: that takes two seconds of a processor, which nobody has for a look at a folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Without transformers' advice and bars on stderr: what matters of it is checked by the caller and raised."""
    from transformers import logging

    before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if bars:
            logging.enable_progress_bar()


@contextmanager
def undrawn() -> Iterator[None]:
    """Networks made here have no first weights: drawing those of 150 million takes longer than reading them.

    Only for a network that `checkpoints.tensors.load_into` or :func:`checkpoints.clap_folder.fill_from` fills next, as
    those leave no tensor out.
    """
    from transformers.initialization import no_init_weights

    with no_init_weights():
        yield
