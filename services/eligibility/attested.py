"""Criteria that only a named practitioner's statement can answer (not resectable, expected survival,
intolerance).

Decides which statement stands; never whether it is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, cast

from services.eligibility import wording
from services.eligibility.answers import Answer, agreed, earliest, from_bool
from services.eligibility.case import TICK, Case
from shared.dates import FhirDate, on_or_before_day
from shared.facts import Attestation
from shared.outcomes import Evidence, Verdict, cite
from shared.protocol.criteria import AttestationCriterion
from shared.timeline import latest

LAST_INSTANT: Final = datetime.max.replace(tzinfo=UTC)


def attest(criterion: AttestationCriterion, case: Case) -> Answer:
    """The newest statement decides; once it expires the answer is unknown, and no older one revives."""
    stated = statements(case, criterion.code)
    if not stated:
        return Answer(
            Verdict.UNKNOWN,
            f"nobody attested: {criterion.title}",
            missing=(f"attestation: {criterion.title}",),
        )
    valid = standing(case, criterion.code)
    if not valid:
        return Answer(
            Verdict.UNKNOWN,
            f"the attestation {wording.when(stated[0])} has expired",
            _cited(stated, criterion.title),
            (f"renewed attestation: {criterion.title}",),
        )
    return _answer(criterion, valid)


def statements(case: Case, code: str, since: FhirDate | None = None) -> tuple[Attestation, ...]:
    """The newest dated statements of a code, without those that may be of a day before `since`."""
    coded = [a for a in case.of(Attestation) if a.code == code]
    newest = latest(coded)
    if since is None:
        return newest
    return tuple(a for a in newest if on_or_before_day(since, cast(FhirDate, a.occurred)) is True)


def standing(case: Case, code: str, since: FhirDate | None = None) -> list[Attestation]:
    """The newest statements of a code that have not expired."""
    return [a for a in statements(case, code, since) if not _expired(a, case.at)]


def settled(case: Case, code: str, since: FhirDate) -> Answer | None:
    """What practitioners say of a value of that day, in statements made on that day or later; None:
    nothing.
    """
    stated = standing(case, code, since)
    if not stated:
        return None
    verdict = agreed(from_bool(a.value) for a in stated)
    said = "contradicting attestations" if verdict is Verdict.CONFLICT else _said(stated[0])
    return Answer(verdict, said, _cited(stated, wording.name(code)), valid_until=expiry(stated))


def expiry(attestations: Sequence[Attestation]) -> datetime | None:
    """The first instant at which one of them has expired; None: they stand until withdrawn."""
    ends = (a.expires.last for a in attestations if a.expires is not None)
    return earliest(*(end + TICK for end in ends if end < LAST_INSTANT))


def _answer(criterion: AttestationCriterion, valid: list[Attestation]) -> Answer:
    verdict = agreed(from_bool(a.value) for a in valid)
    evidence, until = _cited(valid, criterion.title), expiry(valid)
    if verdict is Verdict.CONFLICT:
        says = f"attested and denied {wording.when(valid[0])}: {criterion.title}"
        return Answer(verdict, says, evidence, (f"one attestation that settles it: {criterion.title}",), until)
    return Answer(verdict, f"{_said(valid[0])}: {criterion.title}", evidence, valid_until=until)


def _said(attestation: Attestation) -> str:
    return f"{'attested' if attestation.value else 'denied'} {wording.when(attestation)}"


def _cited(attestations: tuple[Attestation, ...] | list[Attestation], title: str) -> tuple[Evidence, ...]:
    return tuple(cite(a, f"{'attested' if a.value else 'denied'}: {title}") for a in attestations)


def _expired(attestation: Attestation, at: datetime) -> bool:
    return attestation.expires is not None and attestation.expires.last < at
