"""Signs webhooks as Standard Webhooks does (v1, HMAC-SHA-256 of id, time and body). Knows nothing of what they say."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID


def headers(webhook_id: UUID, at: datetime, body: bytes, secrets: Iterable[bytes]) -> dict[str, str]:
    """`webhook-id`, `webhook-timestamp` and one `v1` signature for each secret, so that secrets can be changed."""
    timestamp = str(int(at.timestamp()))
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    signatures = [f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}" for key in secrets]
    return {
        "webhook-id": str(webhook_id),
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
    }
