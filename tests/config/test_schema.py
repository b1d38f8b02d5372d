"""The JSON schema says what the library takes, in words that are not Python's."""

from __future__ import annotations

import json
import math

import jsonschema
import pytest

from aura_tda_gpu.config import Config, setting_fields
from aura_tda_gpu.errors import ConfigError

SCHEMA = Config.json_schema()
TYPES = {
    "object": dict,
    "array": list,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "string": str,
    "null": type(None),
}
ANNOTATIONS = {"$schema", "title", "description", "default", "unit"}


def leaves(schema, path=()):
    if "properties" not in schema:
        return {".".join(path): schema}
    inner = schema["properties"].items()
    return {k: v for name, part in inner for k, v in leaves(part, (*path, name)).items()}


def is_a(value, kinds):
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return any(
        isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))
        for kind in kinds
    )


def accepts(schema, value):
    """Judge a value as draft 2020-12 does, by the keywords that the schema uses."""
    rules = {
        "type": lambda kinds: is_a(value, kinds),
        "anyOf": lambda parts: any(accepts(part, value) for part in parts),
        "enum": lambda choices: value in choices,
        "minimum": lambda limit: not is_a(value, "number") or value >= limit,
        "maximum": lambda limit: not is_a(value, "number") or value <= limit,
        "exclusiveMinimum": lambda limit: not is_a(value, "number") or value > limit,
        "minItems": lambda n: not isinstance(value, list) or len(value) >= n,
        "uniqueItems": lambda _: not isinstance(value, list) or len(value) == len(set(value)),
        "items": lambda part: (
            not isinstance(value, list) or all(accepts(part, item) for item in value)
        ),
        "required": lambda names: not isinstance(value, dict) or set(names) <= set(value),
        "additionalProperties": lambda _: (
            not isinstance(value, dict) or set(value) <= set(schema["properties"])
        ),
        "properties": lambda parts: (
            not isinstance(value, dict)
            or all(accepts(part, value[name]) for name, part in parts.items() if name in value)
        ),
    }
    assert set(schema) <= set(rules) | ANNOTATIONS
    return all(rules[word](schema[word]) for word in schema if word in rules)


def test_it_is_json_of_the_draft_it_names():
    assert json.loads(json.dumps(SCHEMA, allow_nan=False)) == SCHEMA
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["required"] == list(SCHEMA["properties"]) == ["streaming_tda"]


def test_every_key_is_there_with_its_meaning_unit_and_default():
    found = leaves(SCHEMA)
    assert list(found) == [f"streaming_tda.{key}" for key in setting_fields()]
    for key, field in setting_fields().items():
        schema = found[f"streaming_tda.{key}"]
        assert schema["description"].startswith(field.description)
        default = None if field.default == math.inf else field.default
        assert schema["default"] == (list(default) if isinstance(default, tuple) else default)
        assert accepts(schema, schema["default"])
        assert "title" not in schema
    units = {key: schema.get("unit") for key, schema in found.items()}
    assert units["streaming_tda.memory.max_mb"] == "MB"
    assert units["streaming_tda.scales"] == "milliseconds"
    assert units["streaming_tda.engine.metric"] is None


def test_it_speaks_no_python():
    text = json.dumps(SCHEMA)
    for word in ("None", "True", "inf,", "Config", "``", "Parameters", "Infinity", "Raises"):
        assert word not in text


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"scales": [1, 2], "enabled": False},
        {"memory": {"max_landmarks": None, "landmark_ratio": 1}},
        {"engine": {"max_edge_length": None}},
        {"engine": {"max_edge_length": math.inf, "homology_dimensions": [0]}},
        {"queues": {"input_policy": "drop_oldest", "subscriber_policy": "coalesce"}},
        {"performance": {"batch_deadline_ms": 0.5}},
    ],
)
def test_what_the_library_takes_is_valid(settings):
    Config(**settings)
    assert accepts(SCHEMA, {"streaming_tda": settings})


@pytest.mark.parametrize(
    "settings",
    [
        {"scales": []},
        {"scales": [1, 1]},
        {"scales": [0]},
        {"scales": ["100ms"]},
        {"scales": 100},
        {"scales": None},
        {"enabled": 1},
        {"enabled": "yes"},
        {"memory": 5},
        {"memory": {"max_mb": 0}},
        {"memory": {"max_mb": True}},
        {"memory": {"max_mb": None}},
        {"memory": {"landmark_ratio": 0}},
        {"memory": {"max_landmarks": 0}},
        {"memory": {"max_mbs": 1}},
        {"stability": {"threshold": 1.5}},
        {"performance": {"batch_deadline_ms": -1}},
        {"performance": {"parallel_workers": 1025}},
        {"engine": {"max_edge_length": 0}},
        {"engine": {"metric": "cos"}},
        {"queues": {"input_policy": "coalesce"}},
        {"colour": "red"},
    ],
)
def test_what_the_library_refuses_is_invalid(settings):
    with pytest.raises(ConfigError):
        Config(**settings)
    assert not accepts(SCHEMA, {"streaming_tda": settings})


@pytest.mark.parametrize(
    "document", [{}, [], {"streaming_tda": None}, {"streaming_tda": {}, "a": 1}]
)
def test_the_document_has_one_key(document):
    assert not accepts(SCHEMA, document)


def test_the_validator_of_others_agrees():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    validator = jsonschema.Draft202012Validator(SCHEMA)
    assert validator.is_valid({"streaming_tda": {"scales": [100], "memory": {"max_mb": 5}}})
    assert not validator.is_valid({"streaming_tda": {"scales": ["100ms"]}})
