"""The metrics that running services emit are those of the catalogue, each of its service, with labels that cannot grow."""

from __future__ import annotations

import itertools
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import trustme
from cryptography import x509
from prometheus_client.parser import text_string_to_metric_families

from services.cli.stack import Stack
from services.console.audit_watch import AuditWatch
from services.ingest.app import Ingest
from services.notify.urgency import Urgency
from shared import topics
from shared.fhir.reading import IssueCode, Reason
from shared.protocol import load as protocol_files
from shared.runtime import certificates, metrics, postgres, watching
from shared.runtime.clock import Clock
from shared.runtime.evaluator import Evaluator
from shared.runtime.metric_table import CATALOGUE, exposition
from shared.runtime.settings import load, load_intake
from shared.sites import load as load_sites
from tests.support import process
from tests.support.certificates import Authority
from tests.support.database import Database, eventually
from tests.support.feed import SITES, Feed, patient, platelets
from tests.support.rules import CountingRules

STARTED: Final = ("intake", "ingest", "eligibility", "response", "safety", "notify", "console")
DEVELOPMENT: Final = {
    "GRAFTWATCH_MAILBOX": "true",
    "GRAFTWATCH_MODE": "development",
    "GRAFTWATCH_CONSOLE_LOGIN": "development",
    "GRAFTWATCH_STAFF": str(Path("deploy/console/staff.yaml").resolve()),
}


async def test_every_metric_emitted_is_in_the_catalogue_and_the_other_way_round(
    stack: Stack, database: Database, ingest: Ingest, tmp_path: Path
) -> None:
    """Of each running service: every family of ours is a row of its own, and every such row is on its page."""
    await ingest.store([Feed().message(platelets("140", id_="o-1", of="p-1"))])
    env = process.environment(stack, database, **DEVELOPMENT)
    async with AsyncExitStack() as opened:
        services = {
            name: await opened.enter_async_context(
                process.running(tmp_path / f"{name}.log", env, "-m", f"services.{name}")
            )
            for name in STARTED
        }
        for name, service in services.items():
            await service.healthy()
            expected = {m.name.removesuffix("_total"): m for m in CATALOGUE if name in m.services}
            families = {
                f.name: f
                for f in text_string_to_metric_families((await service.page("/metrics"))[1])
                if f.name.startswith("graftwatch_") and not f.name.endswith("_created")
            }
            assert set(families) == set(expected), name
            for family in families.values():
                metric = expected[family.name]
                assert family.documentation == metric.says
                for sample in family.samples:
                    assert set(sample.labels) - {"le"} == set(metric.labels) or sample.name.endswith("_created")
                    for label, value in sample.labels.items():
                        assert value in _allowed(label, name), (sample.name, label, value)

        async def looked() -> bool:
            pages = [(await services[n].page("/metrics"))[1] for n in STARTED if n != "intake"]
            return all("graftwatch_database_answers{" in page for page in pages)

        await eventually(looked)


def _allowed(label: str, service: str) -> set[str]:
    """Values that a label may have here: of configuration, or of lists in the code; never a record's."""
    return {
        "service": {service},
        "site": {*load_sites(SITES), ""},
        "study": set(protocol_files.load()),
        "channel": {"email", "webhook", "fhir"},
        "outcome": {"accepted", "failed", "untrusted", "accepted_with_issues", "rejected", "out_of_scope"},
        "reason": {r.value for r in Reason},
        "issue": {i.value for i in IssueCode},
        "state": {"idle", "busy", "due", "due-soon", "overdue"},
        "status": {"requested", "active", "error"},
        "cause": {"hint", "reconciliation"},
        "topic": {t.name for t in topics.FEED},
        "judgement": {"conformant", "not_conformant", "unjudged"},
        "told": {"told", "nobody"},
        "urgency": {u.value for u in Urgency},
        "kind": _KINDS,
    }.get(label, set()) | (_BUCKETS if label == "le" else set())


_KINDS: Final = {
    *("screening", "merged", "toxicity", "rejection", "surveillance", "adverse-event", "clock"),
    *("baseline", "assessment", "best-response", "progression", "endpoint", "marker", "reading", "contribution"),
}
_BUCKETS: Final = {
    line.split('le="')[1].split('"')[0]
    for name in STARTED
    for line in exposition(name).decode().splitlines()
    if 'le="' in line
} | {
    "0.01",
    "0.025",
    "0.05",
    "0.1",
    "0.25",
    "0.5",
    "1.0",
    "2.5",
    "5.0",
    "10.0",
    "30.0",
    "60.0",
    "600.0",
    "3600.0",
    "+Inf",
}


async def test_a_delivery_dated_ahead_hides_no_silence(database: Database, ingest: Ingest) -> None:
    """The database's clock was a day ahead, and is right again: the next delivery is the last one, and from it silence counts."""
    feed = Feed()
    await ingest.store([feed.message(platelets("140", id_="o-1", of="p-1"))])
    await database.rows("UPDATE timeline.site_feed SET last_delivered_at = now() + interval '1 day'")
    await ingest.store([feed.message(platelets("150", 2, id_="o-1", of="p-1"))])
    assert await database.value("SELECT last_delivered_at <= now() FROM timeline.site_feed WHERE site = 'north'")


async def test_a_look_says_how_far_apart_the_clocks_are_and_when_a_site_delivered(
    database: Database, ingest: Ingest
) -> None:
    """Both from the database; a site that delivers again moves on, redelivery does not."""
    feed = Feed()
    message = feed.message(platelets("140", id_="o-1", of="p-1"))
    await ingest.store([message])
    await database.rows("UPDATE timeline.site_feed SET last_delivered_at = now() - interval '1 hour'")
    await ingest.store([message])  # counted already
    hour_ago = datetime.now(UTC) - timedelta(minutes=59)  # noqa: TID251 - the test's own clock
    assert await database.value("SELECT last_delivered_at FROM timeline.site_feed WHERE site = 'north'") < hour_ago
    await ingest.store([feed.message(platelets("150", 2, id_="o-1", of="p-1"))])
    assert await database.value("SELECT last_delivered_at FROM timeline.site_feed WHERE site = 'north'") > hour_ago
    async with await postgres.connect(database.url, "safety", size=1) as pool:
        watch = watching.Watch("safety", pool)
        for look in watch._looks:
            assert await watch.try_(look)
    page = exposition("safety").decode()
    assert 'graftwatch_database_answers{service="safety"} 1.0' in page
    assert 'graftwatch_clock_difference_seconds{service="safety"}' in page
    assert await watch.try_(watch._looks[0]) is False  # the pool is closed: the database does not answer
    assert 'graftwatch_database_answers{service="safety"} 0.0' in exposition("safety").decode()


async def test_a_figure_that_cannot_be_asked_for_shows_as_old_and_costs_no_other(database: Database) -> None:
    """Refused, or a fault of ours: the others are asked all the same, and the page says that one stands still."""
    asked: list[str] = []
    broken = True

    async def refused(pool: postgres.Pool) -> None:
        asked.append("refused")
        if broken:
            await pool.fetchval("SELECT count(*) FROM identity.resource")
        asked.append("answered")

    async def faulty(_pool: postgres.Pool) -> None:
        if broken:
            raise KeyError("a fault of ours")

    async def after(_pool: postgres.Pool) -> None:
        asked.append("after")

    async with await postgres.connect(database.url, "safety", size=1) as pool:
        watch = watching.Watch("safety", pool)
        watch.also(refused, faulty)
        watch.also(after, often=True)
        watch._began_at -= 400
        assert _page("safety", "graftwatch_oldest_look_seconds") >= 400
        await watch.turn(seldom=True)
        assert asked == ["after", "refused"]
        assert _page("safety", "graftwatch_database_answers") == 1
        assert _page("safety", "graftwatch_oldest_look_seconds") >= 400
        broken = False
        await watch.turn(seldom=True)
        assert asked[2:] == ["after", "refused", "answered"]
        assert _page("safety", "graftwatch_oldest_look_seconds") < 100


def _page(service: str, name: str) -> float:
    """The one figure of this name on a service's page."""
    families = text_string_to_metric_families(exposition(service).decode())
    (sample,) = [s for f in families for s in f.samples if s.name == name and s.labels["service"] == service]
    return sample.value


async def test_who_waits_for_back_fill_alone_is_told_apart(database: Database, ingest: Ingest) -> None:
    """Live news between two back-fills still counts as live; what was evaluated of it does not."""
    feed, protocols = Feed(), protocol_files.load()
    number = itertools.count(1)

    async def deliver(**headers: str) -> None:
        n = next(number)
        message = feed.message(platelets(str(100 + n), n, id_="o-1", of="p-1"), headers=headers)
        await ingest.store([message])
        await database.rows("UPDATE timeline.patient SET changed_at = now() - interval '1 hour'")

    async with await postgres.connect(database.url, "safety", size=2) as pool:
        evaluator = Evaluator("safety", CountingRules(), pool, protocols, Clock(None))

        async def waits() -> tuple[bool, bool]:
            async with pool.acquire() as connection:
                live, backfilled = await evaluator.oldest_behind_seconds(connection)
            assert all(seconds == 0 or seconds > 3500 for seconds in (live, backfilled))
            return live > 0, backfilled > 0

        assert await waits() == (False, False)
        await deliver(lane="backfill")
        await deliver(lane="backfill")
        assert await waits() == (False, True)
        await deliver()
        assert await waits() == (True, False)
        await deliver(lane="backfill")
        assert await waits() == (True, False)
        await evaluator.evaluate({patient("p-1"): None}, "hint")
        assert await waits() == (False, False)
        await deliver(lane="backfill")
        assert await waits() == (False, True)
        await deliver()
        assert await waits() == (True, False)


async def test_the_audit_is_followed_and_a_break_shows(database: Database) -> None:
    """Entries are followed as they come; one that is cut off at the end, and one that is changed, show."""
    record = "SELECT console.record_audit('somebody', 'view', 'done', NULL, '{}'::jsonb)"
    async with await postgres.connect(database.url, "console", size=1) as pool:
        first = await database.value("SELECT coalesce(max(sequence), 0) FROM console.audit")
        for _ in range(3):
            await database.rows(record)
        watch = AuditWatch(pool)
        assert (await watch.look()).entries == first + 3
        await database.rows(record)
        assert (await watch.look()).broken is None
        await _cut_off(database, first + 3)
        found = await watch.look()
        assert found.broken is not None
        assert metrics.AUDIT_BROKEN._value.get() == 1
        assert (await AuditWatch(pool).look()).broken is None  # begun anew: what was cut off shows only against a head
    await _cut_off(database, first)


async def _cut_off(database: Database, after: int) -> None:
    """As somebody with the rights of an administrator could."""
    await database.rows("ALTER TABLE console.audit DISABLE TRIGGER audit_is_append_only")
    await database.rows("DELETE FROM console.audit WHERE sequence > $1", after)
    await database.rows("ALTER TABLE console.audit ENABLE TRIGGER audit_is_append_only")


def test_a_certificate_says_when_it_expires(tmp_path: Path) -> None:
    """The first of a file; what is no certificate has no such time."""
    path = tmp_path / "ca.pem"
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(path))
    (known,) = x509.load_pem_x509_certificates(path.read_bytes())
    assert certificates.expires_at(path) == known.not_valid_after_utc
    path.write_text("nothing")
    assert certificates.expires_at(path) is None


def test_the_certificates_of_kafka_and_of_the_database_are_watched(tmp_path: Path) -> None:
    """Those that settings name as files, and those that stand in DATABASE_URL; a service without a database has none of these."""
    authority, ours = Authority(tmp_path), datetime(2031, 5, 1, tzinfo=UTC)
    certificate = authority.issue(user="graftwatch_safety", not_after=ours)
    address = f"postgresql://db/x?sslmode=verify-full&sslrootcert={authority.path}&sslcert={certificate.certificate}"
    common = {
        "kafka_bootstrap_servers": "broker:9092",
        "kafka_security_protocol": "SSL",
        "kafka_ssl_cafile": authority.path,
    }
    until = certificates.expires_at(authority.path)
    assert until is not None
    watching.certificates("safety", load(database_url=address, GRAFTWATCH_PSEUDONYM_KEY="0" * 64, **common))
    assert _expiring("safety") == {
        "KAFKA_SSL_CAFILE": until.timestamp(),
        "DATABASE_URL sslrootcert": until.timestamp(),
        "DATABASE_URL sslcert": ours.timestamp(),
    }
    watching.certificates("intake", load_intake(**common))
    assert set(_expiring("intake")) == {"KAFKA_SSL_CAFILE"}


def _expiring(service: str) -> dict[str, float]:
    return {
        sample.labels["file"]: sample.value
        for family in metrics.CERTIFICATE_EXPIRES.collect()
        for sample in family.samples
        if sample.labels["service"] == service
    }
