"""What the service counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from customer_segmentation.service.models import Models

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)

Given = tuple[str, str, str]  # segment, claim, information set

_PREFIX = "customer_segmentation"


class Metrics:
    """Counters of one app, in a registry of their own.

    No label can take more values than the app has routes and the model has segments and sets.
    """

    def __init__(self, models: Models) -> None:
        self.registry = CollectorRegistry()
        own: Any = {"namespace": _PREFIX, "registry": self.registry}
        self.requests = Counter(
            "requests", "Requests answered.", ["route", "method", "status"], **own
        )
        self.seconds = Histogram(
            "request_seconds",
            "Seconds from reading a request to its answer.",
            ["route"],
            buckets=SECONDS,
            **own,
        )
        self.segments = Counter(
            "segments",
            "Households that were given a segment.",
            ["segment", "claim", "information_set"],
            **own,
        )
        self.refused = Counter("refused_records", "Households that got no answer.", **own)
        self.registry.register(_ModelCollector(models))
        ProcessCollector(registry=self.registry)


class _ModelCollector(Collector):
    """Asks for the model when it is asked, so that nobody has to report to it."""

    def __init__(self, models: Models) -> None:
        self._models = models

    def collect(self) -> Iterator[Metric]:
        models, model = self._models, self._models.current
        yield GaugeMetricFamily(
            f"{_PREFIX}_ready", "Whether a verified model serves.", value=model is not None
        )
        info = InfoMetricFamily(f"{_PREFIX}_model", "The model that serves.")
        if model is not None:
            info.add_metric([], {"version": model.version})
        yield info
        loads = CounterMetricFamily(
            f"{_PREFIX}_model_loads", "Models that were met.", labels=["outcome"]
        )
        loads.add_metric(["ok"], models.loaded)
        loads.add_metric(["failed"], models.failed)
        yield loads
