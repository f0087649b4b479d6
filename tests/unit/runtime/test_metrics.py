"""The catalogue of metrics: names as Prometheus wants them, labels from closed lists, advice for each."""

from __future__ import annotations

import re
from typing import Final

import pytest

from shared.runtime import metrics
from shared.runtime.metric_table import CATALOGUE, STORING, Metric, exposition

SERVICES: Final = {"intake", *STORING}
BOUNDED: Final = {
    *("service", "site", "study", "topic", "channel", "urgency"),
    *("outcome", "reason", "kind", "cause", "state", "status", "told", "issue", "judgement", "file"),
}
"""Labels whose values come from configuration or from a list in the code; none names a patient, a record or an event."""


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda m: m.name)
def test_a_metric_is_named_as_prometheus_names_it(metric: Metric) -> None:
    """Counters end in _total, durations in their unit, and no gauge pretends to be a counter."""
    assert re.fullmatch(r"graftwatch_[a-z]+(_[a-z]+)*", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert metric.name.endswith("_seconds") == (metric.unit in ("seconds", "seconds since 1970"))
    assert metric.name.endswith("_timestamp_seconds") == (metric.unit == "seconds since 1970")


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda m: m.name)
def test_a_metric_says_whose_it_is_what_it_means_and_what_to_do(metric: Metric) -> None:
    """Each has a meaning, a service that measures it, labels that cannot grow, and advice for whoever finds it odd."""
    assert metric.says
    assert metric.odd
    assert set(metric.services) <= SERVICES
    assert metric.services
    assert set(metric.labels) <= BOUNDED


def test_names_are_unique_and_a_page_shows_only_its_own() -> None:
    """What a service does not measure is not zero there: it is not there."""
    assert metrics.INTAKE_IN_FLIGHT
    names = [m.name for m in CATALOGUE]
    assert len(set(names)) == len(names)
    assert "graftwatch_intake_in_flight 0.0" in exposition("intake").decode()
    assert "graftwatch_intake_in_flight" not in exposition("ingest").decode()
