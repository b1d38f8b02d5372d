"""The errors a caller can meet; each names the offender in its message."""

from __future__ import annotations

__all__ = [
    "USE_LANDMARKS",
    "AuraTDAError",
    "BackendUnavailable",
    "BadRowError",
    "ConfigError",
    "InvalidInputError",
    "KernelCompileError",
    "LifecycleError",
    "MemoryLimitError",
    "MissingDependencyError",
    "NoSuchBarError",
    "NotComputedError",
    "SnapshotError",
    "SourceError",
    "StateCorruption",
    "UnsupportedError",
    "WorkerError",
]

USE_LANDMARKS = "take fewer points, or landmarks (MultiScaleStream, max_landmarks)"  # what to do


class AuraTDAError(Exception):
    """Base of every error this package raises on purpose."""


class InvalidInputError(AuraTDAError, ValueError):
    """Points, timestamps or a dissimilarity matrix that cannot be used.

    Parameters
    ----------
    message : str
        What is wrong, and where.
    row : int, optional
        First offending row of the array that was passed.

    Attributes
    ----------
    row : int or None
        First offending row, when the fault belongs to one.
    """

    def __init__(self, message: str, row: int | None = None) -> None:
        super().__init__(message)
        self.row = row


class ConfigError(AuraTDAError, ValueError):
    """A setting with an unknown name or a value outside its range."""


class UnsupportedError(AuraTDAError, ValueError):
    """A valid request that no engine of this version answers."""


class BackendUnavailable(AuraTDAError, RuntimeError):
    """The named backend exists but cannot run on this machine."""


class KernelCompileError(AuraTDAError, RuntimeError):
    """A CUDA source that is missing or does not compile.

    Parameters
    ----------
    message : str
        What is wrong.
    file : str
        The source.
    log : str
        What the compiler said.

    Attributes
    ----------
    file, log : str
        The same.
    """

    def __init__(self, message: str, *, file: str, log: str) -> None:
        super().__init__(f"{file}: {message}" + (f"\n{log}" if log else ""))
        self.file = file
        self.log = log


class MemoryLimitError(AuraTDAError, MemoryError):
    """More memory is needed than was promised or than the machine has."""


class MissingDependencyError(AuraTDAError, ImportError):
    """An optional package is not installed; the message names the extra."""


class NotComputedError(AuraTDAError, KeyError):
    """A homology dimension or a cycle that was not asked for."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class NoSuchBarError(AuraTDAError, IndexError):
    """A row of a diagram that it does not have."""


class SourceError(AuraTDAError):
    """A file or pipe that cannot be read as a stream of points."""


class BadRowError(SourceError):
    """One row of a source that cannot be used; without it the reading could go on."""


class LifecycleError(AuraTDAError, RuntimeError):
    """A call that comes too early, too late, twice, or from the wrong event loop."""


class WorkerError(AuraTDAError, RuntimeError):
    """Something unforeseen went wrong in a worker thread; ``__cause__`` is what it was."""


class SnapshotError(AuraTDAError, ValueError):
    """Bytes that are no snapshot, or one cut short, altered, of another kind or version."""


class StateCorruption(AuraTDAError, RuntimeError):
    """A state kept up to date in place that differs from one computed afresh.

    Parameters
    ----------
    message : str
        What differs, and where.
    edge : tuple of (int, int), optional
        Ids of the two points of the first edge that differs; -1 for a slot without a point, all
        distances of which must be infinite. Twice the same where it is the distance of a slot to
        itself or that of its farthest point. None where it is no edge: the enclosing radius, a bar.

    Attributes
    ----------
    edge : tuple of (int, int) or None
        The same.
    """

    def __init__(self, message: str, edge: tuple[int, int] | None = None) -> None:
        super().__init__(message)
        self.edge = edge
