"""Random updates without end: no difference to a rebuild, and no memory that grows.

``make soak`` runs 100 000 of them, ``make test`` a few thousand.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from aura_tda_gpu.persistence.vineyard_updates import RipsWindow
from tests.persistence.window_checks import assert_right

STATUS = Path("/proc/self/statm")
UPDATES = int(os.environ.get("AURA_SOAK_UPDATES", "3000"))
CAPACITY, SMALLEST, START = 240, 160, 200
LARGEST_CHANGE = 20
VERIFY_EVERY = 100
ROOM = 12 << 20  # bytes that the allocator may keep between two looks at the process


def resident() -> int:
    """Bytes of the process in memory; 0 where the system does not tell."""
    if not STATUS.exists():
        return 0
    return int(STATUS.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def drawn(rng, m):
    """Half of the clouds are made of few integers, with duplicates among them and all ties."""
    if rng.random() < 0.5:
        return rng.integers(0, 5, (m, 3)).astype(np.float32)
    return (5 * rng.random((m, 3))).astype(np.float32)


def change(window, rng):
    """Let up to 20 points leave and up to 20 come."""
    leaving, coming = rng.integers(0, LARGEST_CHANGE + 1, 2)
    leaving = min(leaving, len(window) - SMALLEST)
    coming = min(coming, CAPACITY - len(window) + leaving)
    if leaving == coming == 0:
        leaving = coming = 1
    window.replace(rng.choice(window.ids, leaving, replace=False), drawn(rng, coming))


def test_many_updates(rng):
    window = RipsWindow(CAPACITY, 3, threads=1, updates="always")
    window.insert(drawn(rng, START))
    window.diagram()
    sizes, early = [], 0
    for step in range(1, UPDATES + 1):
        change(window, rng)
        assert window.diagram().info["path"] == "update"
        sizes.append(len(window))
        if step % VERIFY_EVERY == 0:
            assert_right(window)
        if step == max(1, UPDATES // 10):
            early = resident()
    assert resident() - early < ROOM
    assert window.nbytes < 2 << 20
    assert min(sizes) < START - 20 < START + 20 < max(sizes)
