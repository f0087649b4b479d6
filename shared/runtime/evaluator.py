"""The shell around a deciding service's pure rules: load, evaluate, append outcomes and outbox rows in one transaction.

Decides nothing itself. Safe to call any number of times, from any number of workers, in any order, for the same patients.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from typing import Protocol as Interface
from uuid import UUID, uuid5

import msgspec
from asyncpg import Record

from shared import events
from shared.outcomes import Evaluation, Evidence, Outcome
from shared.protocol.load import protocol_hash
from shared.protocol.model import Protocol
from shared.runtime import logs, merged, metrics, postgres, tracing
from shared.runtime.clock import Clock, wall
from shared.runtime.decisions import Announce, Appended, Current, marked, plan
from shared.runtime.merged import Stood
from shared.runtime.postgres import Connection, Pool, queries
from shared.runtime.precedence import Precedence
from shared.runtime.timelines import CACHED_FACTS, Loaded, Merged, TimelineStore
from shared.timeline import Timeline

if TYPE_CHECKING:
    from shared.runtime.spans import Span

log = logs.logger(__name__)
_EVIDENCE: Final = msgspec.json.Decoder(tuple[Evidence, ...])
_KIND: Final = 3
_PUBLISHED_AT: Final = -1
"""Places of the kind and of the time of publication in a row of outcomes."""
_OUTCOME_COLUMNS: Final = 17
_EVENT_COLUMNS: Final = 7
_NOT_BEFORE: Final = timedelta(minutes=1)
_CLOCK_MAY_STEP: Final = timedelta(minutes=1)
"""What was decided further ahead than that was decided by a clock that has been set back since. The query `sweep` has it too."""
_RECENT: Final = timedelta(minutes=2)
"""Changes that old are still looked for without a sweep: long enough for any batch of ingest to commit."""


Introduce = Callable[[Protocol], Sequence[events.AnyEvent]]
"""What a service tells once of a protocol that comes into force."""


class Rules(Interface):
    """The pure module of a deciding service (`services/<name>/evaluate.py`)."""

    RULES_VERSION: str

    def evaluate(self, timeline: Timeline, protocol: Protocol, at: datetime) -> Evaluation:
        """All outcomes of a patient at a time; never raises."""
        ...

    def announce(
        self, patient: UUID, protocol: Protocol, before: Outcome | None, after: Outcome | None
    ) -> Sequence[events.AnyEvent]:
        """What is worth telling when one outcome changes."""
        ...


class Evaluated(msgspec.Struct, frozen=True):
    """One patient's evaluation under one protocol: the rows to append, and what to remember."""

    patient: UUID
    protocol: Protocol
    version: int
    at: datetime
    outcomes: tuple[tuple[Any, ...], ...] = ()
    events: tuple[tuple[Any, ...], ...] = ()
    valid_until: datetime | None = None
    failure: str | None = None


class Evaluator:
    """Evaluates patients of one service under all protocols."""

    def __init__(  # noqa: PLR0913, PLR0917 - what an evaluation depends on
        self,
        service: str,
        rules: Rules,
        pool: Pool,
        protocols: Mapping[str, Protocol],
        clock: Clock,
        cached_facts: int = CACHED_FACTS,
    ) -> None:
        self.service = service
        self.protocols = dict(sorted(protocols.items()))
        self.hashes = {name: protocol_hash(p) for name, p in self.protocols.items()}
        self.committed: Callable[[], None] = lambda: None
        """Called after each commit that left events in the outbox: wakes the relay."""
        self.appended: Callable[[Collection[str]], None] = lambda _: None
        """Called after each commit that appended outcomes, with their kinds: wakes who joins many patients'."""
        self.precedence = Precedence(service, {p: f"{h} {rules.RULES_VERSION}" for p, h in self.hashes.items()})
        """A release that began later decides under the protocols that it knows otherwise."""
        self._rules = rules
        self._pool = pool
        self._clock = clock
        self._sql = queries("outcomes", service)
        self._timelines = TimelineStore(most_facts=cached_facts)
        self._one_at_a_time = asyncio.Lock()
        self._spans: dict[UUID, Span] = {}

    async def evaluate(
        self,
        patients: Mapping[UUID, datetime | None],
        cause: str,
        *,
        only_behind: bool = False,
        traces: Mapping[UUID, Sequence[str]] = MappingProxyType({}),
    ) -> int:
        """Evaluate these patients at their newest version; the value is when the feed message behind it was published.

        Returns how many outcomes were appended. Writes, under the lock of each evaluation row, only what is newer; with
        `only_behind` nothing for whom another worker has evaluated meanwhile. A patient whose outcome cannot be stored
        is set aside and costs the others nothing.
        """
        try:
            return await self._batch(patients, cause, only_behind, traces)
        except Exception as error:
            if postgres.may_pass(error):
                raise
            if len(patients) == 1:
                await self._set_aside(next(iter(patients)), logs.where(error))
                return 0
        alone = [
            await self.evaluate({patient: published}, cause, only_behind=only_behind, traces=traces)
            for patient, published in patients.items()
        ]
        return sum(alone)

    async def _batch(
        self,
        patients: Mapping[UUID, datetime | None],
        cause: str,
        only_behind: bool,
        traces: Mapping[UUID, Sequence[str]],
    ) -> int:
        started = time.perf_counter()
        # The connection outside the lock: what its return costs delays nobody.
        async with self._pool.acquire() as connection, self._one_at_a_time, self._traced(patients, traces, cause):
            async with connection.transaction():
                done = await self._decide_all(connection, patients, only_behind)
                await self._write(connection, done)
            self._timelines.trim()
        self._measure(done, patients, cause, time.perf_counter() - started)
        return sum(len(d.outcomes) for d in done)

    @asynccontextmanager
    async def _traced(
        self, patients: Collection[UUID], traces: Mapping[UUID, Sequence[str]], cause: str
    ) -> AsyncIterator[None]:
        """A span for each patient whose hint was traced, open while the batch is decided and committed."""
        begun = {
            p: tracing.begin("evaluate", traces[p], cause=cause, batch=len(patients)) for p in patients if p in traces
        }
        self._spans = {p: span for p, span in begun.items() if span is not None}
        failed = True
        try:
            yield
            failed = False
        finally:
            for span in self._spans.values():
                span.end(failed=failed)
            self._spans = {}

    async def _set_aside(self, patient: UUID, failure: str) -> None:
        """Remember that this patient could not be evaluated: shown, counted, and tried again later."""
        log.error("evaluation-failed", patient=str(patient), failure=failure)
        metrics.EVALUATION_FAILURES.labels(self.service).inc()
        names, hashes = list(self.protocols), list(self.hashes.values())
        async with self._pool.acquire() as connection:
            await connection.execute(self._sql["set_aside"], patient, names, hashes, self._rules.RULES_VERSION, failure)

    async def introduce(self, told: Introduce) -> None:
        """Put into the outbox what is told once of each protocol in force; what was told before has the same id."""
        rows = [
            (event_id, event.patient, event.patient, *self._event_text(event), None)
            for name, protocol in self.protocols.items()
            for event in told(protocol)
            for event_id in [events.event_id(uuid5(event.patient, self.hashes[name]), event)]
        ]
        if rows:
            async with self._pool.acquire() as connection:
                await connection.execute(self._sql["append_events"], *_columns(rows, _EVENT_COLUMNS))
            self.committed()

    async def recent(self, connection: Connection, grace: timedelta, limit: int) -> list[UUID]:
        """Patients whom something recent leaves behind, longest waiting first; found without reading the others."""
        at = await self._clock.now(connection)
        names = await self._ours(connection)
        rows = await connection.fetch(self._sql["recent"], names, at, grace, _RECENT, limit)
        return [r["patient"] for r in rows]

    async def behind(
        self, connection: Connection, grace: timedelta, after: UUID, page: int
    ) -> tuple[list[UUID], UUID | None]:
        """Of the next so many patients in key order those who must be evaluated, and the last one; None: no more."""
        rows = await connection.fetch(self._sql["sweep"], *await self._asked(connection, grace), after, page)
        return [r["patient"] for r in rows if r["behind"]], rows[-1]["patient"] if rows else None

    async def count_behind(self, connection: Connection, grace: timedelta) -> int:
        """How many patients must be evaluated."""
        counting = f"SELECT count(*) FILTER (WHERE behind) FROM ({self._sql['sweep']}) AS everybody"
        asked = await self._asked(connection, grace)
        behind: int = await connection.fetchval(counting, *asked, UUID(int=0), None)
        return behind

    async def _asked(self, connection: Connection, grace: timedelta) -> tuple[Any, ...]:
        at, names = await self._clock.now(connection), await self._ours(connection)
        return names, [self.hashes[n] for n in names], self._rules.RULES_VERSION, at, grace

    async def _ours(self, connection: Connection) -> list[str]:
        """The protocols under which no later release decides."""
        overtaken = await self.precedence.overtaken(connection)
        return [name for name in self.protocols if name not in overtaken]

    async def oldest_behind_seconds(self, connection: Connection) -> tuple[float, float]:
        """How long the longest waiting patient has waited, of those with live news and of those with back-filled only."""
        row = await connection.fetchrow(self._sql["oldest_behind"], await self._ours(connection))
        assert row is not None
        return row["live"], row["backfilled"]

    async def _decide_all(
        self, connection: Connection, published: Mapping[UUID, datetime | None], only_behind: bool
    ) -> list[Evaluated]:
        patients = sorted(published)
        locked = await self._lock(connection, patients)
        ours = await self._ours(
            connection
        )  # once the rows are locked: what a later release has written of them is seen
        if locked:
            self._timelines.of_server(locked[0]["server"])
        loaded = await self._timelines.look(connection, patients)
        current = await self._current(connection, patients)
        stood = await self._stood(connection, loaded, current)
        done: list[Evaluated] = []
        for row in locked:
            at = self._at(row)
            patient, protocol = row["patient"], self.protocols[row["protocol"]] if row["protocol"] in ours else None
            known = loaded.timelines.get(patient) or loaded.merged.get(patient)
            if known is None or protocol is None or known.version < row["timeline_version"]:
                continue
            if only_behind and self._stands(row, known, at):
                continue
            held = current.get((patient, protocol.id), {})
            tell = self._telling(known, protocol, held, stood, _just_joined(loaded, row))
            done.append(
                self._decide(known, protocol, at, held, published[patient], loaded.unread.get(patient, 0), tell)
            )
            await asyncio.sleep(0)  # the broker's heartbeats share this loop
        return done

    def _at(self, row: Record) -> datetime:
        """The time of the transaction, or that of the last evaluation where it is a little later.

        Whoever waited for a lock began before who held it, and a promoted replica's clock is seldom the same to the second: what
        was found overdue then is not taken back, to be found once more.
        """
        at, last = self._clock.at(row["now"]), row["evaluated_at"]
        return last if last is not None and at < last <= at + _CLOCK_MAY_STEP else at

    async def _lock(self, connection: Connection, patients: list[UUID]) -> list[Record]:
        """The evaluation rows of these patients, locked; who has none yet is given them first.

        Whoever was loaded before has them, but where that transaction failed.
        """
        names = list(self.protocols)
        if not self._timelines.holds(patients):
            await connection.execute(self._sql["begin_evaluations"], patients, names)
        locked = await connection.fetch(self._sql["lock_evaluations"], patients)
        if sum(r["protocol"] in self.protocols for r in locked) < len(names) * len(patients):
            await connection.execute(self._sql["begin_evaluations"], patients, names)
            locked = await connection.fetch(self._sql["lock_evaluations"], patients)
        return locked

    def _telling(
        self,
        known: Timeline | Merged,
        protocol: Protocol,
        current: Mapping[tuple[str, str], Current],
        stood: Mapping[tuple[UUID, str], Stood],
        joined: Sequence[UUID],
    ) -> Announce:
        """What is worth telling of a patient: what the rules announce, and of a merge no more than what is new."""
        patient, before = known.patient, stood.get((known.patient, protocol.id), {})

        def announce(was: Outcome | None, now: Outcome | None) -> Sequence[events.AnyEvent]:
            return self._rules.announce(patient, protocol, was, now)

        if isinstance(known, Merged):
            return merged.of_merged(announce, patient, protocol, before)
        if _is_merged(current):
            return merged.of_unmerged(announce, patient, protocol, before)
        if not joined:
            return announce
        return merged.of_survivor(announce, [stood.get((other, protocol.id), {}) for other in joined])

    def _stands(self, row: Record, known: Timeline | Merged, at: datetime) -> bool:
        """Whether an evaluation row says what it would say if it were made now."""
        return (
            row["timeline_version"] == known.version
            and row["protocol_hash"] == self.hashes[row["protocol"]]
            and row["rules_version"] == self._rules.RULES_VERSION
            and row["failure"] is None
            and (row["valid_until"] is None or row["valid_until"] > at)
            and (row["evaluated_at"] is None or row["evaluated_at"] <= at + _CLOCK_MAY_STEP)
        )

    def _decide(  # noqa: PLR0913, PLR0917 - all that one evaluation depends on
        self,
        known: Timeline | Merged,
        protocol: Protocol,
        at: datetime,
        current: dict[tuple[str, str], Current],
        published_at: datetime | None,
        unread: int,
        tell: Announce,
    ) -> Evaluated:
        patient, version, closing = known.patient, known.version, dict[str, Any]()
        try:
            if isinstance(known, Merged):
                evaluation, closing = Evaluation((merged.outcome(known.into),)), {merged.INTO: str(known.into)}
            else:
                evaluation = self._rules.evaluate(known, protocol, at)
            appended = plan(patient, protocol.id, current, marked(evaluation.outcomes, unread), tell, closing)
            outcomes = tuple(self._outcome_row(known, protocol, a, at, published_at) for a in appended)
            told = tuple(self._event_row(patient, a, event_id, e) for a in appended for event_id, e in a.events)
        except Exception as error:  # a fault in the rules must cost no other patient anything
            failure = logs.where(error)
            log.error("evaluation-failed", patient=str(patient), protocol=protocol.id, failure=failure)
            metrics.EVALUATION_FAILURES.labels(self.service).inc()
            return Evaluated(patient, protocol, version, at, failure=failure)
        until = evaluation.valid_until
        if until is not None and until <= at:
            log.warning("evaluation-expired-at-once", patient=str(patient), protocol=protocol.id)
            until = at + _NOT_BEFORE
        return Evaluated(patient, protocol, version, at, outcomes, told, until)

    async def _current(
        self, connection: Connection, patients: list[UUID]
    ) -> dict[tuple[UUID, str], dict[tuple[str, str], Current]]:
        found: dict[tuple[UUID, str], dict[tuple[str, str], Current]] = {}
        for r in await connection.fetch(self._sql["current_outcomes"], patients):
            content: dict[str, Any] = msgspec.json.decode(r["content"])
            outcome = Outcome(r["kind"], r["subject"], content, _EVIDENCE.decode(r["evidence"]))
            held = Current(r["outcome_id"], r["ordinal"], r["withdrawn"], r["content_hash"], outcome)
            found.setdefault((r["patient"], r["protocol"]), {})[(r["kind"], r["subject"])] = held
        return found

    async def _stood(
        self,
        connection: Connection,
        loaded: Loaded,
        current: Mapping[tuple[UUID, str], Mapping[tuple[str, str], Current]],
    ) -> dict[tuple[UUID, str], dict[tuple[str, str], Outcome]]:
        """What had been decided of whoever is merged or unmerged; no query where nobody is."""
        unmerged = {patient for (patient, _), held in current.items() if _is_merged(held)}
        asked = sorted({*loaded.merged, *unmerged, *(other for joined in loaded.joined.values() for other in joined)})
        stood: dict[tuple[UUID, str], dict[tuple[str, str], Outcome]] = {}
        for r in await connection.fetch(self._sql["stood"], asked) if asked else ():
            outcome = Outcome(
                r["kind"], r["subject"], msgspec.json.decode(r["content"]), _EVIDENCE.decode(r["evidence"])
            )
            stood.setdefault((r["patient"], r["protocol"]), {})[r["kind"], r["subject"]] = outcome
        return stood

    async def _write(self, connection: Connection, done: list[Evaluated]) -> None:
        if not done:
            return
        evaluated = [
            (
                d.patient,
                d.protocol.id,
                d.version,
                self.hashes[d.protocol.id],
                self._rules.RULES_VERSION,
                d.at,
                d.valid_until,
                d.failure,
            )
            for d in done
        ]
        await connection.execute(
            self._sql["finish_evaluations"],
            *_columns([row for d in done for row in d.outcomes], _OUTCOME_COLUMNS),
            *_columns([row for d in done for row in d.events], _EVENT_COLUMNS),
            *_columns(evaluated, len(evaluated[0])),
        )
        await self.precedence.worked(connection)

    def _outcome_row(
        self, known: Timeline | Merged, protocol: Protocol, a: Appended, at: datetime, published_at: datetime | None
    ) -> tuple[Any, ...]:
        return (
            a.outcome_id,
            known.patient,
            protocol.id,
            a.outcome.kind,
            a.outcome.subject,
            a.ordinal,
            a.supersedes,
            a.withdrawn,
            msgspec.json.encode(a.outcome.content).decode(),
            msgspec.json.encode(a.outcome.evidence).decode(),
            a.content_hash,
            known.version,
            protocol.version,
            self.hashes[protocol.id],
            self._rules.RULES_VERSION,
            at,
            published_at,
        )

    def _event_row(self, patient: UUID, a: Appended, event_id: UUID, event: events.AnyEvent) -> tuple[Any, ...]:
        span = self._spans.get(patient)
        return event_id, patient, a.outcome_id, *self._event_text(event), span.traceparent if span else None

    def _event_text(self, event: events.AnyEvent) -> tuple[str, str, str]:
        return events.topic_of(event, self.service), events.type_name(event), events.encode(event).decode()

    def _measure(
        self, done: list[Evaluated], published: Mapping[UUID, datetime | None], cause: str, seconds: float
    ) -> None:
        metrics.BATCH_SECONDS.labels(self.service).observe(seconds)
        metrics.EVALUATIONS.labels(self.service, cause).inc(len(published))
        now = wall()
        for row in (row for d in done for row in d.outcomes if row[_PUBLISHED_AT] is not None):
            metrics.EVENT_LATENCY.labels(self.service).observe(max(0.0, (now - row[_PUBLISHED_AT]).total_seconds()))
        kinds = Counter(row[_KIND] for d in done for row in d.outcomes)
        for kind, n in kinds.items():
            metrics.OUTCOMES.labels(self.service, kind).inc(n)
        if kinds:
            self.appended(kinds)
        if any(d.events for d in done):
            self.committed()


def _is_merged(current: Mapping[tuple[str, str], Current]) -> bool:
    """Whether the patient was merged when it was evaluated last."""
    last = current.get((merged.KIND, ""))
    return last is not None and not last.withdrawn


def _just_joined(loaded: Loaded, row: Any) -> list[UUID]:
    """Who was merged into the patient since it was evaluated last."""
    joined = loaded.joined.get(row["patient"], {})
    return sorted(other for other, since in joined.items() if since > row["timeline_version"])


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]
