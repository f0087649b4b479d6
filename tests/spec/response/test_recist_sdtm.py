"""The visit responses of a public RECIST 1.1 example (SDTM TU, TR, RS), derived from its measurements."""

from __future__ import annotations

import csv
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any, Final

import pytest

from shared.facts import AnyFact
from shared.rules.mrecist import RECIST11, Course, derive
from tests.spec.response.courses import response
from tests.support import build

FOLDER: Final = Path(__file__).parents[4] / "shared" / "data" / "recist-sdtm"
Row = dict[str, str]

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"public example data not found in {FOLDER}")

ORGANS: Final = {"LYMPH NODE": "node", "BONE": "bone", "ADRENAL GLAND": "adrenal"}
ROLES: Final = {"TARGET": "target", "NON-TARGET": "non-target", "NEW": "new"}


def test_every_visit_response_of_the_public_example_is_reproduced() -> None:
    """RECIST 1.1 on the measurements of 3 subjects by 3 readers gives the recorded response of each visit."""
    recorded = {(*_reading(row, "RS"), int(row["VISITNUM"])): row["RSSTRESC"] for row in _rows("rs")}
    derived = {
        (subject, reader, visit): answer
        for subject, reader in sorted({key[:2] for key in recorded})
        for visit, answer in _responses(subject, reader).items()
    }

    assert len(recorded) == 24
    assert derived == recorded


def test_the_example_dates_its_progression_to_the_earliest_scan_of_the_visit() -> None:
    """Two readers date the progression of the same subject, one finds the visit not evaluable."""
    found = {
        reader: _course("01-701-1028", reader).progression_on
        for reader in ("RADIOLOGIST 1", "RADIOLOGIST 2", "INVESTIGATOR")
    }

    assert found == {
        "RADIOLOGIST 1": None,
        "RADIOLOGIST 2": date(2013, 8, 30),
        "INVESTIGATOR": date(2013, 8, 30),
    }


def _responses(subject: str, reader: str) -> dict[int, str]:
    """Responses by visit number: the visits are numbered from 2 in the order of their dates."""
    return {number: v.response for number, v in enumerate(_course(subject, reader).visits, start=2)}


def _course(subject: str, reader: str) -> Course:
    screened = next(row["TRDTC"] for row in _rows("tr") if row["USUBJID"] == subject)
    timeline = build.timeline(*_facts(subject, reader))
    parameters = response(criteria="recist11")
    return derive(timeline, date.fromisoformat(screened), parameters, RECIST11, build.at("2020-01-01"))


def _facts(subject: str, reader: str) -> list[AnyFact]:
    """One lesion measurement for each lesion and visit, from what was recorded for it."""
    location = {
        row["TULNKID"]: row["TULOC"]
        for row in _rows("tu")
        if row["USUBJID"] == subject and _reading(row, "TU")[1] == reader
    }
    tests: dict[tuple[str, str, str, str], dict[str, str]] = defaultdict(dict)
    for row in _rows("tr"):
        if _reading(row, "TR") == (subject, reader):
            key = (row["TRLNKID"], row["TRGRPID"], row["VISITNUM"], row["TRDTC"])
            tests[key][row["TRTESTCD"]] = row["TRSTRESC"]
    return [_lesion(key, found, location[key[0]], reader) for key, found in sorted(tests.items())]


def _lesion(key: tuple[str, str, str, str], found: dict[str, str], location: str, reader: str) -> AnyFact:
    name, group, visit, on = key
    sizes: dict[str, Any] = {"longest": found.get("LDIAM"), "short_axis": found.get("LPERP")}
    return build.lesion(
        name,
        on=on,
        organ=ORGANS.get(location, location.lower()),
        role=ROLES[group],  # type: ignore[arg-type]
        state=found["TUMSTATE"].lower() if "TUMSTATE" in found else None,
        reader=reader,
        visit=int(visit),
        **sizes,
    )


def _reading(row: Row, domain: str) -> tuple[str, str]:
    """Subject and reader; the investigator has no evaluator number."""
    evaluator = row[f"{domain}EVALID"]
    return row["USUBJID"], evaluator if evaluator != "NA" else row[f"{domain}EVAL"]


def _rows(domain: str) -> list[Row]:
    with (FOLDER / f"{domain}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
