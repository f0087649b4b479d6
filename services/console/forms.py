"""Decides whether a form that comes back is one that this session was given, for that act, and not too old. Stores nothing.

A form carries its id, when it was made, and a signature under the session's own key over both and the act: so it cannot be
forged by another site or moved to another act. That it is used once is for the store to see.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID, uuid4

import msgspec

OLDEST: Final = timedelta(hours=12)


class Fault(StrEnum):
    """Why a form is refused."""

    FORGED = "the form was not given out by this session for this act"
    EXPIRED = "the form is older than twelve hours"


class Form(msgspec.Struct, frozen=True):
    """A form as it was given out."""

    form: UUID
    made_at: datetime


def give_out(key: bytes, act: str, at: datetime) -> str:
    """A new form's token for one act (the path it is sent to)."""
    form = uuid4()
    stamp = int(at.timestamp())
    return f"{form}.{stamp}.{_sign(key, act, form, stamp)}"


def take_back(key: bytes, act: str, token: str, at: datetime) -> Form | Fault:
    """The form that a token stands for, or why it is refused."""
    parts = token.split(".")
    try:
        form, stamp = UUID(parts[0]), int(parts[1])
        made_at = datetime.fromtimestamp(stamp, at.tzinfo)
    except (ValueError, IndexError, OverflowError, OSError):
        return Fault.FORGED
    if len(parts) != 3 or not hmac.compare_digest(parts[2].encode(), _sign(key, act, form, stamp).encode()):
        return Fault.FORGED
    return Fault.EXPIRED if at - made_at > OLDEST else Form(form, made_at)


def _sign(key: bytes, act: str, form: UUID, stamp: int) -> str:
    return hmac.new(key, f"{act}|{form}|{stamp}".encode(), hashlib.sha256).hexdigest()
