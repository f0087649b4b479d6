"""The intake as a process between HTTP and a real broker: what is taken, what is refused, and what a lost broker does."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
import yaml
from fhir.resources.R4B import get_fhir_model_class

from services.cli import installation
from services.cli.stack import Stack, create_topics, embedded
from services.cli.stack.model import Broker
from services.ingest.app import Ingest
from services.ingest.messages import from_record
from shared import topics
from shared.runtime import ports
from tests.support import feed, process
from tests.support.database import Database, eventually
from tests.support.records import as_json
from tests.support.stack import stack_home
from tests.support.topics import listening

TOKEN = "a token of the tests"
FHIR = "application/fhir+json"
JSON = {"Content-Type": FHIR}


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Any
    body: dict[str, Any]


@dataclass(frozen=True)
class Client:
    """A hospital's engine, and the intake it talks to."""

    session: aiohttp.ClientSession
    service: process.ServiceProcess
    log: Path

    async def send(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """Send one request with the token of the site `north`; the answer must be FHIR."""
        stated = JSON | {"Authorization": f"Bearer {TOKEN}"} | {k.replace("_", "-"): v for k, v in headers.items()}
        async with self.session.request(method, self._url(path), data=BytesIO(body or b""), headers=stated) as answer:
            said = await answer.read()
            assert answer.content_type == FHIR
        parsed: dict[str, Any] = json.loads(said)
        get_fhir_model_class(parsed["resourceType"]).model_validate_json(said)
        return Answer(answer.status, answer.headers, parsed)

    async def raw(self, text: bytes) -> bytes:
        """Whatever comes back for these bytes until the connection is closed."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.service.port)
        writer.write(text)
        said = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        await writer.wait_closed()
        return said

    def _url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.service.port}{path}"


def _sites(folder: Path, **tokens: str) -> Path:
    folder.mkdir()
    for site, token in tokens.items():
        digest = hashlib.sha256(token.encode()).hexdigest()
        content = {"site": site, "time_zone": "Europe/Berlin", "fhir_version": "R4B", "intake_token_sha256": digest}
        (folder / f"{site}.yaml").write_text(yaml.safe_dump(content))
    return folder


def _environment(servers: str, sites: Path, **more: str) -> dict[str, str]:
    """All that the intake is told: no database, no key of the pseudonyms."""
    path = os.environ["PATH"]
    return {"PATH": path, "KAFKA_BOOTSTRAP_SERVERS": servers, "GRAFTWATCH_SITES": str(sites), **more}


@asynccontextmanager
async def _running(servers: str, folder: Path, **more: str) -> AsyncIterator[Client]:
    env = _environment(servers, _sites(folder / "sites", north=TOKEN, south="another"), **more)
    log = folder / "intake.log"
    async with process.running(log, env, "-m", "services.intake") as service, aiohttp.ClientSession() as session:
        await service.healthy()
        yield Client(session, service, log)


@pytest.fixture
async def intake(stack: Stack, tmp_path: Path) -> AsyncIterator[Client]:
    """An intake of its own on the tests' broker."""
    async with _running(stack.bootstrap_servers, tmp_path, GRAFTWATCH_INTAKE_ANSWER_SECONDS="5") as client:
        yield client


async def test_what_is_posted_is_on_the_feed_byte_for_byte(stack: Stack, intake: Client) -> None:
    """Each resource on the topic of its type, under `Type/id`, with the site of the token, when the answer is 202."""
    id_ = str(uuid4())
    patient = b'\xef\xbb\xbf{ "resourceType":"Patient",\r\n "id":"%s" , "x": 1.00 }\n' % id_.encode()
    observation = b'{"id":"%s","resourceType":"Observation","valueInteger":1e0}' % id_.encode()
    async with (
        listening(stack.bootstrap_servers, topics.RESOURCES) as resources,
        listening(stack.bootstrap_servers, topics.OBSERVATIONS) as observations,
    ):
        assert (await intake.send("POST", "/fhir", patient)).status == 202
        assert (await intake.send("POST", "/fhir/Patient", patient)).status == 202
        put = await intake.send("PUT", f"/fhir/Observation/{id_}", observation, Content_Type=f"{FHIR}; fhirVersion=4.0")
        assert put.status == 202
        zipped = gzip.compress(observation)
        assert (await intake.send("POST", "/fhir/", zipped, Content_Encoding="gzip")).status == 202
        assert (await intake.send("DELETE", f"/fhir/Observation/{id_}")).status == 202
        of_patient = [r for r in await resources.until(_of(id_, 2)) if r.key.endswith(id_.encode())]
        of_observation = [r for r in await observations.until(_of(id_, 3)) if r.key.endswith(id_.encode())]
    site = ("site", b"north")
    assert [(r.key.decode(), r.value, r.headers) for r in of_patient] == [(f"Patient/{id_}", patient, (site,))] * 2
    assert {r.key.decode() for r in of_observation} == {f"Observation/{id_}"}
    assert [(r.value, r.headers) for r in of_observation] == [
        (observation, (site, ("fhirVersion", b"4.0"))),
        (observation, (site,)),
        (None, (site,)),
    ]


def _of(id_: str, count: int) -> Any:
    return lambda records: sum((r.key or b"").endswith(id_.encode()) for r in records) >= count


async def test_what_is_posted_reaches_the_timeline_and_leaves_it(
    stack: Stack, intake: Client, ingest: Ingest, database: Database
) -> None:
    """A transaction and a deletion by HTTP are to ingest what they are from Kafka."""
    id_ = str(uuid4())
    counts = [feed.platelets(value, id_=f"{id_}-{n}", of=id_) for n, value in enumerate(("140", "150"))]
    entries = [{"resource": c, "request": {"method": "PUT", "url": f"Observation/{c['id']}"}} for c in counts]
    bundle = {"resourceType": "Bundle", "type": "transaction", "id": id_, "entry": entries}
    async with (
        listening(stack.bootstrap_servers, topics.RESOURCES) as resources,
        listening(stack.bootstrap_servers, topics.OBSERVATIONS) as observations,
    ):
        answer = await intake.send("POST", "/fhir", as_json(bundle))
        assert (answer.status, answer.body["type"]) == (200, "transaction-response")
        assert [e["response"]["status"] for e in answer.body["entry"]] == ["202 Accepted"] * 2
        (posted,) = [r for r in await resources.until(_of(id_, 1)) if r.key.decode() == f"Bundle/{id_}"]
        await ingest.store([from_record(posted, stack.feed_epoch)])
        assert await feed.platelet_counts(database, feed.patient(id_)) == ["140", "150"]
        await intake.send("DELETE", f"/fhir/Observation/{id_}-0")
        (gone,) = [r for r in await observations.until(_of(f"{id_}-0", 1)) if r.key.decode().endswith(f"{id_}-0")]
        await ingest.store([from_record(gone, stack.feed_epoch)])
    assert await feed.platelet_counts(database, feed.patient(id_)) == ["150"]


OBSERVATION = b'{"resourceType":"Observation","id":"marked-id"}'
TOO_MUCH = b'{"resourceType":"Binary","data":"%s"}' % (b"x" * topics.FEED_MESSAGE_BYTES)
JUST_TOO_MUCH = TOO_MUCH[: topics.FEED_MESSAGE_BYTES - 2] + b'"}'  # with key and headers, the broker's limit is passed
REFUSED: dict[str, tuple[int, str, str, bytes | None, dict[str, str]]] = {
    "no token": (401, "POST", "/fhir", OBSERVATION, {"Authorization": ""}),
    "a wrong token": (401, "POST", "/fhir", OBSERVATION, {"Authorization": "Bearer marked-token"}),
    "a wrong token, to delete": (401, "DELETE", "/fhir/Observation/marked-id", None, {"Authorization": "Bearer x"}),
    "not JSON": (400, "POST", "/fhir", b"marked-body", {}),
    "no resource": (400, "POST", "/fhir", b'{"id":"marked-id"}', {}),
    "another type": (400, "POST", "/fhir/Patient", OBSERVATION, {}),
    "another id": (400, "PUT", "/fhir/Observation/marked-other", OBSERVATION, {}),
    "no id": (400, "PUT", "/fhir/Observation", b'{"resourceType":"Observation"}', {}),
    "not as encoded": (400, "POST", "/fhir", b"marked-body", {"Content_Encoding": "gzip"}),
    "an impossible id": (400, "DELETE", "/fhir/Observation/marked%20id", None, {}),
    "no such place": (404, "POST", "/fhir/observation/marked-id", OBSERVATION, {}),
    "to read": (405, "GET", "/fhir/Observation/marked-id", None, {}),
    "too large": (413, "POST", "/fhir", TOO_MUCH, {}),
    "too large when packed for the broker": (413, "POST", "/fhir", JUST_TOO_MUCH, {}),
    "too large when unpacked": (413, "POST", "/fhir", gzip.compress(TOO_MUCH), {"Content_Encoding": "gzip"}),
    "XML": (415, "POST", "/fhir", b"<marked-body/>", {"Content_Type": "application/fhir+xml"}),
    "a conditional update": (501, "PUT", "/fhir/Patient?identifier=marked-id", OBSERVATION, {}),
}


async def test_what_is_refused_is_not_on_the_feed_and_not_in_the_log(stack: Stack, intake: Client) -> None:
    """Each refusal has its status and an OperationOutcome that says what was expected; log and metrics hold nothing of it."""
    end = str(uuid4())
    async with (
        listening(stack.bootstrap_servers, topics.RESOURCES) as resources,
        listening(stack.bootstrap_servers, topics.OBSERVATIONS) as observations,
    ):
        for why, (status, method, path, body, headers) in REFUSED.items():
            answer = await intake.send(method, path, body, **headers)
            assert answer.status == status, why
            (issue,) = answer.body["issue"]
            assert (issue["severity"], issue["diagnostics"][:8]) == ("error", "expected"), why
            assert "marked" not in json.dumps(answer.body), why
            assert ("WWW-Authenticate" in answer.headers) == (status == 401), why
        for type_ in ("Observation", "Patient"):
            await intake.send("POST", "/fhir", b'{"resourceType":"%s","id":"%s"}' % (type_.encode(), end.encode()))
        heard = [*await resources.until(_of(end, 1)), *await observations.until(_of(end, 1))]
    assert all(b"marked" not in (r.key or b"") + (r.value or b"") for r in heard)
    await intake.raw(b"GET /fhir/Patient/marked-id\x00 HTTP/9.9\r\nmarked\r\n\r\n")
    _, metrics = await intake.service.page("/metrics")
    assert 'graftwatch_intake_requests_total{site="north",status="413"} 3.0' in metrics
    log = intake.log.read_text()
    assert log.count('"event": "request-refused"') == len(REFUSED)
    assert all(word not in log + metrics for word in ("marked", TOKEN, "Traceback"))


async def test_metadata_is_open_and_states_the_sites_version(intake: Client) -> None:
    """Who comes to learn what can be done needs no token."""
    stated = await intake.send("GET", "/fhir/metadata", Authorization="")
    assert (stated.status, stated.body["resourceType"], stated.body["fhirVersion"]) == (
        200,
        "CapabilityStatement",
        "4.3.0",
    )


async def test_a_body_that_does_not_come_gives_its_place_back(stack: Stack, tmp_path: Path) -> None:
    """A client that announces a body and sends none is answered 408, and the only place is free again."""
    limits = {"GRAFTWATCH_INTAKE_ANSWER_SECONDS": "0.5", "GRAFTWATCH_INTAKE_IN_FLIGHT": "1"}
    head = f"POST /fhir HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: {FHIR}\r\nContent-Length: 9\r\n\r\n"
    async with _running(stack.bootstrap_servers, tmp_path, **limits) as client:
        assert (await client.raw(head.encode())).startswith(b"HTTP/1.1 408 ")
        assert (await client.send("POST", "/fhir", OBSERVATION)).status == 202


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker that a test may stop, with all topics."""
    with stack_home(tmp_path / "home") as home:
        (home / "logs").mkdir(parents=True)
        broker = embedded.start(home, 0, lambda _: None)
        create_topics(broker.bootstrap_servers, installation.topic_specs())
        yield broker


@contextmanager
def _stopped(broker: Broker) -> Iterator[None]:
    """The broker's process does nothing meanwhile, as on a host that hangs."""
    assert broker.process is not None
    os.kill(broker.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(broker.process.pid, signal.SIGCONT)


async def test_a_broker_that_does_not_answer_is_no_success(own_broker: Broker, tmp_path: Path) -> None:
    """503 with Retry-After within the limit, unhealthy, no more in memory than there are places; then all is well again."""
    limits = {"GRAFTWATCH_INTAKE_ANSWER_SECONDS": "0.5", "GRAFTWATCH_INTAKE_IN_FLIGHT": "2"}
    async with (
        _running(own_broker.bootstrap_servers, tmp_path, **limits) as client,
        listening(own_broker.bootstrap_servers, topics.OBSERVATIONS) as observations,
    ):
        assert (await client.send("POST", "/fhir", OBSERVATION)).status == 202
        with _stopped(own_broker):
            answers = await asyncio.gather(*(client.send("POST", "/fhir", OBSERVATION) for _ in range(6)))
            status, _ = await client.service.page("/health")
            _, metrics = await client.service.page("/metrics")
        assert [(a.status, a.headers["Retry-After"]) for a in answers] == [(503, "5")] * 6
        assert {a.body["issue"][0]["code"] for a in answers} == {"transient"}
        assert status == 503
        assert "graftwatch_intake_in_flight 2.0" in metrics
        await eventually(lambda: _taken(client))
        await client.service.healthy()
        await observations.until(lambda records: len(records) >= 4)  # the two that nobody waited for came, too


async def _taken(client: Client) -> bool:
    return (await client.send("POST", "/fhir", OBSERVATION)).status == 202


async def test_it_ends_when_told_to(intake: Client) -> None:
    """SIGTERM is an orderly end, well within what the stack waits for."""
    assert await intake.service.end() == 0


async def test_wrong_configuration_is_named_and_refused(stack: Stack, tmp_path: Path) -> None:
    """All settings at once; then two sites of one token; then a broker that is not there. No traceback, no secret."""
    wrong = {"KAFKA_BOOTSTRAP_SERVERS": "x", "GRAFTWATCH_INTAKE_IN_FLIGHT": "0", "PATH": os.environ["PATH"]}
    shared_token = _environment(stack.bootstrap_servers, _sites(tmp_path / "a", north=TOKEN, south=TOKEN))
    nobody = _environment(f"127.0.0.1:{ports.free()}", _sites(tmp_path / "b", north=TOKEN))
    expected = {
        "KAFKA_BOOTSTRAP_SERVERS: expected host:port": wrong,
        "GRAFTWATCH_INTAKE_IN_FLIGHT": wrong,
        "intake_token_sha256: north, south share a token": shared_token,
        "no broker answers at": nobody,
    }
    for said, env in expected.items():
        code, text = await process.refusal(env, "-m", "services.intake")
        assert code != 0
        assert "graftwatch intake cannot start" in text
        assert said in text
        assert all(word not in text for word in ("Traceback", TOKEN, hashlib.sha256(TOKEN.encode()).hexdigest()))
