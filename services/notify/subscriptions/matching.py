"""Decides which events a subscription is told of: its topic and filters, and what its owner may see. Pure."""

from __future__ import annotations

from services.notify.directory import Directory
from services.notify.notices import Notice
from services.notify.subscriptions import topics
from services.notify.subscriptions.model import Subscription


def matches(subscription: Subscription, notice: Notice, directory: Directory) -> bool:
    """Whether this event belongs to the subscription; never what its owner may not see, whatever it asked for."""
    owner = directory.recipients.get(subscription.owner)
    if owner is None or owner.fhir is None or not owner.is_active(notice.created_at):
        return False
    if owner.fhir.studies is not None and notice.study not in owner.fhir.studies:
        return False
    if owner.fhir.sites is not None and notice.site not in owner.fhir.sites:
        return False
    topic = topics.BY_URL.get(subscription.wanted.topic)
    if topic is None or notice.kind not in topic.kinds:
        return False
    of = {
        "category": notice.kind,
        "priority": notice.urgency.value,
        "study": notice.study,
        "site": notice.site,
        "subject": str(notice.patient),
    }
    return all(of[name] in values for name, values in subscription.wanted.filters)
