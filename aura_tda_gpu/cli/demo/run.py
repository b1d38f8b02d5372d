"""``aura-tda demo``: the loops of a real heartbeat recording over three time scales."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...config import Config, MemoryConfig
from ...errors import MissingDependencyError, SourceError
from ...streaming.multi_scale_processor import MultiScaleStream
from ...streaming.window_update import WindowUpdate
from ..pictures import plots
from ..pictures.diagram import diagram_figure
from ..pictures.history import History, longest_loops
from ..progress import Report
from ..records import UpdateWriter
from ..running import Run, catch_interrupt, stderr_console
from ..sources.base import Chunk, SourceOptions
from ..sources.opening import open_source
from ..sources.takens import DelayEmbedding
from ..warming import warm_up
from .reading import Reading, flat_spans
from .text import print_files, print_reading

__all__ = ["Recording", "heartbeat_config", "recording_path", "run_demo"]

FILE = "ppg_heartpy_data2.csv"
DIM = 3
LAG = 7  # samples, 60 ms: about a quarter of the pulse's own up and down
SENSOR_LOST = 1.0  # seconds without any movement


def heartbeat_config() -> Config:
    """Return the settings of configs/heartbeat.yaml."""
    return Config(scales=(1000, 4000, 16000), memory=MemoryConfig(max_mb=256, max_landmarks=512))


def recording_path() -> Path:
    """Return where the recording lies: in the package, or in the repository around it.

    Raises
    ------
    SourceError
        If it is in neither place.
    """
    package = Path(str(resources.files("aura_tda_gpu")))
    places = (package / "data" / FILE, package.parent / "examples" / "data" / FILE)
    for place in places:
        if place.is_file():
            return place
    raise SourceError(f"the recording {FILE} is in neither of {places[0]}, {places[1]}")


@dataclass
class Recording:
    """A watcher that keeps all of a short stream.

    Attributes
    ----------
    history : History
        Its traces, for the pictures.
    points : list of ndarray of float64, shape (m, dim)
        All points pushed; their position is the vertex id.
    times, signal : list of ndarray of float64, shape (m,)
        The raw rows.
    updates : dict of str to list of WindowUpdate
        By window id.
    """

    history: History = field(default_factory=History)
    points: list[npt.NDArray[np.float64]] = field(default_factory=list)
    times: list[npt.NDArray[np.float64]] = field(default_factory=list)
    signal: list[npt.NDArray[np.float64]] = field(default_factory=list)
    updates: dict[str, list[WindowUpdate]] = field(default_factory=dict)

    def see(self, raw: Chunk, points: Chunk, updates: list[WindowUpdate]) -> None:
        """Note what passes; see `Watcher`."""
        # windows that reach past the end of the recording tell nothing of the pulse
        if not len(raw):
            return
        self.history.see(raw, points, updates)
        self.points.append(points.points)
        self.times.append(raw.times)
        self.signal.append(raw.points[:, 0])
        for update in updates:
            self.updates.setdefault(update.window_id, []).append(update)

    def readings(self) -> dict[str, Reading]:
        """Return the longest loops of every scale."""
        return {
            name: Reading(
                np.array([update.timestamp for update in updates]),
                *np.array([longest_loops(update) for update in updates]).T,
            )
            for name, updates in self.updates.items()
        }

    def lost(self) -> list[plots.Span]:
        """Return the spans in which the signal does not move at all."""
        return flat_spans(np.concatenate(self.times), np.concatenate(self.signal), SENSOR_LOST)


def run_demo(folder: Path, *, draw: bool = True) -> int:
    """Run the demonstration.

    Parameters
    ----------
    folder : Path
        Where updates.jsonl and the pictures go.
    draw : bool
        Draw pictures, if matplotlib is installed.

    Returns
    -------
    int
        Exit code: 0, or 130 after Ctrl-C, 143 after SIGTERM.
    """
    console = stderr_console()
    config = heartbeat_config()
    options = SourceOptions(time_column="timer", time_unit="ms", columns=("hr",))
    recording = Recording()
    path = recording_path()
    output = folder / "updates.jsonl"
    with (
        open_source(str(path), options) as source,
        UpdateWriter(str(output), str(path)) as writer,
    ):
        warm_up(config, console.print, tracking=False)
        with catch_interrupt() as interrupt:
            stream = MultiScaleStream(config)
            report = Report(console)
            embedding = DelayEmbedding(DIM, LAG)
            with report:
                Run(source, stream, writer, report, interrupt, embedding, watchers=[recording])()
    console.print(report.summary(stream.stats.late))
    if interrupt.asked:
        console.print(f"{interrupt.word}: {writer.lines} updates are in {output}")
        return interrupt.exit_code
    durations = {scale.window_id: scale.duration_ms / 1000 for scale in stream.settings.timeline}
    print_reading(recording.readings(), durations, recording.lost())
    print_files([output])
    if draw:
        print_files(_draw(recording, folder, durations))
    return 0


def _draw(recording: Recording, folder: Path, durations: dict[str, float]) -> list[Path]:
    """Draw all pictures; without matplotlib say how to get them."""
    try:
        plots.require_matplotlib()
    except MissingDependencyError as error:
        stderr_console().print(f"no pictures: {error}")
        return []
    from .picture import heartbeat_figure

    readings, lost = recording.readings(), recording.lost()
    points = np.concatenate(recording.points)
    figure = heartbeat_figure(
        recording.history, recording.updates, readings, lost, points, durations
    )
    files = plots.save(figure, folder, "heartbeat")
    onset = next(iter(readings.values())).onset()
    for name, reading in readings.items():
        update = recording.updates[name][reading.clearest(onset)]
        title = f"Pulse, {plots.title_of(update)}"
        files += plots.save(diagram_figure(update.diagram, title), folder, name)
    return files
