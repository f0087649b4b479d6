"""Decides how each simulated hospital writes: its clock, its own codes, its units, its limits of normal.

It does not decide what a chart states. `deploy/sites/<site>.yaml` says the same to the product.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from services.cli.simulate.entries import Precision
from shared.codes import LOCAL_SYSTEM
from shared.terminology import concept

CORRECTION_HOURS: Final = 3
"""Every further version of a record is stamped this many hours after the one before, on the last day."""


@dataclass(frozen=True)
class OwnUnit:
    """A unit of the site: its UCUM code, how it is printed, how many of it make one canonical unit."""

    code: str
    printed: str
    per_canonical: Decimal
    decimals: int


@dataclass(frozen=True)
class Limits:
    """Limits of normal of a test at the site, in the canonical unit."""

    low: str | None
    high: str | None


@dataclass(frozen=True, kw_only=True)
class Hospital:
    """One hospital's habits of writing."""

    site: str
    zone: ZoneInfo
    limits: Mapping[str, Limits]
    ranged: bool
    """Whether results carry their reference range; if not, the site's configuration states the limits."""
    always_ranged: frozenset[str] = frozenset()
    """Tests whose results carry their range all the same, as the configuration states no limits."""
    own_codes: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    own_units: Mapping[str, OwnUnit] = field(default_factory=dict)
    own_names: Mapping[str, str] = field(default_factory=dict)
    """Drugs that the site names by text alone."""

    def coding(self, concept_id: str) -> dict[str, Any]:
        """The site's own code of a concept, else the standard one, else the local one."""
        own = self.own_codes.get(concept_id)
        if own is None:
            return standard(concept_id)
        return {"system": own[0], "code": own[1], "display": concept(concept_id).display}

    def quantity(self, concept_id: str, value: str) -> dict[str, Any]:
        """A value as this site writes it."""
        own = self.own_units.get(concept_id)
        if own is None:
            return ucum(Decimal(value), concept(concept_id).unit or "1")
        written = (Decimal(value) * own.per_canonical).quantize(Decimal(1).scaleb(-own.decimals))
        return ucum(written, own.code, own.printed)


@dataclass(frozen=True)
class Calendar:
    """Dates relative to the evaluation, in the site's time zone and at the precision that a record has."""

    as_of: date
    zone: ZoneInfo

    def on(self, day: int) -> date:
        """The calendar day."""
        return self.as_of + timedelta(days=day)

    def text(self, day: int, precision: Precision = "instant", hour: int = 8) -> str:
        """The day as FHIR text."""
        match precision:
            case "instant":
                return datetime.combine(self.on(day), time(hour), self.zone).isoformat()
            case "day":
                return self.on(day).isoformat()
            case "month":
                return self.on(day).isoformat()[:7]
            case "year":
                return self.on(day).isoformat()[:4]

    def stamp(self, day: int, version: int) -> str:
        """When a version was last updated: the first soon after the fact, later ones on the last day."""
        if version == 1:
            return _utc(self.on(day), 20)
        return _utc(self.on(-1), 6 + version * CORRECTION_HOURS)

    def birthday(self, age: int, days_past: int) -> date:
        """The birth date of one whose last birthday, the `age`-th, was `days_past` days ago."""
        last = self.on(-days_past)
        if (last.month, last.day) == (2, 29):
            last -= timedelta(days=1)
        return last.replace(year=last.year - age)


def ucum(value: Decimal, code: str, printed: str | None = None) -> dict[str, Any]:
    """A FHIR Quantity in a UCUM unit."""
    return {"value": value, "unit": printed or code, "system": "http://unitsofmeasure.org", "code": code}


def standard(concept_id: str, system: str | None = None) -> dict[str, str]:
    """A concept's first code (in a system, if one is named), else the local one."""
    row = concept(concept_id)
    codes = [c.code for c in row.codes if system in (None, c.code.system)]
    if not codes:
        return {"system": LOCAL_SYSTEM, "code": concept_id, "display": row.display}
    return {"system": codes[0].system, "code": codes[0].value, "display": row.display}


def local(code: str) -> dict[str, Any]:
    """A CodeableConcept in the product's local code system."""
    return {"coding": [{"system": LOCAL_SYSTEM, "code": code}]}


def _utc(day: date, hour: int) -> str:
    return datetime.combine(day, time(hour), UTC).isoformat().replace("+00:00", "Z")


def _own(system: str, codes: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    return {concept_id: (system, code) for concept_id, code in codes.items()}


_TSH: Final = Limits("0.4", "4.2")
_SHARED_LIMITS: Final = {
    "ast": Limits(None, "40"),
    "bilirubin-total": Limits(None, "1.2"),
    "albumin": Limits("3.5", "5.2"),
    "inr": Limits("0.85", "1.15"),
    "platelets": Limits("150", "400"),
    "neutrophils": Limits("1.8", "7.5"),
    "haemoglobin": Limits("12.0", "17.0"),
    "wbc": Limits("4.0", "10.0"),
    "creatinine": Limits("0.6", "1.2"),
    "afp": Limits(None, "10"),
    "tsh": _TSH,
}

NORTH: Final = Hospital(
    site="north",
    zone=ZoneInfo("Europe/Berlin"),
    limits={
        **_SHARED_LIMITS,
        "alt": Limits(None, "40"),
        "alp": Limits("40", "130"),
        "ggt": Limits(None, "60"),
    },
    ranged=True,
    own_codes={
        **_own(
            "https://north.example/fhir/CodeSystem/laboratory",
            {"alt": "GPT37", "ast": "GOT37", "ggt": "GGT37", "tacrolimus-trough": "TAC-TAL"},
        ),
        **_own("https://north.example/fhir/CodeSystem/pharmacy", {"camrelizumab": "CAM200"}),
    },
    own_units={
        "bilirubin-total": OwnUnit("umol/L", "µmol/L", Decimal("17.104"), 1),
        "albumin": OwnUnit("g/L", "g/L", Decimal(10), 0),
        "haemoglobin": OwnUnit("g/L", "g/L", Decimal(10), 0),
    },
)

SOUTH: Final = Hospital(
    site="south",
    zone=ZoneInfo("Asia/Shanghai"),
    limits={
        **_SHARED_LIMITS,
        "alt": Limits(None, "50"),
        "alp": Limits("45", "125"),
        "ggt": Limits("10", "60"),
    },
    ranged=False,
    always_ranged=frozenset({"ggt"}),
    own_codes={
        **_own(
            "https://south.example/fhir/CodeSystem/lis",
            {
                "platelets": "PLT",
                "neutrophils": "NEUT#",
                "haemoglobin": "HGB",
                "albumin": "ALB",
                "bilirubin-total": "TBIL",
                "tsh": "TSH3",
            },
        ),
        **_own("https://south.example/fhir/CodeSystem/diagnosis", {"hcc": "HCC-01"}),
        **_own("https://south.example/fhir/CodeSystem/drug", {"sorafenib": "SLFN", "lenvatinib": "LFTN"}),
    },
    own_units={
        "platelets": OwnUnit("10*3/uL", "K/uL", Decimal(1), 0),
        "neutrophils": OwnUnit("10*3/uL", "K/uL", Decimal(1), 2),
    },
    own_names={"camrelizumab": "注射用卡瑞利珠单抗 200mg"},
)

HOSPITALS: Final = {hospital.site: hospital for hospital in (NORTH, SOUTH)}
