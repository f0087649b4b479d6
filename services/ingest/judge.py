"""`python -m services.ingest.judge`: judges conformance in a process of its own, whose loading and work cost the feed nothing.

Reads requests from standard input and writes answers to standard output until the input ends, which it does when ingest
ends, however it ends. Decides nothing: `shared.fhir.conformance` judges.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from typing import IO, Final

import msgspec

from shared.fhir.conformance import judge
from shared.fhir.element_tables import FhirVersion

_LENGTH_BYTES: Final = 4
_INDEX: Final = re.compile(r"\[\d+\]")
_PROFILE: Final = re.compile(r"[a-z][a-z0-9+.-]*:[!-~]{1,200}")
_GENTLY: Final = 10


class Judged(msgspec.Struct, frozen=True, array_like=True):
    """What was found of one resource: its profile, and (element, fault) of each issue; indices are left out."""

    profile: str
    issues: list[tuple[str, str]]


class _Meta(msgspec.Struct):
    profile: list[str] = []


class _Resource(msgspec.Struct):
    meta: _Meta = msgspec.field(default_factory=_Meta)


_REQUEST: Final = msgspec.msgpack.Decoder(list[tuple[FhirVersion, bytes]])


def judged(version: FhirVersion, raw: bytes) -> Judged:
    """The judgement of one resource, by the version of FHIR that it was read as."""
    issues = {(_INDEX.sub("", i.path), i.says) for i in judge(raw, version)}
    return Judged(_profile(raw), sorted(issues))


def frame(payload: bytes) -> bytes:
    """A message with its length in front."""
    return len(payload).to_bytes(_LENGTH_BYTES, "big") + payload


def main() -> None:
    """Answer until the input ends."""
    os.nice(_GENTLY)
    for ignored in (signal.SIGINT, signal.SIGTERM):  # ingest ends it, by ending its input
        signal.signal(ignored, signal.SIG_IGN)
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    sys.stdout = sys.stderr  # whatever a library prints is no answer
    while (request := _next(source)) is not None:
        sink.write(frame(msgspec.msgpack.encode([judged(*each) for each in _REQUEST.decode(request)])))
        sink.flush()


def _next(source: IO[bytes]) -> bytes | None:
    length = source.read(_LENGTH_BYTES)
    return source.read(int.from_bytes(length, "big")) if len(length) == _LENGTH_BYTES else None


def _profile(raw: bytes) -> str:
    try:
        stated = msgspec.json.decode(raw, type=_Resource).meta.profile
    except msgspec.DecodeError:  # ValidationError is one
        return ""
    return stated[0] if stated and _PROFILE.fullmatch(stated[0]) else ""


if __name__ == "__main__":
    main()
