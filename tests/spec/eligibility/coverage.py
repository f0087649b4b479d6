"""What the specification shows of each criterion: which kinds of case it needs, and which cases are of that kind.

A kind of case is recognised by what it does, not by its name: a case is at a bound if its answer changes once the
protocol's number is raised or lowered by the smallest step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import msgspec

from shared.facts import AnyFact, Attestation
from shared.outcomes import Verdict
from shared.protocol.criteria import Criterion, with_nested
from shared.protocol.disease import AttestationCriterion
from shared.protocol.measured import ChildPughCriterion, LaboratoryCriterion
from shared.protocol.model import Protocol
from shared.protocol.sourced import Sourced
from shared.terminology import Kind, concept
from tests.spec.eligibility.specification import Case, Revision, answered, protocol
from tests.support import build

REPORTED: Final[Mapping[str, tuple[str, ...]]] = {
    "neutrophils": ("10*9/L", "10*3/uL", "/uL"),
    "platelets": ("10*9/L", "10*3/uL", "/uL"),
    "haemoglobin": ("g/dL", "g/L", "mmol/L"),
    "albumin": ("g/dL", "g/L"),
    "bilirubin-total": ("mg/dL", "umol/L"),
    "inr": ("1",),
    "tsh": ("m[IU]/L", "u[IU]/mL", "[IU]/L"),
}
"""The units in which laboratories report what the protocol's criteria read; a new analyte needs its row."""
_STEP: Final = Decimal("0.02")
"""Of a number with decimals: two hundredths of it."""


@dataclass(frozen=True)
class Shown:
    """A kind of case that a criterion needs, and how many cases are of it."""

    criterion: str
    kind: str
    cases: int


def shown(cases: Sequence[Case], revisions: Sequence[Revision]) -> Iterator[Shown]:
    """Each criterion by each kind of case that it can have."""
    for criterion in with_nested(protocol().screening.inclusion):
        own = [case for case in cases if case.criterion == criterion.id]
        for verdict in Verdict:
            yield Shown(criterion.id, str(verdict), sum(case.verdict is verdict for case in own))
        for name, number in _numbers(criterion):
            for way, changed in _steps(number):
                amended = _amended(criterion.id, name, changed)
                yield Shown(
                    criterion.id, f"{name.replace('_', ' ')} {number} {way}", sum(_moves(case, amended) for case in own)
                )
        if _expires(criterion):
            yield Shown(criterion.id, "expired", sum(_expired(case) for case in own))
        for unit in _units(criterion):
            yield Shown(criterion.id, f"in {unit}", sum(case.unit == unit for case in own))
        for kind in ("corrected", "retracted"):
            yield Shown(criterion.id, kind, sum(r.criterion == criterion.id and r.kind == kind for r in revisions))


def _numbers(criterion: Criterion) -> Iterator[tuple[str, int | Decimal]]:
    """Bounds and windows that the criterion states itself."""
    for name in type(criterion).model_fields:
        stated = getattr(criterion, name)
        if isinstance(stated, Sourced) and type(stated.value) in (int, Decimal):
            yield name, stated.value


def _steps(number: int | Decimal) -> Iterator[tuple[str, int | Decimal]]:
    """The number raised and lowered: a whole one by one, another by two hundredths of it."""
    step = 1 if isinstance(number, int) else number * _STEP
    yield "from below", number - step
    yield "from above", number + step


def _amended(criterion_id: str, name: str, number: int | Decimal) -> Protocol:
    """The protocol with another number in one criterion."""

    def amend(criterion: Criterion) -> Criterion:
        if criterion.id == criterion_id:
            stated = getattr(criterion, name).model_copy(update={"value": number})
            return criterion.model_copy(update={name: stated})
        parts = tuple(amend(part) for part in criterion.nested())
        return criterion.model_copy(update={"of": parts}) if parts else criterion

    screening = protocol().screening
    inclusion = tuple(amend(criterion) for criterion in screening.inclusion)
    return protocol().model_copy(update={"screening": screening.model_copy(update={"inclusion": inclusion})})


def _moves(case: Case, amended: Protocol) -> bool:
    given = answered(build.timeline(*case.facts), amended, build.at(case.at))[case.criterion]
    return given.verdict is not case.verdict


def _expires(criterion: Criterion) -> bool:
    return isinstance(criterion, AttestationCriterion)


def _expired(case: Case) -> bool:
    """Unknown, and decided if no statement expired."""
    lasting = tuple(_lasting(fact) for fact in case.facts)
    decided = answered(build.timeline(*lasting), protocol(), build.at(case.at))[case.criterion].verdict
    return case.verdict is Verdict.UNKNOWN and decided is not Verdict.UNKNOWN


def _lasting(fact: AnyFact) -> AnyFact:
    return msgspec.structs.replace(fact, expires=None) if isinstance(fact, Attestation) else fact


def _units(criterion: Criterion) -> Iterator[str]:
    if isinstance(criterion, LaboratoryCriterion | ChildPughCriterion):
        for read in sorted(_analytes(criterion)):
            yield from (f"{read} {unit}" for unit in REPORTED[read])


def _analytes(criterion: Criterion) -> Iterator[str]:
    named = (name for name in criterion.concepts() if name != "attestation")
    return (name for name in named if concept(name).kind is Kind.LABORATORY)
