"""The feed of both runs: a generated hospital (clinosim) with the cohort and malformed messages; and how it is disordered.

Order of arrival may be changed, and messages sent twice, but for records of which a version states neither `lastUpdated` nor
`versionId`: of those the feed contract says that order matters. Their messages keep their order and are sent once.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

import msgspec

from services.cli.demo import background, publish
from services.cli.simulate import simulate
from services.cli.simulate.model import ExpectedFeed, ExpectedPatient, FeedMessage
from tests.benchmark.chaos.clients import is_postable
from tests.benchmark.ingest import hospital
from tests.benchmark.ingest.hospital import AS_OF

MALFORMED: Final = 100
"""One message of the hospital in so many is cut off in the middle."""
DISPLACED: Final = 500
"""A message is sent up to so many places later than in the calm run."""
TWICE: Final = 10
"""One message in so many is sent again, up to `AGAIN` places later."""
AGAIN: Final = 2_000


POSTED: Final = 10
"""One message in so many goes by way of the intake, where it would make the same message of it."""


class Sending(NamedTuple):
    """A message as it is sent: to any partition or to that of its key, alone or with others at once, or by the intake."""

    message: FeedMessage
    scattered: bool = False
    alone: bool = False
    posted: bool = False


@dataclass(frozen=True)
class Feed:
    """The messages in the calm order, and what must be concluded of the simulated patients among them."""

    messages: Sequence[FeedMessage]
    expected: Sequence[ExpectedPatient]


def make(home: Path, count: int) -> Feed:
    """So many messages, always the same: the cohort, or for a short feed every so manyth patient of it, among the hospital."""
    simulation = simulate(AS_OF)
    for every in range(1, len(simulation.expected)):
        patients = [m for m in simulation.messages if _is_chosen(m.key or b"", m.value or b"", every)]
        if len(patients) <= max(count // 2, _FEWEST):
            break
    wanted = max(0, count - len(patients))
    found = hospital.generate(home) if wanted > _SMALL else _small_hospital(home)
    if len(found) < wanted:
        raise SystemExit(f"At most {len(found) + len(patients)} messages can be made; asked for {count}.")
    among = [_cut_off(m) if n % MALFORMED == 0 else m for n, m in enumerate(found[:wanted])]
    expected = [e for e in simulation.expected if _is_chosen(b"", f"Patient/{e.patient}".encode(), every)]
    return Feed(publish.mix(patients, among), expected)


def _is_chosen(key: bytes, value: bytes, every: int) -> bool:
    """Whether a message is about a chosen patient, or about none."""
    numbers = {int(n) for n in _PATIENT.findall(key + b" " + value)}
    return not numbers or any(n % every == 0 for n in numbers)


_PATIENT: Final = re.compile(rb'(?:Patient/|"id": ?"|^[A-Za-z]+/)(1\d{3})(?!\d)')
_FEWEST: Final = 500
_SMALL: Final = 5_000
"""So many resources the hospital of the demonstration has at least, which need not be generated again."""


def _small_hospital(home: Path) -> list[FeedMessage]:
    generation = background.Generation(home / "background", AS_OF)
    generation.begin()
    return background.messages(generation.finish())


def _cut_off(message: FeedMessage) -> FeedMessage:
    value = message.value or b""
    return replace(message, value=value[: len(value) // 2], counts=ExpectedFeed(rejected=1))


def calm(feed: Sequence[FeedMessage]) -> list[Sending]:
    """Each message once, in order."""
    return [Sending(m) for m in feed]


def disordered(feed: Sequence[FeedMessage], seed: int) -> list[Sending]:
    """The same in another order over other partitions, some twice, some by the intake; where order matters, in order and once."""
    chance, fixed = Random(seed), _in_order(feed)
    placed: list[tuple[float, int, Sending]] = []
    for n, m in enumerate(feed):
        if n in fixed:
            placed.append((n, n, Sending(m, alone=True)))
            continue
        posted = chance.randrange(POSTED) == 0 and is_postable(m)
        placed.append((n + chance.uniform(0, DISPLACED), n, Sending(m, scattered=True, posted=posted)))
        if chance.randrange(TWICE) == 0:
            placed.append((n + chance.uniform(0, AGAIN), n, Sending(m, scattered=True)))
    return [sending for _, _, sending in sorted(placed, key=lambda p: p[:2])]


def identity(topic: str, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]]) -> str:
    """By what a message is recognised, wherever it lies."""
    return hashlib.sha256(repr((topic, key, value, tuple(headers))).encode()).hexdigest()


def delivers(feed: Sequence[FeedMessage]) -> dict[str, int]:
    """How many resources each message delivers."""
    return {identity(m.topic, m.key, m.value, m.headers): m.delivers for m in feed}


def _in_order(feed: Sequence[FeedMessage]) -> set[int]:
    """Places of the messages about records of which several versions differ, and one has neither date nor number."""
    of: dict[tuple[bytes, str], list[tuple[int, bool, bytes | None]]] = defaultdict(list)
    for n, m in enumerate(feed):
        for record, versioned in _records(m):
            of[dict(m.headers).get("site", b""), record].append((n, versioned, m.value))
    return {
        n
        for stated in of.values()
        if len({value for _, _, value in stated}) > 1 and not all(versioned for _, versioned, _ in stated)
        for n, _, _ in stated
    }


def _records(message: FeedMessage) -> Iterator[tuple[str, bool]]:
    """The records of a message, and whether it says which version of them it holds."""
    if message.value is None:
        yield (message.key or b"").decode(errors="replace"), False
        return
    try:
        resource = msgspec.json.decode(message.value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return
    if not isinstance(resource, dict):
        return
    if resource.get("resourceType") != "Bundle":
        yield _record(resource)
        return
    for entry in resource.get("entry", ()):
        if "resource" in entry:
            yield _record(entry["resource"])
        elif entry.get("request", {}).get("method") == "DELETE":
            yield entry["request"]["url"], False


def _record(resource: dict[str, Any]) -> tuple[str, bool]:
    meta = resource.get("meta") or {}
    return f"{resource.get('resourceType')}/{resource.get('id')}", "lastUpdated" in meta or "versionId" in meta
