"""THE catalogue of metrics, by Prometheus naming. No label ever holds a patient or a record."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

RESOURCES: Final = Counter(
    "graftwatch_feed_resources_total", "Resources delivered by the feed, redelivery included", ("site", "outcome")
)
BATCH_SECONDS: Final = Histogram(
    "graftwatch_batch_seconds", "Time from a batch polled to its transaction committed", ("service",), buckets=_SECONDS
)
LAG: Final = Gauge("graftwatch_feed_lag_messages", "Messages of the feed not yet processed", ("topic",))
NEWEST_PROCESSED: Final = Gauge(
    "graftwatch_feed_newest_processed_timestamp_seconds", "Publish time of the newest message processed"
)
FIGURES_SECONDS: Final = Histogram(
    "graftwatch_trial_figures_seconds", "Time to compute a trial's figures anew", ("service",), buckets=_SECONDS
)
EVALUATIONS: Final = Counter(
    "graftwatch_evaluations_total", "Patients evaluated, by what asked for it", ("service", "cause")
)
EVALUATION_FAILURES: Final = Counter(
    "graftwatch_evaluation_failures_total", "Evaluations in which the rules raised an error", ("service",)
)
OUTCOMES: Final = Counter("graftwatch_outcomes_appended_total", "Outcomes appended", ("service", "kind"))
EVENT_LATENCY: Final = Histogram(
    "graftwatch_outcome_latency_seconds",
    "Time from the feed message published to the outcome committed",
    ("service",),
    buckets=_SECONDS,
)
LINKS_NOT_FOLLOWED: Final = Counter(
    "graftwatch_patient_links_not_followed_total",
    "Patients whose links lead in a circle or to several patients, when that was found",
    ("issue",),
)
HINTS_UNREADABLE: Final = Counter("graftwatch_hints_unreadable_total", "Hints that could not be read", ("service",))
RELAYED: Final = Counter("graftwatch_events_relayed_total", "Events relayed from the outbox", ("service",))
OLDEST_BEHIND: Final = Gauge(
    "graftwatch_oldest_behind_seconds",
    "How long the patient waiting longest has waited for its evaluation",
    ("service",),
)
SWEEP_BEHIND: Final = Gauge(
    "graftwatch_sweep_behind_patients",
    "Patients that the sweep under way has yet to evaluate, after a changed protocol, say",
    ("service",),
)
INTAKE_REQUESTS: Final = Counter(
    "graftwatch_intake_requests_total", "Requests to the FHIR intake, by site and status", ("site", "status")
)
INTAKE_SECONDS: Final = Histogram(
    "graftwatch_intake_seconds", "Time from a request's place to the broker's answer", buckets=_SECONDS
)
INTAKE_IN_FLIGHT: Final = Gauge(
    "graftwatch_intake_in_flight", "Requests of the intake that the broker has yet to answer"
)
REJECTED: Final = Counter(
    "graftwatch_feed_rejected_total", "Resources that became dead letters, redelivery included", ("site", "reason")
)
UNMAPPED: Final = Counter(
    "graftwatch_feed_unmapped_total", "Resources whose code neither the table nor the site's map knows", ("site",)
)
SITE_PAUSED: Final = Gauge("graftwatch_site_paused", "1 while a site is paused", ("site",))
SITE_HELD: Final = Gauge("graftwatch_site_held_messages", "Messages held of a paused site", ("site",))
REREAD: Final = Counter(
    "graftwatch_records_read_again_total",
    "Stored records read again after a change of reader, codes, site file or scope",
)
STALE_RECORDS: Final = Gauge(
    "graftwatch_records_to_read_again", "Stored records that were read by other rules than today's", ("site",)
)
MISSING_CONCEPTS: Final = Gauge(
    "graftwatch_scope_gap_concepts", "Concepts that a site's earlier messages were not read for", ("site",)
)
CONFORMANCE: Final = Counter(
    "graftwatch_conformance_total",
    "Resources in scope by judgement: conformant, not_conformant, unjudged",
    ("site", "judgement"),
)
NEWEST_AGE: Final = Gauge(
    "graftwatch_feed_newest_processed_age_seconds", "Seconds since the newest message processed was published"
)
CONSOLE_ACTS: Final = Counter("graftwatch_console_acts_published_total", "Statements of staff brought to the feed")
NOTICES: Final = Counter(
    "graftwatch_notices_total", "Events decided by notify, and whether anybody is told", ("urgency", "told")
)
ATTEMPTS: Final = Counter(
    "graftwatch_delivery_attempts_total", "Messages sent and their outcome", ("channel", "outcome")
)
DELIVERY_SECONDS: Final = Histogram(
    "graftwatch_delivery_latency_seconds",
    "Time from the event committed to its delivery accepted",
    ("channel",),
    buckets=(*_SECONDS, 60.0, 600.0, 3600.0),
)
GIVEN_UP: Final = Counter(
    "graftwatch_deliveries_given_up_total", "Deliveries that were not accepted in time", ("channel",)
)
DELIVERIES_WAITING: Final = Gauge(
    "graftwatch_deliveries_waiting", "Deliveries that wait, for their time or their endpoint", ("channel",)
)
OLDEST_DUE: Final = Gauge(
    "graftwatch_oldest_due_delivery_seconds", "How long the delivery that is due longest has been", ("channel",)
)
ENDPOINT_DOWN: Final = Gauge(
    "graftwatch_endpoint_down", "1 while an endpoint of notify does not take messages", ("endpoint",)
)
UNDECIDED: Final = Gauge(
    "graftwatch_oldest_undecided_event_seconds", "How long the event that waits longest for notify has waited"
)
ESCALATIONS: Final = Counter(
    "graftwatch_escalations_total", "Events told to further people, as nobody acknowledged them"
)
