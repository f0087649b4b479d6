"""Decides which concepts a record's codes stand for at one site, and that site's limits of normal.

Does not decide whether a concept matters (the scope does) nor what a value means (rules do).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from shared import terminology
from shared.codes import ATC, ICD_10, ICD_10_CM, LOCAL_SYSTEM, LOINC, RXNORM, SNOMED_CT
from shared.facts import LimitsOfGroup
from shared.fhir.elements import CodeableConcept, Coding
from shared.sites import NormalLimits, Site
from shared.terminology import Concept, Kind

# Engines that come from HL7 v2 or CDA name the systems by their object identifiers.
_BY_OID: Final = {
    "urn:oid:2.16.840.1.113883.6.1": LOINC,
    "urn:oid:2.16.840.1.113883.6.96": SNOMED_CT,
    "urn:oid:2.16.840.1.113883.6.90": ICD_10_CM,
    "urn:oid:2.16.840.1.113883.6.3": ICD_10,
    "urn:oid:2.16.840.1.113883.6.73": ATC,
    "urn:oid:2.16.840.1.113883.6.88": RXNORM,
}


class Meaning:
    """What codes mean at one site: the table of codes first, then the site's own map."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._codes = site.code_map
        self._limits = _by_concept(site.limits)
        self.ranges_met: dict[tuple[bytes, str, str | None], tuple[LimitsOfGroup, ...]] = {}
        """The reference ranges met lately, by their bytes, the concept and the result's unit; `ranges` keeps it."""

    def concept_of(self, coding: Coding) -> Concept | None:
        """The concept of one coding; None if neither the table nor the site's map lists it."""
        if coding.code is None:
            return None
        system = coding.system or ""
        found = terminology.find(_BY_OID.get(system, system), coding.code)
        if found is None and (mapped := self._codes.get((system, coding.code))) is not None:
            return terminology.concept(mapped)
        return found

    def concepts(self, *stated: CodeableConcept | None) -> tuple[Concept, ...]:
        """Every concept that the codings stand for, each once, in the order given.

        Codings of one CodeableConcept may be of different fineness (a level and a trough, a complication and
        a rejection): each is a true statement.
        """
        found: dict[str, Concept] = {}
        for each in stated:
            for coding in each.coding if each is not None else ():
                concept = self.concept_of(coding)
                if concept is not None:
                    found.setdefault(concept.id, concept)
        return tuple(found.values())

    def of_kind(self, kind: Kind, *stated: CodeableConcept | None) -> Concept | None:
        """The first concept of that kind."""
        return next((concept for concept in self.concepts(*stated) if concept.kind is kind), None)

    def drugs(self, stated: CodeableConcept) -> tuple[Concept, ...]:
        """The drugs that a CodeableConcept names: by its codings, else by its words."""
        coded = tuple(concept for concept in self.concepts(stated) if concept.kind is Kind.DRUG)
        if coded:
            return coded
        named = (drug_in_words(words) for words in _words(stated))
        return tuple(dict.fromkeys(drug for drug in named if drug is not None))

    def limits(self, concept: Concept) -> tuple[LimitsOfGroup, ...]:
        """The site's limits of normal, one or more rows by sex and age: a result does not say the patient's."""
        return self._limits.get(concept.id, ())


def drug_in_words(text: str | None) -> Concept | None:
    """The drug that a free text names."""
    return terminology.find_drug_by_text(text) if text else None


def answer(stated: CodeableConcept | None, allowed: tuple[str, ...]) -> str | None:
    """The first of our own codes among the codings that is an allowed answer."""
    for coding in stated.coding if stated else ():
        if coding.system == LOCAL_SYSTEM and coding.code in allowed:
            return coding.code
    return None


def _words(stated: CodeableConcept) -> Iterator[str | None]:
    yield stated.text
    for coding in stated.coding:
        yield coding.display


def _by_concept(limits: Iterable[NormalLimits]) -> dict[str, tuple[LimitsOfGroup, ...]]:
    found: dict[str, tuple[LimitsOfGroup, ...]] = {}
    for row in limits:
        found[row.concept] = (*found.get(row.concept, ()), row.of_group)
    return found
