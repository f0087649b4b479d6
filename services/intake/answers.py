"""Decides how an answer is worded in FHIR: OperationOutcome, and the Bundle that answers a Bundle of requests.

Written as JSON directly, for there is one with each request; tests hold them against the models of fhir.resources.
"""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

import msgspec

from services.intake.envelope import ANSWERED, Envelope
from services.intake.refusal import Refusal

CONTENT_TYPE: Final = "application/fhir+json"
TAKEN: Final = "on the feed; what becomes of it is decided by ingest"
_WHY_NOT: Final = {
    400: "expected an entry with a resource or a request",
    501: "expected one of POST, PUT, DELETE: nothing can be read or patched here",
}


def refused(refusal: Refusal) -> bytes:
    """The OperationOutcome of a refusal."""
    return msgspec.json.encode(_outcome("error", refusal.code, refusal.says, refusal.path))


def taken(envelope: Envelope) -> tuple[int, bytes]:
    """Status and body for what the broker has: 202, as nothing is decided yet; a Bundle of requests gets one of answers."""
    if envelope.bundle_type in ANSWERED:
        bundle = {"resourceType": "Bundle", "type": f"{envelope.bundle_type}-response"}
        entries = list(_entries(envelope))
        return 200, msgspec.json.encode(bundle | ({"entry": entries} if entries else {}))
    return 202, msgspec.json.encode(_outcome("information", "informational", TAKEN))


def _entries(envelope: Envelope) -> Iterator[dict[str, Any]]:
    for n, status in enumerate(envelope.statuses):
        response: dict[str, Any] = {"status": f"{status} {HTTPStatus(status).phrase}"}
        if status in _WHY_NOT:
            refusal = Refusal(status, _WHY_NOT[status], f"Bundle.entry[{n}]")
            response["outcome"] = _outcome("error", refusal.code, refusal.says, refusal.path)
        yield {"response": response}


def _outcome(severity: str, code: str, says: str, path: str | None = None) -> dict[str, Any]:
    issue = {"severity": severity, "code": code, "diagnostics": says} | ({"expression": [path]} if path else {})
    return {"resourceType": "OperationOutcome", "issue": [issue]}
