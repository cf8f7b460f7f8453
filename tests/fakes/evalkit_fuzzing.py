"""Ways to break a file: its bytes, its numbers, its keys and its values. The same seed breaks it in the same way."""

from __future__ import annotations

import copy
import json
import re
from random import Random
from typing import Any

EVIL: list[Any] = [
    None, True, -1, 0, 1.5, 1e300, 10**30, float("nan"), float("inf"), "", "x" * 100_000, "\0", "\ud800", "\x1b[2J\n",
    "/etc/passwd", "../../x", [], {}, ["a"], [None], {"a": 1}, [[[[]]]], [1] * 10_000,
    {str(number): number for number in range(1000)},
]  # fmt: skip
_NUMBERS = ["1e999", "-1", "0", "1" + "0" * 400, "NaN", "null", '"x"', "[]", "true", "9" * 5000, "1979-05-27", "inf"]
_BYTES = [
    b"[" * 5000, b"]" * 5000, b"{" * 5000, b'{"a":' * 500, b'"', b"\\", b"\0", b"\xff\xfe", b"\n", b"a." * 3000,
    b"=", b"&a [*a,*a]", b"# " * 1000, b'"""', b"'''",
]  # fmt: skip


def broken_bytes(draw: Random, data: bytes) -> bytes:
    """One to five changes anywhere: bits, pieces lost, doubled, moved or put in, numbers exchanged, the end cut off."""
    changed = bytearray(data)
    for _ in range(draw.randint(1, 5)):
        place = draw.randrange(len(changed) + 1)
        match draw.randrange(7):
            case 0:
                changed[place : place + 1] = bytes([draw.randrange(256)])
            case 1:
                del changed[place : place + draw.choice((1, 4, 100, 10_000))]
            case 2:
                changed[place:place] = changed[place : place + draw.choice((1, 50, 5000))]
            case 3:
                changed[place:place] = draw.choice(_BYTES)
            case 4:
                del changed[place:]
            case 5:
                changed[place : place + 8] = draw.choice(
                    (b"\xff" * 8, b"\0" * 8, b"\xff" * 7 + b"\x7f", b"\0\0\0\x40" * 2)
                )
            case _:
                found = list(re.finditer(rb"(?<![\w.])-?\d+(\.\d+)?", changed[:200_000]))
                if found:
                    number = draw.choice(found)
                    changed[number.start() : number.end()] = draw.choice(_NUMBERS).encode()
    return bytes(changed)


def broken_json(draw: Random, data: bytes) -> bytes:
    """One to three values or keys of a JSON text exchanged for what nobody expects there."""
    value = copy.deepcopy(json.loads(data))
    for _ in range(draw.randint(1, 3)):
        places = list(_places(value))
        if not places:
            break
        holder, key = draw.choice(places)
        if isinstance(holder, dict) and draw.random() < 0.25:
            kept = holder.pop(key)
            if draw.random() < 0.5:
                holder[f"{key}x"] = kept
        else:
            holder[key] = copy.deepcopy(draw.choice(EVIL))
    return json.dumps(value).encode("utf-8", "surrogatepass")


def broken_text(draw: Random, data: bytes) -> bytes:
    """Lines of a text lost, doubled or exchanged, words misspelt, values exchanged."""
    lines = data.split(b"\n")
    for _ in range(draw.randint(1, 3)):
        place = draw.randrange(len(lines))
        line = lines[place]
        match draw.randrange(5):
            case 0:
                lines[place] = line[: len(line) // 2]
            case 1:
                lines.insert(place, line)
            case 2:
                lines[place] = lines[draw.randrange(len(lines))]
            case 3 if len(line) > 2:
                at = draw.randrange(len(line) - 1)
                lines[place] = line[:at] + line[at + 1 : at + 2] + line[at : at + 1] + line[at + 2 :]
            case _:
                head, sign, _ = line.partition(b"=")
                lines[place] = (
                    head + sign + draw.choice([*map(str.encode, _NUMBERS), b'"' + b"x" * 5000 + b'"', *_BYTES])
                )
    return b"\n".join(lines)


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every (holder, key or index) in a JSON value."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        keys = holder.keys() if isinstance(holder, dict) else range(len(holder)) if isinstance(holder, list) else ()
        for key in keys:
            found.append((holder, key))
            waiting.append(holder[key])
    return found
