"""Settings: the brief's defaults, strict types, and one error that names the offender."""

from __future__ import annotations

import math
import pickle
import runpy
from pathlib import Path
from typing import get_args

import pytest
import yaml

from aura_tda_gpu.config import BackendName, Config, MemoryConfig, MetricName
from aura_tda_gpu.config.yaml_text import parse_yaml
from aura_tda_gpu.errors import AuraTDAError, ConfigError

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_FILE = ROOT / "configs" / "streaming_tda.yaml"
MS = "(unit: milliseconds)"
BRIEF = """
streaming_tda:
  enabled: true
  scales:
    - 100    # 100ms micro-scale
    - 1000   # 1s short-term
    - 10000  # 10s medium-term
    - 60000  # 1m long-term
  memory:
    max_mb: 2048
    landmark_ratio: 0.1
  stability:
    threshold: 0.15
    min_persistence: 0.05
  performance:
    batch_size: 100
    parallel_workers: 4
"""


@pytest.fixture
def load(tmp_path):
    """Write a text to a file and load it; the file's name is on the function."""

    def write_and_load(text):
        write_and_load.path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return Config.load(write_and_load.path)

    write_and_load.path = tmp_path / "stream.yaml"
    return write_and_load


def refusal(load, text):
    with pytest.raises(ConfigError) as caught:
        load(text)
    message = str(caught.value)
    assert message.startswith(f"{load.path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{load.path}: ")


def keys_of(settings, path=""):
    if not isinstance(settings, dict):
        return {path}
    return set().union(*(keys_of(value, f"{path}.{key}") for key, value in settings.items()))


def test_the_brief_is_the_default(load):
    assert load(BRIEF) == Config()


def test_the_default_file_holds_every_key_with_its_default():
    assert Config.load(DEFAULT_FILE) == Config()
    written = yaml.safe_load(DEFAULT_FILE.read_text())["streaming_tda"]
    assert keys_of(written) == keys_of(Config().model_dump())


def test_every_key_of_the_default_file_is_explained():
    keys = [line for line in DEFAULT_FILE.read_text().splitlines() if ": " in line]
    assert [line for line in keys if "#" not in line] == []


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda p: p.name)
def test_every_file_in_configs_loads(path):
    assert Config.load(path).enabled


def test_the_heartbeat_file_holds_the_settings_of_the_demo():
    from aura_tda_gpu.cli.demo.run import heartbeat_config

    assert Config.load(ROOT / "configs" / "heartbeat.yaml") == heartbeat_config()


def test_keys_left_out_have_their_defaults(load):
    config = load("streaming_tda: {scales: [50], memory: {max_mb: 64}}")
    assert config.scales == (50,)
    assert config.memory == MemoryConfig(max_mb=64)
    assert config.performance == Config().performance


def test_python_takes_the_same_names():
    config = Config(scales=[50], engine={"metric": "cosine", "max_edge_length": 2})
    assert (config.scales, config.engine.metric) == ((50,), "cosine")
    assert config.engine.max_edge_length == 2.0
    assert Config().engine.max_edge_length == math.inf


def test_settings_are_immutable_and_hashable():
    config = Config()
    with pytest.raises(ValueError, match="frozen"):
        config.memory.max_mb = 1
    assert hash(config) == hash(Config())


def test_a_byte_order_mark_is_skipped(load):
    assert load(b"\xef\xbb\xbfstreaming_tda: {scales: [7]}").scales == (7,)


@pytest.mark.parametrize(
    ("scales", "message"),
    [
        ("[]", f"streaming_tda.scales: needs at least one value, got [] {MS}"),
        ("null", f"streaming_tda.scales: must be a list, got None {MS}"),
        ("[100, 0]", f"streaming_tda.scales[1]: must be greater than or equal to 1, got 0 {MS}"),
        ("[-5]", f"streaming_tda.scales[0]: must be greater than or equal to 1, got -5 {MS}"),
        ("[100, 100]", f"streaming_tda.scales: 100 is repeated, got [100, 100] {MS}"),
        ("fast", f"streaming_tda.scales: must be a list, got 'fast' {MS}"),
        ("100", "streaming_tda.scales: must be a list, got 100 (unit: milliseconds, write [100])"),
        ("[true]", f"streaming_tda.scales[0]: must be a valid integer, got True {MS}"),
        ("{100: 1}", "line 1, column 26: key '100' is not text"),
    ],
)
def test_bad_scales(load, scales, message):
    assert refusal(load, f"streaming_tda: {{scales: {scales}}}") == message


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("memory: {max_mb: '100'}", "memory.max_mb: must be a valid integer, got '100'"),
        ("memory: {max_mb: 0}", "memory.max_mb: must be greater than or equal to 1, got 0"),
        ("memory: {max_mb: 1.5}", "memory.max_mb: must be a valid integer, got 1.5"),
        ("memory: {landmark_ratio: 0}", "memory.landmark_ratio: must be greater than 0, got 0"),
        (
            "memory: {landmark_ratio: .nan}",
            "memory.landmark_ratio: must be less than or equal to 1, got nan",
        ),
        ("memory: 5", "memory: must be a mapping, got 5"),
        ("memory: {max_mbs: 5}", "memory.max_mbs: unknown key; did you mean max_mb?"),
        ("memory: {MAX-MB: 5}", "memory.MAX-MB: unknown key; did you mean max_mb?"),
        ("max_mb: 5", "max_mb: unknown key; did you mean streaming_tda.memory.max_mb?"),
        ("max_memory_mb: 5", "max_memory_mb: unknown key; did you mean streaming_tda.memory.m"),
        (
            "memory: {metric: cosine}",
            "memory.metric: unknown key; did you mean streaming_tda.engine.metric?",
        ),
        (
            "window: {allowed_lateness: 5}",
            "window.allowed_lateness: unknown key; did you mean allowed_lateness_ms?",
        ),
        ("memory: {max_landmarks: 0}", "memory.max_landmarks: must be greater than or equal to 1"),
        ("stability: {threshold: 1.5}", "stability.threshold: must be less than or equal to 1"),
        (
            "stability: {min_persistence: .inf}",
            "stability.min_persistence: must be a finite number",
        ),
        (
            "performance: {batch_size: yes}",
            "performance.batch_size: must be a valid integer, got True",
        ),
        (
            "performance: {parallel_workers: 0}",
            "performance.parallel_workers: must be greater than",
        ),
        ("window: {allowed_lateness_ms: -1}", "window.allowed_lateness_ms: must be greater than"),
        (
            "engine: {metric: cos}",
            "engine.metric: must be 'euclidean', 'manhattan', 'chebyshev', 'cosine' or",
        ),
        ("engine: {metric: precomputed}", "engine.metric: must be"),
        ("engine: {backend: gpu}", "engine.backend: must be 'auto', 'cpu', 'cuda' or 'reference'"),
        (
            "engine: {max_edge_length: .nan}",
            "engine.max_edge_length: must be greater than 0, got nan",
        ),
        ("engine: {max_edge_length: long}", "engine.max_edge_length: must be a valid number"),
        (
            "memory: {max_mb: 1e3}",
            "memory.max_mb: must be a valid integer, got 1000.0 (unit: MB, write 1000)",
        ),
        ("engine: {homology_dimensions: [1, 1]}", "engine.homology_dimensions: 1 is repeated"),
        ("engine: {homology_dimensions: [-1]}", "engine.homology_dimensions[0]: must be greater"),
        ("enabled: 'yes'", "enabled: must be a valid boolean, got 'yes'"),
        (
            "speed: 9",
            "speed: unknown key; known here: "
            "enabled, scales, memory, stability, performance, queues, window, engine",
        ),
        (r'"a\nb": 9', r"'a\nb': unknown key; known here: enabled, "),
        (f"{'x' * 99}: 9", "'xxxxxxxxxxxx...xxxxxxxxxxxxx': unknown key; known here: enabled, "),
        ("self: 9", "self: unknown key; known here: enabled, "),
        (
            "performance: {batch_deadline_ms: -1}",
            "performance.batch_deadline_ms: must be greater than or equal to 0, got -1",
        ),
        (
            "performance: {batch_deadline_ms: .inf}",
            "performance.batch_deadline_ms: must be less than or equal to",
        ),
        ("queues: {input_points: 0}", "queues.input_points: must be greater than or equal to 1"),
        (
            "queues: {input_policy: coalesce}",
            "queues.input_policy: must be 'block' or 'drop_oldest', got 'coalesce'",
        ),
        ("queues: {subscriber_updates: 0}", "queues.subscriber_updates: must be greater than"),
        (
            "queues: {subscriber_policy: drop}",
            "queues.subscriber_policy: must be 'drop_oldest', 'coalesce' or 'block', got 'drop'",
        ),
    ],
)
def test_bad_values_are_named(load, section, message):
    assert refusal(load, f"streaming_tda: {{{section}}}").startswith(f"streaming_tda.{message}")


def test_all_faults_are_told_at_once(load):
    message = refusal(load, "streaming_tda: {scales: [0], memory: {max_mb: 0, x: 1}}")
    assert [fault.partition(": ")[0] for fault in message.split("; ")][:3] == [
        "streaming_tda.scales[0]",
        "streaming_tda.memory.max_mb",
        "streaming_tda.memory.x",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file needs one top-level key, streaming_tda, and no other"),
        ("- 1", "the file needs one top-level key"),
        ("scales: [1]", "the file needs one top-level key"),
        ("streaming_tda: {}\nother: 1", "the file needs one top-level key"),
        ("streaming_tda:", "streaming_tda must be a mapping, got None"),
        ("streaming_tda: {scales: [1]", "line 1, column 28: expected ',' or '}'"),
        (
            "streaming_tda:\n\tscales: [1]",
            "line 2: tabs cannot indent YAML, use spaces",
        ),
        (
            "streaming_tda:\n  memory:\n  \tmax_mb: 5",
            "line 3: tabs cannot indent YAML, use spaces",
        ),
        (
            "streaming_tda:\r\n  scales:\r\n  - 1\r\n\t- 2",
            "line 4: tabs cannot indent YAML, use spaces",
        ),
        ("streaming_tda: {scales:\t[1]}", "line 1, column 24: found character '\\t'"),
        (
            "streaming_tda:\n  scales: [1]\n  scales: [2]",
            "line 3, column 3: key 'scales' is repeated",
        ),
        (
            "streaming_tda: {}\nstreaming_tda: {}",
            "line 2, column 1: key 'streaming_tda' is repeated",
        ),
        ("streaming_tda: {yes: 1}", "line 1, column 17: key 'yes' is not text"),
        ("streaming_tda: !!python/object:os.system {}", "line 1, column 16: could not determine"),
        ("streaming_tda: {scales: !!timestamp 2020-99-99}", "is not valid YAML: "),
        ("streaming_tda: {enabled: !!bool 7}", "is not valid YAML: "),
        ("streaming_tda: !!map [1]", "is not valid YAML: "),
        ("streaming_tda: \x00", "is not valid YAML: "),
        ("[" * 5000, "is not valid YAML: "),
        (b"streaming_tda: \xff", "is not UTF-8 text: byte 15 is wrong"),
    ],
)
def test_a_file_that_is_not_settings(load, text, message):
    assert refusal(load, text).startswith(message)


def test_a_file_that_is_missing_or_a_folder(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read: No such file"):
        Config.load(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        Config.load(str(tmp_path))
    with pytest.raises(ConfigError, match="cannot be read: embedded null"):
        Config.load("a\0b")
    with pytest.raises(ConfigError, match="5: the name of a file is needed"):
        Config.load(5)


def test_faults_in_python_are_the_same_error():
    with pytest.raises(ConfigError, match=r"^streaming_tda\.memory\.max_mb: must be"):
        Config(memory={"max_mb": 0})
    with pytest.raises(ConfigError, match=r"^streaming_tda\.memory\.max_mb: must be"):
        MemoryConfig(max_mb=0)
    with pytest.raises(AuraTDAError, match=r"^streaming_tda\.colour: unknown key"):
        Config(colour="red")


def test_the_error_survives_another_process():
    with pytest.raises(ConfigError) as caught:
        Config(memory={"max_mb": 0}, scales=[0])
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)
    assert again.faults == caught.value.faults
    assert len(again.faults) == 2


def test_no_limit_may_be_null(load):
    config = load("streaming_tda: {engine: {max_edge_length: null}}")
    assert config.engine.max_edge_length == math.inf


@pytest.mark.parametrize("written", ["1:30", "0x10", "0b1", "2020-01-01", "1e"])
def test_what_older_yaml_takes_for_another_number_is_text(load, written):
    message = refusal(load, f"streaming_tda: {{memory: {{max_mb: {written}}}}}")
    assert message.startswith(
        f"streaming_tda.memory.max_mb: must be a valid integer, got '{written}' (unit: MB"
    )


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("2", 2.0),
        ("0.5", 0.5),
        ("1.0e+3", 1000.0),
        (".inf", math.inf),
        ("1e3", 1000.0),
        ("1E-05", 1e-5),
        (".5", 0.5),
        ("+2.e1", 20.0),
    ],
)
def test_numbers_of_yaml(load, written, value):
    config = load(f"streaming_tda: {{engine: {{max_edge_length: {written}}}}}")
    assert config.engine.max_edge_length == value


def test_an_octal_is_not_another_number_in_silence(load):
    assert "got '010' (unit: milliseconds, write 10)" in refusal(
        load, "streaming_tda: {scales: [010]}"
    )


@pytest.mark.parametrize("written", ["1_0", "+1_0", "1_", "1_0e1", "1_0.5", "1.5_0"])
def test_digits_with_underscores_are_text(load, written):
    assert parse_yaml(f"[{written}]") == [written]
    assert f"scales[0]: must be a valid integer, got '{written}'" in refusal(
        load, f"streaming_tda: {{scales: [{written}]}}"
    )


def test_a_long_value_is_cut_in_the_message():
    with pytest.raises(ConfigError) as caught:
        Config(scales="x" * 10_000)
    assert len(str(caught.value)) < 200
    with pytest.raises(ConfigError, match=r"got (an integer of thousands of digits|<int|1000)"):
        Config(scales=[10**5000])


def test_a_mass_needs_the_metric_it_belongs_to(load):
    assert load("streaming_tda: {engine: {dtm_mass: 0.2, metric: dtm}}").engine.dtm_mass == 0.2
    assert load("streaming_tda: {engine: {metric: dtm}}").engine.dtm_mass is None
    for metric in ("", ", metric: cosine"):
        told = refusal(load, f"streaming_tda: {{engine: {{dtm_mass: 0.2{metric}}}}}")
        assert "engine.dtm_mass: is for the metric dtm alone, not for " in told
    assert "(unit: a share of 1, write 0.1)" in refusal(
        load, "streaming_tda: {engine: {metric: dtm, dtm_mass: 10%}}"
    )


def test_names_are_those_of_the_engines():
    from aura_tda_gpu.persistence.backends import BACKENDS
    from aura_tda_gpu.persistence.distances import METRICS

    assert get_args(BackendName) == BACKENDS
    assert {*get_args(MetricName), "precomputed"} == set(METRICS)


def test_the_stream_takes_every_default_but_its_memory_and_threads_from_here():
    from aura_tda_gpu.streaming.settings import StreamSettings

    read = StreamSettings.of(Config())
    own = StreamSettings(max_memory_mb=2048, parallel_workers=4)
    assert read == own


def test_the_page_holds_the_table_of_the_settings():
    page = (ROOT / "docs" / "config.md").read_text()
    script = runpy.run_path(str(ROOT / "docs" / "config_table.py"))
    assert script["with_table"](page) == page, "run python docs/config_table.py"
