"""Decides how the records of a chart become messages: single or in a Bundle, their keys, headers and order.

It does not decide what the records say, nor how the product reads them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

import msgspec

from services.cli.simulate.entries import AnyEntry, Irrelevant, Lab, Removed, Score
from services.cli.simulate.model import PHASES, ExpectedFeed, FeedMessage
from services.cli.simulate.scenarios.scenario import Scenario
from services.cli.simulate.writers import Chart, write
from shared.topics import RESOURCES, feed_topic

_JSON: Final = msgspec.json.Encoder(decimal_format="number")
_NOT_ASKED_FOR: Final = frozenset({"ecog"})
"""Concepts of the panel that no protocol asks for; a test holds this against the protocol file."""

ACCEPTED: Final = ExpectedFeed(accepted=1)
ACCEPTED_WITH_ISSUES: Final = ExpectedFeed(accepted_with_issues=1)
REJECTED: Final = ExpectedFeed(rejected=1)
OUT_OF_SCOPE: Final = ExpectedFeed(out_of_scope=1)


def messages(scenario: Scenario, chart: Chart) -> Iterator[FeedMessage]:
    """The messages of one patient, in order of delivery within each phase."""
    for phase in PHASES:
        entries = [entry for entry in scenario.chart if entry.phase == phase]
        if phase == 1 and scenario.package != "messages":
            yield _bundle(scenario.package, entries, chart)
        else:
            for entry in entries:
                yield from _delivered(entry, chart)


def interleaved(patients: Sequence[Sequence[FeedMessage]], random: Random) -> tuple[FeedMessage, ...]:
    """All messages by phase, shuffled across patients; each patient's own order is kept."""
    ordered: list[FeedMessage] = []
    for phase in PHASES:
        queues = [[m for m in patient if m.phase == phase] for patient in patients]
        turns = [index for index, queue in enumerate(queues) for _ in queue]
        random.shuffle(turns)
        arriving = [iter(queue) for queue in queues]
        ordered += [next(arriving[index]) for index in turns]
    return tuple(ordered)


def message(
    site: str,
    resource_type: str,
    key: str | None,
    value: Mapping[str, Any] | bytes | None,
    counts: ExpectedFeed,
    *,
    phase: int = 1,
) -> FeedMessage:
    """One message on the topic of its type, with the headers of its site."""
    encoded = value if value is None or isinstance(value, bytes) else _JSON.encode(value)
    return FeedMessage(
        topic=feed_topic(resource_type).name,
        key=None if key is None else key.encode(),
        value=encoded,
        headers=(("site", site.encode()), ("fhirVersion", b"4.0")),
        phase=phase,
        counts=counts,
    )


def _delivered(entry: AnyEntry | Removed, chart: Chart) -> Iterable[FeedMessage]:
    if isinstance(entry, Removed):
        return [_removal(entry, chart)]
    if entry.second:
        chart = chart.second
    resource = write(entry, chart)
    key = f"{resource['resourceType']}/{resource['id']}" if "id" in resource else None
    sent = message(chart.hospital.site, resource["resourceType"], key, resource, _counts(entry), phase=entry.phase)
    return [sent] * entry.copies


def _removal(entry: Removed, chart: Chart) -> FeedMessage:
    key = f"{entry.resource_type}/{chart.id_of(entry.key)}"
    if entry.by == "tombstone":
        return message(chart.hospital.site, entry.resource_type, key, None, ACCEPTED, phase=entry.phase)
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"request": {"method": "DELETE", "url": key}}],
    }
    return message(chart.hospital.site, "Bundle", None, bundle, ACCEPTED, phase=entry.phase)


def _bundle(kind: str, entries: Sequence[AnyEntry | Removed], chart: Chart) -> FeedMessage:
    records = [(entry, write(entry, chart)) for entry in entries if not isinstance(entry, Removed)]
    urls = {f"{r['resourceType']}/{r['id']}": _full_url(chart, r) for _, r in records}
    bundle = {
        "resourceType": "Bundle",
        "type": kind,
        "entry": [_bundle_entry(kind, _relinked(resource, urls), urls) for _, resource in records],
    }
    counts = sum((_counts(entry) for entry, _ in records), ExpectedFeed())
    sent = message(chart.hospital.site, "Bundle", None, bundle, counts)
    return replace(sent, topic=RESOURCES.name)


def _bundle_entry(kind: str, resource: dict[str, Any], urls: Mapping[str, str]) -> dict[str, Any]:
    name = f"{resource['resourceType']}/{resource['id']}"
    entry = {"fullUrl": urls[name], "resource": resource}
    if kind == "transaction":
        entry["request"] = {"method": "PUT", "url": name}
    return entry


def _full_url(chart: Chart, resource: Mapping[str, Any]) -> str:
    name = f"{chart.hospital.site}/{resource['resourceType']}/{resource['id']}"
    return f"urn:uuid:{uuid5(NAMESPACE_URL, name)}"


def _relinked(node: Any, urls: Mapping[str, str]) -> Any:
    """The resource with its references to other entries of the Bundle written as their fullUrl."""
    match node:
        case dict():
            return {
                name: urls.get(value, value) if name == "reference" else _relinked(value, urls)
                for name, value in node.items()
            }
        case list():
            return [_relinked(item, urls) for item in node]
        case _:
            return node


def _counts(entry: AnyEntry) -> ExpectedFeed:
    if entry.quirk is not None:
        return ACCEPTED_WITH_ISSUES
    unasked = isinstance(entry, (Lab, Score)) and entry.concept in _NOT_ASKED_FOR
    return OUT_OF_SCOPE if unasked or isinstance(entry, Irrelevant) else ACCEPTED
