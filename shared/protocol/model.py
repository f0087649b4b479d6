"""The protocol file's shape: every number of a trial, each with its source. Decides nothing; evaluates
nothing.

The file is data: a new trial is a new file. Kinds of criteria are a closed set (`criteria.py` of this
package).
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, model_validator

from shared.protocol.criteria import (
    AttestationCode,
    Criterion,
    DrugConcept,
    LaboratoryConcept,
    with_nested,
)
from shared.protocol.criterion import ProcedureConcept
from shared.protocol.sourced import Origin, Section, Sourced
from shared.terminology import UnknownConcept, concept

__all__ = ["Origin", "Protocol", "Section", "Sourced"]


class Treatment(Section):
    """The drug on trial and its course: which administrations count as treatment."""

    drug: Sourced[DrugConcept]
    dose_mg: Sourced[Decimal]
    interval_days: Sourced[int]
    months: Sourced[int]
    """Administrative cut: months from the first dose."""


class Response(Section):
    """Response evaluation: criteria and their trial-specific parameters."""

    criteria: Sourced[Literal["mrecist", "recist11"]]
    visit_window_days: Sourced[int]
    baseline_window_days: Sourced[int]
    sd_min_days: Sourced[int]
    confirmation_days: Sourced[int]
    primary_confirmed: Sourced[bool]
    assessment_interval_days: Sourced[int]
    accepted_reader: Sourced[str | None]
    anticancer_drugs: Sourced[tuple[DrugConcept, ...]]
    """Drugs against the tumour: starting one that is not part of the treatment ends the evaluation of
    response.
    """
    local_treatments: Sourced[tuple[ProcedureConcept, ...]]
    """Procedures that destroy or remove a lesion: it cannot be evaluated from then on."""
    local_treatment_is_new_therapy: Sourced[bool]
    """Whether such a procedure after the first dose ends the evaluation of response as a new drug does."""


class Endpoints(Section):
    """The trial's endpoints: when follow-up has a gap, and the tumour marker shown beside them."""

    missed_visits: Sourced[Annotated[int, Field(ge=1)]]
    """An event after so many visits missed in a row is censored: when it happened is not known well enough."""
    marker: Sourced[LaboratoryConcept]
    """The tumour marker whose course is shown; it decides nothing."""
    marker_fall_percent: Sourced[Decimal]
    """A fall from baseline by at least this much is a marker response."""
    marker_least_baseline: Sourced[Decimal]
    """In the marker's own unit: below it a fall says nothing."""


class LowLevelImmunosuppression(Section):
    """Reduced immunosuppression of one drug: trough band in the drug's canonical unit, and daily dose."""

    drug: DrugConcept
    trough_low: Sourced[Decimal]
    trough_high: Sourced[Decimal]
    unit: str
    daily_dose_max_mg: Sourced[Decimal]


class Rejection(Section):
    """Graft rejection: risk window and the suspicion rule."""

    rejection_window_days: Sourced[int]
    """Onset from the first dose to this many days after the last counts as during treatment."""
    suspected_grade: Sourced[int]
    """CTCAE grade of a liver test that alone raises suspicion."""
    suspected_grade_with_cause: Sourced[int]
    """CTCAE grade that raises suspicion together with a low trough, a reduction or donor-specific
    antibodies.
    """
    watch_rise: Sourced[Decimal]
    """Watch: liver test at least this multiple of the patient's own baseline, and above the limit of
    normal.
    """
    reduction_fraction: Sourced[Decimal]
    """Immunosuppression counts as recently reduced if the daily dose fell by at least this fraction."""
    reduction_days: Sourced[int]
    trough_days: Sourced[int]
    """A trough speaks for or against rejection if taken within this many days of the liver test."""
    baseline_days: Sourced[int]
    """The patient's own baseline: the last value in this many days before the first dose."""


class AdverseEvents(Section):
    """Serious adverse events: the window of attribution and what is excluded."""

    sae_window_days: Sourced[int]
    immune_related_window_days: Sourced[int]
    exclude_planned_stays: Sourced[bool]


class Assessment(Section):
    """What counts as expected, immune-related or expedited without anyone saying so."""

    expected: Sourced[tuple[str, ...]]
    """Reference safety information: kinds of case (`hys-law`, `immune/…`, `grade-4/alt`) that are expected."""
    listed_diagnoses: Sourced[tuple[str, ...]]
    """Diagnoses that are serious by themselves (other medically important)."""
    immune_related_grade: Sourced[int]
    """CTCAE grade from which an immune-related event is medically important."""
    prolonged_stay_days: Sourced[int]
    """A planned stay that lasts longer is a prolonged one."""
    same_case_days: Sourced[int]
    """A stay that begins at most so many days after an event is one case with it."""
    liver_case_days: Sourced[int]
    """Signs of liver injury within so many days of the first are one case."""


class Clocks(Section):
    """Reporting deadlines of serious adverse events."""

    sponsor_time_zone: Sourced[str]
    site_hours: Sourced[int]
    """From the site's awareness to its report to the sponsor, in elapsed time."""
    fatal_days: Sourced[int]
    """Fatal or life-threatening, from the sponsor's awareness (day 0) to the end of that day."""
    follow_up_days: Sourced[int]
    """More days for the follow-up of a fatal or life-threatening case."""
    other_days: Sourced[int]
    remind_hours: Sourced[int]
    """How long before a deadline it is called to mind."""
    expedite_progression: Sourced[bool]
    """Whether a death attested as caused by progression is reported in a hurry too."""

    @model_validator(mode="after")
    def _zone_exists(self) -> Clocks:
        try:
            ZoneInfo(self.sponsor_time_zone.value)
        except (ZoneInfoNotFoundError, ValueError):
            stated = repr(self.sponsor_time_zone.value)
            raise ValueError(f"sponsor_time_zone: {stated} is no time zone (expected one as `Asia/Shanghai`)") from None
        return self


class Surveillance(Section):
    """How often liver tests are due after the first dose; a longer silence is a gap."""

    dense_days: Sourced[int]
    """The time of highest risk, from the first dose."""
    dense_interval_days: Sourced[int]
    later_interval_days: Sourced[int]
    hbv_rise: Sourced[Decimal]
    """HBV DNA at least this multiple of the last value before the first dose is reactivation."""


class StoppingRule(Section):
    """Bayesian boundary for the incidence of rejection: beta prior, bound, and how sure one must be."""

    prior_events: Sourced[Decimal]
    prior_others: Sourced[Decimal]
    unacceptable_rate: Sourced[Decimal]
    certainty: Sourced[Decimal]
    """Stop if the rate lies above the bound with at least this probability."""
    first_look: Sourced[int]
    """Treated patients before the first look."""


class Safety(Section):
    """Safety evaluation."""

    ctcae_version: Sourced[Literal["5.0", "6.0"]]
    monitored: Sourced[tuple[LaboratoryConcept, ...]]
    """Analytes whose results are kept for safety."""
    rejection_treatment: Sourced[tuple[DrugConcept, ...]]
    """Drugs given against rejection: their start is shown beside a suspicion."""
    immunosuppression: tuple[LowLevelImmunosuppression, ...]
    rejection: Rejection
    adverse_events: AdverseEvents
    assessment: Assessment
    clocks: Clocks
    surveillance: Surveillance
    stopping: StoppingRule


class CandidateGroup(Section):
    """One thing of which a candidate shows some evidence: any of these diagnoses or procedures, even
    unconfirmed.
    """

    name: str
    concepts: tuple[str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _concepts_exist(self) -> CandidateGroup:
        for concept_id in self.concepts:
            try:
                concept(concept_id)
            except UnknownConcept as error:
                raise ValueError(f"unknown {error}") from None
        return self


class Screening(Section):
    """Eligibility: criteria in the order of the protocol; exclusions are criteria that must not be met."""

    candidate_when: Sourced[tuple[CandidateGroup, ...]]
    """A patient is screened if every group shows some evidence; the others are only counted."""
    exit_attestations: Sourced[tuple[AttestationCode, ...]]
    """Attestations by which staff take a patient off the study."""
    inclusion: tuple[Criterion, ...] = Field(min_length=1)
    exclusion: tuple[Criterion, ...] = ()
    exclusion_note: str = ""

    @model_validator(mode="after")
    def _each_id_once(self) -> Screening:
        ids = Counter(c.id for c in with_nested((*self.inclusion, *self.exclusion)))
        if twice := sorted(i for i, times in ids.items() if times > 1):
            raise ValueError(f"criterion ids must be unique; given more than once: {', '.join(twice)}")
        return self


class Protocol(Section):
    """One trial."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]{2,63}$")
    version: str
    title: str
    registry: str | None = None
    screening: Screening
    treatment: Treatment
    response: Response
    endpoints: Endpoints
    safety: Safety
