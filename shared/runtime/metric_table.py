"""What a metric of the catalogue says of itself, and how a service's page of metrics is made of it. Decides no metric."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import Metric as Family

DECIDING: Final = ("eligibility", "response", "safety")
STORING: Final = ("ingest", *DECIDING, "notify", "console")
"""Every service that has a database."""
CONTENT_TYPE: Final = "text/plain"
_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True)
class Metric:
    """One row of the catalogue."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    unit: str
    says: str
    services: tuple[str, ...]
    odd: str
    """What to do when it is odd."""


CATALOGUE: Final[list[Metric]] = []
"""Every metric that is measured, in the order of the table."""


def counter(  # noqa: PLR0913 - the columns of a row
    name: str, says: str, *, of: Sequence[str], odd: str, labels: Sequence[str] = (), unit: str = "times"
) -> Counter:
    """A metric that only rises."""
    CATALOGUE.append(Metric(name, "counter", tuple(labels), unit, says, tuple(of), odd))
    return Counter(name, says, labels)


def gauge(  # noqa: PLR0913 - the columns of a row
    name: str, says: str, *, of: Sequence[str], odd: str, labels: Sequence[str] = (), unit: str = "seconds"
) -> Gauge:
    """A metric that rises and falls."""
    CATALOGUE.append(Metric(name, "gauge", tuple(labels), unit, says, tuple(of), odd))
    return Gauge(name, says, labels)


def histogram(  # noqa: PLR0913 - the columns of a row
    name: str, says: str, *, of: Sequence[str], odd: str, labels: Sequence[str] = (), longer: Sequence[float] = ()
) -> Histogram:
    """A metric of durations."""
    CATALOGUE.append(Metric(name, "histogram", tuple(labels), "seconds", says, tuple(of), odd))
    return Histogram(name, says, labels, buckets=(*_SECONDS, *longer))


def exposition(service: str) -> bytes:
    """A service's page of metrics: its own of the catalogue, and what the library tells of the process."""
    return generate_latest(_Own(service))


class _Own:
    """Of everything that is measured what belongs to one service: another's would read as zero here."""

    def __init__(self, service: str) -> None:
        names = (m.name for m in CATALOGUE if service not in m.services)
        self._others = {name.removesuffix("_total") for name in names}

    def collect(self) -> Iterator[Family]:
        """What the page shows."""
        families: Iterable[Family] = REGISTRY.collect()
        return (f for f in families if f.name not in self._others)
