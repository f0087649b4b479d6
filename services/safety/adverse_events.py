"""Serious adverse events as outcomes: decides what is said of each case, and how its deadlines stand.

Does not find the cases (`cases`), nor judge them: people do (`reviews`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final
from uuid import UUID, uuid5

from services.safety import clocks, phrasing
from services.safety.cases import Case, Seriousness, window_days
from services.safety.clocks import Awareness, Clock
from services.safety.joining import combined, leads
from services.safety.reviews import UNASSESSED_EXPECTEDNESS, Review, Status, review_of, reviews, unreasoned
from services.safety.treated import Treated
from shared.dates import FhirDate
from shared.facts import Amendment
from shared.outcomes import Outcome, collect

KIND: Final = "adverse-event"
CLOCK_KIND: Final = "clock"
CASE_NAMESPACE: Final = UUID("2d0a8f8c-5b1e-5f57-9a4e-6f0f6c1f7b52")
_URGENT: Final = (Seriousness.DEATH, Seriousness.LIFE_THREATENING)


def case_id(patient: UUID, protocol_id: str, subject: str) -> UUID:
    """The stable id of a case: what the `focus` of every statement about it must name."""
    return uuid5(CASE_NAMESPACE, f"{patient}/{protocol_id}/{subject}")


@dataclass(frozen=True)
class Reviewed:
    """One case with what people said of it, and the cases that are part of it."""

    patient: Treated
    case: Case
    """As amended, with what it takes over from its parts."""
    review: Review
    identity: UUID
    merged_into: str | None
    parts: tuple[Reviewed, ...] = ()

    @cached_property
    def aware(self) -> tuple[datetime, str] | None:
        """The site's first awareness, of it or of a part, and the record it comes from."""
        known = [m.own_awareness for m in (self, *self.parts)]
        return min((k for k in known if k is not None), default=None)

    @cached_property
    def own_awareness(self) -> tuple[datetime, str] | None:
        """As the record states it, else when a first proof was recorded whole."""
        if self.case.aware is not None:
            return self.case.aware.first, self.case.evidence[0].reference
        recorded = self.patient.timeline.recorded
        whole = [
            max((recorded[e.fact_id], e.reference) for e in proof)
            for proof in self.case.proofs
            if proof and all(e.fact_id in recorded for e in proof)
        ]
        return min(whole, default=None)

    @cached_property
    def death_at(self) -> datetime | None:
        """When the site knew of the death that this case ended in; None for a death by itself."""
        death = next((p.own_awareness for p in self.parts if p.case.event == "death"), None)
        return death[0] if death is not None else None

    def done(self, code: str) -> tuple[FhirDate, ...]:
        """When something was attested to be done, of the case or of a part of it, in order."""
        found = {d for m in (self, *self.parts) for d in m.review.done(code)}
        return tuple(sorted(found, key=lambda d: (d.first, d.last, d.text)))

    @cached_property
    def is_expected(self) -> bool:
        """Attested as expected, else on the protocol's list of what is."""
        listed = self.patient.protocol.safety.assessment.expected.value
        if self.review.is_expected is not None:
            return self.review.is_expected
        return any(self.case.subject == kind or self.case.subject.startswith(f"{kind}/") for kind in listed)

    @cached_property
    def clocks(self) -> tuple[Clock, ...]:
        """The deadlines of its reports: none for a part of another case, a refuted one, or one out of its window."""
        stands = self.review.status is not Status.REFUTED and self.case.in_window is not False
        if self.merged_into is not None or not stands:
            return ()
        rules = self.patient.protocol.safety.clocks
        excepted = self.review.is_by_progression and not rules.expedite_progression.value
        known = Awareness(
            site_at=self.aware[0] if self.aware is not None else None,
            death_at=self.death_at,
            is_urgent=any(s in _URGENT for s in self.case.seriousness),
            is_expedited=self.review.is_related
            and not self.is_expected
            and bool(self.case.seriousness)
            and not (excepted and Seriousness.DEATH in self.case.seriousness),
            notified=self.done("sae-notified"),
            submitted=self.done("sae-submitted"),
            followed_up=self.done("sae-follow-up-submitted"),
        )
        return clocks.clocks(known, rules)

    @property
    def remind(self) -> timedelta:
        """How long before a deadline it is called to mind."""
        return timedelta(hours=self.patient.protocol.safety.clocks.remind_hours.value)


def reviewed(patient: Treated, found: Sequence[Case]) -> tuple[Reviewed, ...]:
    """Every case with its review, as amended; a merge that a person attested goes before one found.

    What was stated of a case of a patient who is merged into this one is stated of the same case here.
    """
    ids = {case.subject: case_id(patient.timeline.patient, patient.protocol.id, case.subject) for case in found}
    former = {
        str(case_id(absorbed, patient.protocol.id, case.subject)): str(ids[case.subject])
        for absorbed in patient.timeline.absorbed
        for case in found
    }
    stated = reviews(patient, former)
    subjects = {str(identity): subject for subject, identity in ids.items()}
    subjects |= {was: subjects[identity] for was, identity in former.items()}
    alone = {c.subject: _alone(patient, c, review_of(stated, ids[c.subject]), ids[c.subject]) for c in found}
    standing = [r.case for r in alone.values() if r.review.status is not Status.REFUTED]
    part_of = leads(patient, standing, _attested(alone, subjects))
    parts: dict[str, list[Reviewed]] = {}
    for subject, lead in sorted(part_of.items()):
        parts.setdefault(lead, []).append(alone[subject])
    return tuple(
        replace(
            one,
            case=combined(one.case, [p.case for p in parts.get(subject, ())]),
            merged_into=part_of.get(subject),
            parts=tuple(parts.get(subject, ())),
        )
        for subject, one in alone.items()
    )


def _alone(patient: Treated, case: Case, review: Review, identity: UUID) -> Reviewed:
    return Reviewed(patient, _amended(patient, case, review.amended), review, identity, None)


def _amended(patient: Treated, case: Case, by: Amendment) -> Case:
    """The case with every field that a person has corrected; an onset that moves places it anew in its window."""
    if by == Amendment():
        return case
    criteria = case.seriousness if by.seriousness is None else tuple(Seriousness(s) for s in by.seriousness)
    return replace(
        case,
        title=by.term or case.title,
        onset=by.onset or case.onset,
        in_window=case.in_window if by.onset is None else patient.within(by.onset, window_days(patient, case)),
        ended=by.ended or case.ended,
        grade=by.grade or case.grade,
        seriousness=criteria,
        result=by.result or case.result,
    )


def _attested(cases: Mapping[str, Reviewed], subjects: Mapping[str, str]) -> dict[str, str | None]:
    """What people merged, by subject; None for what they said stands alone."""
    said: dict[str, str | None] = {}
    for subject, one in cases.items():
        into = one.review.merged_into
        if one.review.stands_alone:
            said[subject] = None
        elif into is not None and into in subjects:
            said[subject] = subjects[into]
    return said


def outcomes(cases: Iterable[Reviewed]) -> tuple[Outcome, ...]:
    """One outcome for each case, and one for each of its deadlines."""
    return tuple(o for case in cases for o in (_outcome(case), *(_clock(case, clock) for clock in case.clocks)))


def changes_at(cases: Iterable[Reviewed]) -> tuple[datetime, ...]:
    """When a deadline comes near or passes."""
    return tuple(instant for case in cases for clock in case.clocks for instant in clock.changes_at(case.remind))


def _outcome(reviewed: Reviewed) -> Outcome:
    case, review, aware = reviewed.case, reviewed.review, reviewed.aware
    site = next((c for c in reviewed.clocks if c.kind is clocks.Kind.SITE), None)
    content: dict[str, Any] = {
        "event": case.event,
        "title": case.title,
        "case_id": str(reviewed.identity),
        "onset_on": phrasing.iso(case.onset),
        "ended_on": phrasing.iso(case.ended),
        "seriousness": [str(s) for s in case.seriousness],
        "grade": case.grade,
        "result": case.result,
        "relation": review.relation,
        "related_investigator": review.related_by_investigator,
        "related_sponsor": review.related_by_sponsor,
        "degree_investigator": review.degree_by_investigator,
        "degree_sponsor": review.degree_by_sponsor,
        "is_related": review.is_related,
        "expectedness": _expectedness(reviewed),
        "status": str(review.status),
        "closed": review.is_closed,
        "merged_into": reviewed.merged_into,
        "parts": list(case.parts),
        "in_window": case.in_window,
        "says": "; ".join((case.says, *unreasoned(review))),
        "steps": review.steps,
        "aware_from": aware[1] if aware is not None else None,
        "aware_at": aware[0].isoformat() if aware is not None else None,
        "due_investigator_at": site.due_at.isoformat() if site is not None else None,
    }
    evidence = collect([reviewed.patient.first_dose], case.evidence, review.evidence)
    return Outcome(KIND, case.subject, content, evidence)


def _expectedness(reviewed: Reviewed) -> str:
    if reviewed.review.is_expected is not None:
        return "expected (attested)" if reviewed.is_expected else "unexpected (attested)"
    return "expected (listed in the protocol)" if reviewed.is_expected else UNASSESSED_EXPECTEDNESS


def _clock(reviewed: Reviewed, clock: Clock) -> Outcome:
    state = clock.state(reviewed.patient.at, reviewed.remind)
    content = {
        "clock": str(clock.kind),
        "case": reviewed.case.subject,
        "case_id": str(reviewed.identity),
        "title": reviewed.case.title,
        "state": str(state),
        "starts_at": clock.starts_at.isoformat(),
        "due_at": clock.due_at.isoformat(),
        "met_on": phrasing.iso(clock.met_at),
        "says": f"{clock.report} on {reviewed.case.title}: {clock.says(state)}",
    }
    evidence = collect([reviewed.patient.first_dose], reviewed.case.evidence, reviewed.review.evidence)
    return Outcome(CLOCK_KIND, f"{clock.kind}/{reviewed.case.subject}", content, evidence)
