"""Diagrams as data sets, and streams of them with and without worker processes."""

from __future__ import annotations

import math
import pickle
from functools import partial

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")

import torch
from torch.utils.data import DataLoader

from aura_tda_gpu import MultiScaleStream, vietoris_rips_batch
from aura_tda_gpu.errors import ConfigError, InvalidInputError, LifecycleError, NotComputedError
from aura_tda_gpu.features import BettiCurve, PersistenceLengths, pad
from aura_tda_gpu.features.torch import (
    DiagramDataset,
    StreamFeatures,
    TopologyFeatures,
    collate_diagrams,
)

STREAM = partial(MultiScaleStream, [400, 1000], max_landmarks=32)


def recording(seed, n=150):
    rng = np.random.default_rng(seed)
    t = np.arange(n) * 0.02
    radius = 1 + 0.5 * rng.uniform()
    points = radius * np.column_stack([np.cos(5 * t), np.sin(5 * t)])
    return points + rng.normal(scale=0.02, size=points.shape), t


def test_batches_of_diagrams(rng):
    diagrams = vietoris_rips_batch([rng.normal(size=(n, 2)) for n in (5, 12, 1)])
    data = DiagramDataset(diagrams, targets=[0.5, 1.5, 2.5])
    ((bars, mask, targets),) = DataLoader(data, batch_size=3, collate_fn=data.collate)
    values, wanted = pad(diagrams)
    np.testing.assert_array_equal(bars, values)
    np.testing.assert_array_equal(mask, wanted)
    assert targets.tolist() == [0.5, 1.5, 2.5]
    assert len(data) == 3
    bars, mask = collate_diagrams([DiagramDataset(diagrams)[i] for i in (2, 0)])
    assert mask.sum(1).tolist() == [1, 5]


def test_arrays_with_padding_of_nan_and_dimensions_chosen():
    rows = [[0.0, 1.0, 0.0], [math.nan] * 3, [0.5, math.inf, 1.0], [math.nan] * 3]
    data = DiagramDataset([np.array(rows), torch.tensor(rows), rows])
    for bars in (data[i] for i in range(3)):
        assert bars.tolist() == [[0, 1, 0], [0.5, math.inf, 1]]
    assert DiagramDataset([rows], homology_dimensions=(1,))[0].tolist() == [[0.5, math.inf, 1]]
    assert DiagramDataset([np.empty((0, 3))])[0].shape == (0, 3)


def test_a_sample_is_a_copy():
    data = DiagramDataset([[[0.0, 1.0, 0.0]]])
    data[0][0, 0] = 7
    assert data[0][0, 0] == 0


@pytest.mark.parametrize(
    ("diagrams", "complaint"),
    [
        ([[[0.0, 1.0]]], r"diagrams\[0\] must be of shape \(n_bars, 3\), not \(1, 2\)"),
        ([[[0.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]]], r"diagrams\[1\] has no bar in row 0"),
        ([[[math.nan, 1.0, 0.0]]], "no bar in row 0"),
        ([[[0.0, math.nan, 0.0]]], "no bar in row 0"),
        ([[[math.inf, math.inf, 0.0]]], "no bar in row 0"),
        ([[["a", "b", "c"]]], "cannot be read"),
    ],
)
def test_bad_diagrams(diagrams, complaint):
    with pytest.raises(InvalidInputError, match=complaint):
        DiagramDataset(diagrams)


def test_bad_targets_and_dimensions(rng):
    diagrams = vietoris_rips_batch(rng.normal(size=(2, 5, 2)))
    with pytest.raises(InvalidInputError, match="1 targets do not fit 2 diagrams"):
        DiagramDataset(diagrams, [1])
    with pytest.raises(NotComputedError, match="dimension 2 was not computed"):
        DiagramDataset(diagrams, homology_dimensions=(2,))
    with pytest.raises(ConfigError, match=r"a tuple of integers such as \(0, 1\), not 1"):
        DiagramDataset(diagrams, homology_dimensions=1)
    for single in (diagrams[0], None):
        with pytest.raises(InvalidInputError, match="must be a sequence of diagrams, not one"):
            DiagramDataset(single)


def features():
    return TopologyFeatures(
        BettiCurve(1, resolution=6, sample_range=(0.0, 2.0)), PersistenceLengths(0)
    )


def updates_of(points, timestamps):
    stream = STREAM()
    return [*stream.push(points, timestamps), *stream.flush()]


def test_a_stream_shows_every_tick_once():
    data = StreamFeatures(STREAM, [recording(0), recording(1)], features(), chunk_size=37)
    samples = list(data)
    made, row_of = features(), {"scale_400ms": 0, "scale_1000ms": 1}
    for i in range(2):
        mine = [(x, mask, meta) for x, mask, meta in samples if meta["recording"] == i]
        updates = updates_of(*recording(i))
        instants = sorted({update.timestamp for update in updates})
        assert [meta["timestamp"] for _, _, meta in mine] == instants
        held = torch.zeros(2, made.n_features)
        known = torch.zeros(2, dtype=torch.bool)
        for x, mask, meta in mine:
            now = [update for update in updates if update.timestamp == meta["timestamp"]]
            ticked = [row_of[update.window_id] for update in now]
            for row, update in zip(ticked, now, strict=True):
                values, there = (torch.from_numpy(part) for part in pad([update.diagram]))
                held[row], known[row] = made(values, there)[0], True
            assert meta["ticked"].nonzero()[:, 0].tolist() == sorted(ticked)
            torch.testing.assert_close(x, held, rtol=1e-6, atol=1e-6)
            assert mask.tolist() == known.tolist()
        assert not mine[0][1].all()
        assert mine[-1][1].all()
    assert sum(int(meta["ticked"].sum()) for _, _, meta in samples) == sum(
        len(updates_of(*recording(i))) for i in range(2)
    )


def test_bars_for_layers_that_learn():
    (points, t), most = recording(3), 8
    samples = list(StreamFeatures(STREAM, [(points, t)], max_bars=most))
    finest = [update for update in updates_of(points, t) if update.window_id == "scale_400ms"]
    mine = [(bars[0], mask[0], meta) for bars, mask, meta in samples if meta["ticked"][0]]
    assert len(mine) == len(finest)
    for (bars, mask, meta), update in zip(mine, finest, strict=True):
        all_bars, _ = pad([update.diagram])
        lengths = np.sort(all_bars[0, :, 1] - all_bars[0, :, 0])[::-1]
        shown = (bars[mask][:, 1] - bars[mask][:, 0]).numpy()
        np.testing.assert_array_equal(np.sort(shown)[::-1], lengths[:most])
        assert int(meta["n_dropped"][0]) == max(0, len(lengths) - most)
        assert bars.shape == (most, 3)
    assert max(int(meta["n_dropped"].max()) for _, _, meta in samples) > 0


def key_of(batch):
    x, mask, meta = batch
    return [
        (int(r), float(time), each.tolist(), known.tolist())
        for r, time, each, known in zip(meta["recording"], meta["timestamp"], x, mask, strict=True)
    ]


@pytest.mark.filterwarnings("ignore:This DataLoader will create 4")  # on a machine of 2 cores
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")  # of Python 3.12 at a fork
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_workers_share_the_recordings(workers):
    recordings = [recording(seed, 80) for seed in range(3)]
    data = StreamFeatures(STREAM, recordings, features())
    alone = [key for batch in DataLoader(data, batch_size=7) for key in key_of(batch)]
    loader = DataLoader(data, batch_size=7, num_workers=workers, timeout=120)
    for _ in range(2):  # a second pass is the same
        shared = [key for batch in loader for key in key_of(batch)]
        assert len({key[:2] for key in shared}) == len(shared)
        assert sorted(shared) == sorted(alone)


def test_what_a_spawned_worker_gets():
    data = StreamFeatures(STREAM, [recording(0, 60)], features())
    again = pickle.loads(pickle.dumps(data))
    for one, other in zip(data, again, strict=True):
        assert torch.equal(one[0], other[0])


def test_a_source_that_is_called():
    points, t = recording(5)

    def batches():
        for start in range(0, len(t), 50):
            yield points[start : start + 50], t[start : start + 50]

    called = list(StreamFeatures(STREAM, [batches], features()))
    given = list(StreamFeatures(STREAM, [(points, t)], features()))
    assert len(called) == len(given)
    for one, other in zip(called, given, strict=True):
        assert torch.equal(one[0], other[0])


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_no_tensors_on_a_gpu_out_of_workers():
    data = StreamFeatures(STREAM, [recording(0, 40)], features(), device="meta")
    with pytest.raises(LifecycleError, match="cannot hand over tensors on meta: use num_workers=0"):
        list(DataLoader(data, batch_size=None, num_workers=1, timeout=120))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (
            (MultiScaleStream([100]), []),
            "a callable that makes a new stream.* not MultiScaleStream",
        ),
        ((STREAM, [np.zeros((3, 2))]), r"recordings\[0\] must be a pair .* not ndarray"),
        ((STREAM, [([0.0], [0.0]), "file"]), r"recordings\[1\] must be .* not str"),
        (
            (STREAM, (each for each in [])),
            r"recordings must be a sequence.*pass list\(recordings\)",
        ),
        ((STREAM, [], "entropy"), "features must be a module such as TopologyFeatures, not str"),
    ],
)
def test_a_bad_stream(arguments, complaint):
    with pytest.raises(InvalidInputError, match=complaint):
        StreamFeatures(*arguments)


@pytest.mark.parametrize("name", ["max_bars", "chunk_size"])
def test_a_bad_number(name):
    with pytest.raises(InvalidInputError, match="must be 1 or more"):
        StreamFeatures(STREAM, [], **{name: 0})
    with pytest.raises(InvalidInputError, match=r"must be 1 or more, not .*'9'"):
        StreamFeatures(STREAM, [], **{name: "9"})


def test_features_that_are_not_fitted():
    data = StreamFeatures(STREAM, [recording(0, 40)], TopologyFeatures(BettiCurve(1)))
    with pytest.raises(LifecycleError, match="BettiCurve is not fitted"):
        next(iter(data))


def test_a_recording_without_a_row():
    assert list(StreamFeatures(STREAM, [(np.zeros((0, 2)), [])], features())) == []
