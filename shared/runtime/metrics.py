"""THE catalogue of metrics, by Prometheus naming. No label ever holds a patient or a record, or grows without bound.

Labels take their values from configuration (site, study, topic, channel) or from closed lists in code (service, outcome, kind,
reason, state, cause). `odd` says what to do when a metric is odd; the alerts that watch it are explained in docs/runbook.md.
"""

from __future__ import annotations

from typing import Final

from shared.runtime.metric_table import DECIDING, STORING, counter, gauge, histogram

_ALL: Final = ("intake", *STORING)
_INGEST: Final = ("ingest",)
_INTAKE: Final = ("intake",)
_NOTIFY: Final = ("notify",)
_CONSOLE: Final = ("console",)

# The feed --------------------------------------------------------------------------------------------------------------

RESOURCES: Final = counter(
    "graftwatch_feed_resources_total",
    "Resources delivered by the feed, redelivery included",
    labels=("site", "outcome"),
    unit="resources",
    of=_INGEST,
    odd="no rise: is the site's engine sending (SiteSilent)? Many rejected: `graftwatch data-quality`",
)
REJECTED: Final = counter(
    "graftwatch_feed_rejected_total",
    "Resources that became dead letters, redelivery included",
    labels=("site", "reason"),
    unit="resources",
    of=_INGEST,
    odd="`graftwatch dead-letters list --site SITE`; mend the site's file or its engine, then replay",
)
DEAD_LETTERS: Final = gauge(
    "graftwatch_dead_letters_open",
    "Dead letters that are neither replayed nor dropped",
    labels=("site",),
    unit="dead letters",
    of=_INGEST,
    odd="each may hide what a trial needs: `graftwatch dead-letters list`, then `replay` or `drop`",
)
UNMAPPED: Final = counter(
    "graftwatch_feed_unmapped_total",
    "Resources whose code neither the table nor the site's map knows",
    labels=("site",),
    unit="resources",
    of=_INGEST,
    odd="`graftwatch unmapped --site SITE` lists the codes: map those that matter in the site's file",
)
CONFORMANCE: Final = counter(
    "graftwatch_conformance_total",
    "Resources in scope by judgement: conformant, not_conformant, unjudged",
    labels=("site", "judgement"),
    unit="resources",
    of=_INGEST,
    odd="`graftwatch data-quality --site SITE` says what is not conformant; tell the site",
)
LINKS_NOT_FOLLOWED: Final = counter(
    "graftwatch_patient_links_not_followed_total",
    "Patients whose links lead in a circle or to several patients, when that was found",
    labels=("issue",),
    unit="patients",
    of=_INGEST,
    odd="two charts may be one person: ask the site to correct its links between Patients",
)
LAG: Final = gauge(
    "graftwatch_feed_lag_messages",
    "Messages of the feed not yet processed",
    labels=("topic",),
    unit="messages",
    of=_INGEST,
    odd="growing: is ingest progressing, is Postgres slow? Then more workers, up to the partitions",
)
FEED_LOST: Final = counter(
    "graftwatch_feed_lost_messages_total",
    "Messages that the broker had removed before they were read",
    labels=("topic",),
    unit="messages",
    of=_INGEST,
    odd="the retention of the topic is shorter than ingest was behind, or away: `feed-lost` in its log; let the sites send again",
)
NEWEST_PROCESSED: Final = gauge(
    "graftwatch_feed_newest_processed_timestamp_seconds",
    "Publish time of the newest message processed",
    unit="seconds since 1970",
    of=_INGEST,
    odd="see graftwatch_feed_newest_processed_age_seconds",
)
NEWEST_AGE: Final = gauge(
    "graftwatch_feed_newest_processed_age_seconds",
    "Seconds since the newest message processed was published",
    of=_INGEST,
    odd="high with lag: ingest is behind; high without lag: the feed is silent",
)
SITE_DELIVERED: Final = gauge(
    "graftwatch_site_last_delivered_timestamp_seconds",
    "When a site last delivered anything that ingest stored or held; 0 if it never has",
    labels=("site",),
    unit="seconds since 1970",
    of=_INGEST,
    odd="older than the site's `silent_after_hours`: its engine, network or token; call the site",
)
SITE_SILENT_AFTER: Final = gauge(
    "graftwatch_site_silent_after_seconds",
    "After how long without a message a site counts as silent (`silent_after_hours` of its file)",
    labels=("site",),
    of=_INGEST,
    odd="too many false alarms at night: raise it in the site's file",
)
SITE_PAUSED: Final = gauge(
    "graftwatch_site_paused",
    "1 while a site is paused",
    labels=("site",),
    unit="0 or 1",
    of=_INGEST,
    odd="`graftwatch sites status` says why; mend, then `graftwatch sites resume SITE`",
)
SITE_HELD: Final = gauge(
    "graftwatch_site_held_messages",
    "Messages held of a paused site",
    labels=("site",),
    unit="messages",
    of=_INGEST,
    odd="nothing of these is evaluated: resume the site before GRAFTWATCH_PAUSE_HELD is reached",
)
REREAD: Final = counter(
    "graftwatch_records_read_again_total",
    "Stored records read again after a change of reader, codes, site file or scope",
    unit="records",
    of=_INGEST,
    odd="it rises after an upgrade or a change of configuration, and ends by itself",
)
STALE_RECORDS: Final = gauge(
    "graftwatch_records_to_read_again",
    "Stored records that were read by other rules than today's",
    labels=("site",),
    unit="records",
    of=_INGEST,
    odd="not falling: see ingest's log for `record-not-read-again`",
)
MISSING_CONCEPTS: Final = gauge(
    "graftwatch_scope_gap_concepts",
    "Concepts that a site's earlier messages were not read for",
    labels=("site",),
    unit="concepts",
    of=_INGEST,
    odd="`graftwatch coverage` says which; `graftwatch refill` reads the earlier feed",
)

# Progress --------------------------------------------------------------------------------------------------------------

BATCH_SECONDS: Final = histogram(
    "graftwatch_batch_seconds",
    "Time from a batch polled to its transaction committed",
    labels=("service",),
    of=("ingest", *DECIDING),
    odd="rising: Postgres (locks, disk), or the processor is full",
)
SINCE_PROGRESS: Final = gauge(
    "graftwatch_progress_age_seconds",
    "Seconds since a batch was stored, or since nothing waited",
    labels=("service",),
    of=_INGEST,
    odd="over a minute: a batch cannot be stored; the log says why (`batch-retried`)",
)
EVALUATIONS: Final = counter(
    "graftwatch_evaluations_total",
    "Patients evaluated, by what asked for it",
    labels=("service", "cause"),
    unit="patients",
    of=DECIDING,
    odd="only reconciliation: hints are lost; results are right, but late",
)
EVALUATION_FAILURES: Final = counter(
    "graftwatch_evaluation_failures_total",
    "Evaluations in which the rules raised an error",
    labels=("service",),
    unit="evaluations",
    of=DECIDING,
    odd="see graftwatch_patients_set_aside",
)
SET_ASIDE: Final = gauge(
    "graftwatch_patients_set_aside",
    "Patients whose last evaluation failed",
    labels=("service",),
    unit="patients",
    of=DECIDING,
    odd="nobody is told anything new of these: the log says where the rules failed; report it",
)
OUTCOMES: Final = counter(
    "graftwatch_outcomes_appended_total",
    "Outcomes appended",
    labels=("service", "kind"),
    unit="outcomes",
    of=DECIDING,
    odd="a burst follows a changed protocol or raised rules, and is expected",
)
EVENT_LATENCY: Final = histogram(
    "graftwatch_outcome_latency_seconds",
    "Time from the feed message published to the outcome committed",
    labels=("service",),
    of=DECIDING,
    odd="find the part that waits: lag, batch time, oldest behind",
)
FIGURES_SECONDS: Final = histogram(
    "graftwatch_trial_figures_seconds",
    "Time to compute a trial's figures anew",
    labels=("service",),
    of=("response",),
    odd="grows with the trial; figures are late by ten times as much (a minute more at most), nothing else is",
)
OLDEST_BEHIND: Final = gauge(
    "graftwatch_oldest_behind_seconds",
    "How long the patient waiting longest has waited for its evaluation, back-fill left out",
    labels=("service",),
    of=DECIDING,
    odd="over a minute: the service is stalled or overloaded; look at its log and at Postgres",
)
OLDEST_BACKFILLED: Final = gauge(
    "graftwatch_oldest_behind_backfilled_seconds",
    "The same of patients of whom nothing but back-fill is news",
    labels=("service",),
    of=DECIDING,
    odd="falls when the back-fill is worked off, live patients first; not while nothing is evaluated (BackfillStalled)",
)
SWEEP_BEHIND: Final = gauge(
    "graftwatch_sweep_behind_patients",
    "Patients that the sweep under way has yet to evaluate, after a changed protocol, say",
    labels=("service",),
    unit="patients",
    of=DECIDING,
    odd="not falling: `graftwatch rescreen` shows progress; more workers share one sweep",
)
SWEPT: Final = gauge(
    "graftwatch_sweep_ended_timestamp_seconds",
    "When a sweep of everybody last ended; 0 before the first",
    labels=("service",),
    unit="seconds since 1970",
    of=DECIDING,
    odd="old: what neither a hint nor its time shows goes unseen; see the log for `reconciliation-failed`",
)
HINTS_UNREADABLE: Final = counter(
    "graftwatch_hints_unreadable_total",
    "Hints that could not be read",
    labels=("service",),
    unit="messages",
    of=(*DECIDING, "notify"),
    odd="somebody else writes to our topics: check the rights on Kafka (docs/generated/access.md)",
)
RELAYED: Final = counter(
    "graftwatch_events_relayed_total",
    "Events relayed from the outbox",
    labels=("service",),
    unit="events",
    of=DECIDING,
    odd="see graftwatch_outbox_oldest_unrelayed_seconds",
)
UNRELAYED: Final = gauge(
    "graftwatch_outbox_unrelayed_events",
    "Events committed that the broker does not have yet",
    labels=("service",),
    unit="events",
    of=DECIDING,
    odd="notify finds them in Postgres all the same; other consumers wait: see the broker",
)
OLDEST_UNRELAYED: Final = gauge(
    "graftwatch_outbox_oldest_unrelayed_seconds",
    "How long the event that waits longest for the broker has waited",
    labels=("service",),
    of=DECIDING,
    odd="over a minute: the broker refuses or is away (`outbox-relay-failed` in the log)",
)
REPORTING_CLOCKS: Final = gauge(
    "graftwatch_reporting_clocks",
    "Reports of serious adverse events that are not made yet, by how they stand: due, due-soon, overdue",
    labels=("study", "state"),
    unit="reports",
    of=("safety",),
    odd="overdue: a legal deadline has passed; the console's Today lists them. Call the investigator",
)

# What we need of others ------------------------------------------------------------------------------------------------

DATABASE_ANSWERS: Final = gauge(
    "graftwatch_database_answers",
    "1 if Postgres answered this service's last question, 0 if not",
    labels=("service",),
    unit="0 or 1",
    of=STORING,
    odd="0: Postgres is away, refuses, or all connections are busy; everything waits and loses nothing",
)
OLDEST_LOOK: Final = gauge(
    "graftwatch_oldest_look_seconds",
    "How old the oldest of the figures is that this service asks Postgres for, every few seconds",
    labels=("service",),
    of=STORING,
    odd="over minutes: a figure on this page stands still, and its alert with it; the log (`look-failed`) says which and why",
)
DATABASE_SECONDS: Final = gauge(
    "graftwatch_database_answer_seconds",
    "Time of the last shortest question to Postgres, waiting for a connection included",
    labels=("service",),
    of=STORING,
    odd="over 0.1 s: the database is overloaded, or far away",
)
DATABASE_CONNECTIONS: Final = gauge(
    "graftwatch_database_connections",
    "Connections of the service's pool, by state: idle, busy",
    labels=("service", "state"),
    unit="connections",
    of=STORING,
    odd="never idle: the service waits for its own connections",
)
CLOCK_DIFFERENCE: Final = gauge(
    "graftwatch_clock_difference_seconds",
    "This host's clock minus the database's; decisions use the database's",
    labels=("service",),
    of=STORING,
    odd="over a few seconds: one of the two hosts has a wrong time; see its NTP, the database's first",
)
ARCHIVE_FAILS: Final = gauge(
    "graftwatch_log_archive_fails",
    "1 if Postgres is to archive its log, and its last attempt to failed",
    unit="0 or 1",
    of=_INGEST,
    odd="1: nothing from then on can be restored, and the log fills Postgres's disk; see its archive_command and its own log",
)
BROKER_ANSWERS: Final = gauge(
    "graftwatch_broker_answers",
    "1 if Kafka answered this service's last question, 0 if not",
    labels=("service",),
    unit="0 or 1",
    of=("ingest", "intake"),
    odd="0: Kafka is away, or refuses this user; nothing is lost, everything waits",
)
CERTIFICATE_EXPIRES: Final = gauge(
    "graftwatch_certificate_expires_timestamp_seconds",
    "When the first certificate of a file that this service was given expires, by the file's setting",
    labels=("service", "file"),
    unit="seconds since 1970",
    of=_ALL,
    odd="within weeks: renew it and start the service anew; after it, nothing connects any more",
)

SPANS: Final = counter(
    "graftwatch_trace_spans_total",
    "Spans handed to the OpenTelemetry collector, where traces are on: sent, lost",
    labels=("service", "outcome"),
    unit="spans",
    of=_ALL,
    odd="lost: the collector is away; traces have gaps, nothing else is affected",
)

# The intake and the console --------------------------------------------------------------------------------------------

INTAKE_REQUESTS: Final = counter(
    "graftwatch_intake_requests_total",
    "Requests to the FHIR intake, by site and status",
    labels=("site", "status"),
    unit="requests",
    of=_INTAKE,
    odd="401: a site's token; 4xx: its engine's requests; 503: the broker does not answer",
)
INTAKE_SECONDS: Final = histogram(
    "graftwatch_intake_seconds",
    "Time from a request's place to the broker's answer",
    of=_INTAKE,
    odd="near GRAFTWATCH_INTAKE_ANSWER_SECONDS: clients are told to try again; see the broker",
)
INTAKE_IN_FLIGHT: Final = gauge(
    "graftwatch_intake_in_flight",
    "Requests of the intake that the broker has yet to answer",
    unit="requests",
    of=_INTAKE,
    odd="at GRAFTWATCH_INTAKE_IN_FLIGHT: clients wait; see the broker, or run another intake",
)
CONSOLE_ACTS: Final = counter(
    "graftwatch_console_acts_published_total",
    "Statements of staff brought to the feed",
    unit="statements",
    of=_CONSOLE,
    odd="see graftwatch_console_oldest_unpublished_act_seconds",
)
UNPUBLISHED_ACT: Final = gauge(
    "graftwatch_console_oldest_unpublished_act_seconds",
    "How long the statement of staff that waits longest for the feed has waited",
    of=_CONSOLE,
    odd="over a minute: what people stated has no effect yet; the console cannot reach Kafka",
)
AUDIT_ENTRIES: Final = gauge(
    "graftwatch_audit_verified_entries",
    "Entries of the console's audit that were followed and found whole",
    unit="entries",
    of=_CONSOLE,
    odd="it rises with use, and begins anew with the process",
)
AUDIT_BROKEN: Final = gauge(
    "graftwatch_audit_broken",
    "1 where the chain of the console's audit is broken: an entry was changed, removed or inserted",
    unit="0 or 1",
    of=_CONSOLE,
    odd="1: somebody with the rights of an administrator changed it; `graftwatch audit verify` says where. Secure a copy",
)
AUDIT_VERIFIED: Final = gauge(
    "graftwatch_audit_verified_timestamp_seconds",
    "When the console last followed its audit to the end; 0 before the first time",
    unit="seconds since 1970",
    of=_CONSOLE,
    odd="old: nobody would see a broken chain; see the console's log for `audit-not-verified`",
)

# Notifications ---------------------------------------------------------------------------------------------------------

NOTICES: Final = counter(
    "graftwatch_notices_total",
    "Events decided by notify, and whether anybody is told",
    labels=("urgency", "told"),
    unit="events",
    of=_NOTIFY,
    odd="urgent and told nobody: see graftwatch_urgent_kinds_untold; or it corrects what nobody had been told yet",
)
UNTOLD: Final = gauge(
    "graftwatch_urgent_kinds_untold",
    "Kinds of events that may be asap or more urgent, and of which no rule of the recipients file would tell anybody, by site",
    labels=("site",),
    unit="kinds of events",
    of=_NOTIFY,
    odd="a rejection there may be told to nobody: `graftwatch recipients check FILE` names the kinds; add a rule",
)
UNDECIDED: Final = gauge(
    "graftwatch_oldest_undecided_event_seconds",
    "How long the event that waits longest for notify has waited",
    of=_NOTIFY,
    odd="over a minute: nobody is told of it; see notify's log",
)
OLDEST_ESCALATION: Final = gauge(
    "graftwatch_oldest_due_escalation_seconds",
    "How long the escalation that is due longest has waited to be told to further people",
    of=_NOTIFY,
    odd="over a minute: nobody acknowledged an event, and nobody further hears of it; see notify's log for `escalation-failed`",
)
ATTEMPTS: Final = counter(
    "graftwatch_delivery_attempts_total",
    "Messages sent and their outcome: accepted, failed, untrusted (the receiver's certificate)",
    labels=("channel", "outcome"),
    unit="messages",
    of=_NOTIFY,
    odd="failed: `graftwatch notify status` says what the endpoints answer; untrusted: GRAFTWATCH_NOTIFY_CA_FILE",
)
DELIVERY_SECONDS: Final = histogram(
    "graftwatch_delivery_latency_seconds",
    "Time from the event committed to its delivery accepted",
    labels=("channel",),
    longer=(60.0, 600.0, 3600.0),
    of=_NOTIFY,
    odd="hours are digests and quiet hours; else an endpoint was down",
)
NOT_SETTLED: Final = gauge(
    "graftwatch_deliveries_not_settled",
    "Deliveries that were given up, and of which nobody has said yet that the recipient was told by another way",
    labels=("channel",),
    unit="deliveries",
    of=_NOTIFY,
    odd="somebody was not told: `graftwatch notify status` says who of what; tell them, then `graftwatch notify settle`",
)
GIVEN_UP: Final = counter(
    "graftwatch_deliveries_given_up_total",
    "Deliveries that were not accepted in time",
    labels=("channel",),
    unit="deliveries",
    of=_NOTIFY,
    odd="somebody was not told: `graftwatch notify status`, then tell them by another way",
)
DELIVERIES_WAITING: Final = gauge(
    "graftwatch_deliveries_waiting",
    "Deliveries that wait, for their time or their endpoint",
    labels=("channel",),
    unit="deliveries",
    of=_NOTIFY,
    odd="see graftwatch_oldest_due_delivery_seconds: what waits for its time is no fault",
)
OLDEST_DUE: Final = gauge(
    "graftwatch_oldest_due_delivery_seconds",
    "How long the delivery that is due longest has been, whatever was tried in vain since",
    labels=("channel",),
    of=_NOTIFY,
    odd="over minutes: an endpoint, or the mail server for one person, does not take messages; see `graftwatch notify status`",
)
ENDPOINTS_DOWN: Final = gauge(
    "graftwatch_endpoints_down",
    "Endpoints of notify that do not take messages",
    labels=("channel",),
    unit="endpoints",
    of=_NOTIFY,
    odd="notify's /health and log (`endpoint-is-down`) name them and what they answer",
)
SUBSCRIPTIONS: Final = gauge(
    "graftwatch_subscriptions",
    "FHIR Subscriptions by status: requested, active, error",
    labels=("status",),
    unit="subscriptions",
    of=_NOTIFY,
    odd="error: the subscriber does not take notifications; `$status` says why. Tell its owner",
)
ESCALATIONS: Final = counter(
    "graftwatch_escalations_total",
    "Events told to further people, as nobody acknowledged them",
    unit="events",
    of=_NOTIFY,
    odd="rising: those who are told first do not acknowledge; see the recipients file",
)
FILE_REFUSED: Final = gauge(
    "graftwatch_files_refused",
    "Changed files of people that are refused, while the last sound one stays in force",
    labels=("service",),
    unit="files",
    of=(*_NOTIFY, *_CONSOLE),
    odd="who was added is not told or let in: the log (`file-refused`) has every fault of the file; correct it",
)
