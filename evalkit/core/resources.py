"""Where the files that ship beside the code are: prompts, gate baselines, published figures, and
the versions that it is tested with.

They live at the top of the repository (`prompts/`, `baselines/`, `reports/`, `constraints.txt`) so that people find
them, and inside `evalkit/_data/` in an installed wheel, so that site-packages gets no folder of that name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from evalkit.core.errors import UserError

Kind = Literal["prompts", "baselines", "reports", "constraints.txt"]

_PACKAGE = Path(__file__).resolve().parent.parent


def resource(kind: Kind) -> Path:
    """The folder of one kind of shipped file, or the file, in a wheel or in a source checkout (editable installs too).

    Raises UserError where neither has it, which means a broken installation.
    """
    for shipped in (_PACKAGE / "_data" / kind, _PACKAGE.parent / kind):
        if shipped.exists():
            return shipped
    raise UserError(f"evalkit's own {kind} is not installed beside {_PACKAGE}", "install evalkit again")
