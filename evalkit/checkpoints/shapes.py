"""A network's shapes alone: it is built on the device "meta", where tensors have no numbers.

Of a draw, a product or a norm torch works out the shape there by importing what compiles networks, which takes a second
of each command that only looks at a file. What first weights are made by is answered by the shape instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

_SCALED = (Tensor.mul, Tensor.__mul__, Tensor.__rmul__, Tensor.div, Tensor.__truediv__, Tensor.normal_)
"""What leaves a tensor's shape as it is, where the other factor is a number."""


class _Shapes(TorchFunctionMode):
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        more = kwargs or {}
        if func is torch.randn:
            return torch.empty(*args, **more)
        if func is nn.init.normal_:
            return args[0] if args else more["tensor"]
        if func in _SCALED and not any(isinstance(each, Tensor) for each in args[1:]):
            return args[0]
        if func is Tensor.norm and isinstance(more.get("dim"), int) and not more.get("keepdim"):
            return args[0].select(more["dim"], 0)
        return func(*args, **more)


@contextmanager
def shapes_alone() -> Iterator[None]:
    """Networks made in this block have shapes and no numbers."""
    with torch.device("meta"), _Shapes():
        yield
