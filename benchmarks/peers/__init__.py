"""Other libraries behind one small interface.

Each module has ``NAME``, ``INSTALL`` (the line that installs it), ``VARIANTS``, ``available()``,
and ``bars(D, variant)``, which gives ``{dimension: (n_bars, 2) float32}``. ``too_large(n)``, where
there is one, says why so many points are too many for it.
"""

from __future__ import annotations

from types import ModuleType

from . import giotto_ph, gudhi_py, oineus_py, ripser_plus_plus, ripser_py

__all__ = ["GPU_PEERS", "PEERS"]

GPU_PEERS: dict[str, ModuleType] = {peer.NAME: peer for peer in (ripser_plus_plus, giotto_ph)}
PEERS: dict[str, ModuleType] = {
    peer.NAME: peer for peer in (giotto_ph, ripser_py, gudhi_py, oineus_py, ripser_plus_plus)
}
