"""What reading needs besides the bytes: scope, keys, other Medications, and what lies beside a resource.

Decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum

import msgspec
from msgspec import Struct

from shared.fhir.coded import CodeBook
from shared.fhir.element_tables import FhirVersion
from shared.fhir.keys import Keys
from shared.fhir.meaning import Meaning
from shared.fhir.reading import Link
from shared.fhir.scope import Scope
from shared.sites import Site


def _none_stored(site: str, id_: str) -> bytes | None:
    del site, id_
    return None


class Several(Enum):
    """Who is named by an identifier that several Patients state: none of them."""

    PATIENTS = "several"


Named = str | Several | None
"""The id of the Patient that an identifier names; None while nobody states it."""


def _none_known(site: str, identifier: str) -> Named:
    del site, identifier
    return None


class Context(Struct, frozen=True):
    """One per process and scope.

    `medication` gives a stored Medication of a site by its id; `patient` the id of the Patient of a site that has an
    identifier, written `system|value`. `fhir_version` is what the message says of itself, if it does: it changes no
    fact, only what is odd about a resource.
    """

    scope: Scope
    keys: Keys
    medication: Callable[[str, str], bytes | None] = _none_stored
    patient: Callable[[str, str], Named] = _none_known
    fhir_version: FhirVersion | None = None
    _books: dict[str, CodeBook] = msgspec.field(default_factory=dict)

    def codes(self, site: Site) -> CodeBook:
        """The codes of this site as far as they were met."""
        known = self._books.get(site.site)
        if known is None or known.meaning.site is not site:
            known = self._books[site.site] = CodeBook(Meaning(site), self.scope)
        return known

    def meaning(self, site: Site) -> Meaning:
        """What codes mean at this site; read from its configuration once."""
        return self.codes(site).meaning


class Place(Struct, frozen=True):
    """Where a resource was found: the site and, for an entry of a Bundle, what the Bundle says beside it.

    `links` resolve references that hold inside the Bundle only; `medications` are its Medications by id.
    """

    site: Site
    context: Context
    links: Mapping[str, Link] = msgspec.field(default_factory=dict)
    medications: Mapping[str, bytes] = msgspec.field(default_factory=dict)
    full_url: str | None = None

    def medication(self, id_: str) -> bytes | None:
        """A Medication of the same message, else a stored one."""
        return self.medications.get(id_) or self.context.medication(self.site.site, id_)
