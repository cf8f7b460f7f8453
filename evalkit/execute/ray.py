"""Workers on a cluster: one of Ray's actors each, placed on the nodes that have the resources.

The run folder, the ledger and every decision stay with this process. Each worker has one piece of work in hand; what it
makes comes back through Ray's object store. A worker that dies, its actor and its node are one thing to `schedule.py`.
A node that cannot do the work (another evalkit, no weights) is left out with one line, and the others go on.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from evalkit.core.errors import UserError
from evalkit.execute.ray_actor import Actor, makers
from evalkit.execute.ray_connection import Connection, connected
from evalkit.execute.schedule import Hand
from evalkit.execute.wire import Message, packed, unpacked
from evalkit.execute.worker import raise_told

_LISTENS = 1.0
_GRACE = 5.0
_PLACED_WITHIN = 30.0
"""Seconds that an actor may wait for its place while others are at work."""
_UNBORN = 8
"""After so many actors in a row that never came to be, the run ends."""
UNFIT = Message({"kind": "unfit"})


@dataclass(frozen=True)
class Node:
    """One machine of a cluster: its id, how it is called, and how many workers it has room for."""

    id: str
    name: str
    room: int


class Actors:
    """A crew of actors. `address` is a cluster's or "auto", `each` the resources of one worker, `most` how many workers
    there may be, default as many as there is room for. `tell` hears which nodes are left out, and why."""

    far: bool = True
    kind: Literal["pool", "ray"] = "ray"

    def __init__(
        self,
        address: str,
        device: str,
        each: Mapping[str, float],
        most: int | None,
        environment: Mapping[str, str],
        tell: Callable[[str], object],
    ) -> None:
        self._address, self._device, self._each, self._most = address, device, dict(each), most
        self._environment, self._tell = dict(environment), tell
        self._connection: Connection | None = None
        self._hands: list[ActorHand] = []
        self._heard: deque[tuple[Hand, Message | None]] = deque()
        self._left_out: dict[str, str] = {}
        self._busy: Counter[str] = Counter()
        self._unborn = 0

    @cached_property
    def devices(self) -> Sequence[str]:
        """One entry for each worker there is room for. Raises UserError where the cluster cannot be reached, or has no
        node with the resources."""
        self._connection = connected(self._address)
        room = sum(node.room for node in self._nodes())
        if not room:
            raise UserError(f"--ray {self._address}: no node has {_told(self._each)}", "--ray-resources num_cpus=1")
        if self._most is not None and self._most > room:
            self._tell(f"--ray {self._address} has room for {room} workers of {_told(self._each)}")
        return [self._device] * min(room, self._most or room)

    def hire(self, place: int) -> Hand | None:
        """Start an actor on the node with most room. Raises UserError where no node is left."""
        if not self._hands:
            self._busy.clear()
        taken = Counter(hand.node.id for hand in self._hands) + self._busy
        free = [node for node in self._nodes() if node.id not in self._left_out and node.room > taken[node.id]]
        if not free and self._hands:
            return None
        if not free:
            whys = "; ".join(self._left_out.values()) or "its nodes are gone"
            raise UserError(f"--ray {self._address}: no node is left to work on: {whys}", "type the command again")
        node = max(free, key=lambda each: each.room - taken[each.id])
        hand = ActorHand(self._ray, node, self._started(node), self._device)
        self._hands.append(hand)
        return hand

    def heard(self, seconds: float) -> Iterator[tuple[Hand, Message | None]]:
        """All that was said, waiting for it at most so many seconds."""
        self._listen(seconds)
        while self._heard:
            yield self._heard.popleft()

    def close(self) -> None:
        """End all of them, and what was started for them."""
        for hand in self._hands:
            hand.kill()
        self._hands.clear()
        if self._connection is not None:
            self._connection.end()
        self._connection = None

    @property
    def _ray(self) -> Any:
        assert self._connection is not None
        return self._connection.ray

    def _listen(self, seconds: float) -> None:
        self._hands = [hand for hand in self._hands if not hand.ended]
        waiting = {hand.listening: hand for hand in self._hands}
        if not waiting:
            return
        done, _ = self._ray.wait(list(waiting), num_returns=1, timeout=seconds)
        if done:
            done, _ = self._ray.wait(list(waiting), num_returns=len(waiting), timeout=0)
        for each in done:
            self._take(waiting[each])
        at_work = any(hand.is_placed for hand in self._hands)
        for hand in [each for each in self._hands if not each.is_placed]:
            late = at_work and time.monotonic() - hand.began > _PLACED_WITHIN
            self._busy[hand.node.id] += late
            self._heard.append((hand, UNFIT if late else Message({"kind": "alive"})))

    def _take(self, hand: ActorHand) -> None:
        for message in hand.take():
            if message is None and not hand.is_placed:
                self._pass_over(hand)
                self._heard.append((hand, UNFIT))
            elif message is None or not message.facts.get("unfit"):
                self._heard.append((hand, message))
            elif self._leave_out(hand.node, message):
                self._heard.append((hand, UNFIT))
            else:
                told = f"--ray {self._address}: {hand.node.name}: {message.facts['message']}"
                raise_told({**message.facts, "message": told})

    def _pass_over(self, hand: ActorHand) -> None:
        """An actor that never came to be: its node may be on its way out, and another takes its place."""
        self._busy[hand.node.id] += 1
        self._unborn = 1 if any(each.is_placed for each in self._hands) else self._unborn + 1
        if self._unborn > _UNBORN:
            raise UserError(f"--ray {self._address}: no actor can be started: {hand.end()}", "type the command again")

    def _leave_out(self, node: Node, message: Message) -> bool:
        """Is there another node to do what this one cannot?"""
        why, is_new = f"node {node.name} is left out: {message.facts['message']}", node.id not in self._left_out
        self._left_out.setdefault(node.id, why)
        others = any(each.id not in self._left_out for each in self._nodes())
        if is_new and others:
            self._tell(why)
        return others

    def _nodes(self) -> list[Node]:
        found = []
        for each in self._ray.nodes():
            has = {"num_cpus": "CPU", "num_gpus": "GPU"}
            shares = [int(each["Resources"].get(has.get(name, name), 0) / count) for name, count in self._each.items()]
            if each["Alive"] and min(shares) > 0:
                found.append(Node(each["NodeID"], f"{each['NodeManagerHostname']} ({each['NodeID'][:8]})", min(shares)))
        return found

    def _started(self, node: Node) -> Any:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        own = {"num_cpus": 0, **{name: self._each[name] for name in self._each if name in ("num_cpus", "num_gpus")}}
        further = {name: count for name, count in self._each.items() if name not in own}
        there = NodeAffinitySchedulingStrategy(node.id, soft=False)
        options = {**own, "resources": further, "scheduling_strategy": there, "max_restarts": 0, "max_concurrency": 4}
        made = self._ray.remote(Actor).options(**options)
        return made.remote(makers(), self._device, self._environment, str(Path.cwd()))


class ActorHand:
    """One actor, and the worker that it leads."""

    def __init__(self, ray: Any, node: Node, actor: Any, device: str) -> None:
        self.node, self.device = node, device
        self.began, self.is_placed, self.ended = time.monotonic(), False, False
        self._ray, self._actor, self._how = ray, actor, ""
        self.listening = actor.hear.remote(0.0)

    def send(self, task: Message) -> None:
        """Ask for something."""
        self._actor.ask.remote(packed(task))

    def take(self) -> Iterator[Message | None]:
        """What was heard, and listen on."""
        try:
            said, self._how = self._ray.get(self.listening)
        except self._ray.exceptions.RayError as error:
            self._how = _lost(error)
            yield None if self.is_placed or "ImportError" not in str(error) else _no_evalkit(str(error))
            return
        self.is_placed = True
        if not self._how:
            self.listening = self._actor.hear.remote(_LISTENS)
        yield from map(unpacked, said)
        if self._how:
            yield None

    def end(self) -> str:
        """How the worker ended; one that lives is ended."""
        if not self.ended and not self._how:
            with suppress(self._ray.exceptions.RayError):
                self._how = self._ray.get(self._actor.end.remote(), timeout=_GRACE)
        self.kill()
        return self._how or "it gave no sign of life"

    def kill(self) -> None:
        """End the actor, with which its worker ends."""
        self.ended = True
        with suppress(self._ray.exceptions.RayError):
            self._ray.kill(self._actor)


def _lost(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if line.startswith("The actor") or "node" in line.lower()]
    return f"its actor was lost: {told[-1] if told else type(error).__name__}"[:300]


def _no_evalkit(error: str) -> Message:
    why = next((line.strip() for line in reversed(error.splitlines()) if "Error: " in line), "")
    told = f"evalkit cannot be imported there: {why.partition('Error: ')[2]}"[:300]
    return Message({"kind": "raised", "unfit": True, "type": "UserError", "message": told, "hint": ""})


def _told(each: Mapping[str, float]) -> str:
    return ",".join(f"{name}={count:g}" for name, count in each.items())
