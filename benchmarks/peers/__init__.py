"""Other libraries behind one small interface.

Each module has ``NAME``, ``INSTALL`` (the line that installs it), ``VARIANTS``, ``available()``,
and ``bars(D, variant)``, which gives ``{dimension: (n_bars, 2) float32}``.
"""

from __future__ import annotations

from types import ModuleType

from . import giotto_ph, ripser_py

__all__ = ["PEERS"]

PEERS: dict[str, ModuleType] = {peer.NAME: peer for peer in (giotto_ph, ripser_py)}
