"""What the commands do before their clock starts."""

from __future__ import annotations

import gc

from aura_tda_gpu.cli import warming
from aura_tda_gpu.config import Config


def test_what_is_loaded_before_a_run_is_not_looked_through_during_it() -> None:
    gc.unfreeze()
    try:
        warming.warm_up(Config(), lambda text: None)
        loaded = gc.get_freeze_count()
        assert loaded > 50_000  # numba alone
        assert len(gc.get_objects()) < loaded / 10
    finally:
        gc.unfreeze()
