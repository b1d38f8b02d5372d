"""Records of a run, as a stream that is pushed all at once gives them."""

from __future__ import annotations

import json

from aura_tda_gpu import Config, FeatureTracker, MultiScaleStream
from aura_tda_gpu.cli.records import as_record


def without_latency(records):
    """Leave out what depends on the speed of the machine."""
    drop = ("latency_seconds", "engine")
    return [{k: v for k, v in record.items() if k not in drop} for record in records]


def computed(points, times, **config):
    """Return the records of a stream that is pushed all at once."""
    settings = Config(**{"scales": [500, 1000], **config})
    stream = MultiScaleStream(settings)
    found = stream.push(points, times) + stream.flush()
    FeatureTracker.of(settings.stability).follow(found)
    return without_latency(json.loads(json.dumps(as_record(update))) for update in found)
