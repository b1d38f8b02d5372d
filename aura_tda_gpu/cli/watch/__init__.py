"""The live view of ``aura-tda watch``."""
