"""SDTM AE and LB of the treated patients: decides which column of the tables says what of a case or a graded value.

Does not decide the cases or the grades; the tables themselves are written by `shared.sdtm`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from services.safety import phrasing
from services.safety.laboratory import Graded, LaboratoryTest, laboratory_tests
from services.safety.treated import Treated
from shared.facts import Laboratory
from shared.outcomes import Outcome
from shared.quantities import Quantity
from shared.sdtm.dataset import Cell, Column, Dataset, Row
from shared.sdtm.laboratory import name_of
from shared.terminology import concept

_SUBJECT: Final = (
    Column("STUDYID", "Study Identifier"),
    Column("DOMAIN", "Domain Abbreviation"),
    Column("USUBJID", "Unique Subject Identifier"),
)
AE: Final = (
    *_SUBJECT,
    Column("AESEQ", "Sequence Number", "integer"),
    Column("AESPID", "Sponsor-Defined Identifier"),
    Column("AETERM", "Reported Term for the Adverse Event"),
    Column("AETOXGR", "Standard Toxicity Grade"),
    Column("AESER", "Serious Event"),
    Column("AEREL", "Causality"),
    Column("AEOUT", "Outcome of Adverse Event"),
    Column("AESCONG", "Congenital Anomaly or Birth Defect"),
    Column("AESDISAB", "Persist or Signif Disability/Incapacity"),
    Column("AESDTH", "Results in Death"),
    Column("AESHOSP", "Requires or Prolongs Hospitalization"),
    Column("AESLIFE", "Is Life Threatening"),
    Column("AESMIE", "Other Medically Important Serious Event"),
    Column("AESTDTC", "Start Date/Time of Adverse Event"),
    Column("AEENDTC", "End Date/Time of Adverse Event"),
    Column("AESTDY", "Study Day of Start of Adverse Event", "integer"),
)
LB: Final = (
    *_SUBJECT,
    Column("LBSEQ", "Sequence Number", "integer"),
    Column("LBTESTCD", "Lab Test or Examination Short Name"),
    Column("LBTEST", "Lab Test or Examination Name"),
    Column("LBSTRESC", "Character Result/Finding in Std Format"),
    Column("LBSTRESN", "Numeric Result/Finding in Standard Units", "decimal"),
    Column("LBSTRESU", "Standard Units"),
    Column("LBSTNRLO", "Reference Range Lower Limit-Std Units", "decimal"),
    Column("LBSTNRHI", "Reference Range Upper Limit-Std Units", "decimal"),
    Column("LBLOINC", "LOINC Code"),
    Column("LBFAST", "Fasting Status"),
    Column("LBBLFL", "Baseline Flag"),
    Column("LBTOX", "Toxicity"),
    Column("LBTOXGR", "Standard Toxicity Grade"),
    Column("LBDTC", "Date/Time of Specimen Collection"),
    Column("LBDY", "Study Day of Specimen Collection", "integer"),
)
_CRITERIA: Final = {
    "AESCONG": "congenital-anomaly",
    "AESDISAB": "disability",
    "AESDTH": "death",
    "AESHOSP": "hospitalisation",
    "AESLIFE": "life-threatening",
    "AESMIE": "medically-important",
}
_RESULTS: Final = {
    "resolved": "RECOVERED/RESOLVED",
    "resolving": "RECOVERING/RESOLVING",
    "ongoing": "NOT RECOVERED/NOT RESOLVED",
    "resolved-with-sequelae": "RECOVERED/RESOLVED WITH SEQUELAE",
    "fatal": "FATAL",
}


def adverse_events(patients: Iterable[tuple[Treated, Sequence[Outcome]]], study: str) -> Dataset:
    """AE: every case that stands and is no part of another; refuted ones are not exported."""
    rows: list[Row] = []
    for patient, outcomes in patients:
        cases = [o.content for o in outcomes if o.kind == "adverse-event" and _stands(o.content)]
        rows += [_ae(patient, case, study, n) for n, case in enumerate(cases, 1)]
    return Dataset("AE", "Adverse Events", AE, ("STUDYID", "USUBJID", "AESEQ"), tuple(rows))


def laboratory(patients: Iterable[Treated], study: str) -> Dataset:
    """LB: every graded test with its baseline; of several terms of one result the one with the highest grade."""
    rows: list[Row] = []
    for patient in patients:
        results = _results(laboratory_tests(patient))
        rows += [{**_lb(patient, results[fact], study), "LBSEQ": n} for n, fact in enumerate(results, 1)]
    return Dataset("LB", "Laboratory Test Results", LB, ("STUDYID", "USUBJID", "LBSEQ"), tuple(rows))


@dataclass(frozen=True)
class _Result:
    """One row of LB: a result, whether it is a baseline, and its grades by the terms that it may show."""

    fact: Laboratory
    is_baseline: bool
    graded: tuple[Graded, ...] = ()


def _results(tests: Sequence[LaboratoryTest]) -> dict[UUID, _Result]:
    """The results of all terms by fact, test by test, each once."""
    found: dict[UUID, _Result] = {}
    for test in tests:
        if test.baseline is not None:
            held = found.get(test.baseline.fact_id)
            found[test.baseline.fact_id] = _Result(test.baseline, True, held.graded if held else ())
        for graded in test.graded:
            held = found.get(graded.fact.fact_id)
            found[graded.fact.fact_id] = _Result(graded.fact, False, (*(held.graded if held else ()), graded))
    order = {test.term.concept: n for n, test in reversed(list(enumerate(tests)))}
    return dict(sorted(found.items(), key=lambda kept: order.get(kept[1].fact.concept, 0)))


def _stands(case: dict[str, Any]) -> bool:
    return case["status"] != "refuted" and case["merged_into"] is None


def _ae(patient: Treated, case: dict[str, Any], study: str, n: int) -> Row:
    onset = case["onset_on"]
    return {
        **_subject(patient, study, "AE"),
        "AESEQ": n,
        "AESPID": case["case_id"],
        "AETERM": case["title"],
        "AETOXGR": str(case["grade"]) if case["grade"] is not None else None,
        "AESER": "Y" if case["seriousness"] else "N",
        "AEREL": case["relation"],
        "AEOUT": _RESULTS.get(case["result"], "UNKNOWN"),
        **{column: "Y" if criterion in case["seriousness"] else "N" for column, criterion in _CRITERIA.items()},
        "AESTDTC": onset,
        "AEENDTC": case["ended_on"],
        "AESTDY": _study_day(patient, onset),
    }


def _lb(patient: Treated, result: _Result, study: str) -> Row:
    row = _measured(patient, result.fact, study)
    if result.is_baseline:
        return {**row, "LBBLFL": "Y"}
    settled = [g for g in result.graded if g.grading.is_settled and g.grading.grade is not None]
    worst = max(settled, key=lambda g: g.grading.grade or 0, default=None)
    if worst is None or (not worst.grading.grade and len(settled) < len(result.graded)):
        return row
    return {**row, "LBTOX": worst.term.name if worst.grading.grade else None, "LBTOXGR": str(worst.grading.grade)}


def _measured(patient: Treated, fact: Laboratory, study: str) -> Row:
    value, measured = fact.value, concept(fact.concept)
    on = phrasing.iso(fact.occurred)
    return {
        **_subject(patient, study, "LB"),
        "LBTESTCD": name_of(fact.concept),
        "LBTEST": measured.display,
        "LBSTRESC": f"{value.comparator or ''}{value.value:f}" if value is not None else None,
        "LBSTRESN": value.value if value is not None and value.comparator is None else None,
        "LBSTRESU": value.unit if value is not None else None,
        "LBSTNRLO": _number(fact.low),
        "LBSTNRHI": _number(fact.high),
        "LBLOINC": measured.codes[0].code.value,
        "LBFAST": "Y" if fact.concept.endswith("-fasting") else None,
        "LBDTC": on,
        "LBDY": _study_day(patient, on),
    }


def _subject(patient: Treated, study: str, domain: str) -> dict[str, Cell]:
    return {"STUDYID": study, "DOMAIN": domain, "USUBJID": str(patient.timeline.patient)}


def _study_day(patient: Treated, on: str | None) -> int | None:
    """Day 1 is the first dose, the day before it -1 (SDTM); None where the day is not known."""
    day = patient.day_of(on)
    if day is None:
        return None
    return day + 1 if day >= 0 else day


def _number(limit: Quantity | None) -> Decimal | None:
    return limit.value if limit is not None else None
