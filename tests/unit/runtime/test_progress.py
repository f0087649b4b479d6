"""What ingest's page says of the feed, without a broker."""

from __future__ import annotations

from shared.runtime import metrics
from shared.runtime.progress import ProgressPage


def test_a_topic_that_another_worker_has_taken_over_waits_here_no_more() -> None:
    """Its lag would stand still as it was, and an alert that it does not get better would never end."""
    page = ProgressPage("ingest", "127.0.0.1", 0)
    page.lags({"one": 12_000, "two": 3})
    page.lags({"two": 4})
    assert [metrics.LAG.labels(topic)._value.get() for topic in ("one", "two")] == [0, 4]
