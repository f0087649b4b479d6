"""Short ways to evaluate a treated patient under the shipped protocol and the response parameters of the cases."""

from __future__ import annotations

from typing import Any, Final

from services.response.evaluate import evaluate
from shared.facts import AnyFact
from shared.outcomes import Evaluation, Outcome
from shared.protocol.load import load
from shared.protocol.model import Protocol
from tests.spec.response.courses import FIRST_DOSE, LATER, response
from tests.support import build

SHIPPED: Final = next(iter(load().values()))
DOSE: Final = build.dose(on=f"{FIRST_DOSE}T10:00:00Z")


def protocol(**changed: Any) -> Protocol:
    """The shipped protocol with the response parameters of the specification."""
    return SHIPPED.model_copy(update={"response": response(**changed)})


def evaluated(*facts: AnyFact, at: str = LATER, **changed: Any) -> Evaluation:
    """The evaluation of a patient with these facts and a first dose."""
    return evaluate(build.timeline(DOSE, *facts), protocol(**changed), build.at(at))


def outcome(evaluation: Evaluation, kind: str, subject: str = "") -> Outcome:
    """The one outcome of that kind and subject."""
    return next(o for o in evaluation.outcomes if (o.kind, o.subject) == (kind, subject))


def content(evaluation: Evaluation, kind: str, subject: str = "") -> dict[str, Any]:
    """What that outcome says."""
    return outcome(evaluation, kind, subject).content
