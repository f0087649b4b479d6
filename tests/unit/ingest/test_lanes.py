"""Whose hints may wait behind live ones."""

from __future__ import annotations

from services.ingest.lanes import may_wait
from services.ingest.messages import FeedMessage
from services.ingest.versions import Version
from tests.support.feed import Feed, patient

P1, P2, OTHER = patient("p1"), patient("p2"), patient("other")
NAMES = {P1: "p1", P2: "p2", OTHER: "other"}


def _waiting(*of: tuple[str, str | None]) -> set[str]:
    """Who waits after messages of these (patient, lane)."""
    source = Feed()
    messages = [source.message(b"", headers={"lane": lane} if lane else {}) for _, lane in of]
    versions = [_version(m, name) for m, (name, _) in zip(messages, of, strict=True)]
    return {NAMES[p] for p in may_wait(NAMES, versions, messages)}


def _version(message: FeedMessage, of: str) -> Version:
    return Version(
        record=str(message.offset),
        site="north",
        resource_type="Observation",
        resource_id="r",
        patient_id=of,
        patient=patient(of),
        content_sha256=b"",
        last_updated=None,
        version_id=None,
        broker_at=message.published_at,
        feed_position=message.position,
    )


def test_live_messages_let_nobody_wait() -> None:
    """Without the header, or with another word in it, a message is live."""
    assert _waiting(("p1", None), ("p2", "live"), ("p2", "Backfill")) == set()


def test_everybody_waits_where_all_is_backfilled() -> None:
    """Those too who are concerned without being named, by a deletion or a Medication."""
    assert _waiting(("p1", "backfill")) == {"p1", "p2", "other"}


def test_one_live_message_about_a_patient_is_enough() -> None:
    """A patient with live and back-filled messages does not wait, nor does whom no message names; others do."""
    assert _waiting(("p1", "backfill"), ("p1", None), ("p2", "backfill")) == {"p2"}
