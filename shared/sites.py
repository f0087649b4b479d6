"""A site's configuration: `deploy/sites/<site>.yaml`. Decides nothing; says how that hospital's records are to be read."""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from shared import terminology
from shared.facts import AgeBound, LimitsOfGroup
from shared.quantities import Quantity, to_canonical
from shared.reference_limits import overlap


class ConfigurationError(Exception):
    """One or more things wrong in a configuration; the message has one line each: file, place, what to do."""


def _known_concept(value: str) -> str:
    try:
        terminology.concept(value)
    except terminology.UnknownConcept:
        raise ValueError(f"unknown concept {value!r}; see the table in shared/terminology.py") from None
    return value


_ConceptId = Annotated[str, AfterValidator(_known_concept)]


class CodeMapping(BaseModel):
    """One of the site's own codes and the concept of `shared/terminology.py` that it means."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    system: str
    code: str
    concept: _ConceptId


class NormalLimits(BaseModel):
    """Limits of normal of one analyte at this site, for results that carry no reference range."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    concept: _ConceptId
    unit: str
    low: Decimal | None = None
    high: Decimal | None = None
    sex: Literal["male", "female"] | None = None
    """None: for both."""
    age_from: Annotated[int, Field(ge=0, le=150)] | None = None
    """From this age on, in completed years."""
    age_to: Annotated[int, Field(ge=0, le=150)] | None = None
    """Up to and with this age, in completed years."""

    @model_validator(mode="after")
    def _readable(self) -> Self:
        if self.age_from is not None and self.age_to is not None and self.age_from > self.age_to:
            raise ValueError(f"limits of {self.concept}: expected age_from at most age_to")
        low, high = self.bounds
        if low is None and high is None:
            raise ValueError(f"limits of {self.concept} need low or high")
        if low is not None and high is not None and low.value > high.value:
            raise ValueError(f"limits of {self.concept}: expected low at most high")
        return self

    @property
    def bounds(self) -> tuple[Quantity | None, Quantity | None]:
        """Low and high in the concept's canonical unit."""
        return self._in_canonical_unit(self.low), self._in_canonical_unit(self.high)

    @cached_property
    def of_group(self) -> LimitsOfGroup:
        """As the facts state them."""
        low, high = self.bounds
        ages = (None if age is None else AgeBound(age) for age in (self.age_from, self.age_to))
        return LimitsOfGroup(low, high, self.sex, *ages)

    def _in_canonical_unit(self, value: Decimal | None) -> Quantity | None:
        if value is None:
            return None
        return to_canonical(Quantity(value, self.unit), terminology.concept(self.concept))


class Site(BaseModel):
    """One hospital: its time zone, FHIR version, own topics, limits of normal and code map."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    site: str = Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")
    time_zone: str
    fhir_version: Literal["R4", "R4B", "R5"] = "R4"
    topics: tuple[str, ...] = ()
    """Topics that belong to this site alone: their messages need no `site` header."""
    limits: tuple[NormalLimits, ...] = ()
    codes: tuple[CodeMapping, ...] = ()
    silent_after_hours: Annotated[float, Field(gt=0, le=24 * 31)] = 6.0
    """After so long without any message the site counts as silent, and whoever operates is alerted."""
    base_urls: tuple[Annotated[str, Field(pattern=r"^https?://")], ...] = ()
    """Its own FHIR servers: an absolute link between Patients is followed only if it leads to one of them."""
    intake_token_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    """SHA-256, in hexadecimal, of the bearer token with which this site posts to the intake; None: it may not."""

    @field_validator("time_zone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"unknown time zone {value!r}; expected a name such as Europe/Berlin")
        return value

    @model_validator(mode="after")
    def _tells_limits_apart(self) -> Self:
        for a, b in combinations(self.limits, 2):
            if a.concept == b.concept and overlap(a.of_group, b.of_group):
                raise ValueError(f"limits of {a.concept}: two rows hold for the same patients; tell them by sex or age")
        return self

    def is_own(self, url: str) -> bool:
        """Whether an absolute reference leads to a server of this site."""
        return any(url.startswith(f"{base.rstrip('/')}/") for base in self.base_urls)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The site's time zone, for dates without an offset."""
        return ZoneInfo(self.time_zone)

    @cached_property
    def code_map(self) -> dict[tuple[str, str], str]:
        """(system, code) of the site's own codes to concept id."""
        return {(c.system, c.code): c.concept for c in self.codes}


def load(folder: Path) -> dict[str, Site]:
    """All sites of a folder by name; raises ConfigurationError naming every fault of every file."""
    faults: list[str] = []
    sites: dict[str, Site] = {}
    for path in sorted(folder.glob("*.yaml")):
        try:
            site = Site.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except yaml.YAMLError as error:
            faults.append(f"{path}: not YAML: {' '.join(str(error).split())}")
        except ValidationError as error:
            faults += [f"{path}: {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        else:
            if site.site != path.stem:
                faults.append(f"{path}: site: is {site.site!r}, expected the file's name {path.stem!r}")
            sites[site.site] = site
    if not sites and not faults:
        faults.append(f"{folder}: no site files (<site>.yaml) found; see deploy/sites of the project for examples")
    if faults:
        raise ConfigurationError("\n".join(faults))
    return sites
