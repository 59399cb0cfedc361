"""Tensors that another edit of the same photo can use again."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class Uses:
    """How often what was asked for was there."""

    hits: int = 0
    misses: int = 0

    def since(self, before: "Uses") -> "Uses":
        """Return what was added after ``before``."""
        return Uses(self.hits - before.hits, self.misses - before.misses)


class TensorCache:
    """Keeps tensors by key, dropping the least recently used beyond ``limit`` bytes.

    Belongs to one loaded model and one thread. Keys have to name everything that the tensor depends on; what comes
    from a picture is named by the picture's content, so that nobody is handed another's. Tensors are not copied:
    who gets one does not write to it.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: OrderedDict[Hashable, torch.Tensor] = OrderedDict()
        self.bytes = 0
        """What is kept now."""
        self.uses = Uses()

    def get(self, key: Hashable, make: Callable[[], torch.Tensor]) -> torch.Tensor:
        """Return what is kept under the key, or make it and keep it; one larger than the limit is not kept."""
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            self.uses = Uses(self.uses.hits + 1, self.uses.misses)
            return kept
        self.uses = Uses(self.uses.hits, self.uses.misses + 1)
        made = make()
        if made.nbytes <= self._limit:
            self._kept[key] = made
            self.bytes += made.nbytes
            self._drop()
        return made

    def clear(self) -> None:
        """Drop everything."""
        self._kept.clear()
        self.bytes = 0

    def _drop(self) -> None:
        while self.bytes > self._limit:
            _, dropped = self._kept.popitem(last=False)
            self.bytes -= dropped.nbytes
