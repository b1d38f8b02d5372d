"""The page on features: its code runs as printed, and its pictures are those drawn now."""

from __future__ import annotations

import pytest

from tests.test_docs import assert_drawn, blocks, run


def test_the_code(tmp_path):
    batch, stream = blocks("docs/features.md")
    lines = run("-c", batch, cwd=tmp_path).splitlines()
    assert lines[0] == "(8, 201) float32 h1_silhouette_0 h0_entropy"
    heights = [float(x) for x in lines[1].strip("[]").split()]
    assert max(heights[::2]) < 0.1 < min(heights[1::2])
    lines = run("-c", stream, cwd=tmp_path).splitlines()
    assert lines[-2] == "{'scale_500ms': (33,), 'scale_2000ms': (33,), 'merged': (66,)}"
    assert 1 < float(lines[-1]) < 1.8


def test_the_pictures_and_their_captions(tmp_path):
    pytest.importorskip("matplotlib")
    assert_drawn("draw_features.py", "features.md", tmp_path)
