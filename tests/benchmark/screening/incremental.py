"""The cost of one new event: a laboratory result for a patient who already has 5,000 facts, to the decision."""

from __future__ import annotations

import time
from datetime import timedelta
from decimal import Decimal
from statistics import median
from typing import Final
from uuid import UUID

from services.eligibility.evaluate import evaluate
from shared.dates import parse
from shared.facts import AnyFact, Laboratory, Source, stamp
from shared.protocol.model import Protocol
from shared.quantities import Quantity
from shared.timeline import Entry, Timeline
from tests.benchmark.screening.graftwatch import AT, timeline
from tests.support.build import ZONE
from tests.support.patients import eligible

FACTS: Final = 5_000
EVENTS: Final = 300
_ANALYTES: Final = ("platelets", "neutrophils", "haemoglobin", "albumin", "alt", "ast", "creatinine", "bilirubin-total")


def long_history() -> Timeline:
    """A patient of the built-in trial with years of laboratory results behind the facts that the trial asks for."""
    asked = list(eligible())
    return timeline("incremental", asked + [result(n) for n in range(FACTS - len(asked))])


def milliseconds(protocol: Protocol) -> float:
    """Median CPU time from the new fact at hand to the decision in memory (other work on the machine does not count)."""
    held = long_history()
    evaluate(held, protocol, AT)
    taken = []
    for n in range(EVENTS):
        fact = result(FACTS + n)
        started = time.thread_time()
        held = held.changed(held.version + 1, [Entry(fact, AT, held.version + 1)], ())
        evaluate(held, protocol, AT)
        taken.append(time.thread_time() - started)
    return median(taken) * 1000


def result(n: int) -> AnyFact:
    """The n-th laboratory result of that patient, six hours after the one before."""
    on = (AT - timedelta(hours=6 * (FACTS + EVENTS - n))).strftime("%Y-%m-%dT%H:%M:%SZ")
    return stamp(
        Laboratory(
            fact_id=UUID(int=0),
            source=Source("Observation", f"history-{n}"),
            occurred=parse(on, ZONE),
            concept=_ANALYTES[n % len(_ANALYTES)],
            value=Quantity(Decimal(n % 97 + 1), _UNITS[_ANALYTES[n % len(_ANALYTES)]]),
        )
    )


_UNITS: Final = {
    "platelets": "10*9/L",
    "neutrophils": "10*9/L",
    "haemoglobin": "g/dL",
    "albumin": "g/dL",
    "alt": "U/L",
    "ast": "U/L",
    "creatinine": "mg/dL",
    "bilirubin-total": "mg/dL",
}
