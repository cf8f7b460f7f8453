"""Reading safetensors files, and filling a network from them without a tensor left over or left out."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from evalkit.checkpoints.safetensors_header import read_header
from evalkit.core.errors import BadCheckpoint

_NAMED = 12
"""Tensors that an error names before it only counts the rest."""


def read_tensors(path: Path) -> dict[str, Tensor]:
    """name -> tensor of a safetensors file, as stored (fp16 stays fp16), in memory of our own.

    Raises MissingWeights where there is no such file, BadCheckpoint, naming it, where it is not one or is cut.
    """
    read_header(path)
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError, ValueError) as error:
        raise BadCheckpoint(f"{path}: not a whole safetensors file: {error}", "copy or download it again") from None


def read_shapes(path: Path) -> dict[str, Tensor]:
    """As `read_tensors`, but for their values: every tensor is on torch's meta device, and none is read."""
    types = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
    types |= {"F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2}
    return {
        name: torch.empty(told.shape, dtype=types.get(told.kind, torch.int64), device="meta")
        for name, told in read_header(path).items()
    }


def digest_of(module: nn.Module, ignore: tuple[str, ...] = ()) -> str:
    """sha256 of a filled network's tensors by name, 64 hex digits; stands for the weights in cache keys and records.

    Equal weights have equal digests, whichever file they came from: `.h5`, `.h5.gz` and safetensors, a plain state dict
    or one in a training checkpoint. `ignore` ends the names of constants that follow from the config.
    """
    sha = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        if not name.endswith(ignore or ("\0",)):
            sha.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\0".encode())
            sha.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return sha.hexdigest()


def load_into(module: nn.Module, tensors: Mapping[str, Tensor], path: Path, ignore: Collection[str] = ()) -> None:
    """Fill `module` from `tensors`, each cast to the type that the module has (minis: fp16 to float32).

    `ignore` are names that may be absent from either side (constants that follow from the config).
    Raises BadCheckpoint as `require_fit` does, before anything is changed.
    """
    require_fit(module, tensors, path, ignore)
    own = module.state_dict()
    with torch.no_grad():
        module.load_state_dict({name: tensors[name] for name in own if name in tensors}, strict=False)


def require_fit(module: nn.Module, tensors: Mapping[str, Tensor], path: Path, ignore: Collection[str] = ()) -> None:
    """Raises BadCheckpoint, naming `path`, for every missing, unexpected or wrongly shaped tensor, and for NaN or
    infinity where there are values (`read_shapes` has none)."""
    own = dict(module.state_dict())
    problems = _differences(own, tensors, frozenset(ignore))
    if problems:
        more = f" and {len(problems) - _NAMED} more" if len(problems) > _NAMED else ""
        raise BadCheckpoint(
            f"{path}: does not fit the configured network: {'; '.join(problems[:_NAMED])}{more}",
            "the config beside it must be the one it was trained with",
        )


def _differences(own: Mapping[str, Tensor], tensors: Mapping[str, Tensor], ignore: frozenset[str]) -> list[str]:
    found = [f"missing {name}" for name in own if name not in tensors and name not in ignore]
    found += [f"unexpected {name}" for name in tensors if name not in own and name not in ignore]
    for name in own:
        if name not in tensors:
            continue
        given = tensors[name]
        if given.shape != own[name].shape:
            found.append(f"{name} is {tuple(given.shape)}, expected {tuple(own[name].shape)}")
        elif own[name].is_floating_point() and not given.is_floating_point():
            found.append(f"{name} holds no fractions ({str(given.dtype).removeprefix('torch.')})")
        elif given.is_floating_point() and not _finite(given):
            found.append(f"{name} holds NaN or infinity")
    return found


def _finite(tensor: Tensor) -> bool:
    """By the extremes, which NaN and infinity reach, as looking at each value takes as much memory again."""
    if tensor.is_meta or not tensor.numel():
        return True
    values = tensor.float() if tensor.element_size() == 1 else tensor  # of eight bits torch knows no extremes
    return all(bool(torch.isfinite(extreme)) for extreme in torch.aminmax(values))
