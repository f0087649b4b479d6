"""Decides who may do what: rights by role, roles by study and site. Knows no session and no page.

Re-identification is no part of any role: it is granted beside one, by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import msgspec

EVERY: Final = "*"
"""In a grant: every study, or every site."""


class Role(StrEnum):
    """What a person is in a study at a site."""

    COORDINATOR = "coordinator"
    INVESTIGATOR = "investigator"
    SAFETY_OFFICER = "safety-officer"
    MONITOR = "monitor"
    ADMINISTRATOR = "administrator"


class Right(StrEnum):
    """What a person may do."""

    SEE_PATIENTS = "see patients"
    ANSWER = "acknowledge, assign and comment"
    ATTEST = "attest a criterion"
    ENROL = "enrol or screen-fail"
    JUDGE = "confirm or refute a case"
    ASSESS = "assess a case for the sponsor"
    SEE_FEED = "see the feed"
    REPLAY = "replay dead letters"
    SEE_AUDIT = "see the audit"
    REIDENTIFY = "re-identify a patient"


RIGHTS: Final[Mapping[Role, frozenset[Right]]] = MappingProxyType(
    {
        Role.COORDINATOR: frozenset({Right.SEE_PATIENTS, Right.ANSWER, Right.ENROL, Right.SEE_FEED}),
        Role.INVESTIGATOR: frozenset(
            {Right.SEE_PATIENTS, Right.ANSWER, Right.ATTEST, Right.ENROL, Right.JUDGE, Right.SEE_FEED}
        ),
        Role.SAFETY_OFFICER: frozenset({Right.SEE_PATIENTS, Right.ANSWER, Right.ASSESS, Right.SEE_FEED}),
        Role.MONITOR: frozenset({Right.SEE_PATIENTS, Right.SEE_FEED, Right.SEE_AUDIT}),
        Role.ADMINISTRATOR: frozenset({Right.SEE_FEED, Right.REPLAY, Right.SEE_AUDIT}),
    }
)
"""An investigator judges cases, a safety officer assesses them for the sponsor: neither can overrule the other, both are kept
(ICH E2A). A monitor only reads; an administrator runs the system and sees no patient."""


class Grant(msgspec.Struct, frozen=True):
    """One role of a person in a study at a site, and whether patients may be re-identified there."""

    study: str
    site: str
    role: Role
    reidentify: bool = False

    def covers(self, study: str, site: str) -> bool:
        """Whether it speaks of that study and site."""
        return self.study in (study, EVERY) and self.site in (site, EVERY)

    @property
    def rights(self) -> frozenset[Right]:
        """What it allows."""
        return RIGHTS[self.role] | ({Right.REIDENTIFY} if self.reidentify else set())


class Person(msgspec.Struct, frozen=True):
    """Somebody who may log in: `person` as the identity provider names them, `practitioner` the id in FHIR records."""

    person: str
    name: str
    practitioner: str
    grants: tuple[Grant, ...] = ()

    def may(self, right: Right, study: str, site: str) -> bool:
        """Whether this person has the right in that study at that site."""
        return any(g.covers(study, site) and right in g.rights for g in self.grants)

    def sites(self, right: Right, study: str, known: Iterable[str]) -> tuple[str, ...]:
        """The sites of the study at which this person has the right."""
        return tuple(sorted(site for site in known if self.may(right, study, site)))

    def studies(self, known: Iterable[str]) -> tuple[str, ...]:
        """The studies in which this person has any part."""
        return tuple(sorted(study for study in known if any(g.study in (study, EVERY) for g in self.grants)))

    def roles(self, study: str) -> tuple[Role, ...]:
        """What this person is in the study, at whichever site."""
        return tuple(sorted({g.role for g in self.grants if g.study in (study, EVERY)}))
