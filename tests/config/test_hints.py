"""What a message suggests in place of a setting that cannot be taken."""

from __future__ import annotations

import pytest

from aura_tda_gpu.config import Config
from aura_tda_gpu.config.yaml_text import parse_yaml
from aura_tda_gpu.errors import ConfigError


def hint(section, key, value):
    """Return the end of the message, from the value on."""
    settings = {key: value}
    with pytest.raises(ConfigError) as caught:
        Config(**({section: settings} if section else settings))
    return str(caught.value).partition(", got ")[2]


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        ("100ms", "'100ms' (unit: milliseconds, write 100)"),
        ("1s", "'1s' (unit: milliseconds, write 1000)"),
        ("1.5 sec", "'1.5 sec' (unit: milliseconds, write 1500)"),
        ("1m", "'1m' (unit: milliseconds, write 60000)"),
        ("2 Hours", "'2 Hours' (unit: milliseconds, write 7200000)"),
        ("5000us", "'5000us' (unit: milliseconds, write 5)"),
        ("500µs", "'500µs' (unit: milliseconds)"),
        ("0s", "'0s' (unit: milliseconds)"),
        ("-1s", "'-1s' (unit: milliseconds)"),
        ("3GB", "'3GB' (unit: milliseconds)"),
        ("100", "'100' (unit: milliseconds, write 100)"),
        ("1e3", "'1e3' (unit: milliseconds, write 1000)"),
        ("1e999", "'1e999' (unit: milliseconds)"),
        ("1e" + "9" * 9, "'1e999999999' (unit: milliseconds)"),
        (100.0, "100.0 (unit: milliseconds, write 100)"),
        (0.5, "0.5 (unit: milliseconds)"),
        (float("nan"), "nan (unit: milliseconds)"),
        (True, "True (unit: milliseconds)"),
        (None, "None (unit: milliseconds)"),
    ],
)
def test_a_time_scale(value, advice):
    assert hint(None, "scales", [value]) == advice


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        (100, "100 (unit: milliseconds, write [100])"),
        (100.0, "100.0 (unit: milliseconds, write [100])"),
        ("100", "'100' (unit: milliseconds, write [100])"),
        ("100,1000", "'100,1000' (unit: milliseconds, write [100, 1000])"),
        ("[100ms, 1s]", "'[100ms, 1s]' (unit: milliseconds, write [100, 1000])"),
        ("100, 100", "'100, 100' (unit: milliseconds)"),
        ("100,", "'100,' (unit: milliseconds)"),
        (0, "0 (unit: milliseconds)"),
        ({}, "{} (unit: milliseconds)"),
    ],
)
def test_scales_that_are_no_list(value, advice):
    assert hint(None, "scales", value) == advice


@pytest.mark.parametrize(
    ("section", "key", "value", "advice"),
    [
        ("memory", "max_mb", "2GB", "'2GB' (unit: MB, write 2048)"),
        ("memory", "max_mb", "512 MiB", "'512 MiB' (unit: MB, write 512)"),
        ("memory", "max_mb", "0.5g", "'0.5g' (unit: MB, write 512)"),
        ("memory", "max_mb", "500kB", "'500kB' (unit: MB)"),
        ("memory", "max_mb", 2048.0, "2048.0 (unit: MB, write 2048)"),
        ("memory", "max_mb", "1e300", "'1e300' (unit: MB)"),
        ("memory", "max_mb", 1.5, "1.5 (unit: MB)"),
        ("memory", "max_mb", float("inf"), "inf (unit: MB)"),
        ("memory", "max_landmarks", "512", "'512' (unit: points, write 512)"),
        ("memory", "landmark_ratio", "10%", "'10%' (unit: a share of 1, write 0.1)"),
        ("memory", "landmark_ratio", "0.2", "'0.2' (unit: a share of 1, write 0.2)"),
        ("memory", "landmark_ratio", "200%", "'200%' (unit: a share of 1)"),
        ("performance", "batch_deadline_ms", "1s", "'1s' (unit: milliseconds, write 1000)"),
        ("performance", "batch_deadline_ms", "100us", "'100us' (unit: milliseconds, write 0.1)"),
        ("engine", "max_edge_length", "1e-5", "'1e-5' (unit: that of the data, write 1.0e-05)"),
        ("engine", "homology_dimensions", 1, "1 (write [1])"),
        ("engine", "metric", "Cosine", "'Cosine' (write cosine)"),
        ("engine", "metric", "euclid", "'euclid' (write euclidean)"),
        ("engine", "backend", "gpu", "'gpu'"),
        ("engine", "backend", 5, "5"),
        ("queues", "input_policy", "drop-oldest", "'drop-oldest' (write drop_oldest)"),
        (None, "enabled", "yes", "'yes' (write true)"),
        (None, "enabled", "Off", "'Off' (write false)"),
        (None, "enabled", 1, "1"),
        (None, "memory", "5", "'5'"),
    ],
)
def test_a_single_value(section, key, value, advice):
    assert hint(section, key, value) == advice


@pytest.mark.parametrize(
    ("key", "value"),
    [("scales", "1s, 2s"), ("scales", "[1, 2.0]"), ("enabled", "no"), ("scales", 7)],
)
def test_what_is_suggested_can_be_written(key, value):
    suggested = hint(None, key, value).partition("write ")[2].removesuffix(")")
    Config(**{key: parse_yaml(suggested)})
