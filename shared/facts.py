"""The closed set of dated clinical facts that a FHIR record can state, the only language the rules speak.

A fact says what a record says, in canonical units; it never says what that means for a trial.

References between records (a specimen, a body structure, a pathology report) stay references here and are joined
in the rules, so that the order in which the records arrive cannot matter. Every key is a pseudonym: no fact holds an
identifier of a patient or of a record.
"""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import Literal
from uuid import UUID

import msgspec

from shared.dates import FhirDate
from shared.quantities import Quantity

FACT_NAMESPACE = UUID("6c1f0f2e-6c58-5b1d-9d0a-6d3f2b7f4a10")
UNSTAMPED = UUID(int=0)
_NAMESPACE_BYTES = FACT_NAMESPACE.bytes

Organ = str
"""Organ of a lesion: `liver`, `lung`, `bone`, `adrenal`, `peritoneum`, `brain`, `node-porta-hepatis`, `node`, …"""


class Source(msgspec.Struct, frozen=True):
    """The record that states a fact: FHIR type and its key (a pseudonym inside the product).

    `version` is None in what is read from a feed: which of two versions that state the same came first must not matter.
    """

    type: str
    key: str
    version: str | None = None

    @property
    def reference(self) -> str:
        """As FHIR writes a reference: `Observation/<key>`."""
        return f"{self.type}/{self.key}"


class Fact(msgspec.Struct, frozen=True, kw_only=True, tag_field="fact", omit_defaults=True):
    """What every fact has: its deterministic id, its source and when it was clinically so (`occurred`)."""

    fact_id: UUID = UNSTAMPED
    source: Source
    occurred: FhirDate | None = None


class Demographics(Fact, frozen=True, kw_only=True, tag="demographics"):
    """Birth date and administrative gender (Patient)."""

    birth_date: FhirDate | None = None
    sex: Literal["male", "female", "other"] | None = None


class VitalStatus(Fact, frozen=True, kw_only=True, tag="vital-status"):
    """Patient.deceased; `occurred` is the date of death, None where the record only says that it happened."""

    deceased: bool


class PatientLink(Fact, frozen=True, kw_only=True, tag="patient-link"):
    """Patient.link: the hospital holds this Patient and another for one person (`refer` and `seealso` do not say so)."""

    link: Literal["replaced-by", "replaces"]
    other: UUID
    """The other patient's pseudonym."""
    other_record: str
    """The key of the other Patient record."""


class AgeBound(msgspec.Struct, frozen=True):
    """So many completed years, months, weeks or days of age (UCUM units)."""

    count: int
    unit: Literal["a", "mo", "wk", "d"] = "a"


class LimitsOfGroup(msgspec.Struct, frozen=True, omit_defaults=True):
    """Limits of normal of the patients of one sex, of an age (both bounds inclusive), or of both; else of all."""

    low: Quantity | None = None
    high: Quantity | None = None
    sex: Literal["male", "female"] | None = None
    age_from: AgeBound | None = None
    age_to: AgeBound | None = None

    @property
    def is_for_all(self) -> bool:
        """Whether they hold whatever the sex and age."""
        return self.sex is None and self.age_from is None and self.age_to is None


class Laboratory(Fact, frozen=True, kw_only=True, tag="laboratory"):
    """A laboratory result in the concept's canonical unit; `value` None where the record gives a reason instead.

    Where the limits of normal depend on who the patient is, `ranges` has them all: a timeline shows as `low` and `high`
    those of its patient, whenever sex and birth date become known or are corrected.
    """

    concept: str
    value: Quantity | None = None
    text: str | None = None
    """A result in words or codes (`positive`, `negative`, `detected`), lower case."""
    low: Quantity | None = None
    high: Quantity | None = None
    limits_from: Literal["resource", "site"] | None = None
    ranges: tuple[LimitsOfGroup, ...] = ()
    absent_reason: str | None = None
    final: bool = True
    """False for `preliminary` and `registered` results."""
    stated_by: Literal["mass", "mol"] | None = None
    """How the record gives the amount, where the canonical unit is of the other kind; None where it is of the same."""


class Diagnosis(Fact, frozen=True, kw_only=True, tag="diagnosis"):
    """A Condition. `occurred` is the onset, else the date it was recorded (`onset_stated` tells which)."""

    concept: str
    verification: Literal["confirmed", "provisional", "differential", "unconfirmed", "refuted"] | None = None
    clinical: Literal["active", "recurrence", "relapse", "inactive", "remission", "resolved"] | None = None
    onset_stated: bool = False
    pathology_stated: bool | None = None
    """True where Condition.evidence itself is coded as a pathology finding."""
    evidence_keys: tuple[str, ...] = ()
    """Keys of the reports that Condition.evidence points to; joined with `PathologyReport`."""


class PathologyReport(Fact, frozen=True, kw_only=True, tag="pathology-report"):
    """A DiagnosticReport of pathology that is final: what a Condition may cite as its evidence."""

    report_key: str
    concludes: tuple[str, ...] = ()
    """Concepts of DiagnosticReport.conclusionCode: the pathologist's diagnosis."""


class PathologyConfirmation(Fact, frozen=True, kw_only=True, tag="pathology-confirmation"):
    """The local Observation `pathology-confirmed`: HCC confirmed, or not, by pathology."""

    confirmed: bool


class ProcedurePerformed(Fact, frozen=True, kw_only=True, tag="procedure"):
    """A Procedure that took place (`completed`, `in-progress`, `stopped`), or one recorded as not done."""

    concept: str
    performed: bool = True
    lesions: tuple[str, ...] = ()
    """Keys of the lesions that it treated, where the record names them (identifier, else BodyStructure)."""
    organs: tuple[Organ, ...] = ()
    """Organs that it was done on (Procedure.bodySite)."""


class DrugExposure(Fact, frozen=True, kw_only=True, tag="drug-exposure"):
    """A drug given, taken, dispensed or prescribed; `occurred` is its start, `until` its recorded end.

    `record` gives the trust, in the order administration, statement, dispense, request. `taken` is False for
    not-done and similar statuses, None where the record does not say (status unknown, a mere request).
    """

    drug: str
    record: Literal["administration", "statement", "dispense", "request"]
    status: str
    taken: bool | None
    until: FhirDate | None = None
    dose: Quantity | None = None
    doses_per_day: Decimal | None = None
    route: str | None = None


class LesionMeasurement(Fact, frozen=True, kw_only=True, tag="lesion-measurement"):
    """One lesion, one date, one reader (mCODE tumour size, LOINC 21889-1, with the local components); sizes in mm."""

    lesion: str
    """Key of the lesion: (site, focus identifier), else the BodyStructure."""
    body_structure: str | None = None
    """Key of the BodyStructure that may state the organ (`BodySite`)."""
    reader: str | None = None
    role: Literal["target", "non-target", "new"] | None = None
    state: Literal["present", "absent", "unequivocal-progression", "too-small-to-measure", "not-evaluable"] | None = (
        None
    )
    longest_mm: Decimal | None = None
    viable_mm: Decimal | None = None
    short_axis_mm: Decimal | None = None
    arterial_hyperenhancement: bool | None = None
    washout: bool | None = None
    organ: Organ | None = None
    visit: int | None = None
    """A visit number, where the record gives one: overrides the window."""
    merged_with: tuple[str, ...] = ()
    """Keys of other lesions that have grown together with this one and are measured with it as one."""
    split_from: str | None = None
    """Key of the lesion that this one is a part of, since it fell into parts."""
    accepted: bool | None = None
    """Whether the trial accepted this reader's record, of several readers'."""


class BodySite(Fact, frozen=True, kw_only=True, tag="body-site"):
    """A BodyStructure: where a lesion lies."""

    body_structure: str
    organ: Organ | None = None


class SpecimenCollected(Fact, frozen=True, kw_only=True, tag="specimen"):
    """A Specimen: which tissue it is."""

    specimen: str
    tissue: Literal["graft-liver", "tumour"] | None = None


class ImagingVerdict(Fact, frozen=True, kw_only=True, tag="imaging-verdict"):
    """Recurrence or metastasis seen, or not seen, on imaging (`recurrence-on-imaging`)."""

    present: bool
    method: Literal["ct", "mri"] | None = None


class ResponseStatement(Fact, frozen=True, kw_only=True, tag="response-statement"):
    """A reader's own statement of the overall response; kept beside the derived one, never instead of it."""

    response: Literal["CR", "PR", "SD", "PD", "NE", "NON-CR/NON-PD"]
    reader: str | None = None


class BiomarkerResult(Fact, frozen=True, kw_only=True, tag="biomarker"):
    """PD-L1 by immunohistochemistry on one specimen; tissue stated here, else joined by the specimen's key."""

    biomarker: Literal["pd-l1"]
    result: Literal["negative", "positive"] | None = None
    percent: Quantity | None = None
    specimen: str | None = None
    tissue: Literal["graft-liver", "tumour"] | None = None


class ScaleScore(Fact, frozen=True, kw_only=True, tag="scale-score"):
    """A performance score: `ecog` 0-5, `karnofsky` 0-100."""

    scale: str
    score: Decimal


class ClinicalFinding(Fact, frozen=True, kw_only=True, tag="clinical-finding"):
    """A graded finding for Child-Pugh: ascites or encephalopathy, in the local codes of severity."""

    finding: Literal["ascites", "encephalopathy"]
    grade: Literal["none", "mild", "moderate-severe", "grade-1-2", "grade-3-4"]


class EncounterStay(Fact, frozen=True, kw_only=True, tag="encounter"):
    """An Encounter that took or takes place; `until` None while it lasts (or where no end is recorded)."""

    stay: Literal["inpatient", "emergency", "ambulatory", "other"]
    status: str
    until: FhirDate | None = None
    planned: bool | None = None


class BiopsyScore(Fact, frozen=True, kw_only=True, tag="biopsy-score"):
    """One component of the rejection activity index (Banff), 0-3, of the biopsy of that day."""

    component: Literal["portal", "bile-duct", "venous"]
    points: int


class Amendment(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a statement corrects about a case (`sae-amended`); None leaves the field as the records show it."""

    term: str | None = None
    onset: FhirDate | None = None
    ended: FhirDate | None = None
    grade: int | None = None
    seriousness: tuple[str, ...] | None = None
    """The criteria that are met; () for none."""
    result: str | None = None


class Attestation(Fact, frozen=True, kw_only=True, tag="attestation"):
    """A named practitioner's statement; `expires` None means until withdrawn."""

    code: str
    value: bool
    practitioner: str
    expires: FhirDate | None = None
    focus: str | None = None
    """The id of the event spoken of (`sae-confirmed`, `rejection-adjudicated`)."""
    note: str | None = None
    """Why, in the practitioner's words, of an act of review (a refuted case must say so); it holds no identifier."""
    into: str | None = None
    """The id of the case into which `focus` is merged (`sae-merged`)."""
    amends: Amendment | None = None
    degree: str | None = None
    """How strongly, of an opinion on causality (`shared.reviews.CAUSALITY`); it agrees with `value`."""


class AdverseEventRecord(Fact, frozen=True, kw_only=True, tag="adverse-event"):
    """An AdverseEvent that a site records itself; `occurred` is its onset. What it does not say is None."""

    concept: str | None = None
    """The event, where its code is in the table of codes."""
    seriousness: tuple[str, ...] | None = None
    """Seriousness criteria: `death`, `life-threatening`, `hospitalisation`, …; empty: stated not to be serious."""
    grade: int | None = None
    """CTCAE grade, 1 to 5."""
    related: bool | None = None
    """The recorder's opinion: whether the trial's drug may have caused it."""
    result: Literal["resolved", "resolving", "ongoing", "resolved-with-sequelae", "fatal"] | None = None
    ended: FhirDate | None = None
    recorded: FhirDate | None = None
    """When the site recorded it: the site's own awareness."""


AnyFact = (
    Demographics
    | VitalStatus
    | PatientLink
    | Laboratory
    | Diagnosis
    | PathologyReport
    | PathologyConfirmation
    | ProcedurePerformed
    | DrugExposure
    | LesionMeasurement
    | BodySite
    | SpecimenCollected
    | ImagingVerdict
    | ResponseStatement
    | BiomarkerResult
    | ScaleScore
    | ClinicalFinding
    | EncounterStay
    | BiopsyScore
    | Attestation
    | AdverseEventRecord
)

_ENCODER = msgspec.json.Encoder(decimal_format="string", order="deterministic")
_DECODER: msgspec.json.Decoder[AnyFact] = msgspec.json.Decoder(AnyFact)


def encode(fact: AnyFact) -> bytes:
    """The fact as JSON, byte for byte the same for equal facts; decimals are strings."""
    return _ENCODER.encode(fact)


def decode(raw: bytes | str) -> AnyFact:
    """Read a fact back; `decode(encode(f)) == f`."""
    return _DECODER.decode(raw)


def kind(fact: AnyFact) -> str:
    """The tag of the fact's type, as stored (`laboratory`, `diagnosis`, …)."""
    return str(fact.__struct_config__.tag)


def stamp(fact: AnyFact) -> AnyFact:
    """Give the fact its id: the same for the same statement by the same record, whatever the record's version."""
    bare = fact
    if fact.source.version is not None or fact.fact_id is not UNSTAMPED:
        source = Source(fact.source.type, fact.source.key, None)
        bare = msgspec.structs.replace(fact, fact_id=UNSTAMPED, source=source)
    return msgspec.structs.replace(fact, fact_id=_named(encode(bare)))


def _named(content: bytes) -> UUID:
    """What `uuid.uuid5` makes of a content, in a third of its time: every fact has such an id."""
    digest = bytearray(hashlib.sha1(_NAMESPACE_BYTES + content, usedforsecurity=False).digest()[:16])
    digest[6], digest[8] = digest[6] & 0x0F | 0x50, digest[8] & 0x3F | 0x80
    return UUID(bytes=bytes(digest))
