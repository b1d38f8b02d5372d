"""``aura-tda demo``: the loops of a heartbeat."""
