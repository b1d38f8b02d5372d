"""Bars from a layer are those of the engine, and their gradients those of finite differences."""

from __future__ import annotations

import math

import gudhi
import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")

import torch

from aura_tda_gpu import vietoris_rips
from aura_tda_gpu.errors import ConfigError, InvalidInputError, UnsupportedError
from aura_tda_gpu.features.torch import RipsLayer

METRICS = ["euclidean", "manhattan", "chebyshev", "cosine"]


def finite_values(layer):
    """Return a function from points to the births and deaths that are finite."""

    def values(points):
        bars, mask = layer(points)
        ends = bars[mask][:, :2]
        return ends[ends.isfinite()]

    return values


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bars_are_those_of_the_engine(rng, metric, dtype):
    clouds = rng.normal(size=(3, 25, 3)).astype(str(dtype).removeprefix("torch."))
    bars, mask = RipsLayer(metric=metric)(torch.from_numpy(clouds))
    assert bars.dtype == dtype
    for cloud, its_bars, its_mask in zip(clouds, bars, mask, strict=True):
        diagram = vietoris_rips(cloud, metric=metric)
        wanted = [np.column_stack([diagram[k], np.full(len(diagram[k]), k)]) for k in (0, 1)]
        # two roundings of float32, of values up to 10
        np.testing.assert_allclose(its_bars[its_mask], np.concatenate(wanted), rtol=4e-7, atol=2e-7)
        assert not its_bars[~its_mask].any()


@pytest.mark.parametrize("metric", METRICS)
def test_the_gradient(rng, metric):
    points = torch.tensor(rng.normal(size=(2, 10, 3)), requires_grad=True)
    values = finite_values(RipsLayer(metric=metric))
    assert torch.autograd.gradcheck(values, points)
    assert len(values(points)) > 20


def test_the_second_derivative(rng):
    points = torch.tensor(rng.normal(size=(8, 2)), requires_grad=True)
    assert torch.autograd.gradgradcheck(finite_values(RipsLayer()), points)


def test_the_gradient_of_a_matrix(rng):
    points = rng.normal(size=(9, 2))
    above = np.triu_indices(9, 1)
    distances = np.linalg.norm(points[:, None] - points, axis=-1)[above]
    values = finite_values(RipsLayer(metric="precomputed"))

    def of_entries(entries):
        upper = torch.zeros(9, 9, dtype=torch.float64).index_put(
            tuple(map(torch.tensor, above)), entries
        )
        return values(upper + upper.T)

    assert torch.autograd.gradcheck(of_entries, torch.tensor(distances, requires_grad=True))
    matrix = torch.zeros(9, 9, dtype=torch.float64)
    matrix[above] = torch.tensor(distances)
    matrix = (matrix + matrix.T).requires_grad_()
    values(matrix).sum().backward()
    torch.testing.assert_close(matrix.grad, matrix.grad.T)
    np.testing.assert_allclose(
        values(matrix).detach(), finite_values(RipsLayer())(torch.from_numpy(points)), rtol=1e-12
    )


def test_matrices_of_different_sizes_with_missing_edges():
    apart = torch.tensor([[0.0, 1.0, math.inf], [1.0, 0.0, math.inf], [math.inf, math.inf, 0.0]])
    bars, mask = RipsLayer(metric="precomputed")([torch.tensor([[0.0, 2.0], [2.0, 0.0]]), apart])
    assert bars[0][mask[0]].tolist() == [[0, math.inf, 0], [0, 2, 0]]
    assert bars[1][mask[1]].tolist() == [[0, math.inf, 0], [0, math.inf, 0], [0, 1, 0]]


def test_clouds_of_different_sizes_keep_to_themselves(rng):
    clouds = [torch.tensor(rng.normal(size=(n, 2)), requires_grad=True) for n in (12, 5, 1, 9)]
    layer = RipsLayer()
    bars, mask = layer(clouds)
    assert bars.shape[1] == int(mask.sum(1).max())
    for i, cloud in enumerate(clouds):
        alone, _ = layer(cloud)
        assert torch.equal(bars[i][mask[i]], alone)
    ends = bars[3][mask[3]][:, 1]
    ends[ends.isfinite()].sum().backward()
    assert [cloud.grad is not None and bool(cloud.grad.any()) for cloud in clouds] == [
        False,
        False,
        False,
        True,
    ]


def test_duplicates_have_a_gradient(rng):
    points = torch.tensor(np.repeat(rng.normal(size=(6, 2)), 3, axis=0), requires_grad=True)
    bars, mask = RipsLayer()(points)
    assert int((bars[:, 2] == 0).sum()) == 6  # bars of length zero are left out
    ends = bars[mask][:, :2]
    ends[ends.isfinite()].square().sum().backward()
    assert points.grad.isfinite().all()
    assert points.grad.any()


def test_open_bars_are_constants():
    points = torch.tensor([[0.0, 0.0], [1.0, 0.0], [5.0, 0.0]], requires_grad=True)
    bars, _ = RipsLayer((0,), max_edge_length=2.0)(points)
    assert bars.tolist() == [[0, math.inf, 0], [0, math.inf, 0], [0, 1, 0]]
    bars.sum().backward()  # an infinite loss, but no gradient from what is infinite
    assert points.grad.tolist() == [[-1, 0], [1, 0], [0, 0]]


@pytest.mark.parametrize("spacing", [1.0, 0.1, 1e3])
def test_float64_values_where_float32_cannot_tell_edges_apart(rng, spacing):
    grid = spacing * np.stack(np.meshgrid(*2 * [np.arange(5.0)]), -1).reshape(-1, 2)
    points = torch.from_numpy(grid + rng.normal(scale=1e-10 * spacing, size=grid.shape))
    points.requires_grad_()
    bars, mask = RipsLayer()(points)
    assert (bars[mask][:, 1] >= bars[mask][:, 0]).all()
    tree = gudhi.RipsComplex(points=points.detach().numpy()).create_simplex_tree(max_dimension=2)
    tree.compute_persistence()
    for k in (0, 1):
        found = bars[bars[:, 2] == k][:, :2].detach().numpy()
        wanted = tree.persistence_intervals_in_dimension(k)
        # half a step of float32 at the longest edge that matters
        assert gudhi.bottleneck_distance(found, wanted, 0) <= 1.5e-7 * spacing
    ends = bars[mask][:, :2]
    ends[ends.isfinite()].sum().backward()
    assert points.grad.isfinite().all()


def test_a_death_is_never_less_than_its_birth(rng):
    """Loops as short as float32 can tell: for some of them float64 finds the two edges swapped."""
    rhombus = np.array([[-0.5, 0.0], [0.0, math.sqrt(0.75)], [0.5, 0.0], [0.0, -math.sqrt(0.75)]])
    turns = np.linalg.qr(rng.normal(size=(200, 100, 100)))[0]
    clouds = np.pad(rhombus, [(0, 0), (0, 98)]) @ turns
    points = torch.from_numpy(clouds + rng.normal(scale=3e-9, size=clouds.shape))
    bars, mask = RipsLayer((1,))(points)
    lengths = (bars[..., 1] - bars[..., 0])[mask]
    assert (lengths >= 0).all()
    assert (lengths == 0).any()
    assert (lengths > 0).any()


@pytest.mark.parametrize(
    ("points", "shape"),
    [
        (torch.zeros(0, 2), (1, 3)),
        (torch.zeros(3, 0, 2), (3, 1, 3)),
        (torch.zeros(0, 5, 2), (0, 1, 3)),
        ([], (0, 1, 3)),
        (torch.zeros(2, 1, 2), (2, 1, 3)),
    ],
)
def test_nothing_or_little(points, shape):
    bars, mask = RipsLayer()(points)
    assert bars.shape == shape
    assert mask.shape == shape[:-1]
    assert int(mask.sum()) == (2 if shape == (2, 1, 3) else 0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(rng, dtype):
    points = torch.tensor(rng.normal(size=(12, 2)), dtype=dtype, requires_grad=True)
    bars, mask = RipsLayer()(points)
    assert bars.dtype == dtype
    wanted, _ = RipsLayer()(points.detach().double())
    torch.testing.assert_close(bars.double(), wanted, rtol=0.02, atol=0.02)
    bars[mask][1:, 1].sum().backward()
    assert points.grad.isfinite().all()


def test_dimension_two_by_the_reference_engine():
    octahedron = torch.tensor(np.concatenate([np.eye(3), -np.eye(3)]), requires_grad=True)
    bars, _ = RipsLayer((2,))(octahedron)
    np.testing.assert_allclose(bars.detach(), [[math.sqrt(2), 2, 2]], rtol=1e-12)
    bars[:, 1].sum().backward()
    assert int(octahedron.grad.any(1).sum()) == 2  # the two ends of one diagonal


def test_a_loop_opens(rng):
    points = torch.tensor(rng.normal(scale=0.5, size=(24, 2)), requires_grad=True)
    layer, steps = RipsLayer((1,)), torch.optim.Adam([points], lr=0.05)

    def longest():
        bars, _ = layer(points)
        return (bars[:, 1] - bars[:, 0]).max()

    before = longest().item()
    for _ in range(60):
        steps.zero_grad()
        loss = (points.square().sum(1) - 1).clamp(min=0).sum() - longest()
        loss.backward()
        steps.step()
    assert longest().item() > 2 * before


@pytest.mark.parametrize(
    ("points", "complaint"),
    [
        (np.zeros((3, 2)), "must be a torch tensor or a sequence of them, not ndarray"),
        ([torch.zeros(3, 2), [1.0]], "must be a torch tensor or a sequence of them, not list"),
        (torch.zeros(3), r"shape \(n, dim\) or \(batch, n, dim\), not \(3,\)"),
        (torch.zeros(3, 2, dtype=torch.int64), r"points\[0\] must hold floating .* torch.int64"),
        ([torch.zeros(3, 2), torch.zeros(3, 2, dtype=torch.float64)], r"points\[1\] is .*float64"),
        ([torch.zeros(3, 2), torch.zeros(3, 4)], r"points\[1\] has 4 coordinates"),
        ([torch.zeros(3, 2), torch.zeros(3)], r"points\[1\] must be two-dimensional"),
        (torch.tensor([[0.0], [math.nan]]), "not finite, nan, in row 1"),
        (
            [torch.zeros(2, 1), torch.full((2, 1), math.inf)],
            r"X\[1\]: .* not finite, inf, in row 0",
        ),
    ],
)
def test_bad_points(points, complaint):
    with pytest.raises(InvalidInputError, match=complaint):
        RipsLayer()(points)


@pytest.mark.parametrize(
    ("bad", "error", "complaint"),
    [
        ({"metric": "dtm"}, UnsupportedError, "no gradient for the metric 'dtm'"),
        ({"backend": "ripser++"}, UnsupportedError, "tells none"),
        ({"metric": "hamming"}, ConfigError, "unknown metric"),
        ({"homology_dimensions": ()}, ConfigError, "homology_dimensions"),
    ],
)
def test_bad_settings(bad, error, complaint):
    with pytest.raises(error, match=complaint):
        RipsLayer(**bad)


def test_the_tensors_of_a_diagram_share_its_memory(rng):
    diagram = vietoris_rips(rng.normal(size=(30, 2)))
    tensors = diagram.to_torch()
    assert set(tensors) == {0, 1}
    for k, tensor in tensors.items():
        assert tensor.data_ptr() == diagram[k].ctypes.data
        np.testing.assert_array_equal(tensor, diagram[k])
    one = tensors[1]
    del diagram, tensors
    assert one.isfinite().all()  # the memory outlives the diagram
    nothing = vietoris_rips(np.zeros((0, 2))).to_torch(device="cpu")
    assert {k: tuple(t.shape) for k, t in nothing.items()} == {0: (0, 2), 1: (0, 2)}
