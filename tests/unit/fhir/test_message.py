"""Messages: what is delivered, Bundles, deletions, identities, versions and subjects."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.fhir.message import read_message
from shared.fhir.reading import (
    Accepted,
    Deleted,
    IssueCode,
    OutOfScope,
    Reading,
    Reason,
    RecordIdentity,
    Rejected,
    VersionOrder,
)
from shared.fhir.resource import read_again
from tests.support.records import (
    SITE,
    Resource,
    accept,
    as_json,
    context,
    lab,
    leave,
    read_all,
    reject,
    resource,
    without,
)


def bundle(*entries: Resource, kind: str = "collection") -> Resource:
    """A Bundle of these entries."""
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def entry(of: Resource, **elements: Any) -> Resource:
    """An entry with a resource."""
    return {"resource": of, **elements}


def outcomes(readings: tuple[Reading, ...]) -> list[str]:
    """The kinds of readings, in order."""
    return [type(reading).__name__ for reading in readings]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", Reason.EMPTY),
        (b" \n", Reason.EMPTY),
        (b"MSH|^~\\&|LAB", Reason.NOT_JSON),
        (b"<Patient/>", Reason.NOT_JSON),
        (b'{"resourceType":"Patient"', Reason.NOT_JSON),
        (b'{"resourceType":"Patient","id":"\xff"}', Reason.NOT_JSON),
        (b'{"resourceType":"Patient","id":"\\ud800"}', Reason.NOT_JSON),
        (b"[]", Reason.WRONG_TYPE),
        (b"null", Reason.WRONG_TYPE),
        (b"{}", Reason.NOT_A_RESOURCE),
        (b'{"resourceType":7}', Reason.WRONG_TYPE),
        (b'{"resourceType":"Banana"}', Reason.UNKNOWN_TYPE),
        (b'{"resourceType":"Bundle","entry":{}}', Reason.WRONG_TYPE),
        (b'{"a":' * 50_000, Reason.TOO_DEEP),
        (b'{"resourceType":"Patient","id":""}', Reason.UNUSABLE_ID),
        (b'{"resourceType":"Patient","id":"a\\u0000b"}', Reason.UNUSABLE_ID),
        (b'{"resourceType":"Patient","id":12}', Reason.WRONG_TYPE),
    ],
)
def test_what_is_no_resource_is_rejected_with_its_bytes(value: bytes, reason: Reason) -> None:
    """An unreadable message is one rejection that keeps the original bytes."""
    rejected = reject(value)
    assert rejected.reason is reason
    assert rejected.raw == value


def test_a_byte_order_mark_is_no_fault() -> None:
    """A message that begins with a byte order mark is read."""
    assert len(accept(b"\xef\xbb\xbf" + as_json(lab())).facts) == 1


def test_a_type_that_nobody_asks_for_is_not_looked_into() -> None:
    """Any other resource type is out of scope, whatever it holds."""
    left = leave({"resourceType": "AllergyIntolerance", "id": "a1", "code": 7, "patient": []})
    assert left.record == RecordIdentity("north", "AllergyIntolerance", "a1")


@pytest.mark.parametrize("key", [b"Observation/r1", b"AllergyIntolerance/x.y-z"])
def test_a_null_value_deletes_the_record_of_its_key(key: bytes) -> None:
    """A tombstone with the key `ResourceType/id` is a deletion."""
    type_, _, id_ = key.decode().partition("/")
    (deleted,) = read_message(None, key, SITE, context())
    assert deleted == Deleted(RecordIdentity("north", type_, id_), VersionOrder())


@pytest.mark.parametrize("key", [None, b"", b"r1", b"Banana/r1", b"Observation/", b"a/Observation/r1", b"\xff"])
def test_a_null_value_with_another_key_is_rejected(key: bytes | None) -> None:
    """A tombstone that names no record is a dead letter."""
    (rejected,) = read_message(None, key, SITE, context())
    assert isinstance(rejected, Rejected)
    assert rejected.reason is Reason.TOMBSTONE_KEY


@pytest.mark.parametrize("kind", ["collection", "batch", "transaction", "message", "history", "searchset"])
def test_every_entry_of_a_bundle_is_a_reading(kind: str) -> None:
    """Each entry is judged by itself: a bad one, even one that is no resource, spoils no other."""
    other = {"resourceType": "MessageHeader", "id": "h"}
    bad: Resource = lab(status="banana", id_="r2")
    delivered = bundle(
        entry(other), entry(lab()), entry(bad), {"resource": 7}, {"fullUrl": 3}, entry(lab(id_="r3")), kind=kind
    )
    assert outcomes(read_all(delivered)) == [
        "OutOfScope",
        "Accepted",
        "Rejected",
        "Rejected",
        "Rejected",
        "Accepted",
    ]


def test_an_empty_bundle_delivers_nothing() -> None:
    """A Bundle without entries holds no resource; nor do requests to search or responses."""
    assert read_all(without(bundle(), "entry")) == ()
    assert read_all(bundle({"request": {"method": "GET", "url": "Patient"}}, {"response": {"status": "201"}})) == ()


def test_bundles_nest() -> None:
    """A Bundle in a Bundle is read as if its entries stood there."""
    assert outcomes(read_all(bundle(entry(bundle(entry(lab())))))) == ["Accepted"]


def test_a_history_deletes_with_its_version() -> None:
    """An entry with the method DELETE is a deletion, ordered by the version of its response."""
    gone = {
        "request": {"method": "DELETE", "url": "Observation/r1"},
        "response": {"status": "204", "etag": 'W/"4"', "lastModified": "2024-05-03T10:00:00Z"},
    }
    (deleted,) = read_all(bundle(gone, kind="history"))
    order = VersionOrder(datetime(2024, 5, 3, 10, tzinfo=UTC), 4)
    assert deleted == Deleted(RecordIdentity("north", "Observation", "r1"), order)


@pytest.mark.parametrize(
    ("request_", "path"),
    [
        ({"method": "DELETE", "url": "Patient?identifier=7"}, "Bundle.entry[0].request.url"),
        ({"method": "DELETE"}, "Bundle.entry[0].request.url"),
        ({"method": "PATCH", "url": "Patient/1"}, "Bundle.entry[0].request.method"),
    ],
)
def test_requests_that_cannot_be_followed_are_rejected(request_: Resource, path: str) -> None:
    """A conditional deletion or a patch is a dead letter, as nothing tells what it changes."""
    rejected = reject(bundle({"request": request_, "resource": {"resourceType": "Parameters"}}))
    assert (rejected.reason, rejected.path) == (Reason.UNSUPPORTED_REQUEST, path)


def test_references_inside_a_bundle_are_resolved() -> None:
    """A subject by `urn:uuid:` is the Patient of that fullUrl; the link is kept to read the record again."""
    patient = entry({"resourceType": "Patient", "id": "p7"}, fullUrl="urn:uuid:7")
    result = entry(lab() | {"subject": {"reference": "urn:uuid:7"}}, fullUrl="urn:uuid:8")
    _, reading = read_all(bundle(result, patient))[::-1]
    assert isinstance(reading, Accepted)
    assert reading.patient == "p7"
    again = read_again(reading.raw, reading.record, reading.links, SITE, context())
    assert again == reading


def test_a_rejected_entry_is_replayable() -> None:
    """A dead letter of a Bundle's entry keeps what the Bundle said of it: replayed, it fails the same way."""
    patient = entry({"resourceType": "Patient", "id": "p7"}, fullUrl="urn:uuid:7")
    bad = without(lab(status="banana"), "id") | {"subject": {"reference": "urn:uuid:7"}}
    _, rejected = read_all(bundle(patient, entry(bad, fullUrl="urn:uuid:8")))
    assert isinstance(rejected, Rejected)
    assert rejected.record == RecordIdentity("north", "Observation", "urn:uuid:8")
    assert read_message(rejected.raw, None, SITE, context(), rejected.links) == (rejected,)
    repaired = rejected.raw.replace(b"banana", b"final")
    (reading,) = read_message(repaired, None, SITE, context(), rejected.links)
    assert isinstance(reading, Accepted)
    assert reading.patient == "p7"


IDENTIFIED = [{"system": "urn:lab"}, {"system": "urn:lab", "value": "77"}]


@pytest.mark.parametrize(
    ("elements", "full_url", "id_"),
    [
        ({"id": "r9", "identifier": IDENTIFIED}, "urn:uuid:8", "r9"),
        ({"identifier": IDENTIFIED}, "urn:uuid:8", "urn:lab|77"),
        ({}, "urn:uuid:8", "urn:uuid:8"),
    ],
)
def test_the_identity_of_a_record(elements: Resource, full_url: str, id_: str) -> None:
    """A record is known by its id, else its first identifier with a value, else its fullUrl."""
    (reading,) = read_all(bundle(entry(without(lab(), "id") | elements, fullUrl=full_url)))
    assert isinstance(reading, Accepted)
    assert reading.record.id == id_


def test_reading_again_keeps_the_identity() -> None:
    """A record known by its fullUrl stays that record when its stored bytes are read again."""
    (reading,) = read_all(bundle(entry(without(lab(), "id"), fullUrl="urn:uuid:8")))
    assert isinstance(reading, Accepted)
    assert read_again(reading.raw, reading.record, reading.links, SITE, context()) == reading


def test_without_any_name_the_content_is_the_identity() -> None:
    """The same nameless resource delivered twice is the same record; another is another."""
    nameless = without(lab(), "id")
    assert accept(nameless).record == accept(nameless).record
    assert accept(nameless).record.id.startswith("sha256:")
    assert accept(nameless).record != accept(without(lab(value="43"), "id")).record


@pytest.mark.parametrize(
    ("meta", "order"),
    [
        (
            {"lastUpdated": "2024-05-03T10:00:00.123+02:00"},
            VersionOrder(datetime(2024, 5, 3, 8, 0, 0, 123000, tzinfo=UTC)),
        ),
        ({"lastUpdated": "2024-05-03"}, VersionOrder(datetime(2024, 5, 3, tzinfo=UTC))),
        ({"versionId": "12"}, VersionOrder(None, 12)),
        ({"versionId": "a7"}, VersionOrder()),
        ({"versionId": "9" * 40}, VersionOrder()),
        ({"versionId": "\u0661"}, VersionOrder()),
        ({}, VersionOrder()),
    ],
)
def test_what_orders_versions(meta: Resource, order: VersionOrder) -> None:
    """`lastUpdated` and an integer `versionId` order the versions of a record; other ids order nothing."""
    assert accept(lab(meta=meta)).order == order


def test_an_impossible_last_updated_is_an_issue() -> None:
    """A record whose `lastUpdated` cannot be is unversioned, and says so."""
    reading = accept(lab(meta={"lastUpdated": "2024-13-01T00:00:00Z"}))
    assert reading.order == VersionOrder()
    assert [issue.code for issue in reading.issues] == [IssueCode.UNVERSIONED]


@pytest.mark.parametrize("reference", ["Patient/p1", "https://ehr.example/fhir/Patient/p1", "Patient/p1/_history/3"])
def test_a_subject_by_reference(reference: str) -> None:
    """A relative, absolute or versioned reference names the patient."""
    assert accept(lab(subject={"reference": reference})).patient == "p1"


@pytest.mark.parametrize(
    ("subject", "reason"),
    [
        ({}, Reason.SUBJECT_MISSING),
        ({"display": "somebody"}, Reason.SUBJECT_MISSING),
        ({"reference": "Group/g1"}, Reason.SUBJECT_MISSING),
        ({"identifier": {"system": "urn:mrn", "value": "1"}}, Reason.SUBJECT_BY_IDENTIFIER),
        ({"reference": "urn:uuid:nowhere"}, Reason.SUBJECT_UNRESOLVED),
        ({"reference": "#nobody"}, Reason.SUBJECT_UNRESOLVED),
        ({"reference": "Patient?identifier=urn:mrn|1"}, Reason.SUBJECT_UNRESOLVED),
        ({"reference": "Patient/a\u0000b"}, Reason.UNUSABLE_ID),
    ],
)
def test_a_subject_that_names_no_patient_is_rejected(subject: Resource, reason: Reason) -> None:
    """Without a patient a fact belongs nowhere."""
    assert reject(lab(subject=subject)).reason is reason


def test_a_subject_by_identifier_is_looked_up() -> None:
    """A Patient tells its identifiers; a record that names one of them is that patient's."""
    identifiers = [{"system": "urn:mrn", "value": "1"}, {"system": "urn:mrn"}, {"value": "x"}]
    told = accept(resource("Patient", "p7", identifier=identifiers)).identifiers
    assert told == ("urn:mrn|1", "|x")
    known = context(patient=lambda site, stated: "p7" if site == "north" and stated in told else None)
    by_identifier = lab(subject={"identifier": {"system": "urn:mrn", "value": "1"}})
    assert accept(by_identifier, using=known).patient == "p7"


def test_a_contained_patient_is_known_by_identifier() -> None:
    """A contained Patient is the patient of that identifier: unknown, it waits as a dead letter and makes no second patient."""
    contained = [{"resourceType": "Patient", "id": "p", "identifier": [{"system": "urn:mrn", "value": "1"}]}]
    assert reject(lab(subject={"reference": "#p"}, contained=contained)).reason is Reason.SUBJECT_BY_IDENTIFIER
    known = context(patient=lambda _site, stated: "p7" if stated == "urn:mrn|1" else None)
    assert accept(lab(subject={"reference": "#p"}, contained=contained), using=known).patient == "p7"


def test_a_rejection_knows_its_record_and_patient() -> None:
    """A dead letter names record and patient as far as they could be read."""
    rejected = reject(lab(unit="furlong"))
    assert rejected.record == RecordIdentity("north", "Observation", "r1")
    assert rejected.patient == "p1"


def test_a_big_bundle_is_read_whole() -> None:
    """A Bundle of 5 MB is read entry by entry."""
    padding = {"note": [{"text": "x" * 800}]}
    entries = [entry(lab(id_=f"r{n}") | padding, fullUrl=f"urn:uuid:{n}") for n in range(5000)]
    raw = json.dumps(bundle(*entries), default=str).replace('"42"', "42").encode()
    assert len(raw) > 5_000_000
    readings = read_message(raw, None, SITE, context())
    assert len(readings) == 5000
    assert all(isinstance(reading, Accepted) and not reading.issues for reading in readings)


def test_facts_are_stamped_and_unlike() -> None:
    """Each fact of a record has its own id, and is the same for every version of the record that states it."""
    first = accept(resource("Patient", "p1", gender="male", deceasedBoolean=False))
    second = accept(resource("Patient", "p1", gender="male", deceasedBoolean=False, meta={"versionId": "2"}))
    assert len({fact.fact_id for fact in first.facts}) == 2
    assert [fact.fact_id for fact in first.facts] == [fact.fact_id for fact in second.facts]
    assert first.facts == second.facts


def test_equal_statements_of_one_record_are_one_fact() -> None:
    """A component that repeats another states nothing new."""
    part = {name: lab()[name] for name in ("code", "valueQuantity")}
    panel = without(lab(component=[part, part]), "valueQuantity") | {"code": {"text": "panel"}}
    assert len(accept(panel).facts) == 1


def test_scope_narrows_what_is_read() -> None:
    """A concept that the loaded protocols do not ask for is out of scope."""
    narrow = context(type(context().scope)(frozenset({"ast"}), "narrow"))
    assert isinstance(read_message(as_json(lab()), None, SITE, narrow)[0], OutOfScope)


@pytest.mark.parametrize(
    ("full_url", "subject", "patient"),
    [
        ("urn:uuid:r1", {"reference": "urn:uuid:mrn-1", "type": "Patient"}, "mrn-1"),
        ("urn:uuid:other", {"reference": "urn:uuid:mrn-1", "type": "Patient"}, None),
        ("urn:uuid:r1", {"reference": "urn:uuid:mrn-1"}, None),
        ("urn:uuid:r1", {"reference": "urn:oid:1.2.3", "type": "Patient"}, None),
    ],
)
def test_a_patient_of_another_bundle_is_known_by_the_senders_way_of_naming(
    full_url: str, subject: Resource, patient: str | None
) -> None:
    """Where a sender names its records `urn:uuid:` and id, so it does the Patient whom this Bundle lacks; else nobody."""
    (reading,) = read_all(bundle(entry(lab(subject=subject), fullUrl=full_url)))
    assert getattr(reading, "patient", None) == patient
    assert isinstance(reading, Accepted) is (patient is not None)
