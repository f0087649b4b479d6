"""The closed set of things that a simulated chart may state: each becomes one FHIR resource.

Decides no FHIR and no expectation. Days count from the date of evaluation (`-10`: ten days before it). `key`
names the record within the chart: an entry with the same key and a higher version is a new version of it.
Values of laboratory tests are in the concept's canonical unit; the site writes its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Precision = Literal["instant", "day", "month", "year"]
Organ = Literal["liver", "lung", "adrenal", "bone", "node", "node-porta-hepatis"]
Role = Literal["target", "non-target", "new"]
Quirk = Literal["category-array", "unknown-element"]
"""What makes a record break R4 although what is read of it is sound."""
SubjectBy = Literal["reference", "absolute", "identifier"]
DrugForm = Literal["code", "site", "text", "reference"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What every entry has: its name, when and in which version it is sent, and how often.

    `stamped`: whether it has `meta`. `named_by`: whether it has an id. `subject_by`: how it points to its patient.
    `quirk`: how it breaks R4, if it does. `second`: whether it is in the chart that the hospital opened twice.
    """

    key: str
    phase: int = 1
    version: int = 1
    copies: int = 1
    stamped: bool = True
    named_by: Literal["id", "identifier"] = "id"
    subject_by: SubjectBy = "reference"
    quirk: Quirk | None = None
    second: bool = False
    day: int = -5
    precision: Precision = "instant"


@dataclass(frozen=True, kw_only=True)
class Person(Entry):
    """The patient; `age` in completed years at evaluation, the last birthday so many days before it."""

    key: str = "patient"
    day: int = -30
    age: int | None = 54
    days_past_birthday: int = 100
    birth_precision: Precision = "day"
    sex: Literal["male", "female"] = "male"
    died_day: int | None = None
    is_replaced: bool = False
    """Of the second chart: whether the hospital has merged it into the first (`Patient.link`)."""


@dataclass(frozen=True, kw_only=True)
class Lab(Entry):
    """A laboratory result; `value` None: it was unusable. `ranged` None: with limits if the site does."""

    concept: str
    value: str | None
    status: str = "final"
    ranged: bool | None = None
    padding: int = 0


@dataclass(frozen=True, kw_only=True)
class Finding(Entry):
    """An Observation answered by a local code: ascites, encephalopathy, a reader's statement of response."""

    concept: str
    answer: str
    status: str = "final"


@dataclass(frozen=True, kw_only=True)
class Flag(Entry):
    """An Observation answered by yes or no: `pathology-confirmed`, `recurrence-on-imaging`."""

    concept: str
    value: bool
    method: Literal["ct", "mri", "ultrasound"] | None = None
    status: str = "final"


@dataclass(frozen=True, kw_only=True)
class Score(Entry):
    """A performance score."""

    concept: str = "ecog"
    value: int = 1


@dataclass(frozen=True, kw_only=True)
class Attestation(Entry):
    """A practitioner's statement; `until` is the day on which it expires."""

    code: str
    value: bool = True
    by: str = "investigator-1"
    until: int | None = None
    about_reader: str | None = None
    status: str = "final"


@dataclass(frozen=True, kw_only=True)
class PdL1(Entry):
    """PD-L1 by immunohistochemistry on a specimen of the chart."""

    result: Literal["negative", "positive"] | None = "negative"
    percent: str | None = None
    specimen: str = "graft-biopsy"


@dataclass(frozen=True, kw_only=True)
class Tissue(Entry):
    """A Specimen, of the graft or of the tumour; its site is stated as its type or where it was collected."""

    tissue: Literal["graft-liver", "tumour"] = "graft-liver"
    stated_as: Literal["type", "body-site"] = "type"


@dataclass(frozen=True, kw_only=True)
class Diagnosis(Entry):
    """A Condition; `day` is its onset, `coding` the system of its code, `report` what it cites."""

    concept: str
    coding: Literal["icd-10-cm", "snomed", "site"] = "icd-10-cm"
    verification: str = "confirmed"
    report: str | None = None


@dataclass(frozen=True, kw_only=True)
class Report(Entry):
    """A final DiagnosticReport of pathology; `concludes` is the concept of the pathologist's diagnosis."""

    concludes: str | None = None


@dataclass(frozen=True, kw_only=True)
class Transplant(Entry):
    """The liver transplantation; `day` is its date."""

    key: str = "transplant"
    as_period: bool = False


@dataclass(frozen=True, kw_only=True)
class Drug(Entry):
    """A drug given, taken or prescribed; `form` tells how the record names it, `per_day` how often."""

    drug: str
    record: Literal["administration", "statement", "request", "dispense"] = "statement"
    form: DrugForm = "code"
    until: int | None = None
    dose: str | None = None
    per_day: int | None = None
    status: str = "active"


@dataclass(frozen=True, kw_only=True)
class Product(Entry):
    """The Medication that drug records with `form="reference"` point to; its key is `product-<drug>`."""

    drug: str


@dataclass(frozen=True, kw_only=True)
class Lesion(Entry):
    """One lesion at one scan, by its tracking identifier or BodyStructure; sizes in mm, written in `unit`."""

    lesion: str
    organ: Organ = "liver"
    role: Role = "target"
    state: str | None = "present"
    longest: str | None = None
    viable: str | None = None
    short_axis: str | None = None
    enhancing: bool | None = None
    washout: bool | None = None
    visit: int | None = None
    unit: Literal["mm", "cm"] = "mm"
    by_structure: bool = False
    status: str = "final"
    merged_with: tuple[str, ...] = ()
    split_from: str | None = None
    reader: str = "radiologist-1"


@dataclass(frozen=True, kw_only=True)
class LocalTreatment(Entry):
    """A resection, ablation or the like of one lesion."""

    concept: str
    lesion: str


@dataclass(frozen=True, kw_only=True)
class Structure(Entry):
    """The BodyStructure of a lesion; its key is `structure-<lesion>`."""

    organ: Organ = "liver"


@dataclass(frozen=True, kw_only=True)
class Stay(Entry):
    """An Encounter; inpatient, emergency or ambulatory; `until` None: it has not ended."""

    kind: Literal["IMP", "ACUTE", "EMER", "AMB"] = "AMB"
    until: int | None = None
    planned: bool = False


@dataclass(frozen=True, kw_only=True)
class BiopsyPart(Entry):
    """One part of the rejection activity index of a biopsy, as an Observation of its own."""

    concept: Literal["rai-portal", "rai-bile-duct", "rai-venous"]
    points: int


@dataclass(frozen=True, kw_only=True)
class BiopsyPanel(Entry):
    """The rejection activity index of a biopsy, in one Observation with components."""

    portal: int
    bile_duct: int
    venous: int


@dataclass(frozen=True, kw_only=True)
class Irrelevant(Entry):
    """A record that no protocol asks for."""

    kind: Literal["blood-pressure", "hypertension", "immunization", "allergy"]


@dataclass(frozen=True, kw_only=True)
class Removed(Entry):
    """The site deletes the record `key`: by a tombstone on the topic, or by a DELETE entry of a Bundle."""

    resource_type: str
    version: int = 2
    by: Literal["tombstone", "bundle"] = "tombstone"


AnyEntry = (
    Person
    | Lab
    | Finding
    | Flag
    | Score
    | Attestation
    | PdL1
    | Tissue
    | Diagnosis
    | Report
    | Transplant
    | Drug
    | Product
    | Lesion
    | Structure
    | LocalTreatment
    | Stay
    | BiopsyPart
    | BiopsyPanel
    | Irrelevant
)
"""Everything that becomes a resource (`Removed` does not)."""
