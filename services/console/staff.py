"""The staff file: who may log in, and with which roles; or the same as claims of the identity provider. Decides nothing else."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.console.access import EVERY, Grant, Person, Role
from shared.sites import ConfigurationError

WITH_REIDENTIFICATION: Final = "+reidentify"


class GrantEntry(BaseModel):
    """A role in one study, or in every study (`*`), at one site or every site."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    study: str
    site: str
    role: Role
    reidentify: bool = False


class PersonEntry(BaseModel):
    """Somebody who may log in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    person: Annotated[str, Field(min_length=1)]
    """Value of the claim that names a person (GRAFTWATCH_OIDC_PERSON_CLAIM, `sub` unless configured)."""
    name: Annotated[str, Field(min_length=1)]
    practitioner: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]{1,64}$")]
    """Id of this person's Practitioner, as performer of what they attest."""
    grants: tuple[GrantEntry, ...]


class SystemEntry(BaseModel):
    """A program that reads the API: known by the digest of its token, never by a token."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    system: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
    token_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    grants: tuple[GrantEntry, ...]


class StaffFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    people: tuple[PersonEntry, ...] = ()
    systems: tuple[SystemEntry, ...] = ()


class Staff:
    """Everybody in the staff file: people by name, programs by the digest of their token."""

    def __init__(self, people: Mapping[str, Person], systems: Mapping[bytes, Person]) -> None:
        self.people = people
        self.systems = systems

    def use(self, other: Staff) -> None:
        """Be as another file says from the next request on: who has left it is out, though logged in."""
        self.people, self.systems = other.people, other.systems


def load(path: Path, studies: Collection[str], sites: Collection[str]) -> Staff:
    """Everybody in the file; raises ConfigurationError naming every fault, unknown studies and sites among them."""
    file = _read(path)
    faults = list(_unknown(path, file, studies, sites))
    names = [p.person for p in file.people]
    faults += [f"{path}: people: {n} is named twice" for n in sorted({n for n in names if names.count(n) > 1})]
    if faults:
        raise ConfigurationError("\n".join(faults))
    people = {p.person: Person(p.person, p.name, p.practitioner, _grants(p.grants)) for p in file.people}
    systems = {
        bytes.fromhex(s.token_sha256): Person(f"system:{s.system}", s.system, s.system, _grants(s.grants))
        for s in file.systems
    }
    return Staff(people, systems)


def from_claims(person: str, name: str, roles: Collection[str]) -> Person:
    """Somebody whose roles the identity provider states, each as `study/site/role`, with `+reidentify` where granted.

    What does not read as one is no role: a claim of another application must not lock anybody out.
    """
    grants = tuple(g for g in map(_claimed, sorted(set(roles))) if g is not None)
    practitioner = "".join(c if c.isascii() and (c.isalnum() or c in ".-") else "-" for c in person)[:64]
    return Person(person, name, practitioner, grants)


def _claimed(role: str) -> Grant | None:
    stated, plus, _ = role.partition(WITH_REIDENTIFICATION)
    parts = stated.split("/")
    if len(parts) != 3 or parts[2] not in set(Role):
        return None
    return Grant(parts[0], parts[1], Role(parts[2]), bool(plus))


def _read(path: Path) -> StaffFile:
    try:
        return StaffFile.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigurationError(f"GRAFTWATCH_STAFF: cannot read {path}: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        lines = [f"{path}: {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise ConfigurationError("\n".join(lines)) from None


def _unknown(path: Path, file: StaffFile, studies: Collection[str], sites: Collection[str]) -> list[str]:
    known = {"study": {*studies, EVERY}, "site": {*sites, EVERY}}
    holders = [(p.person, p.grants) for p in file.people] + [(s.system, s.grants) for s in file.systems]
    return [
        f"{path}: {who}: {what} {value!r} is unknown; expected one of {', '.join(sorted(known[what]))}"
        for who, grants in holders
        for grant in grants
        for what, value in (("study", grant.study), ("site", grant.site))
        if value not in known[what]
    ]


def _grants(entries: tuple[GrantEntry, ...]) -> tuple[Grant, ...]:
    return tuple(Grant(e.study, e.site, e.role, e.reidentify) for e in entries)
