"""What can become of a delivered resource: accepted (perhaps with issues), out of scope, deleted or rejected.

Decides the shape of the answer and the closed set of reasons; which applies is the readers' business.
Texts name the field and the expected form, never the value.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from shared.facts import AnyFact
from shared.fhir.element_tables import FhirVersion


class Reason(StrEnum):
    """Why a resource was rejected: what must be read is missing or wrong."""

    EMPTY = "empty"
    NOT_JSON = "not-json"
    NOT_A_RESOURCE = "not-a-resource"
    UNKNOWN_TYPE = "unknown-resource-type"
    MISSING = "missing"
    WRONG_TYPE = "wrong-type"
    UNUSABLE_ID = "unusable-id"
    IMPOSSIBLE_DATE = "impossible-date"
    UNKNOWN_CODE = "unknown-code"
    UNKNOWN_UNIT = "unknown-unit"
    INCOMPATIBLE_UNIT = "incompatible-unit"
    IMPOSSIBLE_VALUE = "impossible-value"
    SUBJECT_MISSING = "subject-missing"
    SUBJECT_UNRESOLVED = "subject-unresolved"
    SUBJECT_BY_IDENTIFIER = "subject-by-identifier"
    """Waits: it is read again by itself once a Patient states the identifier."""
    SUBJECT_AMBIGUOUS = "subject-ambiguous"
    """Several Patients state the identifier: it waits until only one does, or they are merged."""
    REFERENCE_UNRESOLVED = "reference-unresolved"
    UNSUPPORTED_REQUEST = "unsupported-request"
    TOMBSTONE_KEY = "tombstone-key"
    TOO_DEEP = "too-deep"
    UNKNOWN_SITE = "unknown-site"
    SITE_PAUSED = "site-paused"
    """Not read at all: its site is paused for what came before it, and no more is held of it."""
    READER_FAULT = "reader-fault"
    """Our fault, not the sender's: the resource is kept and replayable, and nothing behind it waits."""


class IssueCode(StrEnum):
    """What is odd about a resource whose facts are sound all the same."""

    UNKNOWN_ELEMENT = "unknown-element"
    MISSING_ELEMENT = "missing-element"
    WRONG_TYPE = "wrong-type"
    UNKNOWN_CODE = "unknown-code"
    UNMAPPED_CODE = "unmapped-code"
    NOT_FINAL = "not-final"
    STATUS_UNKNOWN = "status-unknown"
    UNDATED = "undated"
    DATE_FALLBACK = "date-fallback"
    UNVERSIONED = "unversioned"
    REFERENCE_RANGE = "reference-range"
    DOSE = "dose"
    REFERENCE = "reference"
    CONFORMANCE = "conformance"


class Issue(Struct, frozen=True, order=True):
    """One oddity: a code to count by, the element as FHIRPath writes it, and what was expected."""

    code: IssueCode
    path: str
    says: str


class Unreadable(Exception):  # noqa: N818 - named for what it says of the resource
    """What must be read of a resource is missing or wrong; becomes `Rejected`."""

    def __init__(self, reason: Reason, path: str, says: str) -> None:
        super().__init__(f"{path}: {says}")
        self.reason = reason
        self.path = path
        self.says = says


class RecordIdentity(Struct, frozen=True):
    """Which record. Without id: its first identifier, else its fullUrl, else a hash of its content."""

    site: str
    type: str
    id: str


class VersionOrder(Struct, frozen=True):
    """What orders the versions of a record: `last_updated`, then `version_id`; both None: unversioned."""

    last_updated: datetime | None = None
    version_id: int | None = None


class Link(Struct, frozen=True):
    """A Bundle-internal reference and the record that it stands for, which the resource alone cannot say."""

    url: str
    type: str
    id: str


class Accepted(Struct, frozen=True):
    """What we read is sound; it may state no fact (entered in error, not final, a Medication).

    `patient` is the raw id (None: a Medication, or a retraction that names nobody). `pending` names records
    that are needed to read the rest (`Medication/x`). `links` are needed to read `raw` again.
    """

    record: RecordIdentity
    order: VersionOrder
    patient: str | None
    facts: tuple[AnyFact, ...]
    issues: tuple[Issue, ...]
    raw: bytes
    pending: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    identifiers: tuple[str, ...] = ()
    """Of a Patient: its identifiers (`system|value`), by which other records may name it."""
    fhir_version: FhirVersion = "R4"
    """The version that it was read as."""
    named_by: tuple[str, ...] = ()
    """The identifiers (`system|value`) by which it names a patient: who that is may change."""
    elements: tuple[str, ...] = ()
    """The names of its top-level elements."""


class OutOfScope(Struct, frozen=True):
    """No protocol asks for it. Retracts what an earlier version of the record stated.

    `system` and `code` are those of the first coding, for counting unmapped codes; None where the type as
    such is not asked for.
    """

    record: RecordIdentity
    order: VersionOrder
    system: str | None = None
    code: str | None = None
    erased: bool = False
    """Of a patient who was erased: left out whatever it says."""


class Deleted(Struct, frozen=True):
    """The sender says that the record is gone: its facts are retracted."""

    record: RecordIdentity
    order: VersionOrder


class Rejected(Struct, frozen=True):
    """A dead letter: the original bytes and why; replayable once the cause is gone.

    `record` and `patient` are given as far as they could be read: a patient with open dead letters is marked.
    """

    reason: Reason
    path: str
    says: str
    raw: bytes
    record: RecordIdentity | None = None
    patient: str | None = None
    links: tuple[Link, ...] = ()
    named_by: tuple[str, ...] = ()
    """The identifiers by which it names a patient."""


Reading = Accepted | OutOfScope | Deleted | Rejected
