"""Sending for real: a webhook and a mail server that refuse, hang, redirect or lie, and the queues that go on regardless."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import trustme
from standardwebhooks.webhooks import Webhook

from services.notify.addresses import Addresses
from services.notify.channels.http import Poster
from services.notify.channels.mail import MailChannel, SmtpServer
from services.notify.channels.webhook import WebhookChannel
from services.notify.deciding import Decider
from services.notify.directory import Directory
from services.notify.escalating import Escalator
from services.notify.identities import Identities
from services.notify.messages import Channel
from services.notify.notices import EMAIL
from services.notify.sending import Sender
from services.notify.ways import Ways
from shared.runtime import notify_settings, postgres
from shared.runtime.postgres import Pool
from shared.runtime.sealing import Vault, place
from tests.support.database import Database, eventually
from tests.support.notices import (
    COORDINATOR,
    OFFICER,
    PATIENT,
    SECRET_WORD,
    Outboxes,
    gap,
    gap_closed,
    read,
    rule,
    suspected,
    system,
)
from tests.support.sinks import HttpSink, http_sink, mail_sink

LOCAL = "127.0.0.0/8, ::1/128"
LONG = timedelta(days=7)


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    """Connections that act as notify."""
    async with await postgres.connect(database.url, "notify", size=6) as made:
        yield made


@pytest.fixture
def outboxes(database: Database) -> Outboxes:
    """The outboxes of the deciding services."""
    return Outboxes(database)


class Told:
    """A decider and a sender on one directory."""

    def __init__(self, pool: Pool, database: Database, directory: Directory, sender: Sender) -> None:
        self.database = database
        self.decider = Decider(pool, directory)
        self.sender = sender

    async def tell(self, *patients: UUID) -> None:
        """Decide about these patients, and wake the queues."""
        await self.decider.decide(patients or [PATIENT])
        self.sender.wake()

    async def states(self) -> list[tuple[str, str, int]]:
        """Recipient, state and attempts of every delivery."""
        rows = await self.database.rows("SELECT recipient, state, attempts FROM notify.delivery ORDER BY sequence")
        return [(r["recipient"], r["state"], r["attempts"]) for r in rows]

    async def until(self, state: str, recipient: str | None = None) -> None:
        """Wait until every delivery, or those of a recipient, have this state."""

        async def all_are() -> bool:
            found = [s for r, s, _ in await self.states() if recipient in (None, r)]
            return bool(found) and set(found) == {state}

        await eventually(all_are, 30)

    async def says(self, recipient: str) -> str:
        """What is kept of the last failure of a recipient's delivery, once there is one."""

        async def said() -> str | None:
            found: str | None = await self.database.value(
                "SELECT says FROM notify.delivery WHERE recipient = $1 AND says IS NOT NULL", recipient
            )
            return found

        return str(await eventually(said, 30))


@asynccontextmanager
async def telling(
    pool: Pool,
    database: Database,
    directory: Directory,
    smtp: str = "smtp://127.0.0.1:9",
    ca_file: Path | None = None,
    networks: str = LOCAL,
    seconds: float = 2.0,
    vault: Vault | None = None,
) -> AsyncIterator[Told]:
    """A notify without a broker: what is decided is sent."""
    async with AsyncExitStack() as stack:
        poster = await stack.enter_async_context(Poster(Addresses(networks), ca_file))
        server = SmtpServer(smtp, seconds, poster.tls)
        stack.push_async_callback(server.close)
        mail = MailChannel(
            directory, server, Identities(pool, vault), "graftwatch@trial.example", "https://console.example"
        )
        webhook = WebhookChannel(directory, poster, Identities(pool, vault), 4, seconds)

        async def channel(endpoint: str) -> Channel:
            return mail if endpoint == EMAIL else webhook

        sender = Sender(pool, channel, LONG)
        task = asyncio.create_task(sender.run())
        try:
            yield Told(pool, database, directory, sender)
        finally:
            await sender.stop()
            await asyncio.wait_for(task, 20)


async def test_a_webhook_is_signed_and_has_the_deliverys_id(
    pool: Pool, database: Database, outboxes: Outboxes, tmp_path: Path
) -> None:
    """The reference library of Standard Webhooks verifies it; the id is the delivery's."""
    await outboxes.patient()
    event = await outboxes.commit(suspected())
    async with http_sink() as sink:
        directory = read(tmp_path, system(sink.url), rules=[rule("all", "system", by=["webhook"])])
        async with telling(pool, database, directory) as told:
            await told.tell()
            await told.until("delivered")
    (received,) = sink.received
    body = Webhook(SECRET_WORD).verify(received.body, received.headers)
    assert body["type"] == "graftwatch.rejection-suspected.v1"
    assert body["data"]["event_id"] == str(event)
    assert received.headers["webhook-id"] == str(await database.value("SELECT delivery_id FROM notify.delivery"))


async def test_a_mail_has_both_bodies_and_no_identifier(
    pool: Pool, database: Database, outboxes: Outboxes, tmp_path: Path
) -> None:
    """Text and HTML; Message-ID is the delivery's id; the patient is a pseudonym."""
    await outboxes.patient()
    await outboxes.commit(suspected(sentence="graft rejection is suspected <script>alert(1)</script>"))
    directory = read(tmp_path, COORDINATOR, rules=[rule("all", "coordinator")])
    async with mail_sink() as sink, telling(pool, database, directory, sink.url) as told:
        await told.tell()
        await told.until("delivered")
    (mail,) = sink.received
    assert mail["Message-ID"] == f"<{await database.value('SELECT delivery_id FROM notify.delivery')}@trial.example>"
    assert mail["To"] == "Coordinator <coordinator@north.example>"
    assert mail["Subject"].startswith("[stat] rejection suspected")
    plain, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert plain is not None
    assert html is not None
    assert str(PATIENT) in plain.get_content()
    assert "<script>" not in html.get_content()
    assert "&lt;script&gt;" in html.get_content()


async def test_who_is_configured_to_has_the_hospitals_patient_id(
    pool: Pool, database: Database, outboxes: Outboxes, tmp_path: Path
) -> None:
    """One recipient is, the other not; without the key nobody has it."""
    await outboxes.patient()
    vault = Vault.of("2026:" + "ab" * 32)
    sealed = vault.seal(b"MRN-4711", place("patient_id", PATIENT))
    await database.rows(
        "INSERT INTO identity.patient (site, patient, patient_id) VALUES ('north', $1, $2)", PATIENT, sealed
    )
    await outboxes.commit(suspected())
    people = ({**COORDINATOR, "identifiers": True}, OFFICER)
    directory = read(tmp_path, *people, rules=[rule("all", "coordinator", "officer")])
    async with mail_sink() as sink:
        async with telling(pool, database, directory, sink.url, vault=vault) as told:
            await told.tell()
            await told.until("delivered")
        await database.rows("UPDATE notify.delivery SET state = 'pending', due_at = now()")
        async with telling(pool, database, directory, sink.url) as told:
            await told.until("delivered")
    shown = {(str(m["To"]).partition(" ")[0], "north/MRN-4711" in m.as_string()) for m in sink.received[:2]}
    assert shown == {("Coordinator", True), ("Safety", False)}
    assert not any("MRN-4711" in m.as_string() for m in sink.received[2:])


async def test_an_endpoint_that_answers_500_gets_everything_when_it_is_back(
    pool: Pool, database: Database, outboxes: Outboxes, tmp_path: Path
) -> None:
    """Each notice once accepted, under one id however often it was tried; every attempt on record."""
    patients = [uuid4() for _ in range(12)]
    for patient in patients:
        await outboxes.patient(patient)
        await outboxes.commit(suspected(patient))
    async with http_sink() as sink:
        sink.statuses = [500] * 9
        directory = read(tmp_path, system(sink.url), rules=[rule("all", "system", by=["webhook"])])
        async with telling(pool, database, directory) as told:
            await told.tell(*patients)
            await told.until("delivered")
    ids = [r.headers["webhook-id"] for r in sink.accepted]
    assert len(ids) == len(set(ids)) == 12
    outcomes = await database.rows("SELECT outcome, count(*) AS n FROM notify.attempt GROUP BY 1 ORDER BY 1")
    assert [(r["outcome"], r["n"]) for r in outcomes] == [("accepted", 12), ("failed", 9)]


async def test_two_days_of_failure_lose_nothing(
    pool: Pool, database: Database, outboxes: Outboxes, tmp_path: Path
) -> None:
    """A delivery that was decided two days ago and has failed for two days is still pending, and arrives."""
    await outboxes.patient()
    await outboxes.commit(suspected())
    async with http_sink() as sink:
        sink.always = 500
        directory = read(tmp_path, system(sink.url), rules=[rule("all", "system", by=["webhook"])])
        async with telling(pool, database, directory) as told:
            await told.tell()
            assert await told.says("system") == "answered 500"
            await database.rows(
                "UPDATE notify.delivery SET decided_at = decided_at - interval '2 days', due_at = now()"
            )
            sink.always = 200
            told.sender.wake()
            await told.until("delivered")


async def test_what_a_clock_put_off_that_is_set_back_does_not_wait_for_it(
    pool: Pool, database: Database, outboxes: Outboxes, tmp_path: Path
) -> None:
    """The clock was a year ahead: what it decided and what it would try again goes out now, a step to further people in time."""
    escalate = [{"after_minutes": 30, "to": ["officer"]}]
    waiting = "SELECT due_at < now() + interval '31 minutes' AND due_at > now() FROM notify.escalation"
    for patient in (PATIENT, other := uuid4()):
        await outboxes.patient(patient)
        await outboxes.commit(suspected(patient))
    async with http_sink() as sink:
        rules = [rule("all", "system", by=["webhook"], escalate=escalate)]
        directory = read(tmp_path, system(sink.url), OFFICER, rules=rules)
        await Decider(pool, directory).decide([PATIENT, other])
        year = "due_at = due_at + interval '1 year'"
        await database.rows(f"UPDATE notify.escalation SET {year}, decided_at = decided_at + interval '1 year'")
        decided = "WHERE event_id IN (SELECT event_id FROM notify.notice WHERE patient = $1)"
        await database.rows(
            f"UPDATE notify.delivery SET {year}, decided_at = decided_at + interval '1 year' {decided}", PATIENT
        )
        await database.rows(
            f"UPDATE notify.delivery SET {year}, attempts = 1, message_id = delivery_id {decided}", other
        )
        assert await database.value(waiting) is False
        async with telling(pool, database, directory) as told:
            await told.until("delivered")
    assert [r[0] for r in await database.rows(waiting)] == [True, True]
    assert await database.value("SELECT bool_and(decided_at <= now()) FROM notify.delivery")


async def test_what_failed_for_a_week_is_given_up_and_said(
    pool: Pool, database: Database, outboxes: Outboxes, tmp_path: Path
) -> None:
    """Not in silence: the state, the last reason, and a metric."""
    await outboxes.patient()
    await outboxes.commit(suspected())
    async with http_sink() as sink:
        sink.always = 500
        directory = read(tmp_path, system(sink.url), rules=[rule("all", "system", by=["webhook"])])
        async with telling(pool, database, directory) as told:
            await told.tell()
            await told.says("system")
            await database.rows(
                "UPDATE notify.delivery SET decided_at = decided_at - interval '8 days', due_at = now()"
            )
            told.sender.wake()
            await told.until("given-up")
            assert await told.says("system") == "answered 500"


@pytest.mark.parametrize(
    ("prepare", "seconds", "says"),
    [
        (lambda sink: setattr(sink, "always", 302), 30, "answered 302: redirects are not followed"),
        (lambda sink: setattr(sink, "hangs", True), 0.5, "no answer within 0.5 s"),
        (lambda sink: setattr(sink, "always", 404), 30, "answered 404"),
    ],
    ids=["redirects", "hangs", "not-found"],
)
async def test_a_bad_endpoint_delays_no_other(
    pool: Pool,
    database: Database,
    outboxes: Outboxes,
    tmp_path: Path,
    prepare: Callable[[HttpSink], None],
    seconds: float,
    says: str,
) -> None:
    """One endpoint redirects, hangs or refuses; all that is for the other arrives meanwhile, and the first one's waits."""
    patients = [uuid4() for _ in range(20)]
    for patient in patients:
        await outboxes.patient(patient)
        await outboxes.commit(suspected(patient))
    async with http_sink() as bad, http_sink() as good:
        prepare(bad)
        bad.headers = {"Location": good.url}
        both = [system(bad.url, "bad"), system(good.url, "good")]
        directory = read(tmp_path, *both, rules=[rule("all", "bad", "good", by=["webhook"])])
        async with telling(pool, database, directory, seconds=seconds) as told:
            await told.tell(*patients)
            await told.until("delivered", "good")
            assert await told.says("bad") == says
            assert {state for recipient, state, _ in await told.states() if recipient == "bad"} == {"pending"}
    assert len(good.received) == 20


async def test_a_bad_certificate_is_refused_and_a_trusted_one_taken(
    pool: Pool, database: Database, outboxes: Outboxes, tmp_path: Path
) -> None:
    """Without the authority that issued it nothing is sent; with it, it is."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    await outboxes.patient()
    await outboxes.commit(suspected())
    async with http_sink(context) as sink:
        directory = read(tmp_path, system(sink.url), rules=[rule("all", "system", by=["webhook"])])
        async with telling(pool, database, directory) as told:
            await told.tell()
            assert await told.says("system") == "certificate not trusted"
        assert sink.received == []
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        await database.rows("UPDATE notify.delivery SET due_at = now()")
        async with telling(pool, database, directory, ca_file=tmp_path / "ca.pem") as told:
            await told.until("delivered")


async def test_a_mail_servers_certificate_is_checked_by_the_same_authority(
    pool: Pool, database: Database, outboxes: Outboxes, tmp_path: Path
) -> None:
    """One of the house's own authority is refused until GRAFTWATCH_NOTIFY_CA_FILE names that."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    await outboxes.patient()
    await outboxes.commit(suspected())
    async with mail_sink(tls=context) as sink:
        directory = read(tmp_path, COORDINATOR, rules=[rule("all", "coordinator")])
        async with telling(pool, database, directory, sink.url) as told:
            await told.tell()
            assert "certificate not trusted" in str(await told.says("coordinator"))
        assert sink.received == []
        await database.rows("UPDATE notify.delivery SET due_at = now()")
        async with telling(pool, database, directory, sink.url, ca_file=tmp_path / "ca.pem") as told:
            await told.until("delivered")
        assert len(sink.received) == 1
        settings = notify_settings.load(
            kafka_bootstrap_servers="127.0.0.1:9", database_url=database.url, GRAFTWATCH_SMTP_URL=sink.url
        )
        async with Poster(Addresses(LOCAL), tmp_path / "ca.pem") as poster:
            server = Ways(directory, pool, settings, poster, "http://notify.example/fhir")._server
            assert server is not None
            assert server._tls is poster.tls


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "169.254.169.254", "[::ffff:127.0.0.1]", "[::1]"])
async def test_the_machine_itself_is_not_called_unless_named(
    pool: Pool, database: Database, outboxes: Outboxes, tmp_path: Path, host: str
) -> None:
    """Neither by number nor by name, nor the address of metadata services."""
    await outboxes.patient()
    await outboxes.commit(suspected())
    async with http_sink() as sink:
        url = f"https://{host}:{sink.url.rpartition(':')[2]}"
        directory = read(tmp_path, system(url), rules=[rule("all", "system", by=["webhook"])])
        async with telling(pool, database, directory, networks="") as told:
            await told.tell()
            assert (await told.says("system")).startswith("address refused")
    assert sink.received == []


async def test_a_mail_server_that_refuses_is_tried_again(
    pool: Pool, database: Database, outboxes: Outboxes, tmp_path: Path
) -> None:
    """A server that is busy, then refuses the message, takes it at last; one recipient's refusal is not the server's."""
    await outboxes.patient()
    await outboxes.commit(suspected())
    directory = read(tmp_path, COORDINATOR, OFFICER, rules=[rule("all", "coordinator", "officer")])
    async with mail_sink() as sink:
        sink.recipient_answers = {"officer@trial.example": "550 no such user officer@trial.example"}
        sink.answers = ["451 busy", "554 no"]
        async with telling(pool, database, directory, sink.url) as told:
            await told.tell()
            await told.until("delivered", "coordinator")
            assert await told.says("officer") == "mail server: 550 for this recipient"
    assert [m["To"].addresses[0].addr_spec for m in sink.received] == ["coordinator@north.example"]


async def test_a_mail_server_that_is_not_there_or_hangs_is_tried_again(
    pool: Pool, database: Database, outboxes: Outboxes, tmp_path: Path
) -> None:
    """Nobody listens, then it hangs, then it works: the mail arrives once."""
    await outboxes.patient()
    await outboxes.commit(suspected())
    directory = read(tmp_path, COORDINATOR, rules=[rule("all", "coordinator")])
    async with telling(pool, database, directory) as told:
        await told.tell()
        assert (await told.says("coordinator")).startswith("mail server: ")
    async with mail_sink() as sink:
        sink.hangs = True
        await database.rows("UPDATE notify.delivery SET says = NULL, due_at = now()")
        async with telling(pool, database, directory, sink.url, seconds=0.3) as told:
            assert await told.says("coordinator") == "mail server: no answer within 0.3 s"
            sink.hangs = False
            sink.released.set()
            await told.until("delivered")


async def test_an_attempt_left_behind_is_repeated_under_the_same_id(
    pool: Pool, database: Database, outboxes: Outboxes, tmp_path: Path
) -> None:
    """A process that ended while sending: the attempt is noted as interrupted and made again."""
    await outboxes.patient()
    await outboxes.commit(suspected())
    async with http_sink() as sink:
        directory = read(tmp_path, system(sink.url), rules=[rule("all", "system", by=["webhook"])])
        await Decider(pool, directory).decide([PATIENT])
        await database.rows(
            "WITH d AS (UPDATE notify.delivery SET attempts = 1, message_id = delivery_id RETURNING delivery_id)"
            " INSERT INTO notify.attempt (delivery_id, attempt, message_id) SELECT delivery_id, 1, delivery_id FROM d"
        )
        async with telling(pool, database, directory) as told:
            await told.until("delivered")
    outcomes = await database.rows("SELECT outcome FROM notify.attempt ORDER BY attempt")
    assert [r["outcome"] for r in outcomes] == ["interrupted", "accepted"]
    assert len(sink.received) == 1


async def test_of_two_processes_one_sends(pool: Pool, database: Database, outboxes: Outboxes, tmp_path: Path) -> None:
    """The other stands by, and takes over when the first stops."""
    await outboxes.patient()
    async with http_sink() as sink:
        directory = read(tmp_path, system(sink.url), rules=[rule("all", "system", by=["webhook"])])
        async with telling(pool, database, directory) as first:
            await eventually(lambda: _is(lambda: first.sender.is_leading))
            async with telling(pool, database, directory) as second:
                await outboxes.commit(suspected())
                await second.tell()
                await second.until("delivered")
                assert (first.sender.is_leading, second.sender.is_leading) == (True, False)
                await first.sender.stop()
                await eventually(lambda: _is(lambda: second.sender.is_leading))
    assert len(sink.received) == 1


async def test_a_digest_is_one_mail_for_each_recipient(
    pool: Pool, database: Database, outboxes: Outboxes, tmp_path: Path
) -> None:
    """Nothing goes out before its time; then one mail holds everything, and what came too late makes another."""
    patients = [uuid4() for _ in range(3)]
    for patient in patients:
        await outboxes.patient(patient)
        await outboxes.commit(suspected(patient))
    directory = read(tmp_path, COORDINATOR, rules=[rule("all", "coordinator", send={"digest": ["08:00"]})])
    async with mail_sink() as sink, telling(pool, database, directory, sink.url) as told:
        await told.tell(*patients)
        assert {state for _, state, _ in await told.states()} == {"pending"}
        await database.rows("UPDATE notify.delivery SET due_at = now()")
        await told.until("delivered")
        assert len(sink.received) == 1
        late = uuid4()
        await outboxes.patient(late)
        await outboxes.commit(suspected(late))
        await told.tell(late)
        await database.rows("UPDATE notify.delivery SET due_at = now() WHERE state = 'pending'")
        await told.until("delivered")
    assert [m["Subject"] for m in sink.received] == [
        "Digest: 3 notices about 3 patients",
        "Digest: 1 notice about 1 patient",
    ]
    assert sink.received[0]["Message-ID"] != sink.received[1]["Message-ID"]


async def test_an_escalation_is_mailed_as_one_before_what_came_of_it(
    pool: Pool, database: Database, outboxes: Outboxes, tmp_path: Path
) -> None:
    """The end waited for the officer's digest: the mail server takes the beginning first, which says that nobody has answered."""
    await outboxes.patient()
    rules = [
        rule(
            "begins",
            "coordinator",
            kinds=["surveillance-gap-found"],
            escalate=[{"after_minutes": 5, "to": ["officer"]}],
        ),
        rule("digest", "officer", kinds=["surveillance-gap-closed"], send={"digest": ["08:00"]}),
    ]
    directory = read(tmp_path, COORDINATOR, OFFICER, rules=rules)
    async with mail_sink() as sink, telling(pool, database, directory, sink.url) as told:
        for ordinal, event in enumerate([gap(), gap_closed()], start=1):
            await outboxes.commit(event, kind="surveillance", ordinal=ordinal)
            await told.tell()
            await told.until("delivered", "coordinator")
        await database.rows("UPDATE notify.delivery SET due_at = now() + interval '1 day' WHERE state = 'pending'")
        await database.rows("UPDATE notify.escalation SET due_at = now()")
        assert await Escalator(pool, directory).escalate() == 1
        told.sender.wake()
        await told.until("delivered")
    to_officer = [m for m in sink.received if m["To"].startswith("Safety officer")]
    assert [m["Subject"].partition(", ")[0] for m in to_officer] == [
        "[urgent] Not acknowledged: surveillance gap found",
        "surveillance gap closed",
    ]


async def _is(condition: Callable[[], bool]) -> bool:
    return condition()
