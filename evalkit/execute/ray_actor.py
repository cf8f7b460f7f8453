"""An actor's side of work on a cluster: one worker process on its node, reached through Ray instead of a pipe.

Ray is not imported here: the class is made an actor by `execute/ray.py`, and found on a node by its name, as evalkit is
installed there. What crosses is plain bytes and text. The worker is the same process as on one machine (`pool.py`), so
that it has its own environment, dies with the actor, and makes the same sounds to the byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from evalkit.core.own_code import evalkit_digest
from evalkit.core.versions import LIBRARIES, stamp
from evalkit.execute.pool import Processes
from evalkit.execute.wire import Message, packed, unpacked

CODE = "code of evalkit"


def makers() -> dict[str, str]:
    """name -> version of what decides a number's bytes: it has to be the same on all machines of a run."""
    found = stamp()
    return {CODE: evalkit_digest(), **{name: found[name] for name in ("evalkit", *LIBRARIES)}}


class Actor:
    """One worker on a node. `wanted` is what `makers` says where the run is, `environment` is laid over the node's, and
    `folder` is where typed code is looked for, where there is such a folder."""

    def __init__(self, wanted: Mapping[str, str], device: str, environment: Mapping[str, str], folder: str) -> None:
        self._unfit = _differences(wanted, makers())
        self._crew = Processes([device], environment, Path(folder) if Path(folder).is_dir() else None)
        self._hand = None if self._unfit else self._crew.hire(0)

    def ask(self, content: bytes) -> None:
        """Pass a task on to the worker."""
        if self._hand is not None:
            self._hand.send(unpacked(content))

    def hear(self, seconds: float) -> tuple[list[bytes], str]:
        """What the worker said, waiting for it at most so many seconds; and how it ended, "" where it has not."""
        if self._hand is None:
            told = {"kind": "raised", "unfit": True, "type": "UserError", "message": self._unfit, "hint": ""}
            return [packed(Message(told))], ""
        said: list[bytes] = []
        for _, message in self._crew.heard(seconds):
            if message is None:
                return said, self._hand.end()
            said.append(packed(message))
        return said, ""

    def end(self) -> str:
        """End the worker, and say how it did."""
        return "ended" if self._hand is None else self._hand.end()


def _differences(wanted: Mapping[str, str], here: Mapping[str, str]) -> str:
    others = [name for name, version in wanted.items() if here.get(name) != version]
    if not others:
        return ""
    told = [name if name == CODE else f"{name} ({here.get(name, 'absent')}, not {wanted[name]})" for name in others]
    return f"it has another {'; '.join(told)}"
