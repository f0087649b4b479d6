"""Notification bundles: parsed by fhir.resources of their version, and the invariants of guide and specification.

The invariants that are checked, each by a function of the same name below:

Subscriptions R5 Backport 1.1.0 (R4, R4B) and FHIR R5:
- first_is_status: backport-notification-bundle-r4-1 (R4: the first entry is Parameters), backport-notification-bundle-1 (R4B: a
  SubscriptionStatus), bdl-13 (R5, likewise);
- is_history: R4 and R4B bundles have the type history, R5 subscription-notification;
- has_requests: bdl-3 and bdl-4, every entry of a history Bundle has request and response; the first asks for `$status`;
- tells_subscription_status_and_type: the required parts of the status, and their codes;
- numbers_are_strings: event numbers and events since the start;
- counts_what_it_tells: no event's number is greater than the events since the start;
- handshake_and_heartbeat_carry_no_event: and do not count one;
- empty_shows_nothing: neither topic nor focus, and no entry but the status;
- id_only_refers: a focus for each event, entries without resource;
- full_resource_holds: the focus of each event is an entry with that resource, under that fullUrl;
- full_urls_are_absolute_and_differ: bdl-7, bdl-8.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import pytest
from fhir.resources.bundle import Bundle as BundleR5
from fhir.resources.capabilitystatement import CapabilityStatement as CapabilityR5
from fhir.resources.communication import Communication as CommunicationR5
from fhir.resources.R4B.bundle import Bundle as BundleR4B
from fhir.resources.R4B.capabilitystatement import CapabilityStatement as CapabilityR4B
from fhir.resources.R4B.communication import Communication as CommunicationR4B
from fhir.resources.R4B.subscription import Subscription as SubscriptionR4B
from fhir.resources.R4B.subscriptiontopic import SubscriptionTopic as TopicR4B
from fhir.resources.subscription import Subscription as SubscriptionR5
from fhir.resources.subscriptiontopic import SubscriptionTopic as TopicR5

from services.notify.subscriptions import asked, capability, topics
from services.notify.subscriptions.asked import NotSupportedError
from services.notify.subscriptions.bundles import Event, Notification, notification, statuses
from services.notify.subscriptions.communication import Record, communication
from services.notify.subscriptions.model import VERSIONS, Content, Subscription, Version, Wanted
from tests.support.notices import AT, PATIENT, STUDY
from tests.support.subscriptions import URL, request_r4, request_r5, topic_url

BASE: Final = "https://notify.example/fhir"
CONTENTS: Final[tuple[Content, ...]] = ("empty", "id-only", "full-resource")
TYPES: Final = ("handshake", "heartbeat", "event-notification", "query-event")
BUNDLES: Final[dict[str, Any]] = {"R4": BundleR4B, "R4B": BundleR4B, "R5": BundleR5}
COMMUNICATIONS: Final[dict[str, Any]] = {"R4": CommunicationR4B, "R4B": CommunicationR4B, "R5": CommunicationR5}
STATUSES: Final = {"requested", "active", "error", "off"}

Case = tuple[Version, Content, str, dict[str, Any]]


def subscription(version: Version, content: Content = "id-only", **more: Any) -> Subscription:
    """A subscription with 7 events so far."""
    wanted = Wanted(version, topic_url(), (), URL, (), content, None, None, 10, None, "")
    given: dict[str, Any] = {"status": "active", "error": None} | more
    return Subscription(UUID(int=7), "office", wanted, events=7, handshakes=1, asked_at=AT, **given)


def record(number: int, **more: Any) -> Record:
    """The record of a delivery to it."""
    given: dict[str, Any] = {"state": "pending", "delivered_at": None, "corrects": None, "says": None} | more
    return Record(
        delivery_id=UUID(int=100 + number),
        recipient="office",
        channel="fhir",
        decided_at=AT,
        kind="rejection-suspected",
        urgency="stat",
        patient=PATIENT,
        study=STUDY,
        site="north",
        sentence="graft rejection is suspected",
        created_at=AT,
        **given,
    )


def _case(version: Version, content: Content, type_: str) -> Case:
    has_events = type_ in ("event-notification", "query-event")
    events = [Event(n, record(n)) for n in (6, 7)] if has_events else []
    told = Notification(subscription(version, content), f"{BASE}/{version}", type_, AT, events)
    return version, content, type_, json.loads(json.dumps(notification(told)))


CASES: Final = [_case(v, c, t) for v in VERSIONS for c in CONTENTS for t in TYPES]
IDS: Final = [f"{v}-{c}-{t}" for v, c, t, _ in CASES]


def first_is_status(version: Version, _c: Content, _t: str, bundle: dict[str, Any]) -> None:
    """backport-notification-bundle-r4-1, backport-notification-bundle-1, bdl-13."""
    expected = "Parameters" if version == "R4" else "SubscriptionStatus"
    types = [e.get("resource", {}).get("resourceType") for e in bundle["entry"]]
    assert types[0] == expected
    assert types.count(expected) == 1


def is_history(version: Version, _c: Content, _t: str, bundle: dict[str, Any]) -> None:
    """And says by its profile which it is."""
    assert bundle["type"] == ("subscription-notification" if version == "R5" else "history")
    assert ("total" in bundle) is False
    suffix = {"R4": ["backport-subscription-notification-r4"], "R4B": ["backport-subscription-notification"], "R5": []}
    profiles = [p.rpartition("/")[2] for p in bundle.get("meta", {}).get("profile", [])]
    assert profiles == suffix[version]


def has_requests(version: Version, _c: Content, _t: str, bundle: dict[str, Any]) -> None:
    """bdl-3, bdl-4 and the guide's own rule on the first."""
    if version == "R5":
        assert all("request" not in e for e in bundle["entry"])
        return
    assert all({"request", "response"} <= set(e) for e in bundle["entry"])
    first = bundle["entry"][0]["request"]
    assert (first["method"], first["url"]) == ("GET", f"{BASE}/{version}/Subscription/{UUID(int=7)}/$status")
    for entry in bundle["entry"]:
        assert ("resource" in entry) or entry["request"]["method"] in ("GET", "DELETE")


def tells_subscription_status_and_type(version: Version, _c: Content, type_: str, bundle: dict[str, Any]) -> None:
    """Required by the status profile and by SubscriptionStatus."""
    told = _status(version, bundle)
    assert told["subscription"] == f"{BASE}/{version}/Subscription/{UUID(int=7)}"
    assert told["status"] in STATUSES
    assert told["type"] == type_


def numbers_are_strings(version: Version, _c: Content, _t: str, bundle: dict[str, Any]) -> None:
    """integer64 travels as a string in JSON, and was a string before."""
    told = _status(version, bundle)
    assert all(isinstance(n, str) for n in (told["since_start"], *told["numbers"]))


def counts_what_it_tells(version: Version, _c: Content, type_: str, bundle: dict[str, Any]) -> None:
    """In order, and none beyond the count."""
    told = _status(version, bundle)
    numbers = [int(n) for n in told["numbers"]]
    assert numbers == sorted(numbers)
    assert all(n <= int(told["since_start"]) for n in numbers)
    assert bool(numbers) is type_.endswith(("event-notification", "query-event"))


def handshake_and_heartbeat_carry_no_event(version: Version, _c: Content, type_: str, bundle: dict[str, Any]) -> None:
    """They are the status alone."""
    if type_ in ("handshake", "heartbeat"):
        assert len(bundle["entry"]) == 1
        assert _status(version, bundle)["numbers"] == []
        assert _status(version, bundle)["since_start"] == "7"


def empty_shows_nothing(version: Version, content: Content, _t: str, bundle: dict[str, Any]) -> None:
    """No topic, no focus, no other entry."""
    if content == "empty":
        told = _status(version, bundle)
        assert (told["topic"], told["focus"], len(bundle["entry"])) == (None, [], 1)


def id_only_refers(version: Version, content: Content, _t: str, bundle: dict[str, Any]) -> None:
    """By reference alone."""
    if content == "id-only":
        told = _status(version, bundle)
        assert len(told["focus"]) == len(told["numbers"])
        assert all("resource" not in e for e in bundle["entry"][1:])
        assert [e["fullUrl"] for e in bundle["entry"][1:]] in ([], told["focus"])


def full_resource_holds(version: Version, content: Content, _t: str, bundle: dict[str, Any]) -> None:
    """Each focus is there."""
    if content == "full-resource":
        told = _status(version, bundle)
        held = {e["fullUrl"]: e["resource"]["resourceType"] for e in bundle["entry"][1:]}
        assert held == dict.fromkeys(told["focus"], "Communication")
        assert told["topic"] == topic_url()


def full_urls_are_absolute_and_differ(_v: Version, _c: Content, _t: str, bundle: dict[str, Any]) -> None:
    """bdl-7, bdl-8."""
    urls = [e["fullUrl"] for e in bundle["entry"]]
    assert len(set(urls)) == len(urls)
    assert all(u.startswith(("https://", "urn:uuid:")) for u in urls)


INVARIANTS: Final[list[Callable[[Version, Content, str, dict[str, Any]], None]]] = [
    first_is_status,
    is_history,
    has_requests,
    tells_subscription_status_and_type,
    numbers_are_strings,
    counts_what_it_tells,
    handshake_and_heartbeat_carry_no_event,
    empty_shows_nothing,
    id_only_refers,
    full_resource_holds,
    full_urls_are_absolute_and_differ,
]


@pytest.mark.parametrize("case", CASES, ids=IDS)
@pytest.mark.parametrize("invariant", INVARIANTS, ids=lambda f: f.__name__)
def test_an_invariant_holds(case: Case, invariant: Callable[[Version, Content, str, dict[str, Any]], None]) -> None:
    """Of every version, content level and type of notification."""
    invariant(*case)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_bundle_parses_in_its_version(case: Case) -> None:
    """R5 with the default import, R4B with its own; R4 with R4B's, whose Bundle and Parameters are the same."""
    version, _, _, bundle = case
    BUNDLES[version].model_validate(bundle)


def test_every_invariant_is_listed() -> None:
    """The list above names what is checked."""
    assert all(f"- {f.__name__}:" in (__doc__ or "") for f in INVARIANTS)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_error_is_told_in_the_status(version: Version) -> None:
    """With the status `error`, in words."""
    told = Notification(subscription(version, status="error", error="answered 500"), BASE, "query-status", AT)
    bundle = statuses([told], AT)
    BUNDLES[version].model_validate(bundle)
    assert "answered 500" in json.dumps(bundle)
    assert bundle["type"] == "searchset"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("state", ["pending", "delivered", "given-up", "superseded", "stopped"])
def test_a_delivery_is_a_communication(version: Version, state: str) -> None:
    """Whatever became of it; what it corrects is named."""
    made = record(1, state=state, delivered_at=AT, corrects=UUID(int=1), says="answered 500")
    body = communication(made, version)
    COMMUNICATIONS[version].model_validate(body)
    assert body["inResponseTo"] == [{"reference": f"Communication/{UUID(int=1)}"}]
    assert body["subject"]["identifier"]["value"] == str(PATIENT)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_subscription_is_read_and_written_back(version: Version) -> None:
    """What was asked for is what is shown, but for headers, which may hold a secret."""
    body = request_r5() if version == "R5" else request_r4()
    wanted = asked.read(body, version)
    assert wanted.filters == (("category", ("rejection-suspected", "rejection-proven")), ("site", ("north",)))
    assert (wanted.heartbeat_seconds, wanted.timeout_seconds, wanted.max_count) == (60, 5, 20)
    assert wanted.headers == (("Authorization", "Bearer hidden-word"),)
    assert wanted.ends_at == datetime(2030, 1, 1, tzinfo=UTC)
    shown = asked.write(Subscription(UUID(int=7), "office", wanted, "requested", None, 0, 0, AT))
    models: dict[str, Any] = {"R4": SubscriptionR4B, "R4B": SubscriptionR4B, "R5": SubscriptionR5}
    models[version].model_validate(shown)
    assert "hidden-word" not in json.dumps(shown)
    again = asked.read(shown, version)
    assert (again.filters, again.topic, again.content) == (wanted.filters, wanted.topic, wanted.content)


@pytest.mark.parametrize("version", ["R4", "R5"])
@pytest.mark.parametrize(
    ("r4", "r5", "says"),
    [
        ({"criteria": "Observation?code=1"}, {"topic": "http://x.example/t"}, "expected one of https://graftwatch"),
        ({"channel.type": "email"}, {"channelType": {"code": "email"}}, "expected rest-hook"),
        ({"channel.endpoint": "ftp://x.example"}, {"endpoint": "ftp://x.example"}, "expected https://host/path"),
        (
            {"channel.header": ["Host: y.example"]},
            {"parameter": [{"name": "Host", "value": "y.example"}]},
            "header: expected",
        ),
        (
            {"channel.header": ["A: b\r\nC: d"]},
            {"parameter": [{"name": "A", "value": "b\r\nC: d"}]},
            "",
        ),
        ({"filter": "code=1"}, {"filter": ("code", "1")}, "filter code: expected one of"),
        ({"filter": "category=pigeon"}, {"filter": ("category", "pigeon")}, "filter category: expected the kind"),
        (
            {"modifierExtension": [{"url": "https://x.example"}]},
            {"modifierExtension": [{"url": "https://x.example"}]},
            "",
        ),
    ],
    ids=["topic", "channel", "endpoint", "host", "injection", "filter", "value", "modifier"],
)
def test_what_cannot_be_honoured_is_refused(
    version: Version, r4: dict[str, Any], r5: dict[str, Any], says: str
) -> None:
    """An accepted subscription that never fires would be silence."""
    body = request_r5(**r5) if version == "R5" else request_r4(**r4)
    with pytest.raises(NotSupportedError) as refused:
        asked.read(body, version)
    assert says in str(refused.value)


@pytest.mark.parametrize("topic", topics.ALL, ids=lambda t: t.name)
def test_topics_are_sound_and_share_out_all_kinds(topic: topics.Topic) -> None:
    """Each is a SubscriptionTopic of R4B and R5."""
    TopicR4B.model_validate(topics.resource(topic, "R4B"))
    TopicR5.model_validate(topics.resource(topic, "R5"))
    assert topic.kinds


@pytest.mark.parametrize("version", VERSIONS)
def test_what_the_server_can_do_is_stated(version: Version) -> None:
    """In R4 the topics are named there, as it has no resource for them."""
    body = capability.statement(version, f"{BASE}/{version}", AT)
    models: dict[str, Any] = {"R4": CapabilityR4B, "R4B": CapabilityR4B, "R5": CapabilityR5}
    models[version].model_validate(body)
    assert (topic_url() in json.dumps(body)) is (version != "R5")


def _status(version: Version, bundle: dict[str, Any]) -> dict[str, Any]:
    """The parts of a status by one name, from either resource."""
    resource = bundle["entry"][0]["resource"]
    if version != "R4":
        events = resource.get("notificationEvent", [])
        return {
            "subscription": resource["subscription"]["reference"],
            "topic": resource.get("topic"),
            "status": resource["status"],
            "type": resource["type"],
            "since_start": resource["eventsSinceSubscriptionStart"],
            "numbers": [e["eventNumber"] for e in events],
            "focus": [e["focus"]["reference"] for e in events if "focus" in e],
        }
    of = {p["name"]: p for p in resource["parameter"]}
    parts = [{q["name"]: q for q in p["part"]} for p in resource["parameter"] if p["name"] == "notification-event"]
    return {
        "subscription": of["subscription"]["valueReference"]["reference"],
        "topic": of["topic"]["valueCanonical"] if "topic" in of else None,
        "status": of["status"]["valueCode"],
        "type": of["type"]["valueCode"],
        "since_start": of["events-since-subscription-start"]["valueString"],
        "numbers": [p["event-number"]["valueString"] for p in parts],
        "focus": [p["focus"]["valueReference"]["reference"] for p in parts if "focus" in p],
    }
