"""Writes SDTM TU and TR: the lesions of the trial's patients as they were recorded. Decides nothing.

Every measurement is written, of every reader; what a record does not state is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Final

from shared.facts import LesionMeasurement, Organ
from shared.rules.mrecist.lesions import OrganOf
from shared.sdtm.dataset import Cell, Column, Dataset, Row, numbered
from shared.sdtm.subject import Subject
from shared.sdtm.tumours import VIABLE
from shared.wording import plain

_LOCATION: Final = {
    "adrenal": "ADRENAL GLAND",
    "node": "LYMPH NODE",
    "node-porta-hepatis": "LYMPH NODE OF THE PORTA HEPATIS",
}
_TESTS: Final[tuple[tuple[str, str, Callable[[LesionMeasurement], Decimal | None]], ...]] = (
    ("LDIAM", "Longest Diameter", lambda m: m.longest_mm),
    ("LPERP", "Longest Perpendicular", lambda m: m.short_axis_mm),
    (VIABLE, "Longest Viable Diameter", lambda m: m.viable_mm),
)
_IDENTIFIED: Final = {
    "identified": ("TUMIDENT", "Tumor Identification"),
    "merged": ("TUMERGE", "Tumor Merged"),
    "split": ("TUSPLIT", "Tumor Split"),
}
_FLAGS: Final[tuple[tuple[str, str, Callable[[LesionMeasurement], bool | None]], ...]] = (
    ("APHE", "Arterial Phase Hyperenhancement", lambda m: m.arterial_hyperenhancement),
    ("WASHOUT", "Washout", lambda m: m.washout),
)
_TU: Final = (
    Column("STUDYID", "Study Identifier"),
    Column("DOMAIN", "Domain Abbreviation"),
    Column("USUBJID", "Unique Subject Identifier"),
    Column("TUSEQ", "Sequence Number", "integer"),
    Column("TULNKID", "Link ID"),
    Column("TUTESTCD", "Tumor/Lesion ID Short Name"),
    Column("TUTEST", "Tumor/Lesion ID Test Name"),
    Column("TUORRES", "Tumor/Lesion ID Result"),
    Column("TUSTRESC", "Tumor/Lesion ID Result Std. Format"),
    Column("TULOC", "Location of the Tumor/Lesion"),
    Column("TUEVAL", "Evaluator"),
    Column("TUEVALID", "Evaluator Identifier"),
    Column("TUACPTFL", "Accepted Record Flag"),
    Column("TUDTC", "Date/Time of Tumor/Lesion Identification"),
)
_TR: Final = (
    Column("STUDYID", "Study Identifier"),
    Column("DOMAIN", "Domain Abbreviation"),
    Column("USUBJID", "Unique Subject Identifier"),
    Column("TRSEQ", "Sequence Number", "integer"),
    Column("TRGRPID", "Group ID"),
    Column("TRLNKID", "Link ID"),
    Column("TRTESTCD", "Tumor/Lesion Assessment Short Name"),
    Column("TRTEST", "Tumor/Lesion Assessment Test Name"),
    Column("TRORRES", "Result or Finding in Original Units"),
    Column("TRORRESU", "Original Units"),
    Column("TRSTRESC", "Character Result/Finding in Std Format"),
    Column("TRSTRESN", "Numeric Result/Finding in Standard Units", "decimal"),
    Column("TRSTRESU", "Standard Units"),
    Column("TREVAL", "Evaluator"),
    Column("TREVALID", "Evaluator Identifier"),
    Column("TRACPTFL", "Accepted Record Flag"),
    Column("TRLOBXFL", "Last Observation Before Exposure Flag"),
    Column("VISITNUM", "Visit Number", "decimal"),
    Column("VISIT", "Visit Name"),
    Column("TRDTC", "Date/Time of Tumor/Lesion Measurement"),
)


def identifications(subjects: Sequence[Subject]) -> Dataset:
    """TU: each lesion once for each reader, at its first record."""
    rows = [row for s in subjects for row in _identified(s)]
    return Dataset("TU", "Tumor/Lesion Identification", _TU, ("USUBJID", "TUSEQ"), numbered(rows, "USUBJID", "TUSEQ"))


def measurements(subjects: Sequence[Subject]) -> Dataset:
    """TR: each size and each state of each lesion."""
    rows = [row for s in subjects for m in s.lesions for row in _measured(s, m)]
    return Dataset("TR", "Tumor/Lesion Results", _TR, ("USUBJID", "TRSEQ"), numbered(rows, "USUBJID", "TRSEQ"))


def _identified(subject: Subject) -> Iterator[Row]:
    seen: set[tuple[str, str | None]] = set()
    for m in subject.lesions:
        if (subject.lesion(m), m.reader) in seen:
            continue
        seen.add((subject.lesion(m), m.reader))
        role = (subject.role(m) or "").upper()
        test = "merged" if m.merged_with else "split" if m.split_from else "identified"
        yield {
            **_about(subject, m, "TU"),
            "TUTESTCD": _IDENTIFIED[test][0],
            "TUTEST": _IDENTIFIED[test][1],
            "TUORRES": role,
            "TUSTRESC": role,
            "TULOC": _location(subject.organ, m),
            "TUDTC": m.occurred.text if m.occurred else None,
        }


def _measured(subject: Subject, m: LesionMeasurement) -> Iterator[Row]:
    number, name = subject.visit(m)
    about = {
        **_about(subject, m, "TR"),
        "TRGRPID": (subject.role(m) or "").upper(),
        "TRLOBXFL": "Y" if number == subject.BASELINE else None,
        "VISITNUM": number,
        "VISIT": name,
        "TRDTC": m.occurred.text if m.occurred else None,
    }
    for code, test, size in _TESTS:
        if (value := size(m)) is not None:
            yield {**about, "TRTESTCD": code, "TRTEST": test, **_sized(value)}
    for code, test, flag in _FLAGS:
        if (seen := flag(m)) is not None:
            answer = "Y" if seen else "N"
            yield {**about, "TRTESTCD": code, "TRTEST": test, "TRORRES": answer, "TRSTRESC": answer}
    if m.state is not None:
        state = m.state.replace("-", " ").upper()
        yield {**about, "TRTESTCD": "TUMSTATE", "TRTEST": "Tumor State", "TRORRES": state, "TRSTRESC": state}


def _sized(value: Decimal) -> dict[str, Cell]:
    size = plain(value) if value.is_finite() else str(value)
    return {"TRORRES": size, "TRORRESU": "mm", "TRSTRESC": size, "TRSTRESN": size, "TRSTRESU": "mm"}


def _about(subject: Subject, m: LesionMeasurement, domain: str) -> dict[str, Cell]:
    return {
        "STUDYID": subject.study,
        "DOMAIN": domain,
        "USUBJID": subject.id,
        f"{domain}LNKID": subject.lesion(m),
        f"{domain}EVAL": "INVESTIGATOR",
        f"{domain}EVALID": subject.reader(m.reader),
        f"{domain}ACPTFL": "Y" if subject.accepts(m.reader) else None,
    }


def _location(organ: OrganOf, m: LesionMeasurement) -> str | None:
    site: Organ | None = organ(m)
    return None if site is None else _LOCATION.get(site, site.replace("-", " ").upper())
