"""Reads SDTM TU and TR: what each reader recorded of each lesion of each subject, as lesion measurements.

Decides which rows can be used; those that cannot are named, and what they would have said stays unknown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal, TypeAlias, cast
from zoneinfo import ZoneInfo

import msgspec

from shared.dates import FhirDate, ImpossibleDate, parse
from shared.facts import LesionMeasurement, Organ, Source, stamp
from shared.rules.mrecist.lesions import is_node, possible
from shared.sdtm.table import Fault, TableRow

TU_COLUMNS: Final = ("USUBJID", "TULNKID", "TULOC", "TUSTRESC", "TUEVAL")
TR_COLUMNS: Final = ("USUBJID", "TRLNKID", "TRTESTCD", "TRSTRESC", "TRSTRESU", "TREVAL", "TRDTC", "VISITNUM")
ReaderKey: TypeAlias = tuple[str, str]
"""Subject and reader: the evaluator's identifier, else the kind of evaluator (INVESTIGATOR)."""

_UTC: Final = ZoneInfo("UTC")
VIABLE: Final = "VIABLE"
"""Assumed: CDISC's list of tests (C96779) is extensible, and no term for the arterially enhancing diameter that mRECIST
asks for was found in what is public of it. A sponsor's own code is given by `--viable-test`.
"""
_COUNTED: Final = "DIAMETER"
"""The diameter that counts in the sum, where a sponsor gives only that: of a node its short axis."""
_SIZES: Final = {"LDIAM": "longest_mm", "LPERP": "short_axis_mm", "SAXIS": "short_axis_mm", _COUNTED: "longest_mm"}
_FLAGS: Final = {"APHE": "arterial_hyperenhancement", "WASHOUT": "washout"}
"""Not of CDISC's list either: whether a new nodule in the liver is typical (mRECIST)."""
_DERIVED: Final = frozenset({"SUMDIAM", "SUMNLNOD", "PCBSD", "PCNSD", "ACNSD", "PCHGBL", "PCHGNAD"})
"""Sums and changes: derived anew, so not read."""
_MM: Final = {"mm": Decimal(1), "cm": Decimal(10)}
_ROLES: Final = {"TARGET": "target", "NON-TARGET": "non-target", "NEW": "new"}
_STATES: Final = {
    "PRESENT": "present",
    "ABSENT": "absent",
    "UNEQUIVOCAL": "present",
    "EQUIVOCAL": "not-evaluable",
    "UNEQUIVOCAL PROGRESSION": "unequivocal-progression",
    "TOO SMALL TO MEASURE": "too-small-to-measure",
    "NOT EVALUABLE": "not-evaluable",
    "NOT DONE": "not-evaluable",
}
_ORGANS: Final = {
    "ADRENAL GLAND": "adrenal",
    "LYMPH NODE": "node",
    "LYMPH NODE OF THE PORTA HEPATIS": "node-porta-hepatis",
}


class Reading(msgspec.Struct, frozen=True):
    """Everything that one reader recorded of one subject."""

    subject: str
    study: str
    evaluator: str
    evaluator_id: str | None
    lesions: tuple[LesionMeasurement, ...]
    visits: dict[int, str]
    """Names of the visits by number."""
    accepted: frozenset[int]
    """Numbers of the visits at which this reader's records are flagged as accepted."""
    start: date
    """The last day of the subject's baseline visit."""
    baseline_days: int
    """Days between its first and its last scan."""


class Read(msgspec.Struct, frozen=True):
    """What the two tables hold, and what of them could not be used."""

    readings: tuple[Reading, ...]
    faults: tuple[Fault, ...]


class _Site(msgspec.Struct, frozen=True):
    """What TU says of one lesion, as one reader identified it."""

    organ: Organ | None = None
    role: str | None = None
    merged_with: tuple[str, ...] = ()
    split_from: str | None = None


_Sites: TypeAlias = dict[tuple[ReaderKey, str], _Site]


class _Row(msgspec.Struct, frozen=True):
    """One usable row of TR."""

    row: TableRow
    reader: ReaderKey
    lesion: str
    visit: int
    on: FhirDate
    field: str
    value: Decimal | str | bool


def read(tu: Sequence[TableRow], tr: Sequence[TableRow], viable: str = VIABLE) -> Read:
    """Join the two tables; baseline is the visit flagged as such, else the subject's visit of the lowest number.

    `viable` is the test code of the arterially enhancing diameter.
    """
    faults: list[Fault] = []
    sites, sizes = _sites(tu, faults), _SIZES | {viable: "viable_mm"}
    usable = [found for row in tr if (found := _usable(row, sites, sizes, faults)) is not None]
    lesions = _lesions(usable, sites, faults)
    starts = _baselines(usable)
    readings = []
    for key in sorted({u.reader for u in usable}):
        if key[0] not in starts:
            continue
        mine = [u for u in usable if u.reader == key]
        readings.append(_reading(key, mine, lesions[key], starts[key[0]]))
    return Read(tuple(readings), tuple(sorted(faults)))


def _sites(tu: Iterable[TableRow], faults: list[Fault]) -> _Sites:
    """Organ and role of each lesion by reader; one that changes organ is named, and the first counts."""
    found: _Sites = {}
    for row in tu:
        subject, lesion = row.get("USUBJID"), row.get("TULNKID")
        if subject is None or lesion is None:
            faults.append(row.fault("USUBJID" if subject is None else "TULNKID", "is missing; the row is left out"))
            continue
        key = ((subject, _reader(row, "TU")), lesion)
        stated = _site(row, lesion)
        if found.setdefault(key, stated).organ != stated.organ:
            faults.append(
                row.fault("TULOC", "this lesion lies in another organ in an earlier row; the first one counts")
            )
    return found


def _site(row: TableRow, lesion: str) -> _Site:
    """A row of TU; merged lesions are linked as `T01/T02`, a part as `T01.1` (SDTM, TU: TUMERGE and TUSPLIT)."""
    organ, role, test = _organ(row.get("TULOC")), _ROLES.get(row.get("TUSTRESC") or ""), row.get("TUTESTCD")
    if test == "TUMERGE":
        return _Site(organ, role, merged_with=tuple(lesion.split("/")[1:]))
    if test == "TUSPLIT":
        return _Site(organ, role, split_from=lesion.rpartition(".")[0] or None)
    return _Site(organ, role)


def _organ(location: str | None) -> Organ | None:
    if location is None:
        return None
    return _ORGANS.get(location.upper(), location.lower().replace(" ", "-"))


def _reader(row: TableRow, domain: Literal["TU", "TR"]) -> str:
    return row.get(f"{domain}EVALID") or row.get(f"{domain}EVAL") or ""


def _usable(row: TableRow, sites: _Sites, sizes: Mapping[str, str], faults: list[Fault]) -> _Row | None:
    """The row as one value of one lesion; None, with the fault named, where it cannot be used."""
    if row.get("TRTESTCD") in _DERIVED:
        return None
    for column in ("USUBJID", "TRLNKID", "TRTESTCD", "TRDTC", "VISITNUM"):
        if row.get(column) is None:
            faults.append(row.fault(column, "is missing; the row is left out"))
            return None
    key, lesion = (row.cells["USUBJID"].strip(), _reader(row, "TR")), row.cells["TRLNKID"].strip()
    if (key, lesion) not in sites:
        faults.append(row.fault("TRLNKID", "this reader identified no such lesion in TU; the row is left out"))
        return None
    try:
        field, value = _value(row, sizes, sites[key, lesion].organ)
        # A time of day is the site's local time: its date is the day that counts.
        day = row.cells["TRDTC"].strip().partition("T")[0]
        return _Row(row, key, lesion, _visit(row), parse(day, _UTC), field, value)
    except ImpossibleDate as error:
        faults.append(row.fault("TRDTC", f"{error}; the row is left out"))
    except _UnusableError as error:
        faults.append(row.fault(error.column, f"{error.says}; the row is left out"))
    return None


class _UnusableError(Exception):
    def __init__(self, column: str, says: str) -> None:
        self.column, self.says = column, says


def _visit(row: TableRow) -> int:
    try:
        number = Decimal(row.cells["VISITNUM"].strip())
        # Unplanned visits are numbered between planned ones (3.1): hundredths keep the order.
        return int(number * 100)
    except (InvalidOperation, ValueError, OverflowError):
        raise _UnusableError("VISITNUM", "is not a number") from None


def _value(row: TableRow, sizes: Mapping[str, str], organ: Organ | None) -> tuple[str, Decimal | str | bool]:
    test, result = row.cells["TRTESTCD"].strip(), (row.get("TRSTRESC") or row.get("TRSTAT") or "").upper()
    if result in _STATES and (test == "TUMSTATE" or test in sizes):
        return "state", _STATES[result]
    if test == "TUMSTATE":
        raise _UnusableError("TRSTRESC", f"expected one of {', '.join(_STATES)}")
    if test in _FLAGS:
        if result not in ("Y", "N"):
            raise _UnusableError("TRSTRESC", "expected Y or N")
        return _FLAGS[test], result == "Y"
    if test not in sizes:
        raise _UnusableError("TRTESTCD", f"expected TUMSTATE, {', '.join((*sizes, *_FLAGS))} or a derived sum")
    field = "short_axis_mm" if test == _COUNTED and is_node(organ) else sizes[test]
    return field, _size(row, result)


def _size(row: TableRow, result: str) -> Decimal:
    unit = row.get("TRSTRESU")
    if unit not in _MM:
        raise _UnusableError("TRSTRESU", "expected mm or cm" if unit else "is missing, so the size is unknown")
    try:
        size = Decimal(result) * _MM[unit]
    except InvalidOperation:
        raise _UnusableError("TRSTRESC", "is not a number") from None
    if not possible(size):
        raise _UnusableError("TRSTRESC", "is not a possible size of a lesion")
    return size


def _lesions(
    usable: Sequence[_Row], sites: _Sites, faults: list[Fault]
) -> dict[ReaderKey, tuple[LesionMeasurement, ...]]:
    """One measurement for each lesion, visit and day; two values of one thing are named, and neither is used."""
    grouped: dict[tuple[ReaderKey, str, int, str], list[_Row]] = defaultdict(list)
    for u in usable:
        grouped[(u.reader, u.lesion, u.visit, u.on.text)].append(u)
    found: dict[ReaderKey, list[LesionMeasurement]] = defaultdict(list)
    for (key, lesion, _, _), rows in sorted(grouped.items()):
        values: dict[str, Decimal | str | bool] = {}
        for u in rows:
            if values.setdefault(u.field, u.value) != u.value:
                faults.append(
                    u.row.fault("TRSTRESC", "another row has another value for this lesion and day; neither counts")
                )
                values["state"] = "not-evaluable"
        found[key].append(_measurement(rows[0], sites[key, lesion], values))
    return {key: tuple(measured) for key, measured in found.items()}


def _measurement(first: _Row, site: _Site, values: dict[str, Any]) -> LesionMeasurement:
    stated_role = _ROLES.get(first.row.get("TRGRPID") or "", site.role)
    fact = LesionMeasurement(
        source=Source("TR", f"{first.reader[0]}/{first.row.get('TRSEQ') or first.row.line}"),
        occurred=first.on,
        lesion=first.lesion.split("/")[0] if site.merged_with else first.lesion,
        merged_with=site.merged_with,
        split_from=site.split_from,
        reader=first.reader[1],
        role=cast("Any", stated_role),
        organ=site.organ,
        visit=first.visit,
        **values,
    )
    return cast(LesionMeasurement, stamp(fact))


def _baselines(usable: Sequence[_Row]) -> dict[str, tuple[date, int]]:
    """Of each subject the last day of the baseline visit, and how many days it took."""
    of_subject: dict[str, list[_Row]] = defaultdict(list)
    for u in usable:
        of_subject[u.reader[0]].append(u)
    return {subject: _baseline(rows) for subject, rows in of_subject.items()}


def _baseline(rows: Sequence[_Row]) -> tuple[date, int]:
    flagged = [u for u in rows if "Y" in (u.row.get("TRLOBXFL"), u.row.get("TRBLFL"))]
    lowest = min(u.visit for u in rows)
    of_visit = flagged or [u for u in rows if u.visit == lowest]
    last = max(u.on.last_day for u in of_visit)
    return last, (last - min(u.on.day for u in of_visit)).days


def _reading(
    key: ReaderKey, rows: Sequence[_Row], lesions: tuple[LesionMeasurement, ...], baseline: tuple[date, int]
) -> Reading:
    first = rows[0].row
    flags: dict[int, set[str | None]] = defaultdict(set)
    for u in rows:
        flags[u.visit].add(u.row.get("TRACPTFL"))
    return Reading(
        subject=key[0],
        study=first.get("STUDYID") or "",
        evaluator=first.get("TREVAL") or "",
        evaluator_id=first.get("TREVALID"),
        lesions=lesions,
        visits={u.visit: u.row.get("VISIT") or "" for u in rows},
        accepted=frozenset(visit for visit, found in flags.items() if found == {"Y"}),
        start=baseline[0],
        baseline_days=baseline[1],
    )
