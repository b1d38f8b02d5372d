"""Run the command as ``python -m aura_tda_gpu.cli``."""

from __future__ import annotations

from . import main

if __name__ == "__main__":
    main()
