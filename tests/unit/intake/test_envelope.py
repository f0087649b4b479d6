"""What the intake looks at of a body, and what it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.intake.envelope import Envelope, deletion_of, open_envelope, require_place
from services.intake.refusal import Refusal


def _refusal(body: bytes) -> tuple[int, str | None]:
    with pytest.raises(Refusal) as refused:
        open_envelope(body)
    assert refused.value.says.startswith("expected")
    return refused.value.status, refused.value.path


def _bundle(type_: str, *entries: Any) -> bytes:
    return json.dumps({"resourceType": "Bundle", "type": type_, "entry": entries}).encode()


def _request(method: str) -> dict[str, Any]:
    return {"resource": {"resourceType": "Patient"}, "request": {"method": method, "url": "Patient/1"}}


@pytest.mark.parametrize(
    ("body", "envelope", "key"),
    [
        (b'{"resourceType":"Patient","id":"7"}', Envelope("Patient", "7"), b"Patient/7"),
        (b'\xef\xbb\xbf {"id":"7","resourceType":"Patient"}', Envelope("Patient", "7"), b"Patient/7"),
        (b'{"resourceType":"Patient"}', Envelope("Patient"), None),
        (b'{"resourceType":"Encounter","type":[{"text":"x"}],"id":"e"}', Envelope("Encounter", "e"), b"Encounter/e"),
        (b'{"resourceType":"Nonesuch","id":"7"}', Envelope("Nonesuch", "7"), b"Nonesuch/7"),
        (b'{"resourceType":"Bundle","type":"message","id":"b"}', Envelope("Bundle", "b", "message"), b"Bundle/b"),
        (b'{"resourceType":"Bundle"}', Envelope("Bundle"), None),
    ],
)
def test_type_and_id_are_read_and_nothing_else(body: bytes, envelope: Envelope, key: bytes | None) -> None:
    """Whatever the rest says, and even of a type that FHIR does not know: that is for ingest to judge."""
    assert open_envelope(body) == envelope
    assert envelope.key == key


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"", None),
        (b"MSH|^~\\&|", None),
        (b"[1]", None),
        (b'{"resourceType":"Patient"', None),
        (b'{"resourceType":"Patient","name":"\xff"}', None),
        (b'{"resourceType":"Patient","name":' + b"[" * 100_000, None),
        (b"{}", "resourceType"),
        (b'{"resourceType":7}', "resourceType"),
        (b'{"resourceType":"patient"}', "resourceType"),
        (b'{"resourceType":"Patient/1"}', "resourceType"),
        (b'{"resourceType":"Patient","id":7}', "Patient.id"),
        (b'{"resourceType":"Patient","id":"\\ud800"}', None),
        (b'{"resourceType":"Bundle","type":"batch","entry":{}}', "Bundle.entry"),
    ],
)
def test_what_is_no_resource_is_refused(body: bytes, path: str | None) -> None:
    """No JSON, no object, no `resourceType`: 400 with the place, whatever the bytes."""
    assert _refusal(body) == (400, path)


def test_each_entry_of_a_batch_is_answered_for_itself() -> None:
    """What cannot be done is said of its entry, and the rest is taken."""
    raw = _bundle(
        "batch", *map(_request, ("POST", "PUT", "DELETE", "GET", "PATCH")), {"resource": {}}, 7, {"request": 7}
    )
    assert open_envelope(raw).statuses == (202, 202, 202, 501, 501, 202, 400, 400)


@pytest.mark.parametrize(
    ("entry", "status", "path"),
    [(_request("GET"), 501, "Bundle.entry[1].request.method"), (7, 400, "Bundle.entry[1]")],
)
def test_a_transaction_is_taken_whole_or_not_at_all(entry: Any, status: int, path: str) -> None:
    """One entry that cannot be taken refuses the transaction."""
    assert open_envelope(_bundle("transaction", _request("PUT"))).statuses == (202,)
    assert _refusal(_bundle("transaction", _request("PUT"), entry)) == (status, path)


def test_entries_of_other_bundles_are_not_looked_at() -> None:
    """A collection or a message has no requests to answer."""
    assert open_envelope(_bundle("collection", 7)).statuses == ()


@pytest.mark.parametrize(
    ("type_", "id_", "must_have_id", "is_refused"),
    [
        (None, None, False, False),
        ("Patient", None, False, False),
        ("Patient", "7", True, False),
        ("Observation", None, False, True),
        ("Patient", "8", False, True),
    ],
)
def test_the_address_must_fit_the_resource(type_: str, id_: str | None, must_have_id: bool, is_refused: bool) -> None:
    """Type and id in the address, where stated, are those of the resource."""
    resource = Envelope("Patient", "7")
    if not is_refused:
        require_place(resource, type_, id_, must_have_id)
        return
    with pytest.raises(Refusal) as refused:
        require_place(resource, type_, id_, must_have_id)
    assert refused.value.status == 400


def test_a_put_says_what_it_replaces() -> None:
    """A PUT of a resource without id replaces nothing that could be named."""
    with pytest.raises(Refusal, match="which resource it replaces"):
        require_place(Envelope("Patient"), "Patient", None, must_have_id=True)


def test_a_deletion_has_an_id_that_a_resource_can_have() -> None:
    """An id that could be none of a resource is refused instead of becoming a dead letter."""
    assert deletion_of("Patient", "a-1.B").key == b"Patient/a-1.B"
    with pytest.raises(Refusal):
        deletion_of("Patient", "a b")
