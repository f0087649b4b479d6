"""Looks at what Postgres knows: schema, patients behind, events, clocks, notifications, audit. Decides what of it is a fault."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

import asyncpg
import msgspec

from services.cli.status.findings import Finding, judged, unknown, well, wrong
from services.console import audit
from services.console.audit import Entry
from shared.protocol.model import Protocol
from shared.runtime import clock, logs, migrations, notify_status, postgres, site_intake, status
from shared.runtime.postgres import Pool, queries
from shared.sites import Site

_LATE_SECONDS: Final = 60.0
_DELIVERY_LATE_SECONDS: Final = 600.0
_CLOCK_SECONDS: Final = 5.0
_AUDIT_ENTRIES: Final = 10_000
_UPGRADE_SECONDS: Final = 3600.0
_KEPT_BYTES: Final = 2**30
_STILL_DELIVERS: Final = timedelta(days=1)
_SITES: Final = "name the folder that the installation's services read: GRAFTWATCH_SITES"
_EVER: Final = timedelta(days=100 * 365)

Look = Callable[[Pool], Awaitable[list[Finding]]]


async def look(pool: Pool, protocols: Mapping[str, Protocol], sites: Mapping[str, Site]) -> list[Finding]:
    """Everything; a question that is refused is unknown, and costs the others nothing."""
    looks: dict[str, Look] = {
        "schema": _schema,
        "clock": _clock,
        "backup": _backup,
        "releases": _releases,
        "evaluation": lambda p: _evaluation(p, protocols),
        "sites": lambda p: _sites(p, sites),
        "dead letters": _dead_letters,
        "reporting clocks": _reporting_clocks,
        "notifications": _notifications,
        "audit": _audit,
    }
    found: list[Finding] = []
    for part, one in looks.items():
        try:
            found += await one(pool)
        except (*postgres.UNREACHABLE, asyncpg.PostgresError) as error:
            todo = "is the schema of this release (`graftwatch migrate`), and may this user read it?"
            found.append(unknown(part, f"cannot be read ({logs.where(error).partition(' ')[0]})", todo))
    return found


async def _schema(pool: Pool) -> list[Finding]:
    applied = {r["name"] for r in await pool.fetch(queries("watching")["migrations"])}
    size = await pool.fetchval(queries("watching")["database_bytes"])
    ours = {s.name for s in migrations.steps()}
    owed = len(ours - applied)  # without a step that comes before a release, nobody is let in
    newer = f", {len(applied - ours)} of a newer release" if applied - ours else ""
    after = f", {owed} to come once the release before is gone (`graftwatch migrate --phase post`)" if owed else ""
    says = f"{len(ours & applied)} migrations applied{newer}{after}; the database has {size / 2**20:,.0f} MiB"
    return [well("schema", says)]


async def _clock(pool: Pool) -> list[Finding]:
    before = clock.wall()
    theirs: datetime = await pool.fetchval(queries("watching")["now"])
    apart = (before + (clock.wall() - before) / 2 - theirs).total_seconds()
    says = f"this host's clock is {apart:+.1f} s from that of Postgres"
    todo = "correct the time of one of them (NTP); deadlines follow that of Postgres"
    return [judged("clock", abs(apart) > _CLOCK_SECONDS, says, todo, says)]


async def _backup(pool: Pool) -> list[Finding]:
    """What the server itself knows: whether its log reaches the archive, and what it keeps for replicas that do not read."""
    row = await pool.fetchrow(queries("watching")["log_archive"])
    assert row is not None
    since = f"{row['last_at']:%Y-%m-%dT%H:%MZ}" if row["last_at"] is not None else "ever"
    calm = f"the log was last archived at {since}" if row["last_at"] is not None else "no log was archived yet"
    says = f"Postgres cannot archive its log; it last could at {since}"
    todo = "archive_command and the archive's disk, before that of Postgres is full; docs/runbook.md, LogArchiveFails"
    if not row["asked"]:
        calm = "Postgres archives no log (archive_mode): only base backups can be restored; docs/postgres.md"
    found = [judged("backup", row["asked"] and row["fails"], says, todo, calm)]
    for slot in await pool.fetch(queries("watching")["kept_for_replicas"]):
        kept = f"{slot['bytes'] / 2**20:,.0f} MiB of the log are kept for it"
        says = "has lost its place, and must be made anew" if slot["lost"] else f"is not read, and {kept}"
        todo = (
            "bring the replica back, or drop its slot (pg_drop_replication_slot), before the disk of Postgres is full"
        )
        idle = not slot["active"] and slot["bytes"] > _KEPT_BYTES
        found.append(judged(f"replica {slot['slot']}", slot["lost"] or idle, says, todo, kept))
    return found


async def _releases(pool: Pool) -> list[Finding]:
    """During an upgrade two are at work; one that was forgotten, or has other files than the rest, stays."""
    rows = await pool.fetch(queries("watching")["releases_at_work"])
    of = ", ".join(f"{r['service']} ({r['subject']})" for r in rows)
    longest = max((r["seconds"] for r in rows), default=0.0)
    says = f"two releases or configurations have been at work for {longest / 3600:,.1f} h: {of}"
    todo = "the one that began last decides: end the other's processes; docs/install.md, Upgrading"
    calm = f"two are at work, as during an upgrade: {of}" if rows else "one at work"
    return [judged("releases", longest > _UPGRADE_SECONDS, says, todo, calm)]


async def _evaluation(pool: Pool, protocols: Mapping[str, Protocol]) -> list[Finding]:
    found: list[Finding] = []
    failed = await status.failures(pool)
    for service in status.DECIDING:
        behind = await pool.fetchrow(queries("outcomes", service)["oldest_behind"], list(protocols))
        assert behind is not None
        waited = behind["live"]
        row = await pool.fetchrow(queries("watching", service)["unrelayed"])
        assert row is not None
        aside = len({patient for of, patient, _ in failed if of == service})
        logs_say = f"`graftwatch stack logs {service}`; docs/runbook.md"
        part = f"{service} work"
        if aside:
            found.append(
                wrong(part, f"{aside} patients cannot be evaluated", f"report it: {logs_say}, PatientsSetAside")
            )
        elif waited > _LATE_SECONDS:
            says = f"a patient has waited {waited:,.0f} s for an evaluation"
            found.append(wrong(part, says, f"{logs_say}, EvaluationStalled"))
        elif row["oldest_seconds"] > _LATE_SECONDS:
            says = f"{row['events']} events wait for the broker, for {row['oldest_seconds']:,.0f} s"
            found.append(wrong(part, says, f"{logs_say}, OutboxUnrelayed"))
        else:
            back = (
                f", but for back-fill ({behind['backfilled']:,.0f} s)" if behind["backfilled"] > _LATE_SECONDS else ""
            )
            found.append(well(part, f"nobody waits{back}; {row['events']} events on their way"))
    return found


async def _sites(pool: Pool, sites: Mapping[str, Site]) -> list[Finding]:
    now: datetime = await pool.fetchval(queries("watching")["now"])
    delivered = {r["site"]: r["last_delivered_at"] for r in await pool.fetch(queries("watching")["site_feeds"])}
    paused = {s.site: s for s in await site_intake.states(pool) if s.paused_at is not None}
    found = [_site(name, site, now, delivered.get(name), paused.get(name)) for name, site in sorted(sites.items())]
    strangers = sorted(name for name, last in delivered.items() if name not in sites and now - last < _STILL_DELIVERS)
    return found + [unknown(f"site {name}", "delivers, and no site file of it is here", _SITES) for name in strangers]


def _site(name: str, site: Site, now: datetime, last: datetime | None, paused: site_intake.SiteState | None) -> Finding:
    part = f"site {name}"
    if paused is not None:
        says = f"paused, {paused.held} messages held: {paused.paused_because}"
        return wrong(part, says, f"mend it, then `graftwatch sites resume {name}`")
    todo = "call the site: its engine, its network, its token; docs/runbook.md, SiteSilent"
    if last is None:
        return wrong(part, "has never delivered anything", todo)
    silent = now - last
    if silent > timedelta(hours=site.silent_after_hours):
        return wrong(part, f"silent for {silent.total_seconds() / 3600:,.1f} h", todo)
    return well(part, f"delivered {silent.total_seconds():,.0f} s ago")


async def _dead_letters(pool: Pool) -> list[Finding]:
    rows = await pool.fetch(queries("watching")["dead_letters_by_site"])
    total = sum(r["letters"] for r in rows)
    says = f"{total} open: " + ", ".join(f"{r['site'] or 'no site'} {r['letters']}" for r in rows)
    todo = "`graftwatch dead-letters list`, mend, then `replay` or `drop`"
    return [judged("dead letters", total, says, todo, "none open")]


async def _reporting_clocks(pool: Pool) -> list[Finding]:
    rows = await pool.fetch(queries("watching")["reporting_clocks"])
    standing = {
        state: sum(r["reports"] for r in rows if r["state"] == state) for state in ("overdue", "due-soon", "due")
    }
    says = ", ".join(f"{n} {state}" for state, n in standing.items())
    todo = "the console's Today lists them; call the investigator. docs/runbook.md, ReportOverdue"
    return [judged("reporting clocks", standing["overdue"], says, todo, says)]


async def _notifications(pool: Pool) -> list[Finding]:
    told = await notify_status.read(pool)
    waiting = await pool.fetch(queries("notify_deliveries")["waiting"])
    oldest = max((r["oldest_due_seconds"] for r in waiting), default=0.0)
    pending = sum(d.deliveries for d in told.deliveries if d.state == "pending")
    waits = [await pool.fetchval(queries("notify", s)["oldest_undecided_seconds"], _EVER, []) for s in status.DECIDING]
    todo = "`graftwatch notify status` names whom and what, the endpoints and what they answer; docs/runbook.md, Notifications"
    if max(waits) > _LATE_SECONDS:
        return [wrong("notifications", f"an event has waited {max(waits):,.0f} s for a decision whom to tell", todo)]
    escalation = await pool.fetchval(queries("notify")["oldest_due_escalation"])
    if escalation > _LATE_SECONDS:
        says = (
            f"an escalation has been due for {escalation:,.0f} s: nobody further hears of an event nobody acknowledged"
        )
        return [wrong("notifications", says, "see notify's log; docs/runbook.md, EscalationLate")]
    if oldest > _DELIVERY_LATE_SECONDS:
        return [wrong("notifications", f"one has been due for {oldest:,.0f} s; {pending} wait", todo)]
    says = f"{told.untold} were given up: somebody was not told"
    todo = f"{todo}; tell them by another way, then `graftwatch notify settle`"
    return [
        judged("notifications", told.untold, says, todo, f"{told.notices} events decided, {pending} deliveries wait")
    ]


async def _audit(pool: Pool) -> list[Finding]:
    last: int = await pool.fetchval(queries("watching")["audit_head"])
    if not last:
        return [well("audit", "no entries yet")]
    after = max(0, last - _AUDIT_ENTRIES - 1)
    rows = await pool.fetch(queries("console")["audit_entries"], after, _AUDIT_ENTRIES + 1)
    entries = [msgspec.convert(dict(r), Entry) for r in rows]
    head = audit.FIRST if not after else entries[0].hash
    found = audit.verify(entries[1:] if after else entries, head, after + 1 if after else 0)
    if found.broken is not None:
        says = f"the chain is broken at entry {found.broken.sequence}: {found.broken.says}"
        return [wrong("audit", says, "secure a copy of the database; docs/runbook.md, AuditBroken")]
    return [well("audit", f"the last {len(entries):,} of {last:,} entries are whole")]
