"""A hospital by an independent generator (clinosim), whose administrations carry elements that R4 forbids: none is lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, Final

import msgspec
import pytest

from services.cli.demo import background
from services.cli.simulate.model import FeedMessage
from shared.facts import DrugExposure
from shared.fhir.context import Context
from shared.fhir.message import read_message
from shared.fhir.reading import Accepted, Reading, Rejected
from shared.sites import CodeMapping, Site
from tests.support.records import context

AS_OF: Final = date(2025, 6, 30)
POPULATION: Final = 10
LEAST: Final = 200
TAKEN: Final = {"completed": True, "in-progress": True, "on-hold": True, "stopped": True, "not-done": False}


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> list[FeedMessage]:
    """Every resource of a small hospital."""
    generation = background.Generation(tmp_path_factory.mktemp("clinosim"), AS_OF, POPULATION)
    generation.begin()
    return background.messages(generation.finish())


@pytest.fixture(scope="module")
def administrations(hospital: list[FeedMessage]) -> list[dict[str, Any]]:
    """Those that name their drug by a code."""
    found = [msgspec.json.decode(m.value or b"") for m in hospital]
    return [r for r in found if r["resourceType"] == "MedicationAdministration" and list(_codings(r))]


def _codings(of: dict[str, Any]) -> Iterator[tuple[str, str]]:
    return ((c["system"], c["code"]) for c in of.get("medicationCodeableConcept", {}).get("coding", ()))


def _asking_for_all(administrations: list[dict[str, Any]]) -> tuple[Site, Context]:
    """A site whose map takes every drug for one that a protocol asks for."""
    codes = sorted({coding for each in administrations for coding in _codings(each)})
    mapped = [CodeMapping(system=system, code=code, concept="camrelizumab") for system, code in codes]
    return Site(site="general", time_zone="UTC", codes=tuple(mapped)), context()


def _read(of: dict[str, Any], site: Site, using: Context) -> Reading:
    (reading,) = read_message(msgspec.json.encode(of), None, site, using)
    return reading


def test_no_resource_of_the_hospital_is_rejected(hospital: list[FeedMessage]) -> None:
    """Whatever the type: accepted, accepted with issues, or out of scope."""
    site = Site(site="general", time_zone="UTC")
    rejected = [r for m in hospital for r in read_message(m.value, m.key, site, context()) if isinstance(r, Rejected)]
    assert [(r.reason, r.path) for r in rejected] == []


def test_no_administration_that_names_its_drug_is_lost(administrations: list[dict[str, Any]]) -> None:
    """Where its drug is asked for, each states that drug, from when it was given, and whether it was taken."""
    assert len(administrations) >= LEAST
    site, using = _asking_for_all(administrations)
    for each in administrations:
        reading = _read(each, site, using)
        assert isinstance(reading, Accepted), reading
        exposures = [f for f in reading.facts if isinstance(f, DrugExposure)]
        assert len(exposures) == len(reading.facts) >= 1
        assert {f.taken for f in exposures} == {TAKEN[each["status"]]}
        assert {f.occurred.text for f in exposures if f.occurred} == {each["effectiveDateTime"]}
