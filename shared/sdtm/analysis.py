"""Writes ADaM ADRS and ADTTE: analysis records of response and of times to an event, each traced to its SDTM row.

Decides no response and no endpoint.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Final

import msgspec

from shared.outcomes import Evidence
from shared.rules.endpoints import Endpoints, TimeToEvent
from shared.rules.mrecist import Course
from shared.sdtm.dataset import Cell, Column, Dataset, Row
from shared.sdtm.subject import Subject

_PARAMETERS: Final = {
    "OVRLRESP": "Overall Response by Visit",
    "BOR": "Best Overall Response",
    "CBOR": "Confirmed Best Overall Response",
    "RSP": "Objective Response",
    "CRSP": "Confirmed Objective Response",
    "DCR": "Disease Control",
    "OS": "Overall Survival",
    "PFS": "Progression-Free Survival",
    "TTP": "Time to Progression",
    "DOR": "Duration of Response",
    "CDOR": "Duration of Confirmed Response",
}
_SUBJECT: Final = (
    Column("STUDYID", "Study Identifier"),
    Column("USUBJID", "Unique Subject Identifier"),
    Column("TRTSDT", "Date of First Exposure to Treatment", "date"),
    Column("PARAMCD", "Parameter Code"),
    Column("PARAM", "Parameter"),
)
_TRACE: Final = (
    Column("SRCDOM", "Source Data"),
    Column("SRCVAR", "Source Variable"),
    Column("SRCSEQ", "Source Sequence Number", "integer"),
)
_ADRS: Final = (
    *_SUBJECT,
    Column("AVISIT", "Analysis Visit"),
    Column("ADT", "Analysis Date", "date"),
    Column("ADY", "Analysis Relative Day", "integer"),
    Column("AVALC", "Analysis Value (C)"),
    Column("ANL01FL", "Analysis Flag 01"),
    Column("RULE", "Rule that Decided"),
    *_TRACE,
)
_ADTTE: Final = (
    *_SUBJECT,
    Column("STARTDT", "Time-to-Event Origin Date for Subject", "date"),
    Column("ADT", "Analysis Date", "date"),
    Column("ADY", "Analysis Relative Day", "integer"),
    Column("AVAL", "Analysis Value", "integer"),
    Column("AVALU", "Analysis Value Unit"),
    Column("CNSR", "Censor", "integer"),
    Column("EVNTDESC", "Event or Censoring Description"),
    Column("CNSDTDSC", "Censor Date Description"),
    Column("RULE", "Rule that Decided"),
    *_TRACE,
    Column("SRCREF", "Source Record"),
)


class Analysed(msgspec.Struct, frozen=True):
    """One patient of the analysis."""

    subject: Subject
    endpoints: Endpoints


def response_records(patients: Sequence[Analysed], rs: Dataset) -> Dataset:
    """ADRS: each visit's response, best responses and whether the patient counts; traced to RS."""
    sequence = _sequences(rs)
    rows = [row for p in patients for row in _responses(p, sequence)]
    return Dataset("ADRS", "Response Analysis", _ADRS, ("USUBJID", "PARAMCD", "ADT"), tuple(rows))


def time_records(patients: Sequence[Analysed], rs: Dataset) -> Dataset:
    """ADTTE: each time to an event or to its censoring; traced to RS, or to the record that states a death or contact."""
    sequence = _sequences(rs)
    rows = [row for p in patients for row in _times(p, sequence)]
    return Dataset("ADTTE", "Time-to-Event Analysis", _ADTTE, ("USUBJID", "PARAMCD"), tuple(rows))


def _sequences(rs: Dataset) -> Mapping[tuple[str, str, str], int]:
    """Sequence number of a response by subject, test and date; of several readers' the accepted one's, which is first."""
    found: dict[tuple[str, str, str], int] = {}
    for row in rs.rows:
        key = (str(row["USUBJID"]), str(row["RSTESTCD"]), str(row.get("RSDTC") or ""))
        found.setdefault(key, int(str(row["RSSEQ"])))
    return found


def _about(patient: Analysed, parameter: str) -> dict[str, Cell]:
    subject = patient.subject
    return {
        "STUDYID": subject.study,
        "USUBJID": subject.id,
        "TRTSDT": subject.course.start.isoformat(),
        "PARAMCD": parameter,
        "PARAM": _PARAMETERS[parameter],
    }


def _responses(patient: Analysed, sequence: Mapping[tuple[str, str, str], int]) -> Iterator[Row]:
    subject, course, ends = patient.subject, patient.subject.course, patient.endpoints
    ended = False
    for place, visit in enumerate(course.visits):
        traced = _trace(sequence, subject, "OVRLRESP", visit.on.isoformat())
        counted = {} if ended else {"ANL01FL": "Y"}
        yield {
            **_about(patient, "OVRLRESP"),
            "AVISIT": subject.visit_named(place)[1],
            "ADT": visit.on.isoformat(),
            "ADY": _day(visit.on, course),
            "AVALC": visit.response,
            "RULE": visit.rule,
            **counted,
            **traced,
        }
        ended = ended or visit.response == "PD"
    on = course.best.on.isoformat() if course.best.on is not None else None
    day = _day(course.best.on, course) if course.best.on is not None else None
    traced = _trace(sequence, subject, "OVRLRESP", on or "")
    answers: tuple[tuple[str, str, str], ...] = (
        ("BOR", course.best.unconfirmed, ends.orr.rule),
        ("CBOR", course.best.confirmed, ends.orr.confirmed_rule),
        ("RSP", _yes(ends.orr.met), ends.orr.rule),
        ("CRSP", _yes(ends.orr.confirmed_met), ends.orr.confirmed_rule),
        ("DCR", _yes(ends.dcr.met), ends.dcr.rule),
    )
    for parameter, value, rule in answers:
        yield {
            **_about(patient, parameter),
            "ADT": on,
            "ADY": day,
            "AVALC": value,
            "ANL01FL": "Y",
            "RULE": rule,
            **traced,
        }


def _times(patient: Analysed, sequence: Mapping[tuple[str, str, str], int]) -> Iterator[Row]:
    ends = patient.endpoints
    named = (("OS", ends.os), ("PFS", ends.pfs), ("TTP", ends.ttp), ("DOR", ends.dor), ("CDOR", ends.dor_confirmed))
    for parameter, time in named:
        if time is None:
            continue
        yield {
            **_about(patient, parameter),
            "STARTDT": time.start_on.isoformat(),
            "ADT": time.on.isoformat(),
            "ADY": _day(time.on, patient.subject.course),
            "AVAL": time.days,
            "AVALU": "DAYS",
            "CNSR": 0 if time.event else 1,
            "EVNTDESC": (time.what if time.event else time.says).upper(),
            "CNSDTDSC": None if time.event else time.what.upper(),
            "RULE": time.rule,
            **_source(time, patient.subject, sequence),
        }


def _source(time: TimeToEvent, subject: Subject, sequence: Mapping[tuple[str, str, str], int]) -> dict[str, Cell]:
    """The RS row of the assessment that ended it, else the record that did: its domain and its reference."""
    if time.what in ("disease progression", "last adequate assessment"):
        return _trace(sequence, subject, "OVRLRESP", time.on.isoformat())
    record = next(iter(time.evidence), None)
    if record is None:
        return {}
    domain, variable = _DOMAIN.get(_type(record), ("FHIR", None))
    return {"SRCDOM": domain, "SRCVAR": variable, "SRCREF": record.reference}


_DOMAIN: Final = {
    "Patient": ("DM", "DTHDTC"),
    "MedicationAdministration": ("EX", "EXSTDTC"),
    "Encounter": ("HO", "HOSTDTC"),
    "Procedure": ("PR", "PRSTDTC"),
}
"""The SDTM domain and the variable that a record of that type belongs to; observations are of several."""


def _type(record: Evidence) -> str:
    return record.reference.partition("/")[0]


def _trace(sequence: Mapping[tuple[str, str, str], int], subject: Subject, test: str, on: str) -> dict[str, Cell]:
    found = sequence.get((subject.id, test, on))
    return {} if found is None else {"SRCDOM": "RS", "SRCVAR": "RSSTRESC", "SRCSEQ": found}


def _day(on: date, course: Course) -> int:
    """Day counted from the first dose, which is day 1; there is no day 0."""
    days = (on - course.start).days
    return days + 1 if days >= 0 else days


def _yes(met: bool) -> str:
    return "Y" if met else "N"
