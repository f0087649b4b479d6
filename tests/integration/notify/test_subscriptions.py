"""FHIR Subscriptions for real: asked for over HTTP, shaken hands with, told, failing, caught up, and nobody else's business."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from services.notify.addresses import Addresses
from services.notify.channels.http import Poster
from services.notify.deciding import Decider
from services.notify.sending import Sender
from services.notify.subscriptions.keeping import Keeper
from services.notify.subscriptions.server import SubscriptionServer
from services.notify.ways import Ways
from shared.runtime import notify_settings, postgres
from shared.runtime.postgres import Pool
from tests.support.database import Database, eventually
from tests.support.notices import COORDINATOR, PATIENT, STUDY, Outboxes, read, retracted, screened, suspected
from tests.support.sinks import HttpSink, http_sink
from tests.support.subscriptions import request_r4, request_r5, topic_url

TOKEN: Final = "the token of the office"
OTHER: Final = "the token of another office"
LOCAL: Final = "127.0.0.0/8"
WEEK: Final = timedelta(days=7)


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    """Connections that act as notify."""
    async with await postgres.connect(database.url, "notify", size=6) as made:
        yield made


@pytest.fixture
async def outboxes(database: Database) -> Outboxes:
    """The outboxes of the deciding services; one patient is registered."""
    made = Outboxes(database)
    await made.patient()
    return made


@pytest.fixture
async def sink() -> AsyncIterator[HttpSink]:
    """The subscriber's endpoint."""
    async with http_sink() as made:
        yield made


class Office:
    """A notify with its FHIR server, and a subscriber who speaks to it."""

    def __init__(self, client: TestClient[web.Request, web.Application], decider: Decider, sender: Sender) -> None:
        self._client = client
        self._decider = decider
        self._sender = sender

    async def ask(
        self, method: str, path: str, body: Any = None, token: str = TOKEN, version: str = "R4"
    ) -> tuple[int, dict[str, Any]]:
        """Status and body of an answer."""
        headers = {"Authorization": f"Bearer {token}"}
        async with self._client.request(method, f"/fhir/{version}/{path}", json=body, headers=headers) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else {}

    async def subscribe(self, sink: HttpSink, version: str = "R4", **more: Any) -> str:
        """A subscription, once it is active; its id."""
        make = request_r5 if version == "R5" else request_r4
        status, made = await self.ask("POST", "Subscription", make(url=sink.url, **more), version=version)
        assert (status, made.get("status")) == (201, "requested"), made
        await self.until(made["id"], "active", version)
        return str(made["id"])

    async def until(self, id_: str, status: str, version: str = "R4") -> dict[str, Any]:
        """Wait until a subscription has this status."""

        async def has() -> dict[str, Any] | None:
            _, found = await self.ask("GET", f"Subscription/{id_}", version=version)
            return found if found.get("status") == status else None

        return dict(await eventually(has, 20))

    async def tell(self, *patients: UUID) -> None:
        """Decide about these patients, and wake the queues."""
        await self._decider.decide(patients or [PATIENT])
        self._sender.wake()


@pytest.fixture
async def other_sink() -> AsyncIterator[HttpSink]:
    """The endpoint of another subscriber."""
    async with http_sink() as made:
        yield made


@pytest.fixture
async def office(
    pool: Pool, database: Database, tmp_path: Path, sink: HttpSink, other_sink: HttpSink
) -> AsyncIterator[Office]:
    """Two subscribers; the second may see one study that is not there, and nothing else."""
    subscribers = [
        _subscriber("office", TOKEN, sink.url),
        _subscriber("other", OTHER, other_sink.url, studies=["another"]),
    ]
    async with _office(pool, database, tmp_path, subscribers) as made:
        yield made


@asynccontextmanager
async def _office(
    pool: Pool, database: Database, folder: Path, subscribers: list[dict[str, Any]]
) -> AsyncIterator[Office]:
    directory = read(folder, COORDINATOR, *subscribers)
    settings = notify_settings.load(kafka_bootstrap_servers="127.0.0.1:9", database_url=database.url)
    async with AsyncExitStack() as stack:
        addresses = Addresses(LOCAL)
        poster = await stack.enter_async_context(Poster(addresses))
        ways = Ways(directory, pool, settings, poster, "https://notify.example/fhir")
        sender = Sender(pool, ways.channel, WEEK)
        keeper = Keeper(ways.subscriptions, ways.hook, WEEK, lambda: sender.is_leading)
        keeper.answered = sender.wake
        app = web.Application()
        server = SubscriptionServer(directory, ways.subscriptions, addresses, "https://notify.example/fhir")
        app.add_subapp("/fhir", server.application())
        client = await stack.enter_async_context(TestClient(TestServer(app)))
        sending, keeping = asyncio.create_task(sender.run()), asyncio.create_task(keeper.run())
        try:
            yield Office(client, Decider(pool, directory), sender)
        finally:
            keeping.cancel()
            await sender.stop()
            await asyncio.wait_for(asyncio.gather(sending, keeping, return_exceptions=True), 20)


@pytest.mark.parametrize("version", ["R4", "R4B", "R5"])
async def test_a_subscription_is_shaken_hands_with_and_told(
    office: Office, outboxes: Outboxes, sink: HttpSink, version: str
) -> None:
    """Handshake, then active, then a numbered notification whose focus can be read with the same token."""
    id_ = await office.subscribe(sink, version)
    await outboxes.commit(suspected())
    await outboxes.commit(screened("eligible"), kind="screening")
    await office.tell()
    await eventually(lambda: _received(sink, 2))
    handshake, told = (json.loads(r.body) for r in sink.received)
    assert _of(handshake)["type"] == "handshake"
    assert (_of(told)["type"], _of(told)["number"]) == ("event-notification", "1")
    assert sink.received[1].headers["authorization"] == "Bearer hidden-word"
    assert sink.received[1].headers["content-type"].startswith("application/fhir+json")
    focus = _of(told)["focus"].partition(f"/{version}/")[2]
    status, read_back = await office.ask("GET", focus, version=version)
    assert (status, read_back["resourceType"], read_back["priority"]) == (200, "Communication", "stat")
    _, listed = await office.ask("GET", "Subscription/$status", version=version)
    assert id_ in json.dumps(listed)
    assert listed["total"] == 1


async def test_while_in_error_events_are_counted_and_then_caught_up_in_order(
    office: Office, outboxes: Outboxes, sink: HttpSink, database: Database
) -> None:
    """The endpoint answers 500: the status says so, the count goes on, `$events` has them; back again it gets every number."""
    id_ = await office.subscribe(sink)
    sink.always = 500
    patients = [uuid4() for _ in range(5)]
    for patient in patients:
        await outboxes.patient(patient)
        await outboxes.commit(suspected(patient))
    await office.tell(*patients)
    in_error = await office.until(id_, "error")
    assert in_error["error"] == "answered 500"
    status, found = await office.ask("GET", f"Subscription/{id_}/$events?eventsSinceNumber=2&eventsUntilNumber=4")
    assert status == 200
    assert _numbers(found) == ["2", "3", "4"]
    _, asked = await office.ask("GET", f"Subscription/{id_}/$status")
    assert _parameter(asked, "events-since-subscription-start") == "5"
    assert _parameter(asked, "status") == "error"
    sink.always = 200
    await database.rows("UPDATE notify.delivery SET due_at = now() WHERE state = 'pending'")
    await office.until(id_, "active")
    await eventually(lambda: _told(sink, 5))
    numbers = [n for r in sink.accepted[1:] for n in _numbers(json.loads(r.body))]
    assert numbers == ["1", "2", "3", "4", "5"]


async def test_a_notification_holds_as_many_events_as_were_asked_for(
    office: Office, outboxes: Outboxes, sink: HttpSink
) -> None:
    """Up to max-count; with full-resource each focus is in it."""
    await office.subscribe(sink, content="full-resource")
    patients = [uuid4() for _ in range(30)]
    for patient in patients:
        await outboxes.patient(patient)
        await outboxes.commit(suspected(patient))
    await office.tell(*patients)
    await eventually(lambda: _received(sink, 3))
    sizes = [len(_numbers(json.loads(r.body))) for r in sink.received[1:]]
    assert sizes == [20, 10]
    resources = [e["resource"]["resourceType"] for e in json.loads(sink.received[1].body)["entry"]]
    assert resources == ["Parameters", *["Communication"] * 20]


async def test_a_handshake_that_fails_is_tried_again(office: Office, outboxes: Outboxes, sink: HttpSink) -> None:
    """Until it is answered nothing else is sent; what happened meanwhile follows."""
    sink.statuses = [500]
    status, made = await office.ask("POST", "Subscription", request_r4(url=sink.url))
    assert status == 201
    await outboxes.commit(suspected())
    await office.tell()
    await office.until(made["id"], "active")
    await eventually(lambda: _received(sink, 3))
    assert [_of(json.loads(r.body))["type"] for r in sink.received] == ["handshake", "handshake", "event-notification"]


@pytest.mark.parametrize("ago", ["61 seconds", "-1 day"], ids=["a-minute-ago", "by-a-clock-set-back-since"])
async def test_silence_is_broken_by_a_heartbeat(office: Office, sink: HttpSink, database: Database, ago: str) -> None:
    """When nothing was sent for as long as asked for: the count, and no event."""
    await office.subscribe(sink)
    await database.rows(f"UPDATE notify.subscription SET last_sent_at = now() - interval '{ago}'")
    await eventually(lambda: _received(sink, 2))
    beat = json.loads(sink.received[1].body)
    assert _of(beat)["type"] == "heartbeat"
    assert _numbers(beat) == []


async def test_a_correction_reaches_a_subscription_that_was_told(
    office: Office, outboxes: Outboxes, sink: HttpSink
) -> None:
    """Its filter speaks of suspicions alone; the retraction is told, in response to what it corrects."""
    await office.subscribe(sink, content="full-resource")
    await outboxes.commit(suspected())
    await office.tell()
    await outboxes.commit(retracted(), ordinal=2, withdrawn=True)
    await office.tell()
    await eventually(lambda: _received(sink, 2))
    await eventually(lambda: _told(sink, 2))
    entries = [e["resource"] for r in sink.received[1:] for e in json.loads(r.body)["entry"][1:]]
    assert entries[1]["inResponseTo"] == [{"reference": f"Communication/{entries[0]['id']}"}]


async def test_what_was_deleted_is_told_nothing_more(
    office: Office, outboxes: Outboxes, sink: HttpSink, database: Database
) -> None:
    """Neither what waits nor what comes; its record stays."""
    id_ = await office.subscribe(sink)
    sink.always = 500
    await outboxes.commit(suspected())
    await office.tell()
    await office.until(id_, "error")
    assert await office.ask("DELETE", f"Subscription/{id_}") == (204, {})
    assert (await office.ask("GET", f"Subscription/{id_}"))[0] == 404
    other = uuid4()
    await outboxes.patient(other)
    await outboxes.commit(suspected(other))
    await office.tell(other)
    assert await database.value("SELECT string_agg(state, ',') FROM notify.delivery") == "stopped"
    assert await database.value("SELECT status FROM notify.subscription") == "off"


async def test_an_updated_subscription_is_shaken_hands_with_anew_and_counts_on(
    office: Office, outboxes: Outboxes, sink: HttpSink
) -> None:
    """Another content and filter under the same id: handshake, then the next number; events it no longer asks for are none."""
    id_ = await office.subscribe(sink)
    await outboxes.commit(suspected())
    await office.tell()
    await eventually(lambda: _received(sink, 2))
    wanted = request_r4(url=sink.url, content="full-resource") | {"id": id_, "status": "active"}
    status, updated = await office.ask("PUT", f"Subscription/{id_}", wanted)
    assert (status, updated["id"], updated["status"]) == (200, id_, "requested")
    await office.until(id_, "active")
    other = uuid4()
    await outboxes.patient(other)
    await outboxes.commit(suspected(other))
    await office.tell(other)
    await eventually(lambda: _told(sink, 2))
    bodies = [json.loads(r.body) for r in sink.accepted]
    assert [_of(b)["type"] for b in bodies] == ["handshake", "event-notification", "handshake", "event-notification"]
    assert [_numbers(b) for b in bodies] == [[], ["1"], [], ["2"]]
    assert ["resource" in b["entry"][-1] for b in (bodies[1], bodies[3])] == [False, True]
    _, read_back = await office.ask("GET", f"Subscription/{id_}")
    assert read_back["channel"]["_payload"]["extension"][0]["valueCode"] == "full-resource"


async def test_an_update_that_may_not_be_changes_nothing(office: Office, sink: HttpSink) -> None:
    """Of another owner's, of one that is not there, of another id, to an address elsewhere, without a topic."""
    id_ = await office.subscribe(sink)
    wanted = request_r4(url=sink.url) | {"id": id_}
    for path, body, token, expected in (
        (id_, wanted, OTHER, 404),
        (str(uuid4()), wanted, TOKEN, 404),
        (id_, wanted | {"id": str(uuid4())}, TOKEN, 400),
        (id_, request_r4(url="https://elsewhere.example/x") | {"id": id_}, TOKEN, 422),
        (id_, wanted | {"criteria": "https://elsewhere.example/topic"}, TOKEN, 422),
        (id_, wanted, "a forged token", 401),
    ):
        status, refused = await office.ask("PUT", f"Subscription/{path}", body, token=token)
        assert (status, refused["resourceType"]) == (expected, "OperationOutcome")
    _, as_before = await office.ask("GET", f"Subscription/{id_}")
    assert (as_before["status"], as_before["channel"]["endpoint"]) == ("active", sink.url)
    assert len(sink.received) == 1


async def test_an_update_to_off_ends_a_subscription(office: Office, sink: HttpSink, database: Database) -> None:
    """As FHIR lets a subscriber do it; it is then as one that was deleted."""
    id_ = await office.subscribe(sink)
    status, off = await office.ask(
        "PUT", f"Subscription/{id_}", request_r4(url=sink.url) | {"id": id_, "status": "off"}
    )
    assert (status, off["status"]) == (200, "off")
    assert (await office.ask("GET", f"Subscription/{id_}"))[0] == 404
    assert await database.value("SELECT status FROM notify.subscription") == "off"


async def test_a_subscription_ends_when_it_says(office: Office, sink: HttpSink, database: Database) -> None:
    """From its end on it is off."""
    id_ = await office.subscribe(sink)
    await database.rows("UPDATE notify.subscription SET ends_at = now()")

    async def is_gone() -> bool:
        return (await office.ask("GET", f"Subscription/{id_}"))[0] == 404

    await eventually(is_gone, 20)


async def test_nobody_sees_what_is_anothers(
    office: Office, outboxes: Outboxes, sink: HttpSink, other_sink: HttpSink
) -> None:
    """Another's subscription, its events and its records are not there; a study one may not see is never told."""
    id_ = await office.subscribe(sink)
    status, made = await office.ask("POST", "Subscription", request_r4(url=other_sink.url), token=OTHER)
    assert status == 201
    await eventually(lambda: _received(other_sink, 1))
    await outboxes.commit(suspected())
    await office.tell()
    await eventually(lambda: _received(sink, 2))
    focus = _of(json.loads(sink.received[1].body))["focus"].partition("/R4/")[2]
    for path in (f"Subscription/{id_}", f"Subscription/{id_}/$events", f"Subscription/{id_}/$status", focus):
        assert (await office.ask("GET", path, token=OTHER))[0] == 404
    assert (await office.ask("DELETE", f"Subscription/{id_}", token=OTHER))[0] == 404
    _, events = await office.ask("GET", f"Subscription/{made['id']}/$events", token=OTHER)
    assert _numbers(events) == []
    assert len(other_sink.received) == 1


@pytest.mark.parametrize("token", ["a forged token", ""])
async def test_a_forged_token_is_refused(office: Office, token: str) -> None:
    """Of everything but what the server can do."""
    for method, path in (("GET", "Subscription"), ("POST", "Subscription"), ("GET", "Communication")):
        status, body = await office.ask(method, path, {} if method == "POST" else None, token=token)
        assert (status, body["resourceType"]) == (401, "OperationOutcome")
    assert (await office.ask("GET", "metadata", token=token))[0] == 200


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://elsewhere.example/x", "not below one of the `endpoints`"),
        ("http://127.0.0.1.evil.example/x", "not below one of the `endpoints`"),
        ("http://169.254.169.254/latest", "not a public address"),
        ("https://office.example/notifications/../admin", "not below one of the `endpoints`"),
    ],
)
async def test_an_endpoint_that_may_not_be_called_is_refused(office: Office, url: str, says: str) -> None:
    """Neither elsewhere nor the machine's own."""
    status, body = await office.ask("POST", "Subscription", request_r4(url=url))
    assert status == 422
    assert says in body["issue"][0]["diagnostics"]


async def test_a_broken_request_is_explained(office: Office) -> None:
    """No JSON, another resource, an unknown path: an OperationOutcome each."""
    for method, path, body, expected in (
        ("POST", "Subscription", [1], 400),
        ("POST", "Subscription", {"resourceType": "Patient"}, 422),
        ("GET", "Subscription/not-an-id", None, 404),
        ("GET", "Patient/1", None, 404),
        ("GET", "SubscriptionTopic", None, 404),
    ):
        status, answer = await office.ask(method, path, body)
        assert (status, answer["resourceType"]) == (expected, "OperationOutcome")


async def test_topics_are_listed(office: Office) -> None:
    """In R4B and R5, as a searchset and each by its id."""
    for version in ("R4B", "R5"):
        _, listed = await office.ask("GET", "SubscriptionTopic", version=version)
        assert topic_url() in {e["resource"]["url"] for e in listed["entry"]}
        assert (await office.ask("GET", "SubscriptionTopic/safety-events", version=version))[0] == 200


def _subscriber(id_: str, token: str, url: str, **more: Any) -> dict[str, Any]:
    fhir = {
        "token_sha256": hashlib.sha256(token.encode()).hexdigest(),
        "endpoints": ["https://office.example/notifications", "http://169.254.169.254/latest", url],
        **more,
    }
    return {"id": id_, "name": id_, "fhir": {"studies": [STUDY], **fhir}}


async def _received(sink: HttpSink, wanted: int) -> bool:
    return len(sink.received) >= wanted


async def _told(sink: HttpSink, wanted: int) -> bool:
    return sum(len(_numbers(json.loads(r.body))) for r in sink.accepted) >= wanted


def _of(bundle: dict[str, Any]) -> dict[str, str]:
    resource = bundle["entry"][0]["resource"]
    if resource["resourceType"] != "Parameters":
        (event,) = resource.get("notificationEvent") or [{}]
        focus = event.get("focus", {}).get("reference", "")
        return {"type": resource["type"], "number": event.get("eventNumber", ""), "focus": focus}
    found = {"type": "", "number": "", "focus": ""}
    for p in resource["parameter"]:
        if p["name"] == "type":
            found["type"] = p["valueCode"]
        for q in p.get("part", []):
            if q["name"] == "event-number":
                found["number"] = q["valueString"]
            if q["name"] == "focus":
                found["focus"] = q["valueReference"]["reference"]
    return found


def _numbers(bundle: dict[str, Any]) -> list[str]:
    parts = [p["part"] for p in bundle["entry"][0]["resource"]["parameter"] if p["name"] == "notification-event"]
    return [q["valueString"] for part in parts for q in part if q["name"] == "event-number"]


def _parameter(bundle: dict[str, Any], name: str) -> Any:
    for p in bundle["entry"][0]["resource"]["parameter"]:
        if p["name"] == name:
            return next(v for k, v in p.items() if k.startswith("value"))
    return None
