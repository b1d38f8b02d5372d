"""Records as benchmarks leave them."""

from __future__ import annotations

import copy

import numpy as np

from benchmarks import record
from benchmarks.figures import Figure


def a_record(**samples):
    rng = np.random.default_rng(0)
    noise = {name: 1 + 0.02 * rng.standard_normal(20) for name in ("a", "b")}
    return record.document(
        "engine_performance",
        machine=record.machine(),
        settings={"n": 3},
        packages=("numpy",),
        samples={name: record.seconds(values) for name, values in {**noise, **samples}.items()},
        targets=[Figure("a ratio", 3.0, "times", 2.0, at_least=True)],
    )


def slower(found, name, factor):
    changed = copy.deepcopy(found)
    values = changed["samples"][name]["values"]
    changed["samples"][name]["values"] = [factor * value for value in values]
    return changed


def with_target(value, wanted, unit, i=0, **given):
    found = a_record(a=[1 + i])
    found["targets"] = record.as_rows([Figure("of all", value, unit, wanted, **given)])
    return found
