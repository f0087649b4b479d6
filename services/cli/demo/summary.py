"""The demonstration's result as plain data: the feed, what was concluded, how fast, and whether it is right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from services.cli.demo.compare import Check
from services.cli.simulate.model import Simulation
from shared.protocol.model import Protocol
from shared.runtime import notify_status, postgres, status
from shared.runtime.status import FeedCount, Latency

_OUTCOMES: Final = ("accepted", "accepted_with_issues", "rejected", "out_of_scope")


class Agreement(msgspec.Struct, frozen=True):
    """How many statements of the expectation were checked, and those that do not match."""

    checked: int
    matched: int
    mismatches: list[dict[str, Any]]


class Summary(msgspec.Struct, frozen=True):
    """`.graftwatch/demo-summary.json`."""

    as_of: str
    feed: dict[str, int]
    expected_feed: dict[str, int]
    """Of the cohort's own messages, by construction."""
    feed_by_site: dict[str, dict[str, int]]
    rejected_because: dict[str, int]
    unaccounted: int
    screening: dict[str, int]
    response: dict[str, dict[str, int]]
    safety: dict[str, dict[str, int]]
    events: dict[str, int]
    told: dict[str, int]
    """Events that nobody is told of, and deliveries by channel and state; digests wait for their time."""
    latency_seconds: dict[str, Latency]
    seconds: float
    failures: list[str]
    agreement: Agreement

    @property
    def is_right(self) -> bool:
        """Whether everything matched, every message is accounted for, and no evaluation failed."""
        return not (self.agreement.mismatches or self.unaccounted or self.failures)


async def summarise(
    pool: postgres.Pool,
    protocols: Mapping[str, Protocol],
    checks: list[Check],
    delivered: int,
    seconds: float,
    simulation: Simulation,
) -> Summary:
    """Read the final state of everything."""
    (protocol,) = protocols
    feed = await status.feed_counts(pool)
    screening, response, safety = [await status.current_outcomes(pool, s, protocol) for s in status.DECIDING]
    by_site = {site: _by_outcome(c for c in feed if c.site == site) for site in sorted({c.site for c in feed})}
    cohort_sites = {e.site for e in simulation.expected}
    checks = [*checks, *_feed_checks(feed, simulation, cohort_sites)]
    mismatches = [c for c in checks if not c.matches]
    return Summary(
        as_of=simulation.as_of.isoformat(),
        feed=_by_outcome(feed),
        expected_feed=simulation.expected_feed.as_json(),
        feed_by_site=by_site,
        rejected_because=dict(_sum((c.reason, c.resources) for c in feed if c.outcome == "rejected")),
        unaccounted=delivered - sum(c.resources for c in feed),
        screening=_count(c["status"] for o in screening.values() if (c := o.get(("screening", "")))),
        response={
            "visits": _count(c["response"] for o in response.values() for (k, _), c in o.items() if k == "assessment"),
            "best_unconfirmed": _count(
                c["unconfirmed"] for o in response.values() if (c := o.get(("best-response", "")))
            ),
            "best_confirmed": _count(c["confirmed"] for o in response.values() if (c := o.get(("best-response", "")))),
        },
        safety={
            "rejection": _count(c["level"] for o in safety.values() if (c := o.get(("rejection", "")))),
            "adverse_events": _count(
                c["event"]
                for o in safety.values()
                for (k, _), c in o.items()
                if k == "adverse-event" and c["in_window"] is not False
            ),
        },
        events=await status.event_counts(pool),
        told=await _told(pool),
        latency_seconds={s: await status.latency(pool, s) for s in status.DECIDING},
        seconds=round(seconds, 1),
        failures=[f"{service}: {where}" for service, _, where in await status.failures(pool)],
        agreement=Agreement(len(checks), len(checks) - len(mismatches), [msgspec.to_builtins(c) for c in mismatches]),
    )


async def _told(pool: postgres.Pool) -> dict[str, int]:
    found = await notify_status.read(pool)
    silent = {"of no concern to anybody": found.silent}
    return silent | {f"by {d.channel}, {d.state}": d.deliveries for d in found.deliveries}


def _feed_checks(feed: Iterable[FeedCount], simulation: Simulation, sites: set[str]) -> list[Check]:
    counted = _by_outcome(c for c in feed if c.site in sites or not c.site)
    expected = simulation.expected_feed.as_json()
    return [Check("", "", "feed", f"feed.{o}", expected[o], counted[o]) for o in ("published", *_OUTCOMES)]


def _by_outcome(feed: Iterable[FeedCount]) -> dict[str, int]:
    counted = dict.fromkeys(_OUTCOMES, 0) | dict(_sum((c.outcome, c.resources) for c in feed))
    return {"published": sum(counted.values())} | counted


def _sum(pairs: Iterable[tuple[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for name, n in pairs:
        total[name] += n
    return total


def _count(values: Iterable[str | None]) -> dict[str, int]:
    return dict(sorted(Counter(str(v) for v in values).items()))
