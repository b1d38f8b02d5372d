"""Settings from a file, the environment and a call: which one holds, and who is blamed."""

from __future__ import annotations

import math
import os
import threading
from itertools import combinations

import pytest

from aura_tda_gpu.config import Config, setting_fields
from aura_tda_gpu.config.layers import layered, origins, resolve, variable
from aura_tda_gpu.errors import ConfigError

MAX_MB = "AURA_TDA_MEMORY__MAX_MB"


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Write a file of settings and return its name, as a user in its folder writes it."""
    monkeypatch.chdir(tmp_path)

    def write(text):
        (tmp_path / "a.yaml").write_text(text)
        return "a.yaml"

    return write


def refusal(*args, **kwargs):
    with pytest.raises(ConfigError) as caught:
        layered(*args, **kwargs)
    message = str(caught.value)
    assert "\n" not in message
    with pytest.raises(ConfigError) as again:
        origins(*args, **kwargs)
    assert str(again.value) == message
    return message


def test_nothing_gives_the_defaults():
    assert layered() == layered(None, {}, {}, {}) == Config()
    assert origins() == dict.fromkeys(setting_fields(), "default")


def test_the_later_place_holds(file):
    places = {
        "path": file("streaming_tda: {memory: {max_mb: 1}}"),
        "environ": {MAX_MB: "2"},
        "given": {"memory.max_mb": 3},
    }
    expected = {"path": (1, "a.yaml"), "environ": (2, MAX_MB), "given": (3, "--max-memory-mb")}
    labels = {"memory.max_mb": "--max-memory-mb"}
    for n in (1, 2, 3):
        for names in combinations(places, n):
            found = resolve(**{name: places[name] for name in names}, labels=labels)
            value, origin = expected[names[-1]]
            assert found.config == Config(memory={"max_mb": value})
            assert found.origins["memory.max_mb"] == origin


def test_places_are_merged_key_by_key(file):
    path = file("streaming_tda: {scales: [5, 7], memory: {max_mb: 64}, engine: {metric: cosine}}")
    environ = {"AURA_TDA_MEMORY__MAX_LANDMARKS": "20", "AURA_TDA_ENGINE__BACKEND": "reference"}
    given = {"memory.landmark_ratio": 0.5, "scales": [9]}
    found = resolve(path, environ, given, {"scales": "--scales"})
    assert found.config == Config(
        scales=[9],
        memory={"max_mb": 64, "max_landmarks": 20, "landmark_ratio": 0.5},
        engine={"metric": "cosine", "backend": "reference"},
    )
    assert {key: place for key, place in found.origins.items() if place != "default"} == {
        "scales": "--scales",
        "memory.max_mb": "a.yaml",
        "memory.landmark_ratio": "memory.landmark_ratio",
        "memory.max_landmarks": "AURA_TDA_MEMORY__MAX_LANDMARKS",
        "engine.metric": "a.yaml",
        "engine.backend": "AURA_TDA_ENGINE__BACKEND",
    }
    assert list(found.origins) == list(setting_fields())


def test_a_value_equal_to_the_default_has_its_place():
    assert origins(environ={MAX_MB: "2048"})["memory.max_mb"] == MAX_MB


@pytest.mark.parametrize("key", setting_fields())
def test_every_key_has_a_variable_read_as_yaml(key):
    other = {
        "enabled": ("off", False),
        "scales": ("[5, 7]", (5, 7)),
        "memory.max_landmarks": ("12", 12),
        "memory.landmarks": ("maxmin", "maxmin"),
        "queues.input_policy": ("drop_oldest", "drop_oldest"),
        "queues.subscriber_policy": ("'coalesce'", "coalesce"),
        "engine.backend": ("cpu", "cpu"),
        "engine.metric": (" cosine # angle", "cosine"),
        "engine.max_edge_length": ("2", 2.0),
        "engine.homology_dimensions": ("[1]", (1,)),
    }
    text, value = other.get(key, ("1", 1))
    beside = {variable("engine.metric"): "dtm"} if key == "engine.dtm_mass" else {}
    config = layered(environ={**beside, variable(key): text})
    section, _, name = key.rpartition(".")
    assert getattr(getattr(config, section) if section else config, name) == value
    assert config != Config()


def test_a_mass_of_another_metric_is_refused_once_all_are_merged(tmp_path):
    path = tmp_path / "dtm.yaml"
    path.write_text("streaming_tda: {engine: {metric: dtm, dtm_mass: 0.2}}")
    assert layered(path, {variable("engine.dtm_mass"): "0.3"}).engine.dtm_mass == 0.3
    with pytest.raises(ConfigError, match=r"engine.dtm_mass: is for the metric dtm alone, not for"):
        layered(path, given={"engine.metric": "euclidean"})
    with pytest.raises(ConfigError, match=r"--dtm-mass: must be less than or equal to 1, got 2"):
        layered(path, given={"engine.dtm_mass": 2}, labels={"engine.dtm_mass": "--dtm-mass"})


def test_the_names_of_variables():
    assert variable("scales") == "AURA_TDA_SCALES"
    assert variable("memory.max_mb") == MAX_MB


@pytest.mark.parametrize("text", ["", " "])
@pytest.mark.parametrize("name", [MAX_MB, "AURA_TDA_NONSENSE"])
def test_an_empty_variable_is_not_set(name, text):
    assert resolve(environ={name: text}).origins == origins()


def test_other_variables_are_left_alone():
    assert layered(environ={"AURA": "1", "XAURA_TDA_SCALES": "1", "PATH": "/bin"}) == Config()


def test_null_overrules_in_a_variable_and_is_nothing_in_a_call(file):
    path = file("streaming_tda: {memory: {max_landmarks: 5}, engine: {max_edge_length: 5}}")
    given = {"memory.max_landmarks": None, "no.such.key": None}
    assert layered(path, {}, given).memory.max_landmarks == 5
    environ = {
        "AURA_TDA_MEMORY__MAX_LANDMARKS": "null",
        "AURA_TDA_ENGINE__MAX_EDGE_LENGTH": "null",
    }
    config = layered(path, environ)
    assert config.memory.max_landmarks is None
    assert config.engine.max_edge_length == math.inf


def test_the_inputs_are_left_as_they_are():
    environ, given = {MAX_MB: "5"}, {"scales": [1, 2]}
    config = layered(None, environ, given)
    given["scales"].append(3)
    assert (environ, config.scales) == ({MAX_MB: "5"}, (1, 2))


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        (MAX_MB, "2GB", "must be a valid integer, got '2GB' (unit: MB, write 2048)"),
        (MAX_MB, "0", "must be greater than or equal to 1, got 0 (unit: MB)"),
        (MAX_MB, "{a: 1}", "must be a valid integer, got {'a': 1} (unit: MB)"),
        (MAX_MB, "#", "must be a valid integer, got None (unit: MB)"),
        ("AURA_TDA_SCALES", "100", "must be a list, got 100 (unit: milliseconds, write [100])"),
        (
            "AURA_TDA_SCALES",
            "[1, 0]",
            "must be greater than or equal to 1, got 0 (unit: milliseconds)",
        ),
        ("AURA_TDA_SCALES", "[1", "line 1, column 3: expected ',' or ']', but got '<stream end>'"),
        ("AURA_TDA_SCALES", "{a: 1, a: 2}", "line 1, column 8: key 'a' is repeated"),
        ("AURA_TDA_ENABLED", "maybe", "must be a valid boolean, got 'maybe'"),
        ("AURA_TDA_MEMORY", "{}", f"a section is set key by key, as {MAX_MB}"),
        ("AURA_TDA_MAX_MB", "5", f"unknown variable; did you mean {MAX_MB}?"),
        ("AURA_TDA_MEMORY_MAX_MB", "5", f"unknown variable; did you mean {MAX_MB}?"),
        ("AURA_TDA_ENGINE__MAX_MB", "5", f"unknown variable; did you mean {MAX_MB}?"),
        ("AURA_TDA_memory__max_mb", "5", f"unknown variable; did you mean {MAX_MB}?"),
        ("AURA_TDA_SCALE", "[5]", "unknown variable; did you mean AURA_TDA_SCALES?"),
        ("AURA_TDA_QQ", "5", f"unknown variable; they are named as {MAX_MB}"),
        ("AURA_TDA_SCALES\n", "5", "unknown variable; did you mean AURA_TDA_SCALES?"),
        ("AURA_TDA_", "5", f"unknown variable; they are named as {MAX_MB}"),
    ],
)
def test_a_bad_variable_is_named(name, text, what):
    shown = repr(name) if "\n" in name else name
    assert refusal(environ={name: text}) == f"{shown}: {what}"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            "memory.max_mb",
            0,
            "--max-memory-mb: must be greater than or equal to 1, got 0 (unit: MB)",
        ),
        (
            "scales",
            (5, 0),
            "--scales: must be greater than or equal to 1, got 0 (unit: milliseconds)",
        ),
        ("memory.max_landmarks", 0, "memory.max_landmarks: must be greater than or equal to 1, "),
        ("memory.max", 5, "memory.max: unknown key; did you mean memory.max_mb?"),
        ("memory", {"max_mb": 5}, "memory: unknown key"),
        ("colour", "red", "colour: unknown key"),
    ],
)
def test_a_bad_option_is_named_as_it_was_written(key, value, message):
    labels = {"memory.max_mb": "--max-memory-mb", "scales": "--scales"}
    assert refusal(given={key: value}, labels=labels).startswith(message)


def test_a_bad_file_is_named(file):
    path = file("streaming_tda: {memory: {max_mb: 0}, x: 1}")
    assert refusal(path).startswith("a.yaml: streaming_tda.memory.max_mb: must be greater")
    assert refusal(path, {MAX_MB: "5"}) == refusal(path), "overruled, but wrong all the same"
    assert refusal("none.yaml") == "none.yaml: cannot be read: No such file or directory"
    assert refusal(file("a: 1")).startswith("a.yaml: the file needs one top-level key")


def test_the_file_alone_is_told_as_by_load(file):
    path = file("streaming_tda: {memory: {max_mb: 0}, scales: [1, 1]}")
    with pytest.raises(ConfigError) as caught:
        Config.load(path)
    assert refusal(path) == str(caught.value)


def test_all_faults_of_all_places_are_told_at_once(file):
    path = file("streaming_tda: {memory: {max_mb: 0}, scales: [0]}")
    environ = {"AURA_TDA_SCALES": "[0, -1]", "AURA_TDA_X": "1", "AURA_TDA_ENABLED": "["}
    message = refusal(path, environ, {"memory.max_mb": "5"}, {"memory.max_mb": "max_memory_mb"})
    assert [part.partition(": ")[0] for part in message.split("; ") if "did you" not in part] == [
        "a.yaml",
        "streaming_tda.memory.max_mb",
        "AURA_TDA_ENABLED",
        "AURA_TDA_SCALES",
        "AURA_TDA_SCALES",
        "AURA_TDA_X",
        "they are named as AURA_TDA_MEMORY__MAX_MB",
        "max_memory_mb",
    ]
    missing = refusal("none.yaml", environ)
    assert missing.startswith("none.yaml: ")
    assert "AURA_TDA_SCALES: " in missing


def test_a_file_is_read_once(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(
        target=pipe.write_text, args=["streaming_tda: {scales: [3]}"], daemon=True
    )
    writer.start()
    found = resolve(pipe)
    writer.join(10)
    assert (found.config.scales, found.origins["scales"]) == ((3,), str(pipe))
