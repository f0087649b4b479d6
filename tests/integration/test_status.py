"""`graftwatch status` on a real database and broker: calm, and with each part broken or away."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from aiohttp import web

from services.cli.stack import Stack
from services.cli.status import commands, database, services, surroundings
from services.cli.status.findings import Finding
from services.ingest.app import Ingest
from services.notify.deciding import Decider
from services.notify.deliveries import Deliveries
from shared import sites as site_files
from shared.protocol import load as protocol_files
from shared.runtime import migrations, ports, postgres
from shared.runtime.kafka_access import OPEN, Security
from tests.support import process
from tests.support.database import Database
from tests.support.feed import SITES, Feed, platelets
from tests.support.notices import COORDINATOR, PATIENT, Outboxes, read, rule, suspected


@pytest.fixture
async def calm(database: Database, ingest: Ingest) -> Database:
    """A database into which each configured site has just delivered."""
    feed = Feed()
    for site in site_files.load(SITES):
        await ingest.store([feed.message(platelets("140", id_=f"o-{site}", of=f"p-{site}"), site=site)])
    return database


async def _found(database_: Database) -> dict[str, Finding]:
    async with await postgres.connect(database_.url, "reader", size=1) as pool:
        found = await database.look(pool, protocol_files.load(), site_files.load(SITES))
    return {f.part: f for f in found}


async def test_a_calm_database_is_well(calm: Database) -> None:
    """Every part of it, and each says a figure."""
    found = await _found(calm)
    assert {part: f.says for part, f in found.items() if f.state != "well"} == {}
    assert {"schema", "clock", "safety work", "site north", "dead letters", "reporting clocks", "notifications"} <= set(
        found
    )


async def test_a_silent_a_paused_and_a_new_site_are_wrong(calm: Database) -> None:
    """Silence after the site's own time, whatever else is well."""
    await calm.rows("UPDATE timeline.site_feed SET last_delivered_at = now() - interval '7 hours' WHERE site = 'north'")
    await calm.rows("DELETE FROM timeline.site_feed WHERE site = 'south'")
    await calm.rows(
        "INSERT INTO timeline.site_intake (site, paused_at, paused_because) VALUES ('general', now(), 'too much')"
        " ON CONFLICT (site) DO UPDATE SET paused_at = now(), paused_because = 'too much'"
    )
    found = await _found(calm)
    assert found["site north"].state == found["site south"].state == found["site general"].state == "wrong"
    assert "silent for 7.0 h" in found["site north"].says
    assert "never delivered" in found["site south"].says
    assert "paused" in found["site general"].says


async def test_a_site_whose_file_is_not_here_is_not_passed_over(calm: Database) -> None:
    """Asked with other site files than the services have: nobody could tell whether it is silent."""
    await calm.rows("INSERT INTO timeline.site_feed (site, last_delivered_at) VALUES ('atlantis', now())")
    found = (await _found(calm))["site atlantis"]
    assert found.state == "unknown"
    assert "GRAFTWATCH_SITES" in found.todo
    await calm.rows(
        "UPDATE timeline.site_feed SET last_delivered_at = now() - interval '2 days' WHERE site = 'atlantis'"
    )
    assert "site atlantis" not in await _found(calm)


async def test_a_step_that_comes_after_an_upgrade_is_said_to_be_owed(
    calm: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Well, as both releases work; but somebody has to run it before the next upgrade."""
    ours = migrations.steps()
    owed = migrations.Step("0999_later.sql", "-- phase: post\nSELECT 1")
    monkeypatch.setattr(migrations, "steps", lambda: (*ours, owed))
    found = (await _found(calm))["schema"]
    assert found.state == "well"
    assert "1 to come once the release before is gone (`graftwatch migrate --phase post`)" in found.says


async def test_a_release_that_was_forgotten_is_wrong(calm: Database) -> None:
    """Two at work are an upgrade; after an hour somebody has forgotten the older one."""
    await calm.rows(
        "INSERT INTO operation.release_at_work (service, subject, basis, since, worked_at)"
        " VALUES ('safety', 'trial', 'old', now() - interval '9 days', now()), ('safety', 'trial', 'new', now(), now())"
    )
    found = (await _found(calm))["releases"]
    assert (found.state, found.says) == ("well", "two are at work, as during an upgrade: safety (trial)")
    await calm.rows("UPDATE operation.release_at_work SET since = now() - interval '2 hours' WHERE basis = 'new'")
    found = (await _found(calm))["releases"]
    assert found.state == "wrong"
    assert found.says == "two releases or configurations have been at work for 2.0 h: safety (trial)"
    await calm.rows("DELETE FROM operation.release_at_work WHERE basis = 'old'")
    assert (await _found(calm))["releases"].says == "one at work"


async def test_what_cannot_be_read_and_whom_the_rules_fail_is_wrong(calm: Database, ingest: Ingest) -> None:
    """Open dead letters, patients that are set aside, and events that the broker does not have."""
    await ingest.store([Feed().message(b"no JSON")])
    patient = await calm.value("SELECT patient FROM timeline.patient LIMIT 1")
    await calm.rows(
        "INSERT INTO safety.evaluation (patient, protocol, timeline_version, failure) VALUES ($1, 'x', 9, 'KeyError')",
        patient,
    )
    found = await _found(calm)
    assert found["dead letters"].state == "wrong"
    assert found["dead letters"].says.startswith("1 open: north 1")
    assert found["safety work"].state == "wrong"
    assert "1 patients cannot be evaluated" in found["safety work"].says
    assert all(f.todo for f in found.values() if f.state != "well")


async def test_an_event_nobody_decided_about_is_wrong_however_old_it_is(calm: Database) -> None:
    """Three hours: whoever looks only at what is recent would call that well."""
    outboxes = Outboxes(calm)
    await outboxes.patient()
    await outboxes.commit(suspected(), age_seconds=3 * 3600)
    found = (await _found(calm))["notifications"]
    assert found.state == "wrong"
    assert found.says.startswith("an event has waited 10,80")


async def test_an_escalation_that_nobody_tells_is_wrong(calm: Database, tmp_path: Path) -> None:
    """Due for two minutes, and not told: no process of notify does."""
    outboxes = Outboxes(calm)
    await outboxes.patient()
    await outboxes.commit(suspected())
    step = [{"after_minutes": 5, "to": ["coordinator"]}]
    directory = read(tmp_path, COORDINATOR, rules=[rule("all", "coordinator", escalate=step)])
    async with await postgres.connect(calm.url, "notify", size=1) as pool:
        await Decider(pool, directory).decide([PATIENT])
    assert (await _found(calm))["notifications"].state == "well"
    await calm.rows("UPDATE notify.escalation SET due_at = now() - interval '2 minutes'")
    found = (await _found(calm))["notifications"]
    assert found.state == "wrong"
    assert found.says.startswith("an escalation has been due for 12")


async def test_what_is_tried_in_vain_is_late_though_its_next_attempt_is_not_due(calm: Database, tmp_path: Path) -> None:
    """A mailbox that is full: refused for two hours, tried again in one. The metric and the screen say two hours."""
    outboxes = Outboxes(calm)
    await outboxes.patient()
    await outboxes.commit(suspected())
    directory = read(tmp_path, COORDINATOR, rules=[rule("all", "coordinator")])
    async with await postgres.connect(calm.url, "notify", size=1) as pool:
        await Decider(pool, directory).decide([PATIENT])
        await calm.rows("UPDATE notify.delivery SET due_at = now() + interval '1 hour'")  # quiet hours, say
        assert [w.oldest_due_seconds for w in await Deliveries(pool).waiting()] == [0]
        assert (await _found(calm))["notifications"].state == "well"
        await calm.rows("UPDATE notify.delivery SET attempts = 12, first_attempt_at = now() - interval '2 hours'")
        assert [round(w.oldest_due_seconds, -2) for w in await Deliveries(pool).waiting()] == [7200]
    found = (await _found(calm))["notifications"]
    assert found.state == "wrong"
    assert found.says.startswith("one has been due for 7,2")


async def test_a_schema_that_is_behind_is_wrong(calm: Database, tmp_path: Path) -> None:
    """The first missing migration is named, and what to run."""
    name = await calm.value("DELETE FROM public.graftwatch_migration WHERE name LIKE '0142%' RETURNING name")
    try:
        found = {f.part: f for f in await commands._look(commands._Place(tmp_path, calm.url, None, ""), SITES, None)}
        assert found["Postgres"].state == "wrong"
        assert str(name) in found["Postgres"].says
        assert "graftwatch migrate" in found["Postgres"].says
    finally:
        await calm.rows("INSERT INTO public.graftwatch_migration (name) VALUES ($1)", name)


async def test_what_waits_on_the_feed_is_counted_against_what_is_stored(
    stack: Stack, calm: Database, tmp_path: Path
) -> None:
    """Per topic, from the broker's ends and the positions in Postgres; nobody needs to run for it."""
    place = commands._Place(tmp_path, calm.url, (stack.bootstrap_servers, OPEN), "another epoch")
    found = {f.part: f for f in await commands._look(place, SITES, None)}
    assert found["broker"].state == "well"
    assert "messages wait" in found["lag fhir-observations"].says
    assert found["services"].state == "unknown"


async def test_with_database_and_broker_away_the_rest_is_told(tmp_path: Path) -> None:
    """Run as its user does: both are named with what to do, exit code 1, no traceback, no colours in a pipe."""
    env = process.clean_environment() | {
        "DATABASE_URL": f"postgresql://nobody:secret-word@127.0.0.1:{ports.free()}/none",
        "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{ports.free()}",
    }
    said = await process.graftwatch(env, "status", "--home", str(tmp_path), "--json")
    told = json.loads(said[said.index("{") :])
    states = {part["part"]: part["state"] for part in told["parts"]}
    assert told["exit_code"] == 1
    assert states["Postgres"] == states["broker"] == "wrong"
    assert states["feed lag"] == states["services"] == "unknown"
    assert "Traceback" not in said
    assert "secret-word" not in said
    assert "\x1b" not in said


def test_topics_that_this_user_may_not_see_are_not_said_to_be_missing() -> None:
    """A broker that denies by default hides them alike: the line names the user, and who may see all."""
    open_ = surroundings._topics(["dead-letters"], OPEN, "answers")
    secured = surroundings._topics(["dead-letters"], Security("SASL_SSL", username="graftwatch-ingest"), "answers")
    assert open_.says == "topics are missing: dead-letters"
    assert secured.state == "wrong"
    assert "missing, or KAFKA_SASL_USERNAME graftwatch-ingest may not Describe them: dead-letters" in secured.says
    assert "graftwatch-operator" in secured.todo
    assert surroundings._topics([], Security("SASL_SSL"), "answers").state == "well"


@pytest.mark.parametrize(
    ("status", "body", "state", "says"),
    [
        (200, {"status": "ok", "lag": 3}, "well", "lag 3"),
        (
            200,
            {"status": "ok", "nobody_is_told": {"south": ["rejection-proven", "report-due"]}},
            "wrong",
            "nobody is told of urgent events: south: rejection-proven, report-due",
        ),
        (
            200,
            {"status": "ok", "lag": 0, "earlier_feed_missing": {"south": ["alt", "ast"]}},
            "wrong",
            "the earlier feed was not read for what is asked for now: south: 2 concepts",
        ),
        (503, {"status": "stalled", "seconds_since_progress": 80.0}, "wrong", "stalled (seconds since progress 80.0)"),
        (503, {"status": "error", "reason": "database: OSError"}, "wrong", "database: OSError"),
        (500, None, "wrong", "answers 500"),
    ],
)
async def test_a_service_is_as_its_health_says(
    status: int, body: Mapping[str, Any] | None, state: str, says: str
) -> None:
    """Well, stalled, without database; whoever must be there and is not known is wrong, whoever is gone too."""
    async with _health(status, body) as url:
        known = {"ingest": url, "notify": f"http://127.0.0.1:{ports.free()}"}
        found = {f.part: f for f in await services.look(known)}
    assert (found["ingest"].state, found["ingest"].says) == (state, says)
    assert found["safety"].says.startswith("not started")
    assert found["notify"].says.startswith("not running")


@asynccontextmanager
async def _health(status: int, body: Mapping[str, Any] | None) -> AsyncIterator[str]:
    """A service that answers so."""

    async def answer(_request: web.Request) -> web.Response:
        return web.json_response(body, status=status) if body is not None else web.Response(status=status)

    app = web.Application()
    app.router.add_get("/health", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{cast('Any', site)._server.sockets[0].getsockname()[1]}"
    finally:
        await runner.cleanup()
