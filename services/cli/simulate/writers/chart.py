"""Decides how the records of one chart name their patient, each other and their codes. Writes no resource."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from services.cli.simulate.entries import Entry, Person, SubjectBy
from services.cli.simulate.hospitals import Calendar, Hospital


@dataclass(frozen=True)
class Chart:
    """Whose chart it is, at which hospital, and its calendar."""

    hospital: Hospital
    patient: str
    calendar: Calendar
    first: str | None = None
    """Of a second chart: the patient of the first."""

    @property
    def second(self) -> Chart:
        """The chart that the hospital opened for the same person a second time."""
        return replace(self, patient=f"{self.patient}-2", first=self.patient)

    @property
    def subject(self) -> dict[str, Any]:
        """The reference to the patient."""
        return {"reference": f"Patient/{self.patient}"}

    def subject_by(self, manner: SubjectBy) -> dict[str, Any]:
        """The reference to the patient as a record writes it; by identifier only where the patient is known."""
        match manner:
            case "reference":
                return self.subject
            case "absolute":
                return {"reference": f"https://{self.hospital.site}.example/fhir/Patient/{self.patient}"}
            case "identifier":
                return {"identifier": self.medical_record_number}

    @property
    def medical_record_number(self) -> dict[str, str]:
        """The patient's identifier at the site."""
        return {"system": f"https://{self.hospital.site}.example/fhir/mrn", "value": f"MRN-{self.patient}"}

    def record_id(self, entry: Entry) -> str:
        """The id of the entry's resource; the same at both sites for the same key."""
        return self.patient if isinstance(entry, Person) else self.id_of(entry.key)

    def id_of(self, key: str) -> str:
        """The id of the record with this key."""
        return f"{self.patient}-{key}"

    def reference(self, resource_type: str, key: str) -> dict[str, str]:
        """A reference to another record of the chart."""
        return {"reference": f"{resource_type}/{self.id_of(key)}"}

    def code(self, concept_id: str) -> dict[str, Any]:
        """The CodeableConcept of a concept as the site codes it."""
        return {"coding": [self.hospital.coding(concept_id)]}


def narrative(characters: int) -> dict[str, str]:
    """A generated narrative of about that many characters: what makes a hospital's Bundles large."""
    line = "Generated summary of the record without further content. "
    text = (line * (characters // len(line) + 1))[:characters]
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{text}</div>'}
