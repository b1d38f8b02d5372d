"""Delay embedding of a stream is that of the whole signal, however it is cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_tda_gpu.cli.sources.base import Chunk
from aura_tda_gpu.cli.sources.takens import DelayEmbedding, parse_takens
from aura_tda_gpu.errors import ConfigError


def chunk_of(rows):
    rows = np.asarray(rows, np.int64)
    return Chunk(np.sin(rows)[:, np.newaxis], rows / 10, rows, rows + 2)


@given(
    n=st.integers(0, 40),
    dim=st.integers(2, 4),
    lag=st.integers(1, 6),
    cuts=st.lists(st.integers(0, 40), max_size=5),
    missing=st.sets(st.integers(0, 39), max_size=3),
)
def test_stream_equals_batch(n, dim, lag, cuts, missing):
    rows = np.array([i for i in range(n) if i not in missing], np.int64)
    embed = DelayEmbedding(dim, lag)
    parts = [embed(chunk_of(part)) for part in np.split(rows, sorted(c % (n + 1) for c in cuts))]
    present = set(rows.tolist())
    span = (dim - 1) * lag
    newest = [i for i in rows.tolist() if present.issuperset(range(max(0, i - span), i + 1))]
    newest = [i for i in newest if i >= span]
    expected = np.array([[np.sin(i - k * lag) for k in range(dim)] for i in newest])
    np.testing.assert_array_equal(np.concatenate([p.rows for p in parts]), newest)
    np.testing.assert_array_equal(
        np.concatenate([p.points for p in parts]), expected.reshape(-1, dim)
    )
    np.testing.assert_array_equal(np.concatenate([p.times for p in parts]), np.array(newest) / 10)
    np.testing.assert_array_equal(np.concatenate([p.places for p in parts]), np.array(newest) + 2)


def test_the_option():
    embed = parse_takens("3:7")
    assert (embed.dim, embed.lag, embed.span) == (3, 7, 14)
    for text in ("", "3", "3:", ":7", "a:b", "3:7:1", "-3:7", "3:-7", "3.5:7"):
        with pytest.raises(ConfigError, match="DIM:LAG"):
            parse_takens(text)
    for text in ("1:7", "0:1", "3:0", "2000000:1"):
        with pytest.raises(ConfigError, match="DIM must be 2 or more"):
            parse_takens(text)
