"""What all pictures share: style, names and files; matplotlib is imported when one is drawn."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import ConfigError, MissingDependencyError
from ...streaming.window_update import WindowUpdate
from ..words import points_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "BOUND_COLOUR",
    "INK",
    "SCALE_COLOURS",
    "SECOND_COLOUR",
    "Span",
    "check_folder",
    "new_figure",
    "require_matplotlib",
    "save",
    "scale_name",
    "style",
    "title_of",
]

Span = tuple[float, float]

# Okabe and Ito's colours: told apart by people who do not see red and green alike
SCALE_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
INK = "#222222"
SECOND_COLOUR = "#999999"
BOUND_COLOUR = "#ecd9b4"
_STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#666666",
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    # names of files and columns may hold a $
    "text.parse_math": False,
    "svg.hashsalt": "aura-tda",
}


def require_matplotlib() -> None:
    """Raise unless pictures can be drawn.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            "pictures need matplotlib: pip install 'aura-tda-gpu[plot]'"
        ) from error


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure, sizes in inches, that no other figure knows of."""
    require_matplotlib()
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def style() -> Any:
    """Return the context in which figures of this package are drawn and saved."""
    require_matplotlib()
    import matplotlib as mpl

    return mpl.rc_context(_STYLE)


def check_folder(folder: Path, option: str) -> None:
    """Make a folder, and see that files can be made in it.

    Raises
    ------
    ConfigError
        If not; names the option that asked for it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigError(f"{option} {folder}: {error.strerror or error}") from error


def save(figure: Figure, folder: Path, stem: str) -> list[Path]:
    """Write a figure as PNG, 150 dots an inch, and as SVG.

    Raises
    ------
    ConfigError
        If a file cannot be written.
    """
    png, svg = folder / f"{stem}.png", folder / f"{stem}.svg"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with style():
            figure.savefig(png, dpi=150)
            figure.savefig(svg, metadata={"Date": None})
    except OSError as error:
        raise ConfigError(f"picture {folder / stem}: {error.strerror or error}") from error
    return [png, svg]


def scale_name(window_id: str) -> str:
    """Return ``"scale_4000ms"`` as ``"4 s"``."""
    found = re.fullmatch(r"scale_(\d+)ms", window_id)
    if found is None:
        return window_id
    ms = int(found[1])
    return f"{ms} ms" if ms < 1000 else f"{ms / 1000:g} s"


def title_of(update: WindowUpdate) -> str:
    """Describe the window of one update."""
    title = f"window of {scale_name(update.window_id)} that ends at {update.timestamp:g} s"
    return f"{title}, {points_of(update)}"
