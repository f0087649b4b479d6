"""The protocol numbers of the safety specification, and short ways to evaluate a patient."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from services.safety.evaluate import evaluate
from shared.facts import AnyFact
from shared.outcomes import Evaluation, Outcome
from shared.protocol.load import load
from shared.protocol.model import AdverseEvents, LowLevelImmunosuppression, Protocol, Rejection
from shared.protocol.sourced import Sourced
from tests.support import build

FIRST_DOSE: Final = "2024-04-14T10:00:00Z"
UNITS: Final = {"bilirubin-total": "mg/dL"}
LIMITS: Final = {"alt": "40", "ast": "40", "alp": "120", "ggt": "60", "bilirubin-total": "1.2"}


def _set(value: Any) -> Sourced[Any]:
    return Sourced(value=value, source="site")


def _protocol() -> Protocol:
    shipped = next(iter(load().values()))
    safety = shipped.safety.model_copy(
        update={
            "immunosuppression": (
                LowLevelImmunosuppression(
                    drug="tacrolimus",
                    trough_low=_set(Decimal(3)),
                    trough_high=_set(Decimal(5)),
                    unit="ng/mL",
                    daily_dose_max_mg=_set(Decimal(2)),
                ),
            ),
            "rejection": Rejection(
                rejection_window_days=_set(90),
                suspected_grade=_set(3),
                suspected_grade_with_cause=_set(2),
                watch_rise=_set(Decimal("1.5")),
                reduction_fraction=_set(Decimal("0.25")),
                reduction_days=_set(28),
                trough_days=_set(7),
                baseline_days=_set(28),
            ),
            "adverse_events": AdverseEvents(
                sae_window_days=_set(30),
                immune_related_window_days=_set(90),
                exclude_planned_stays=_set(True),
            ),
        }
    )
    return shipped.model_copy(update={"safety": safety})


PROTOCOL: Final = _protocol()


def first_dose(on: str = FIRST_DOSE) -> AnyFact:
    """The first dose of camrelizumab: on 14 April 2024 at 10:00."""
    return build.dose(on=on)


def liver(test: str, value: str, on: str, **more: Any) -> AnyFact:
    """A liver test with the limit of normal of `LIMITS`, unless `high` says otherwise (None: no limit)."""
    return build.lab(test, value, UNITS.get(test, "U/L"), on=on, high=more.pop("high", LIMITS[test]), **more)


def normal_baseline(test: str = "alt", value: str = "30", on: str = "2024-04-10") -> AnyFact:
    """A normal value four days before the first dose."""
    return liver(test, value, on)


def evaluated(*facts: AnyFact, at: str = "2024-06-01", protocol: Protocol = PROTOCOL) -> Evaluation:
    """The safety evaluation of a patient with these facts."""
    return evaluate(build.timeline(*facts), protocol, build.at(at))


def find(evaluation: Evaluation, kind: str, subject: str = "") -> Outcome | None:
    """The outcome of that kind and subject."""
    return next((o for o in evaluation.outcomes if (o.kind, o.subject) == (kind, subject)), None)


def toxicity(test: str, *facts: AnyFact, at: str = "2024-06-01") -> dict[str, Any]:
    """Content of the toxicity outcome of one liver test of a treated patient."""
    found = find(evaluated(first_dose(), *facts, at=at), "toxicity", test)
    assert found is not None
    return found.content


def rejection(*facts: AnyFact, at: str = "2024-06-01") -> dict[str, Any]:
    """Content of the rejection outcome of a treated patient."""
    found = find(evaluated(first_dose(), *facts, at=at), "rejection")
    assert found is not None
    return found.content


def case(subject: str, *facts: AnyFact, at: str = "2024-06-01") -> dict[str, Any] | None:
    """Content of one adverse-event case of a treated patient; None if there is no such case."""
    found = find(evaluated(first_dose(), *facts, at=at), "adverse-event", subject)
    return found.content if found is not None else None
