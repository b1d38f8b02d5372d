"""The ``aura-tda`` command."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command with the arguments of this process."""
    from .app import app

    app()
