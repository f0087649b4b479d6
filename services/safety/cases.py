"""Candidates for serious adverse events: decides which there are, since when, and how serious.

Never confirms or refutes a case (an investigator attests that), nor assesses whether it is related or
expected.

Deaths: a death of unknown date is a case whose window is unknown, and told of; a death dated before the
first dose contradicts the dose, so it is a case too, of unknown window, with the contradiction in words.
Stays: inpatient stays that begin after the first dose; one without a recorded end goes on. A stay of the day of
the first dose whose hour settles nothing is taken for the admission to the infusion. A stay not known to be planned was
not; a planned one that lasts too long was prolonged, and so was one that had begun before the first dose, or with it,
and went on for so long after.
Diagnoses: an immune-related or listed one counts unless refuted; its grade, where nobody stated it, counts
as severe. One of the day of the first dose counts where its onset is stated, not where it was only recorded then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from services.safety import phrasing
from services.safety.laboratory import Graded, LaboratoryTest
from services.safety.rejection import Rejection
from services.safety.rejection_rules import Level
from services.safety.treated import Placed, Treated
from shared.dates import FhirDate, from_day
from shared.facts import AdverseEventRecord, Diagnosis, EncounterStay, VitalStatus
from shared.outcomes import Evidence, Verdict, cite
from shared.protocol.scope import IMMUNE_RELATED
from shared.terminology import concept

_UTC: Final = ZoneInfo("UTC")
LIFE_THREATENING_GRADE: Final = 4
"""CTCAE 5.0: grade 4 is defined as life-threatening consequences."""


class Seriousness(StrEnum):
    """Criteria of seriousness that can be found in records (ICH E2A, section II.B)."""

    DEATH = "death"
    LIFE_THREATENING = "life-threatening"
    HOSPITALISATION = "hospitalisation"
    DISABILITY = "disability"
    CONGENITAL = "congenital-anomaly"
    MEDICALLY_IMPORTANT = "medically-important"


@dataclass(frozen=True)
class Case:
    """One candidate: its stable subject, what happened, since when, why it is serious, on what evidence."""

    subject: str
    title: str
    onset: FhirDate | None
    seriousness: tuple[Seriousness, ...]
    says: str
    proofs: tuple[tuple[Evidence, ...], ...]
    """Each alone makes the case, once all of its facts are recorded."""
    in_window: bool | None
    ended: FhirDate | None = None
    grade: int | None = None
    result: str | None = None
    """What became of it, where the record says so."""
    aware: FhirDate | None = None
    """The site's own awareness, where the record states it."""
    parts: tuple[str, ...] = ()
    """The subjects of the cases that are part of this one."""

    @property
    def event(self) -> str:
        """What kind of case: `death`, `stay`, `grade-4`, `hys-law`, `rejection`, `immune`, `listed`, `reported`."""
        return self.subject.partition("/")[0]

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """Every fact that it rests on."""
        return tuple(e for proof in self.proofs for e in proof)


def find(patient: Treated, tests: Sequence[LaboratoryTest], rejection: Rejection) -> tuple[Case, ...]:
    """Every case of a patient in order of subject; which of them are one is `joining`."""
    found = [
        *_deaths(patient),
        *_stays(patient),
        *_life_threatening_values(patient, tests),
        *_hys_law(patient, rejection),
        *_proven_rejection(rejection),
        *_diagnoses(patient),
        *_reported(patient),
    ]
    return tuple(sorted(found, key=lambda c: c.subject))


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
        (Seriousness.DEATH,),
        f"died on {phrasing.day(died)}" + (": before the first dose, so one of the two is wrong" * contradicts),
        tuple((cite(v, "deceased"),) for v in deaths),
        None if contradicts else patient.within(died, days),
        result="fatal",
    )


def _stays(patient: Treated) -> Iterable[Case]:
    """An inpatient stay that begins after the first dose, unplanned or prolonged, is hospitalisation (ICH E2A)."""
    rules = patient.protocol.safety.adverse_events
    for stay in inpatient_stays(patient):
        was_there = not _begins_after_first_dose(patient, stay)
        planned = stay.planned is True and rules.exclude_planned_stays.value
        if (planned or was_there) and not _is_prolonged(patient, stay):
            continue
        prolonged = "stay of before the first dose, prolonged: " if was_there else "planned stay, prolonged: " * planned
        onset = _prolonged_on(patient, stay) if was_there else stay.occurred
        yield Case(
            f"stay/{stay.source.key}",
            "inpatient stay",
            onset,
            (Seriousness.HOSPITALISATION,),
            f"{prolonged}admitted on {phrasing.day(stay.occurred)}, {_end_of(stay)}",
            ((cite(stay, "inpatient stay"),),),
            patient.within(onset, rules.sae_window_days.value),
            stay.until,
        )


def inpatient_stays(patient: Treated) -> list[EncounterStay]:
    """The inpatient stays that begin, or may begin, after the first dose, or go on after its day; one of each record."""
    stays = {stay.source.key: stay for stay in reversed(patient.timeline.of(EncounterStay))}
    return [s for s in stays.values() if s.stay == "inpatient" and _lasts_after_first_dose(patient, s)]


def prolonged_from(patient: Treated, stay: EncounterStay) -> datetime | None:
    """When a planned stay, or one that had begun by the first dose, becomes a prolonged one, if it still lasts."""
    days = timedelta(days=patient.protocol.safety.assessment.prolonged_stay_days.value + 1)
    if not _begins_after_first_dose(patient, stay):
        return patient.first_at + days
    return stay.occurred.first + days if stay.planned is True and stay.occurred is not None else None


def _prolonged_on(patient: Treated, stay: EncounterStay) -> FhirDate | None:
    """The first day on which a stay that had begun by the first dose was a prolonged one."""
    first = prolonged_from(patient, stay)
    return from_day(first.date(), _UTC) if first is not None else None


def _lasts_after_first_dose(patient: Treated, stay: EncounterStay) -> bool:
    over = stay.until is not None and stay.until.last_day <= patient.first_on
    return _begins_after_first_dose(patient, stay) or not over


def _is_prolonged(patient: Treated, stay: EncounterStay) -> bool:
    """A stay that is over, but of which nobody recorded the end, is not known to have lasted too long."""
    from_ = prolonged_from(patient, stay)
    if from_ is None or from_ > patient.at:
        return False
    return stay.until.first >= from_ if stay.until is not None else stay.status != "finished"


def _life_threatening_values(patient: Treated, tests: Sequence[LaboratoryTest]) -> Iterable[Case]:
    """The first grade 4 value of each course of a laboratory term: severity is no seriousness, but counts until judged.

    One that comes after it had resolved is another case (`grade-4/alt/2`).
    """
    for test in tests:
        severe = [next((g for g in c.results if g.reached(LIFE_THREATENING_GRADE)), None) for c in test.courses]
        firsts = [first for first in severe if first is not None] or _undated_severe(test)
        for number, first in enumerate(firsts, 1):
            yield Case(
                f"grade-4/{test.term.id}" + (f"/{number}" if number > 1 else ""),
                f"{test.term.name}, grade {LIFE_THREATENING_GRADE}",
                first.occurred,
                (Seriousness.LIFE_THREATENING,),
                f"{first.says_when}: {first.grading.reason}",
                ((cite(first.fact, first.says),),),
                patient.within(first.occurred, _immune_related_days(patient)),
                grade=LIFE_THREATENING_GRADE,
            )


def _undated_severe(test: LaboratoryTest) -> list[Graded]:
    """A grade 4 value of which only the month is known belongs to no course, and must not be lost."""
    return [g for g in test.graded if g.reached(LIFE_THREATENING_GRADE)][:1]


def _hys_law(patient: Treated, rejection: Rejection) -> Iterable[Case]:
    """Hy's law is medically important (FDA 2009: it foretells severe drug injury).

    Where only ALP leaves it open it is a candidate too: nobody may wait for a test that was not ordered.
    """
    law = rejection.signs.hys_law
    onset: Graded | None = law.onset
    if (law.verdict is Verdict.MET or law.is_met_but_for_alp) and onset is not None:
        yield Case(
            "hys-law",
            "Hy's law" + ("" if law.verdict is Verdict.MET else ", ALP not known"),
            onset.occurred,
            (Seriousness.MEDICALLY_IMPORTANT,),
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
            (Seriousness.MEDICALLY_IMPORTANT,),
            "; ".join(f.says for f in rejection.deciding),
            tuple(f.evidence for f in rejection.deciding),
            patient.within(rejection.onset, _immune_related_days(patient)),
        )


def window_days(patient: Treated, case: Case) -> int:
    """Days after the last dose within which an onset of such a case counts."""
    rules = patient.protocol.safety.adverse_events
    is_immune = case.event in ("grade-4", "hys-law", "rejection", "immune")
    return (rules.immune_related_window_days if is_immune else rules.sae_window_days).value


def _immune_related_days(patient: Treated) -> int:
    """Liver injury under a checkpoint inhibitor counts as immune-related until a person says otherwise."""
    return patient.protocol.safety.adverse_events.immune_related_window_days.value


def _begins_after_first_dose(patient: Treated, stay: EncounterStay) -> bool:
    """Certainly, or possibly: an imprecise or missing date must not hide a stay."""
    return patient.place(stay.occurred) in (Placed.AFTER, Placed.UNKNOWN)


def _end_of(stay: EncounterStay) -> str:
    return f"discharged on {phrasing.day(stay.until)}" if stay.until is not None else "no end recorded"


def _diagnoses(patient: Treated) -> Iterable[Case]:
    """Immune-related diagnoses (protocol: grade) and those listed as serious by themselves, after the first dose."""
    listed = patient.protocol.safety.assessment.listed_diagnoses.value
    for name in sorted({*IMMUNE_RELATED, *listed}):
        diagnoses = [d for d in patient.timeline.of(Diagnosis) if d.concept == name and _counts(patient, d)]
        records = [r for r in _records(patient) if r.concept == name]
        graded = [r.grade for r in records if r.grade is not None]
        severe = patient.protocol.safety.assessment.immune_related_grade.value
        is_immune = name in IMMUNE_RELATED
        if is_immune and graded and max(graded) < severe and not any(r.seriousness for r in records):
            continue
        if diagnoses or records:
            unstated = ", grade not stated" if is_immune and not graded else ""
            yield _diagnosed(patient, name, [*diagnoses, *records], max(graded, default=None), unstated)


def _diagnosed(
    patient: Treated, name: str, facts: Sequence[Diagnosis | AdverseEventRecord], grade: int | None, unstated: str
) -> Case:
    is_immune = name in IMMUNE_RELATED
    records = [f for f in facts if isinstance(f, AdverseEventRecord)]
    onset = _first([f.occurred for f in facts])
    rules = patient.protocol.safety.adverse_events
    days = rules.immune_related_window_days.value if is_immune else rules.sae_window_days.value
    display = concept(name).display
    return Case(
        f"{'immune' if is_immune else 'listed'}/{name}",
        display,
        onset,
        _seriousness([Seriousness.MEDICALLY_IMPORTANT], records),
        f"{display} on {phrasing.day(onset)}{unstated}",
        tuple((cite(f, display),) for f in facts),
        patient.within(onset, days),
        _first([r.ended for r in records]),
        grade,
        next((r.result for r in records if r.result is not None), None),
        _first([r.recorded for r in records]),
    )


def _reported(patient: Treated) -> Iterable[Case]:
    """What a site records itself as an adverse event, unless it says that it is not serious."""
    listed = {*IMMUNE_RELATED, *patient.protocol.safety.assessment.listed_diagnoses.value}
    for record in _records(patient):
        said = _seriousness([], [record])
        if record.concept in listed or (record.seriousness is not None and not said):
            continue
        title = concept(record.concept).display if record.concept is not None else "adverse event reported by the site"
        unstated = "" if record.seriousness is not None else ", seriousness not stated"
        yield Case(
            f"reported/{record.source.key}",
            title,
            record.occurred,
            said,
            f"{title} on {phrasing.day(record.occurred)}{unstated}",
            ((cite(record, title),),),
            patient.within(record.occurred, patient.protocol.safety.adverse_events.sae_window_days.value),
            record.ended,
            record.grade,
            record.result,
            record.recorded,
        )


def _seriousness(found: Sequence[Seriousness], records: Sequence[AdverseEventRecord]) -> tuple[Seriousness, ...]:
    stated = {criterion for record in records for criterion in record.seriousness or ()}
    return tuple(s for s in Seriousness if s in found or str(s) in stated)


def _records(patient: Treated) -> list[AdverseEventRecord]:
    """The site's own records of after the first dose, or of an unknown time; one of each record."""
    records = {r.source.key: r for r in reversed(patient.timeline.of(AdverseEventRecord))}
    placed = (Placed.AFTER, Placed.SAME_DAY, Placed.UNKNOWN)
    return [records[key] for key in sorted(records) if patient.place(records[key].occurred) in placed]


def _counts(patient: Treated, diagnosis: Diagnosis) -> bool:
    placed = patient.place(diagnosis.occurred)
    after = placed in (Placed.AFTER, Placed.UNKNOWN) or (placed is Placed.SAME_DAY and diagnosis.onset_stated)
    return after and diagnosis.verification != "refuted"


def _first(dates: Sequence[FhirDate | None]) -> FhirDate | None:
    return min((d for d in dates if d is not None), key=lambda d: (d.first, d.text), default=None)
