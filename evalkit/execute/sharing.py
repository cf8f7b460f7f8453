"""One copy of the weights for all workers of a machine that compute on its processors.

What a worker has loaded and made ready, from whatever kind of file, is laid into memory that the workers have in
common, if none of them has done so before; where the same bytes are there already, its networks read those, and its own
copy is given back. So as many copies exist as workers load at the same time, and one after that. Each sees the common
pages as its own: what it would write is its own from then on. The memory has no name in any folder and goes with the
last process that has it open (memfd_create(2), on Linux; elsewhere nothing is shared).

A tensor begins at a multiple of 64 bytes, as torch's own do: where a matrix lies may decide a kernel's last bits.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from evalkit.core.jsonio import dumps, parse_json

if TYPE_CHECKING:
    from torch import Tensor, nn

_INDEX = 1 << 20
"""Bytes at the beginning that say what is where: a length, and JSON {name: [first byte, size]}."""
_ALIGNED = 64
_SMALLEST = 4096
"""Bytes of a tensor under which sharing it saves no page."""
_DEPTH = 3


def common_memory() -> int | None:
    """A descriptor for workers to inherit; None where the system has no such memory."""
    try:
        handle = os.memfd_create("evalkit-weights")
    except (AttributeError, OSError):
        return None
    try:
        os.ftruncate(handle, _INDEX)
    except OSError:  # where files may not be as large (ulimit -f)
        os.close(handle)
        return None
    return handle


def share(handle: int, name: str, owner: object) -> int:
    """Have the networks of `owner` read their weights from the common memory behind `handle`, where they are called
    `name`. Returns how many bytes are shared now; 0 where they cannot be, and nothing is changed then."""
    if "torch" not in sys.modules:  # whose import would cost seconds, for what has no networks
        return 0
    tensors = [each for module in networks(owner) for each in _large(module)]
    tensors = list({each.data_ptr(): each for each in tensors}.values())
    try:
        with _alone(handle):
            index = _index(handle)
            if name not in index:
                index[name] = _laid_down(handle, tensors)
                _keep(handle, index)
        shared = _read_from(handle, tensors, *index[name])
    except (OSError, ValueError, RuntimeError):  # no memory left, or no such thing here: each has its own, as before
        return 0
    _give_back()
    return shared


def networks(owner: object, depth: int = _DEPTH) -> Iterator[nn.Module]:
    """The networks that an object holds, itself or in what it holds."""
    from torch import nn

    for value in vars(owner).values() if depth and hasattr(owner, "__dict__") else ():
        if isinstance(value, nn.Module):
            yield value
        elif type(value).__module__.partition(".")[0] == "evalkit":
            yield from networks(value, depth - 1)


def _large(module: nn.Module) -> Iterator[Tensor]:
    """The tensors on a CPU that are whole in memory, one number after the other in whatever order."""
    import torch

    for each in (*module.parameters(), *module.buffers()):
        if each.device.type != "cpu" or each.layout != torch.strided or each.is_inference():
            continue
        last = each.dim() == 4 and each.is_contiguous(memory_format=torch.channels_last)
        if (each.is_contiguous() or last) and each.numel() * each.element_size() >= _SMALLEST:
            yield each


def _flat(tensor: Tensor) -> Tensor:
    """The bytes of a tensor, as they lie in memory."""
    import torch

    flat = torch.as_strided(tensor.detach(), (tensor.numel(),), (1,), tensor.storage_offset())
    return flat.view(torch.uint8)


def _places(tensors: Sequence[Tensor]) -> tuple[list[int], int]:
    """Where each tensor begins, and how much all of them take."""
    places, end = [], 0
    for each in tensors:
        places.append(end)
        end += -(-each.numel() * each.element_size() // _ALIGNED) * _ALIGNED
    return places, end


def _laid_down(handle: int, tensors: Sequence[Tensor]) -> list[int]:
    """Write the tensors behind what is there; where that was, and how many bytes."""
    places, size = _places(tensors)
    first = os.fstat(handle).st_size
    os.ftruncate(handle, first + -(-size // mmap.PAGESIZE) * mmap.PAGESIZE)
    try:
        for place, each in zip(places, tensors, strict=True):
            left, at = memoryview(_flat(each).numpy().data), first + place
            while left:
                written = os.pwrite(handle, left, at)
                left, at = left[written:], at + written
    except OSError:
        os.ftruncate(handle, first)
        raise
    return [first, size]


def _read_from(handle: int, tensors: Sequence[Tensor], first: int, size: int) -> int:
    """Put what lies there in the place of each tensor with the same bytes."""
    import torch

    places, own = _places(tensors)
    if not size or own != size:
        return 0
    mapped = mmap.mmap(handle, size, access=mmap.ACCESS_COPY, offset=first)
    shared = 0
    for place, each in zip(places, tensors, strict=True):
        flat = torch.frombuffer(mapped, dtype=each.dtype, count=each.numel(), offset=place)
        if torch.equal(flat.view(torch.uint8), _flat(each)):
            with torch.no_grad():
                each.data = flat.as_strided(each.shape, each.stride())
            shared += flat.nbytes
    return shared


def _give_back() -> None:
    """What was freed goes back to the system, where the allocator would keep it in its heap (malloc_trim(3), glibc)."""
    with suppress(OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).malloc_trim(0)


@contextmanager
def _alone(handle: int) -> Iterator[None]:
    """No other process is in this block; the lock goes with a process that dies."""
    fcntl.lockf(handle, fcntl.LOCK_EX, 8)
    try:
        yield
    finally:
        with suppress(OSError):
            fcntl.lockf(handle, fcntl.LOCK_UN, 8)


def _index(handle: int) -> dict[str, list[int]]:
    length = int.from_bytes(os.pread(handle, 8, 0), "little")
    found = parse_json(os.pread(handle, length, 8), "the index of shared weights") if length else {}
    return dict(found)


def _keep(handle: int, index: Mapping[str, Sequence[int]]) -> None:
    data = dumps(index).encode()
    if len(data) + 8 > _INDEX:
        raise ValueError("the index is full")
    os.pwrite(handle, len(data).to_bytes(8, "little") + data, 0)
