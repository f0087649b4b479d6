"""Candidates for serious adverse events: decides which there are, how serious, and their clock.

Never confirms or refutes a case (an investigator attests that), nor assesses whether it is related or
expected.

Deaths: a death of unknown date is a case whose window is unknown, and told of; a death dated before the
first dose contradicts the dose, so it is a case too, of unknown window, with the contradiction in words.
Stays: only inpatient stays that begin after the first dose; one without a recorded end goes on. A stay of
the day of the first dose whose hour settles nothing is taken for the admission to the infusion, and is no
case. A stay not known to be planned was not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID, uuid5

from services.safety import phrasing
from services.safety.liver import Graded, LiverTest
from services.safety.rejection import Rejection
from services.safety.rejection_rules import Level
from services.safety.treated import Placed, Treated
from shared.dates import FhirDate
from shared.facts import Attestation, EncounterStay, VitalStatus
from shared.outcomes import Evidence, Outcome, Verdict, cite, collect
from shared.timeline import latest

KIND: Final = "adverse-event"
CASE_NAMESPACE: Final = UUID("2d0a8f8c-5b1e-5f57-9a4e-6f0f6c1f7b52")
LIFE_THREATENING_GRADE: Final = 4
"""CTCAE 5.0: grade 4 is defined as life-threatening consequences."""
INVESTIGATOR_HOURS: Final = 24
"""From the site's awareness to its report, in elapsed time: "immediately" of ICH E6 (4.11.1), as customary."""
UNASSESSED_RELATION: Final = "unassessed (counts as related)"
UNASSESSED_EXPECTEDNESS: Final = "unassessed (counts as unexpected)"


class Seriousness(StrEnum):
    """Criteria of seriousness that can be found in records (ICH E2A, section II.B)."""

    DEATH = "death"
    LIFE_THREATENING = "life-threatening"
    HOSPITALISATION = "hospitalisation"
    MEDICALLY_IMPORTANT = "medically-important"


class Status(StrEnum):
    """What an investigator has said of a case."""

    CANDIDATE = "candidate"
    CONFIRMED = "confirmed"
    REFUTED = "refuted"


@dataclass(frozen=True)
class Case:
    """One candidate: its stable subject, what happened, since when, why it is serious, on what evidence."""

    subject: str
    title: str
    onset: FhirDate | None
    seriousness: Seriousness
    says: str
    proofs: tuple[tuple[Evidence, ...], ...]
    """Each alone makes the case, once all of its facts are recorded."""
    in_window: bool | None
    ended: FhirDate | None = None

    @property
    def event(self) -> str:
        """What kind of case: `death`, `stay`, `grade-4`, `hys-law`, `rejection`."""
        return self.subject.partition("/")[0]

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """Every fact that it rests on."""
        return tuple(e for proof in self.proofs for e in proof)


def adverse_events(patient: Treated, tests: Sequence[LiverTest], rejection: Rejection) -> tuple[Outcome, ...]:
    """Every case of a patient, one outcome each, in order of subject."""
    cases = [
        *_deaths(patient),
        *_stays(patient),
        *_life_threatening_values(patient, tests),
        *_hys_law(patient, rejection),
        *_proven_rejection(rejection),
    ]
    return tuple(_outcome(patient, case) for case in sorted(cases, key=lambda c: c.subject))


def case_id(patient: UUID, protocol_id: str, subject: str) -> UUID:
    """The stable id of a case: what the `focus` of `sae-confirmed` and `sae-refuted` must name."""
    return uuid5(CASE_NAMESPACE, f"{patient}/{protocol_id}/{subject}")


def _deaths(patient: Treated) -> Iterable[Case]:
    """A death of any cause is serious (ICH E2A); several records of it are one case, dated by the first."""
    deaths = [v for v in patient.timeline.of(VitalStatus) if v.deceased]
    if not deaths:
        return
    dated = [v.occurred for v in deaths if v.occurred is not None]
    died = min(dated, key=lambda d: d.first, default=None)
    contradicts = patient.place(died) is Placed.BEFORE
    days = patient.protocol.safety.adverse_events.sae_window_days.value
    yield Case(
        "death",
        "death",
        died,
        Seriousness.DEATH,
        f"died on {phrasing.day(died)}" + (": before the first dose, so one of the two is wrong" * contradicts),
        tuple((cite(v, "deceased"),) for v in deaths),
        None if contradicts else patient.within(died, days),
    )


def _stays(patient: Treated) -> Iterable[Case]:
    """An unplanned inpatient stay that begins after the first dose is hospitalisation (ICH E2A)."""
    rules = patient.protocol.safety.adverse_events
    stays = {stay.source.key: stay for stay in reversed(patient.timeline.of(EncounterStay))}
    for stay in stays.values():
        planned = stay.planned is True and rules.exclude_planned_stays.value
        if stay.stay == "inpatient" and not planned and _begins_after_first_dose(patient, stay):
            yield Case(
                f"stay/{stay.source.key}",
                "inpatient stay",
                stay.occurred,
                Seriousness.HOSPITALISATION,
                f"admitted on {phrasing.day(stay.occurred)}, {_end_of(stay)}",
                ((cite(stay, "inpatient stay"),),),
                patient.within(stay.occurred, rules.sae_window_days.value),
                stay.until,
            )


def _life_threatening_values(patient: Treated, tests: Sequence[LiverTest]) -> Iterable[Case]:
    """The first grade 4 value of each liver test: severity is no seriousness, but counts until judged."""
    for test in tests:
        severe = [g for g in test.graded if g.reached(LIFE_THREATENING_GRADE)]
        if severe:
            first = severe[0]
            yield Case(
                f"grade-4/{test.term.concept}",
                f"{test.term.name}, grade {LIFE_THREATENING_GRADE}",
                first.occurred,
                Seriousness.LIFE_THREATENING,
                f"{first.says_when}: {first.grading.reason}",
                ((cite(first.fact, first.says),),),
                patient.within(first.occurred, _immune_related_days(patient)),
            )


def _hys_law(patient: Treated, rejection: Rejection) -> Iterable[Case]:
    """Hy's law is medically important (FDA 2009: it foretells severe drug injury)."""
    law = rejection.signs.hys_law
    onset: Graded | None = law.onset
    if law.verdict is Verdict.MET and onset is not None:
        yield Case(
            "hys-law",
            "Hy's law",
            onset.occurred,
            Seriousness.MEDICALLY_IMPORTANT,
            law.says,
            (law.evidence,),
            patient.within(onset.occurred, _immune_related_days(patient)),
        )


def _proven_rejection(rejection: Rejection) -> Iterable[Case]:
    """Proven graft rejection is medically important (clinical rules, section 6)."""
    if rejection.level is Level.PROVEN:
        patient = rejection.signs.patient
        yield Case(
            "rejection",
            "graft rejection",
            rejection.onset,
            Seriousness.MEDICALLY_IMPORTANT,
            "; ".join(f.says for f in rejection.deciding),
            tuple(f.evidence for f in rejection.deciding),
            patient.within(rejection.onset, _immune_related_days(patient)),
        )


def _immune_related_days(patient: Treated) -> int:
    """Liver injury under a checkpoint inhibitor counts as immune-related until a person says otherwise."""
    return patient.protocol.safety.adverse_events.immune_related_window_days.value


def _begins_after_first_dose(patient: Treated, stay: EncounterStay) -> bool:
    """Certainly, or possibly: an imprecise or missing date must not hide a stay."""
    return patient.place(stay.occurred) in (Placed.AFTER, Placed.UNKNOWN)


def _end_of(stay: EncounterStay) -> str:
    return f"discharged on {phrasing.day(stay.until)}" if stay.until is not None else "no end recorded"


def _outcome(patient: Treated, case: Case) -> Outcome:
    identity = case_id(patient.timeline.patient, patient.protocol.id, case.subject)
    attested = _attested(patient, identity)
    content = {
        "event": case.event,
        "title": case.title,
        "case_id": str(identity),
        "onset_on": phrasing.iso(case.onset),
        "ended_on": phrasing.iso(case.ended),
        "seriousness": [str(case.seriousness)],
        "relation": UNASSESSED_RELATION,
        "expectedness": UNASSESSED_EXPECTEDNESS,
        "status": str(_status(attested)),
        "in_window": case.in_window,
        "says": case.says,
        **_awareness(patient, case),
    }
    judged = [cite(a, a.code) for a in attested]
    return Outcome(KIND, case.subject, content, collect([patient.first_dose], case.evidence, judged))


def _attested(patient: Treated, identity: UUID) -> tuple[Attestation, ...]:
    """The last statements in force about a case; one that says `false` is no statement of the opposite."""
    return latest(
        [
            a
            for a in patient.timeline.of(Attestation)
            if a.code in ("sae-confirmed", "sae-refuted")
            and a.focus == str(identity)
            and a.value
            and (a.expires is None or a.expires.last >= patient.at)
        ]
    )


def _status(attested: Sequence[Attestation]) -> Status:
    """What the last statement says; two of one time that contradict each other leave the case a candidate."""
    match {a.code for a in attested}:
        case codes if codes == {"sae-confirmed"}:
            return Status.CONFIRMED
        case codes if codes == {"sae-refuted"}:
            return Status.REFUTED
        case _:
            return Status.CANDIDATE


def _awareness(patient: Treated, case: Case) -> dict[str, Any]:
    """The site's awareness: when a first proof was recorded whole, and the report due 24 h later."""
    recorded = patient.timeline.recorded
    whole = [
        max((recorded[e.fact_id], e.reference) for e in proof)
        for proof in case.proofs
        if proof and all(e.fact_id in recorded for e in proof)
    ]
    if not whole:
        return {"aware_from": None, "aware_at": None, "due_investigator_at": None}
    aware_at, aware_from = min(whole)
    return {
        "aware_from": aware_from,
        "aware_at": aware_at.isoformat(),
        "due_investigator_at": (aware_at + timedelta(hours=INVESTIGATOR_HOURS)).isoformat(),
    }
