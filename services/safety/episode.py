"""The course of one rejection episode: decides its steps, each with its day, and how it stands.

Does not decide the level of rejection; it orders by time what the rules found, so that staff see one event with a
history, not one alarm for each value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any, Final

from services.safety import phrasing
from services.safety.rejection_findings import (
    SUSPICIONS,
    Finding,
    adjudicated,
    biopsy_with_diagnosis,
    confirmed_diagnosis,
)
from services.safety.rejection_signs import Signs
from shared.rules.ctcae import has_risen

_PROOFS: Final = (biopsy_with_diagnosis, confirmed_diagnosis, adjudicated)


def episode(signs: Signs, level: str) -> dict[str, Any]:
    """Opened by the first rise or suspicion, escalated, proven; then resolved by the last tests, or refuted."""
    steps = sorted({*_rise(signs), *_first(signs, SUSPICIONS, "suspected"), *_first(signs, _PROOFS, "proven")})
    named = [
        (on, "opened" if i == 0 and step != "proven" else _later(step), says)
        for i, (on, step, says) in enumerate(steps)
    ]
    ends = _end(signs, steps[-1][0]) if steps else None
    shown = [*named, *([ends] if ends is not None else [])]
    return {
        "state": ends[1] if ends is not None else ("none" if not steps else level if level != "none" else "watch"),
        "steps": [{"on": on.isoformat(), "step": step, "says": says} for on, step, says in shown],
    }


def _later(step: str) -> str:
    return "escalated" if step == "suspected" else step


def _rise(signs: Signs) -> Iterator[tuple[date, str, str]]:
    """The first result in the window of risk that had risen from the patient's own baseline."""
    factor = signs.patient.protocol.safety.rejection.watch_rise.value
    baselines = {test.term.concept: test.baseline_reading for test in signs.tests}
    for result in sorted(signs.results, key=lambda r: (r.occurred.first, r.term.concept, str(r.fact.fact_id))):
        baseline = baselines[result.term.concept]
        if baseline is not None and has_risen(factor, result.reading, baseline):
            yield result.occurred.day, "", result.says
            return


def _first(signs: Signs, rules: Iterable[Any], step: str) -> Iterator[tuple[date, str, str]]:
    found: list[Finding] = [f for find in rules for f in signs.found(find)]
    dated = [(f.onset.day, f.says) for f in found if f.onset is not None and f.onset.has_day]
    if dated:
        on, says = min(dated)
        yield on, step, says


def _end(signs: Signs, since: date) -> tuple[date, str, str] | None:
    """Refuted by an adjudication, resolved when each last liver test after it is no longer risen."""
    negative = signs.negative
    if negative is not None and negative.occurred is not None and negative.occurred.day >= since:
        return negative.occurred.day, "refuted", f"adjudicated as no rejection on {phrasing.day(negative.occurred)}"
    factor = signs.patient.protocol.safety.rejection.watch_rise.value
    last = [(test.baseline_reading, result) for test in signs.tests for result in test.latest]
    later = [(base, r) for base, r in last if r.occurred.has_day and r.occurred.day > since]
    if not later or len(later) < len(last):
        return None
    if any(base is None or has_risen(factor, r.reading, base) is not False for base, r in later):
        return None
    on = max(r.occurred.day for _, r in later)
    return on, "resolved", "every last liver test is back at the baseline or normal"
