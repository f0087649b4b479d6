"""The vocabulary of endpoints: a status of response, a time to an event or to the end of observation. Decides nothing."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal, TypeAlias

import msgspec

from shared.outcomes import Evidence

DurationName: TypeAlias = Literal["DOR", "PFS", "TTP", "OS"]
RateName: TypeAlias = Literal["ORR", "DCR"]


class TimeToEvent(msgspec.Struct, frozen=True, kw_only=True):
    """When an endpoint was reached, or until when it is known not to have been (censored), and why.

    `what` names the event or what the censoring date is the date of, as ADaM's EVNTDESC and CNSDTDSC do.
    """

    endpoint: DurationName
    start_on: date
    on: date
    event: bool
    what: str
    rule: str
    says: str
    source: str
    evidence: tuple[Evidence, ...] = ()

    @property
    def days(self) -> int:
        """Length in days, the first and the last day included."""
        return (self.on - self.start_on).days + 1


class ResponseStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a treated patient counts as a responder (ORR), or as having the disease controlled (DCR).

    `confirmed_` fields speak of the confirmed best response. Everyone treated is in the denominator.
    """

    endpoint: RateName
    met: bool
    confirmed_met: bool
    rule: str
    says: str
    confirmed_rule: str
    confirmed_says: str
    source: str
    evidence: tuple[Evidence, ...] = ()


class TimeToResponse(msgspec.Struct, frozen=True, kw_only=True):
    """Start of treatment to the first complete or partial response; only responders have one."""

    start_on: date
    on: date
    evidence: tuple[Evidence, ...] = ()

    @property
    def days(self) -> int:
        """Length in days, the first and the last day included."""
        return (self.on - self.start_on).days + 1


class Endpoints(msgspec.Struct, frozen=True, kw_only=True):
    """Every endpoint of one patient.

    `dor` and `ttr` are None for a patient without a response; the confirmed ones count confirmed responses only.
    `missed_visits` is how many visits in a row have been missed up to now, 0 once observation of the disease ended.
    """

    orr: ResponseStatus
    dcr: ResponseStatus
    pfs: TimeToEvent
    ttp: TimeToEvent
    os: TimeToEvent
    ttr: TimeToResponse | None = None
    ttr_confirmed: TimeToResponse | None = None
    dor: TimeToEvent | None = None
    dor_confirmed: TimeToEvent | None = None
    missed_visits: int = 0
    valid_until: datetime | None = None
    """When time alone changes one of them: the next visit missed, or the trial's observation ends."""
    problems: tuple[str, ...] = ()

    @property
    def durations(self) -> tuple[TimeToEvent, ...]:
        """The times to an event, by unconfirmed response where a response begins them."""
        return tuple(t for t in (self.dor, self.pfs, self.ttp, self.os) if t is not None)
