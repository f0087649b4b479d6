"""THE table of who may do what in the database: one role for each service, and those of whoever looks after it.

Migrations grant; this table says what must have come of it, relation by relation: `graftwatch roles --check` and a test compare.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

READ: Final = ("SELECT",)
APPEND: Final = ("SELECT", "INSERT")
WRITE: Final = ("SELECT", "INSERT", "UPDATE")
KEEP: Final = ("SELECT", "INSERT", "UPDATE", "DELETE")
QUEUE: Final = ("SELECT", "INSERT", "DELETE")
PRIVILEGES: Final = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")

Relations = Mapping[str, tuple[str, ...]]

SCHEMAS: Final = (
    "identity", "timeline", "protocol", "eligibility", "response", "safety", "notify", "console", "operation",
)  # fmt: skip
LEDGER: Final = "public.graftwatch_migration"


@dataclass(frozen=True)
class Role:
    """A role of the database: what it is for, and the rights that its migrations gave it."""

    name: str
    purpose: str
    relations: Relations = field(default_factory=dict)
    columns: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    """Relation and privilege, where only these columns are open."""
    functions: tuple[str, ...] = ()
    attributes: str = ""
    """What the role has besides LOGIN."""

    @property
    def role(self) -> str:
        """Its name in PostgreSQL, which is the user that the service logs in as."""
        return f"graftwatch_{self.name}"


def _all(schema: str, names: str, privileges: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    return {f"{schema}.{name}": privileges for name in names.split()}


_FEED_FIGURES: Final = (
    "conformance conformance_issue feed_position merge patient scope_gap site_intake site_scope unmapped_code"
)
_TIMELINE: Final = _all("timeline", f"{_FEED_FIGURES} fact feed_count known_fact link", READ)
_EVERYBODY: Final = _all("protocol", "protocol", READ) | {LEDGER: READ}


def _deciding(service: str) -> dict[str, tuple[str, ...]]:
    own = (
        _all(service, "evaluation outbox", WRITE)
        | _all(service, "outcome", APPEND)
        | _all(service, "current_outcome", READ)
    )
    return _EVERYBODY | _TIMELINE | own | _all("operation", "release_at_work", WRITE)


def _decided(names: str) -> dict[str, tuple[str, ...]]:
    return {f"{s}.{n}": READ for s in ("eligibility", "response", "safety") for n in names.split()}


_AUDIT: Final = "console.record_audit(text,text,text,uuid,jsonb)"
_SUBSCRIPTION: Final = (
    "subscription_id", "owner", "fhir_version", "topic", "filters", "content", "status", "error", "events", "last_sent_at",
    "created_at", "asked_at",
)  # fmt: skip

INGEST: Final = Role(
    "ingest",
    "reads the feed; alone sees what names a person (sealed), and alone writes timelines",
    _EVERYBODY
    | _TIMELINE
    | _all("identity", "awaited crosswalk_key dead_letter patient resource resource_version", WRITE)
    | _all("identity", "held_message patient_identifier", KEEP)
    | _all("identity", "identifier_change subject_identifier", QUEUE)
    | _all("timeline", f"{_FEED_FIGURES} fact site_feed", WRITE)
    | _all("timeline", "feed_count", KEEP)
    | _all("console", "replay_request", READ)
    | _all("operation", "former_identifier former_patient", READ)
    | _all("operation", "release_at_work", WRITE),
    columns={"console.replay_request": {"UPDATE": ("began_at", "done_at", "replayed", "unread")}},
    functions=(_AUDIT, "identity.reidentify(uuid,text,text)", "identity.original_record(text,text,text)"),
)
ELIGIBILITY: Final = Role("eligibility", "screens; appends its outcomes", _deciding("eligibility"))
RESPONSE: Final = Role(
    "response",
    "assesses tumour response; appends its outcomes",
    _deciding("response") | _all("response", "trial_figures", WRITE),
)
SAFETY: Final = Role("safety", "watches for harm; appends its outcomes", _deciding("safety"))
NOTIFY: Final = Role(
    "notify",
    "reads the outboxes and tells people; may have one sealed patient id at a time",
    _EVERYBODY
    | _decided("outbox outcome")
    | _all("timeline", "fact known_fact merge patient", READ)
    | _all("notify", "attempt delivery escalation mailbox subscription", WRITE)
    | _all("notify", "acknowledgement notice", APPEND)
    | _all("console", "assignment", READ),
    functions=("notify.acknowledge(uuid,text,text,text,text)", "notify.sealed_patient(uuid)"),
)
CONSOLE: Final = Role(
    "console",
    "shows views to trial staff; records what they do; opens a sealed name only through an audited function",
    {LEDGER: READ}
    | _all("console", "login session", KEEP)
    | _all("console", "used_form", QUEUE)
    | _all("console", "act assignment comment replay_request", APPEND)
    | _all(
        "console",
        "acknowledgement audit conformance conformance_issue current_response current_safety dead_letter evaluation event fact"
        " feed_count known_fact mailbox merge outcome patient protocol screening screening_decision site_intake unmapped_code",
        READ,
    ),
    columns={"console.act": {"UPDATE": ("published_at",)}},
    functions=(
        _AUDIT,
        "console.acknowledge(uuid,text,text,timestamp with time zone,text,text)",
        "identity.reidentify(uuid,text,text)",
        "identity.original_record(text,text,text)",
    ),
)
READER: Final = Role(
    "reader",
    "for people and reports: reads timelines, outcomes, deliveries and the audit; writes nothing, sees no identifier",
    _EVERYBODY
    | _TIMELINE
    | _decided("current_outcome evaluation outbox outcome")
    | _all("timeline", "open_dead_letter_count site_feed", READ)
    | _all("response", "current_figures trial_figures", READ)
    | _all("notify", "acknowledgement attempt delivery escalation mailbox notice", READ)
    | _all("console", "audit", READ)
    | _all("operation", "release_at_work removal", READ),
    columns={"notify.subscription": {"SELECT": _SUBSCRIPTION}},
)
STEWARD: Final = Role(
    "steward",
    "erases, purges and applies retention, through functions that write the audit; reads no table of a patient",
    {LEDGER: READ, "operation.removal": READ},
    functions=(
        "operation.begin_erasure(uuid,text,text)",
        "operation.erasable(uuid)",
        "operation.finish_erasure(uuid)",
        "operation.lift_erasure(uuid,text,text)",
        "operation.of_time()",
        "operation.outlived(text,integer)",
        "operation.purge(integer,integer,text)",
        "operation.purgeable(integer)",
        "operation.retain(text,integer,integer)",
        "operation.retained(text,jsonb,jsonb)",
        "operation.returned()",
        "operation.unfinished()",
    ),
)
MIGRATOR: Final = Role("migrator", "owns the schema; changes it between releases; no service logs in as it")
BACKUP: Final = Role(
    "backup", "copies the whole server and its log (pg_basebackup); reads no table", attributes="REPLICATION"
)

SERVICES: Final = (INGEST, ELIGIBILITY, RESPONSE, SAFETY, NOTIFY, CONSOLE, READER, STEWARD)
"""Those with rights on relations; the intake has no database at all."""
ROLES: Final = (*SERVICES, MIGRATOR, BACKUP)
