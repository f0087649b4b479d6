"""Writes SDTM RS: the responses that were derived from one reader's measurements. Decides no response."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from shared.rules.mrecist import Criteria, Visit
from shared.rules.mrecist.immune import ImmuneCourse, immune
from shared.rules.mrecist.model import Course
from shared.sdtm.dataset import Cell, Column, Dataset, Row, numbered
from shared.sdtm.tumours import Reading

CATEGORY: Final = {"recist11": "RECIST 1.1", "mrecist": "mRECIST", "irecist": "iRECIST"}
_TESTS: Final = {
    "TRGRESP": "Target Response",
    "NTRGRESP": "Non-target Response",
    "NEWLPROG": "New Lesion Progression",
    "OVRLRESP": "Overall Response",
    "BESTRESP": "Best Response",
}
COLUMNS: Final = (
    Column("STUDYID", "Study Identifier"),
    Column("DOMAIN", "Domain Abbreviation"),
    Column("USUBJID", "Unique Subject Identifier"),
    Column("RSSEQ", "Sequence Number", "integer"),
    Column("RSTESTCD", "Assessment Short Name"),
    Column("RSTEST", "Assessment Name"),
    Column("RSCAT", "Category for Assessment"),
    Column("RSORRES", "Result or Finding in Original Units"),
    Column("RSSTRESC", "Character Result/Finding in Std Format"),
    Column("RSEVAL", "Evaluator"),
    Column("RSEVALID", "Evaluator Identifier"),
    Column("RSACPTFL", "Accepted Record Flag"),
    Column("VISITNUM", "Visit Number", "decimal"),
    Column("VISIT", "Visit Name"),
    Column("RSDTC", "Date/Time of Assessment"),
)


def responses(derived: Sequence[tuple[Reading, Course]], criteria: Criteria) -> Dataset:
    """One row for each response of each visit, and the best response, by subject and reader."""
    rows = [row for reading, course in derived for row in _of_reading(reading, course, criteria)]
    return of_rows(sorted(rows, key=lambda r: str(r["USUBJID"])))


def of_rows(rows: Sequence[Row]) -> Dataset:
    """The dataset of these rows, numbered within each subject."""
    return Dataset(
        "RS",
        "Disease Response and Clin Classification",
        COLUMNS,
        ("USUBJID", "RSSEQ"),
        numbered(rows, "USUBJID", "RSSEQ"),
    )


def row(about: Mapping[str, Cell], test: str, result: str, category: str) -> Row:
    """One response."""
    return {
        **about,
        "DOMAIN": "RS",
        "RSTESTCD": test,
        "RSTEST": _TESTS[test],
        "RSCAT": category,
        "RSORRES": result,
        "RSSTRESC": result,
    }


def parts(visit: Visit, overall: str) -> Iterator[tuple[str, str]]:
    """The responses of one visit by test: of targets, non-targets, new lesions where there are any, and overall."""
    if visit.target is not None:
        yield "TRGRESP", visit.target
    if visit.non_target is not None:
        yield "NTRGRESP", visit.non_target
    if visit.new_lesion:
        yield "NEWLPROG", "UNEQUIVOCAL"
    yield "OVRLRESP", overall


def _of_reading(reading: Reading, course: Course, criteria: Criteria) -> Iterator[Row]:
    category = CATEGORY[criteria.name]
    by_immune = immune(course) if criteria.name == "irecist" else None
    about: dict[str, Cell] = {
        "STUDYID": reading.study,
        "USUBJID": reading.subject,
        "RSEVAL": reading.evaluator,
        "RSEVALID": reading.evaluator_id,
    }
    for place, visit in enumerate(course.visits):
        overall = by_immune.visits[place].response if by_immune is not None else visit.response
        at = about | _visit(reading, visit)
        yield from (row(at, test, result, category) for test, result in parts(visit, overall))
    if course.visits:
        yield row(about, "BESTRESP", _best(course, by_immune), category)


def _best(course: Course, by_immune: ImmuneCourse | None) -> str:
    return by_immune.best if by_immune is not None else course.best.unconfirmed


def _visit(reading: Reading, visit: Visit) -> dict[str, Cell]:
    number = visit.number if visit.number is not None else 0
    return {
        "VISITNUM": visit_number(number),
        "VISIT": reading.visits.get(number, ""),
        "RSACPTFL": "Y" if number in reading.accepted else None,
        "RSDTC": _date(reading, visit),
    }


def visit_number(hundredths: int) -> str:
    """`3`, `3.1`: as the table had it."""
    whole, rest = divmod(hundredths, 100)
    return f"{whole}.{rest:02d}".rstrip("0") if rest else str(whole)


def _date(reading: Reading, visit: Visit) -> str:
    """The date as it was recorded, which may be less than a day."""
    stated = (m.occurred for m in reading.lesions if m.visit == visit.number and m.occurred is not None)
    return next((d.text for d in stated if visit.on in (d.day, d.last_day)), visit.on.isoformat())
