"""The screening status of a patient: the first that applies, and the sentence that gives its reason.

Decides from answered criteria; answers none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from services.eligibility import wording
from services.eligibility.answers import Answer
from services.eligibility.attested import expiry, standing
from services.eligibility.case import Case
from shared.facts import DrugExposure, Fact, VitalStatus
from shared.outcomes import Evidence, Verdict, cite, negate
from shared.protocol.criteria import Criterion
from shared.protocol.model import Protocol

OFF_STUDY: Final = "off_study"
ON_TREATMENT: Final = "on_treatment"
NOT_CANDIDATE: Final = "not_candidate"
INELIGIBLE: Final = "ineligible"
POTENTIALLY_ELIGIBLE: Final = "potentially_eligible"
ELIGIBLE: Final = "eligible"
STATUSES: Final = (OFF_STUDY, ON_TREATMENT, NOT_CANDIDATE, INELIGIBLE, POTENTIALLY_ELIGIBLE, ELIGIBLE)
"""In the order of precedence."""

Role = Literal["inclusion", "exclusion"]


class Screened(msgspec.Struct, frozen=True):
    """One criterion of the protocol with its answer; an exclusion that is `met` excludes the patient."""

    criterion: Criterion
    role: Role
    answer: Answer

    @property
    def allows(self) -> Verdict:
        """Met where the criterion lets the patient in."""
        return negate(self.answer.verdict) if self.role == "exclusion" else self.answer.verdict


def allows(entry: Mapping[str, Any]) -> Verdict:
    """Met where the criterion, as an outcome tells it, lets the patient in."""
    verdict = Verdict(entry["verdict"])
    return negate(verdict) if entry["role"] == "exclusion" else verdict


class Exit(msgspec.Struct, frozen=True):
    """The fact by which a patient left the study, and until when it stands (an attestation may expire)."""

    fact: Fact
    says: str
    valid_until: datetime | None = None

    @property
    def evidence(self) -> Evidence:
        """The fact as cited."""
        return cite(self.fact, self.says)


class Situation(msgspec.Struct, frozen=True):
    """All that the status follows from; `lacking` are the candidate groups without any evidence."""

    exit: Exit | None
    first_dose: DrugExposure | None
    lacking: tuple[str, ...]
    screened: tuple[Screened, ...]


def left_study(case: Case, protocol: Protocol) -> Exit | None:
    """Death, else an attested exit; of contradicting attestations of one day none counts."""
    deaths = [v for v in case.of(VitalStatus) if v.deceased]
    if deaths:
        dated = [v for v in deaths if v.occurred is not None] or deaths
        return Exit(dated[0], f"died {wording.when(dated[0])}" if dated[0].occurred else "died")
    for code in protocol.screening.exit_attestations.value:
        stated = standing(case, code)
        if stated and all(a.value for a in stated):
            return Exit(stated[0], f"{wording.name(code)} attested {wording.when(stated[0])}", expiry(stated))
    return None


def frozen_at(first_dose: DrugExposure | None, left: Exit | None) -> datetime | None:
    """The time at which the criteria are frozen: the first dose, else an exit whose day is known; None: still open.

    The end of that day where only the day is known, so that what was measured before the infusion counts.
    """
    if first_dose is not None and first_dose.occurred is not None:
        return first_dose.occurred.last
    if left is not None and left.fact.occurred is not None and left.fact.occurred.has_day:
        return left.fact.occurred.last
    return None


def decide(situation: Situation) -> str:
    """The first status that applies."""
    if situation.exit is not None:
        return OFF_STUDY
    if situation.first_dose is not None:
        return ON_TREATMENT
    if situation.lacking:
        return NOT_CANDIDATE
    allows = [s.allows for s in situation.screened]
    if Verdict.NOT_MET in allows:
        return INELIGIBLE
    return ELIGIBLE if all(v is Verdict.MET for v in allows) else POTENTIALLY_ELIGIBLE


def sentence(status: str, situation: Situation) -> str:
    """The status with its reason, as a coordinator reads it."""
    failed = [s for s in situation.screened if s.allows is Verdict.NOT_MET]
    unsettled = [s for s in situation.screened if s.allows in (Verdict.UNKNOWN, Verdict.CONFLICT)]
    match status:
        case "off_study":
            return f"off study: {situation.exit.says if situation.exit else ''}"
        case "on_treatment":
            dose = situation.first_dose
            criteria = _reasons(failed or unsettled) if failed or unsettled else "all criteria met"
            since = wording.dated(dose.occurred if dose else None)
            return f"on treatment since {since}; at that time {criteria}"
        case "not_candidate":
            return f"not a candidate: no evidence of {wording.listed(list(situation.lacking))}"
        case "ineligible":
            return f"ineligible: {_reasons(failed)}"
        case "potentially_eligible":
            return f"potentially eligible: {_reasons(unsettled)}"
        case _:
            return f"eligible: all {len(situation.screened)} criteria are met"


def _reasons(screened: Sequence[Screened]) -> str:
    return "; ".join(f"{s.criterion.id} {s.answer.verdict}: {s.answer.says}" for s in screened)
