"""Notify: tells trial staff and systems what concerns them, once, in time, and keeps the record of it.

Reads:   the event topics (as hints), the outboxes of the deciding services, the recipients file, FHIR Subscriptions.
Decides: who is told of an event, by which channel and when; which notice corrects which; when an unacknowledged one goes
         to further people; how long to go on trying.
Writes:  the schema `notify`: notices, deliveries with each attempt, escalations, subscriptions. Sends e-mail, webhooks and
         FHIR notifications.
Never:   judges what an event says, writes a patient's identifier where its recipient is not configured to have it, gives up
         within hours, lets one endpoint delay another, or forgets an event that the broker lost.

Reading order: urgency, hours, directory, coverage, notices, rules, patience (all pure); deciding, escalating (Postgres);
wording, signature, addresses, channels/ (what leaves); queue, sending; subscriptions/ (FHIR); pages, app.
"""
