"""Writes Grafana's dashboards (`deploy/grafana/dashboards`) from the table below, and their expressions as Prometheus rules.

Decides what is shown; what a metric means, the catalogue says. `make generate` writes them, `make check-alerts` lets promtool
parse every expression.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from shared.runtime import metrics
from shared.runtime.metric_table import CATALOGUE

FOLDER: Final = Path("deploy/grafana/dashboards")
_SOURCE: Final = {"type": "prometheus", "uid": "graftwatch-prometheus"}
_WIDTH: Final = 24
_HEIGHT: Final = 7
_METRIC: Final = re.compile(r"\bgraftwatch_[a-z_]+")
_SUFFIX: Final = re.compile(r"_(bucket|sum|count)$")
assert metrics.RESOURCES  # imported: the catalogue is filled


@dataclass(frozen=True)
class Panel:
    """One picture: queries with their legends, a unit, and what is bad about it, if anything is."""

    title: str
    queries: Mapping[str, str]
    unit: str = "short"
    kind: Literal["timeseries", "stat"] = "timeseries"
    bad_from: float | None = None
    wide: int = 8


def _p99(metric: str, by: str) -> str:
    return f"histogram_quantile(0.99, sum by (le, {by}) (rate({metric}_bucket[5m])))"


def _stat(title: str, query: str, bad_from: float | None = 1, unit: str = "short") -> Panel:
    return Panel(title, {"": query}, unit, "stat", bad_from, 4)


DASHBOARDS: Final[dict[str, tuple[str, Sequence[Panel]]]] = {
    "overview": (
        "Graftwatch: overview",
        (
            _stat("Services that do not answer", 'count(up{job="graftwatch"} == 0) or vector(0)'),
            _stat(
                "Silent sites",
                "count(time() - max by (site) (graftwatch_site_last_delivered_timestamp_seconds)"
                " > on (site) max by (site) (graftwatch_site_silent_after_seconds)) or vector(0)",
            ),
            _stat("Paused sites", "sum(max by (site) (graftwatch_site_paused))"),
            _stat("Reports overdue", 'sum(max by (study) (graftwatch_reporting_clocks{state="overdue"})) or vector(0)'),
            _stat("Given up in a day", "sum(increase(graftwatch_deliveries_given_up_total[1d]))"),
            _stat("Open dead letters", "sum(max by (site) (graftwatch_dead_letters_open)) or vector(0)"),
            Panel(
                "Resources a second", {"{{outcome}}": "sum by (outcome) (rate(graftwatch_feed_resources_total[5m]))"}
            ),
            Panel(
                "From feed to outcome, p99",
                {"{{service}}": _p99("graftwatch_outcome_latency_seconds", "service")},
                "s",
                bad_from=30,
            ),
            Panel(
                "From event to delivery, p99",
                {"{{channel}}": _p99("graftwatch_delivery_latency_seconds", "channel")},
                "s",
            ),
            Panel(
                "Who waits longest",
                {
                    "{{service}}: for an evaluation": "max by (service) (graftwatch_oldest_behind_seconds)",
                    "for a decision whom to tell": "max(graftwatch_oldest_undecided_event_seconds)",
                    "{{service}}: for the broker": "max by (service) (graftwatch_outbox_oldest_unrelayed_seconds)",
                },
                "s",
                bad_from=60,
                wide=12,
            ),
            Panel("Alerts", {"{{alertname}}": 'sum by (alertname) (ALERTS{alertstate="firing"})'}, bad_from=1, wide=12),
        ),
    ),
    "feed": (
        "Graftwatch: feed and ingest, by site",
        (
            Panel("Resources a second", {"{{site}}": "sum by (site) (rate(graftwatch_feed_resources_total[5m]))"}),
            Panel(
                "Since the last delivery",
                {"{{site}}": "time() - max by (site) (graftwatch_site_last_delivered_timestamp_seconds)"},
                "s",
            ),
            Panel(
                "Rejected a second, by reason",
                {"{{site}} {{reason}}": "sum by (site, reason) (rate(graftwatch_feed_rejected_total[5m]))"},
            ),
            Panel("Lag by topic", {"{{topic}}": "sum by (topic) (graftwatch_feed_lag_messages)"}, bad_from=10_000),
            Panel(
                "Age of the newest message processed", {"": "min(graftwatch_feed_newest_processed_age_seconds)"}, "s"
            ),
            Panel("Since progress", {"{{instance}}": "graftwatch_progress_age_seconds"}, "s", bad_from=60),
            Panel("Batch, p99", {"ingest": _p99("graftwatch_batch_seconds", "service")}, "s"),
            Panel("Open dead letters", {"{{site}}": "max by (site) (graftwatch_dead_letters_open)"}, bad_from=1),
            Panel(
                "Held of paused sites",
                {"{{site}}": "max by (site) (graftwatch_site_held_messages) * max by (site) (graftwatch_site_paused)"},
                bad_from=1,
            ),
            Panel(
                "Intake: requests a second",
                {"{{site}} {{status}}": "sum by (site, status) (rate(graftwatch_intake_requests_total[5m]))"},
            ),
            Panel(
                "Codes nobody knows, a second",
                {"{{site}}": "sum by (site) (rate(graftwatch_feed_unmapped_total[5m]))"},
            ),
            Panel(
                "Not conformant, of those judged",
                {
                    "{{site}}": "sum by (site) (rate(graftwatch_conformance_total{judgement='not_conformant'}[1h]))"
                    " / sum by (site) (rate(graftwatch_conformance_total[1h]))"
                },
                "percentunit",
            ),
        ),
    ),
    "deciding": (
        "Graftwatch: eligibility, response, safety",
        (
            Panel(
                "Patients evaluated a second",
                {"{{service}} {{cause}}": "sum by (service, cause) (rate(graftwatch_evaluations_total[5m]))"},
            ),
            Panel(
                "Waiting longest",
                {
                    "{{service}}": "max by (service) (graftwatch_oldest_behind_seconds)",
                    "{{service}}: back-fill": "max by (service) (graftwatch_oldest_behind_backfilled_seconds)",
                },
                "s",
                bad_from=60,
            ),
            Panel("Sweep: patients behind", {"{{service}}": "sum by (service) (graftwatch_sweep_behind_patients)"}),
            Panel(
                "Since the last sweep ended",
                {"{{service}}": "time() - max by (service) (graftwatch_sweep_ended_timestamp_seconds)"},
                "s",
                bad_from=3600,
            ),
            Panel(
                "Patients set aside", {"{{service}}": "max by (service) (graftwatch_patients_set_aside)"}, bad_from=1
            ),
            Panel("Batch, p99", {"{{service}}": _p99("graftwatch_batch_seconds", "service")}, "s"),
            Panel(
                "Outcomes appended a second",
                {"{{service}} {{kind}}": "sum by (service, kind) (rate(graftwatch_outcomes_appended_total[5m]))"},
            ),
            Panel(
                "Events relayed a second",
                {"{{service}}": "sum by (service) (rate(graftwatch_events_relayed_total[5m]))"},
            ),
            Panel(
                "Events the broker does not have",
                {"{{service}}": "max by (service) (graftwatch_outbox_unrelayed_events)"},
                bad_from=1000,
            ),
        ),
    ),
    "notifications": (
        "Graftwatch: notifications",
        (
            Panel(
                "Events decided a second",
                {"{{urgency}} {{told}}": "sum by (urgency, told) (rate(graftwatch_notices_total[5m]))"},
            ),
            Panel(
                "Messages sent a second",
                {"{{channel}} {{outcome}}": "sum by (channel, outcome) (rate(graftwatch_delivery_attempts_total[5m]))"},
            ),
            Panel("Waiting", {"{{channel}}": "max by (channel) (graftwatch_deliveries_waiting)"}),
            Panel(
                "Due longest",
                {"{{channel}}": "max by (channel) (graftwatch_oldest_due_delivery_seconds)"},
                "s",
                bad_from=600,
            ),
            Panel("Endpoints down", {"{{channel}}": "max by (channel) (graftwatch_endpoints_down)"}, bad_from=1),
            Panel(
                "Given up in an hour",
                {"{{channel}}": "sum by (channel) (increase(graftwatch_deliveries_given_up_total[1h]))"},
                bad_from=1,
            ),
            Panel(
                "From event to delivery, p99",
                {"{{channel}}": _p99("graftwatch_delivery_latency_seconds", "channel")},
                "s",
            ),
            Panel("FHIR Subscriptions", {"{{status}}": "max by (status) (graftwatch_subscriptions)"}),
            Panel("Escalations in an hour", {"": "sum(increase(graftwatch_escalations_total[1h]))"}),
        ),
    ),
    "safety-clocks": (
        "Graftwatch: reporting clocks and audit",
        (
            _stat("Overdue", 'sum(max by (study) (graftwatch_reporting_clocks{state="overdue"})) or vector(0)'),
            _stat("Due soon", 'sum(max by (study) (graftwatch_reporting_clocks{state="due-soon"})) or vector(0)'),
            _stat("Due", 'sum(max by (study) (graftwatch_reporting_clocks{state="due"})) or vector(0)', None),
            _stat("Audit broken", "max(graftwatch_audit_broken)"),
            _stat("Audit entries followed", "max(graftwatch_audit_verified_entries)", None),
            _stat("Oldest statement unpublished", "max(graftwatch_console_oldest_unpublished_act_seconds)", 120, "s"),
            Panel(
                "Reports not made yet",
                {"{{study}} {{state}}": "max by (study, state) (graftwatch_reporting_clocks)"},
                wide=12,
            ),
            Panel(
                "Safety: from feed to outcome, p99",
                {"safety": _p99("graftwatch_outcome_latency_seconds", "service")},
                "s",
                wide=12,
            ),
        ),
    ),
    "surroundings": (
        "Graftwatch: Postgres and Kafka as the services see them",
        (
            Panel("Postgres answers", {"{{service}}": "min by (service) (graftwatch_database_answers)"}),
            Panel(
                "Shortest question to Postgres",
                {"{{service}}": "max by (service) (graftwatch_database_answer_seconds)"},
                "s",
                bad_from=1,
            ),
            Panel(
                "Connections",
                {"{{service}} {{state}}": "sum by (service, state) (graftwatch_database_connections)"},
            ),
            Panel("Kafka answers", {"{{service}}": "min by (service) (graftwatch_broker_answers)"}),
            Panel("Lag by topic", {"{{topic}}": "sum by (topic) (graftwatch_feed_lag_messages)"}, bad_from=10_000),
            Panel(
                "Events waiting for the broker",
                {"{{service}}": "max by (service) (graftwatch_outbox_oldest_unrelayed_seconds)"},
                "s",
                bad_from=60,
            ),
            Panel("Clock minus that of Postgres", {"{{service}}": "graftwatch_clock_difference_seconds"}, "s"),
            Panel(
                "Days until certificates expire",
                {
                    "{{service}} {{file}}": "(min by (service, file)"
                    " (graftwatch_certificate_expires_timestamp_seconds) - time()) / 86400"
                },
            ),
            Panel("Memory", {"{{instance}}": 'process_resident_memory_bytes{job="graftwatch"}'}, "bytes"),
            Panel(
                "Processor", {"{{instance}}": 'rate(process_cpu_seconds_total{job="graftwatch"}[5m])'}, "percentunit"
            ),
            Panel("Open files", {"{{instance}}": 'process_open_fds{job="graftwatch"}'}),
        ),
    ),
}


def documents() -> dict[str, str]:
    """Each dashboard by file name."""
    return {
        f"{name}.json": msgspec.json.format(msgspec.json.encode(_dashboard(name, title, panels)), indent=1).decode()
        + "\n"
        for name, (title, panels) in DASHBOARDS.items()
    }


def expressions() -> Iterator[tuple[str, str]]:
    """Where each expression stands, and the expression."""
    for name, (_, panels) in DASHBOARDS.items():
        for panel in panels:
            for query in panel.queries.values():
                yield f"{name}: {panel.title}", query


def named_in(expression: str) -> set[str]:
    """Metrics of ours that an expression names."""
    known = {m.name for m in CATALOGUE}
    found = set(_METRIC.findall(expression))
    return {name if name in known else _SUFFIX.sub("", name) for name in found}


def stale() -> list[str]:
    """Dashboards that are not as the table says."""
    written = {p.name: p.read_text(encoding="utf-8") for p in FOLDER.glob("*.json")}
    current = documents()
    return sorted(n for n in written.keys() | current.keys() if written.get(n) != current.get(n))


def write() -> None:
    """Write them anew."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in stale():
        (FOLDER / name).unlink(missing_ok=True)
    for name, text in documents().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


def _dashboard(name: str, title: str, panels: Sequence[Panel]) -> dict[str, Any]:
    placed, x, y = [], 0, 0
    for number, panel in enumerate(panels, 1):
        if x + panel.wide > _WIDTH:
            x, y = 0, y + _HEIGHT
        placed.append(_panel(number, panel, x, y))
        x += panel.wide
    return {
        "uid": f"graftwatch-{name}",
        "title": title,
        "tags": ["graftwatch"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "links": [{"type": "dashboards", "title": "Graftwatch", "tags": ["graftwatch"], "asDropdown": True}],
        "panels": placed,
    }


def _panel(number: int, panel: Panel, x: int, y: int) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.bad_from is not None:
        steps.append({"color": "red", "value": panel.bad_from})
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "datasource": _SOURCE,
        "gridPos": {"x": x, "y": y, "w": panel.wide, "h": _HEIGHT},
        "targets": [
            {"refId": chr(ord("A") + n), "datasource": _SOURCE, "expr": query, "legendFormat": legend or panel.title}
            for n, (legend, query) in enumerate(panel.queries.items())
        ],
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "min": None, "thresholds": {"mode": "absolute", "steps": steps}},
            "overrides": [],
        },
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}} if panel.kind == "timeseries" else {},
    }


def rules() -> str:
    """Every expression as a recording rule, for promtool to parse."""
    found = [{"record": f"dashboard:{n}", "expr": query} for n, (_, query) in enumerate(expressions())]
    return msgspec.json.encode({"groups": [{"name": "dashboards", "rules": found}]}).decode()


if __name__ == "__main__":
    sys.stdout.write(rules())
