"""What a window on a device keeps of its relations from one diagram to the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .cuda_launch import Device, Host, ceil_div
from .cuda_stages import Ordered

__all__ = ["Trails", "WarmStart"]


@dataclass(frozen=True, slots=True)
class Trails:
    """How the relations of a diagram became RNG edges; see kernels/trails.cuh.

    Attributes
    ----------
    splits, ends, relations, rng : device arrays
        Of that diagram; see `cuda_stages.Ordered`.
    bits : device array of uint32, shape (windows, n_relations, rng_words + n_words)
        For each relation the RNG edges that were left, and the vertices that it took; zero where
        it was not asked for.
    packed : device array of uint8, or None
        All of them but ``bits``, where they lie in one array.
    """

    splits: Any
    ends: Any
    relations: Any
    rng: Any
    bits: Any
    packed: Any = None

    def copy_to(self, other: Trails, device: Device) -> None:
        """Copy all arrays to those of trails with the same rooms."""
        in_one = self.packed is not None and other.packed is not None
        for name in ("packed",) if in_one else ("splits", "ends", "relations", "rng"):
            device.copy(getattr(other, name), getattr(self, name))
        device.copy(other.bits, self.bits)

    def is_like(self, other: Trails) -> bool:
        """Tell whether other trails have the same rooms."""
        return self.relations.shape == other.relations.shape and (
            (self.splits.shape, self.rng.shape) == (other.splits.shape, other.rng.shape)
        )

    @property
    def rng_words(self) -> int:
        """Words of 32 RNG edges."""
        return ceil_div(int(self.rng.shape[1]), 32)

    @property
    def nbytes(self) -> int:
        """Bytes on the device."""
        held = self.splits, self.ends, self.relations, self.rng, self.bits
        return sum(int(array.nbytes) for array in held)


class WarmStart:
    """Trails of the last diagram of one window, and which points are others since.

    Parameters
    ----------
    device : Device
        Where the window is.
    n : int
        Its slots.
    """

    def __init__(self, device: Device, n: int) -> None:
        self._device = device
        self._moved: npt.NDArray[np.bool_] = np.zeros(32 * ceil_div(n, 32), np.bool_)
        self._n = n
        self._sent: Any = None
        self.last: Trails | None = None

    @property
    def nbytes(self) -> int:
        """Bytes on the host."""
        return self._moved.nbytes

    @property
    def held(self) -> int:
        """Bytes on the device."""
        return 0 if self.last is None else self.last.nbytes

    def forget(self) -> None:
        """Start without an earlier diagram."""
        self.last = self._sent = None
        self._moved[:] = False

    def move(self, *slots: Any) -> None:
        """Note slots whose point left or came."""
        self._sent = None
        for changed in slots:
            self._moved[changed] = True

    def words(self) -> Host:
        """Return these slots as bits, uint32 (1, n_words)."""
        return np.packbits(self._moved, bitorder="little").view(np.uint32)[np.newaxis]

    def send(self, words: Any) -> None:
        """Take what `words` told as it is on the device."""
        self._sent = words

    def moved(self) -> Any:
        """Return these slots as a device array of uint32, shape (1, n_words)."""
        if self._sent is None:
            self._sent = self._device.xp.asarray(self.words())
        return self._sent

    def begin(self, edges: Ordered) -> Trails | None:
        """Return room for the trails of a diagram; None where it would be too much."""
        windows, n_relations = edges.relations.shape
        words = ceil_div(int(edges.rng.shape[1]), 32) + ceil_div(self._n, 32)
        if 4 * n_relations * words > self._n * self._n:
            return None
        bits = self._device.zeros((windows, n_relations, words), np.uint32)
        parts = edges.splits, edges.ends, edges.relations, edges.rng
        return Trails(*parts, bits, edges.packed)

    def keep(self, trails: Trails | None) -> None:
        """Have these as the trails of the last diagram."""
        self.last = trails
        if self._moved.any():
            self._sent = None
            self._moved[:] = False
