"""The specification of the endpoints: each rule of event and censoring by example. Data, so that it can be rendered too.

First dose 1 May 2024, baseline 24 April, visits every 8 weeks; a gap of more than 126 days (two intervals and a window)
hides when something happened; observation ends 24 months after the first dose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from shared.facts import AnyFact
from tests.spec.response.courses import FIRST_DOSE, LATER, VISITS, scans, states, target
from tests.support import build


@dataclass(frozen=True)
class Case:
    """As known at `at` (noon), these facts give this end of the endpoint by this rule."""

    endpoint: str
    clause: str
    facts: tuple[AnyFact, ...]
    on: str
    event: bool
    rule: str
    at: str = LATER

    @property
    def id(self) -> str:
        """Names the case in test output."""
        return f"{self.endpoint}-{self.clause}"


def _therapy(on: str) -> AnyFact:
    return build.drug("lenvatinib", on=on)


_STABLE: Final = tuple(scans("50", "50", "50"))
_PROGRESSION: Final = tuple(scans("50", "50", "80"))
_NO_VISIT: Final = tuple(scans("50"))

CASES: Final = (
    Case("PFS", "progression on imaging is an event", _PROGRESSION, VISITS[1], True, "event"),
    Case("TTP", "progression on imaging is an event", _PROGRESSION, VISITS[1], True, "event"),
    Case(
        "PFS",
        "death without progression is an event",
        (*_STABLE, build.died("2024-10-01")),
        "2024-10-01",
        True,
        "event",
    ),
    Case(
        "TTP",
        "death without progression is censored at the last adequate assessment",
        (*_STABLE, build.died("2024-10-01")),
        VISITS[1],
        False,
        "death-without-progression",
    ),
    Case(
        "TTP",
        "death before any assessment is censored at the first dose",
        (*_NO_VISIT, build.died("2024-06-01")),
        FIRST_DOSE,
        False,
        "death-without-progression",
    ),
    Case(
        "PFS",
        "death before any assessment is an event",
        (*_NO_VISIT, build.died("2024-06-01")),
        "2024-06-01",
        True,
        "event",
    ),
    Case(
        "PFS",
        "death before the first dose's visits, after two missed ones, is censored at the first dose",
        (*_NO_VISIT, build.died("2024-09-05")),
        FIRST_DOSE,
        False,
        "event-after-missed-visits",
    ),
    Case(
        "PFS",
        "death exactly two intervals and a window after the first dose is an event",
        (*_NO_VISIT, build.died("2024-09-04")),
        "2024-09-04",
        True,
        "event",
    ),
    Case(
        "PFS",
        "death on the day of an assessment is an event, whatever was missed before",
        (*_NO_VISIT, target("50", "2024-09-05"), build.died("2024-09-05")),
        "2024-09-05",
        True,
        "event",
    ),
    Case(
        "PFS",
        "progression after two missed visits is censored at the last adequate assessment before",
        (*scans("50", "50"), target("80", "2024-11-01")),
        VISITS[0],
        False,
        "event-after-missed-visits",
    ),
    Case(
        "PFS",
        "progression after one missed visit is an event",
        (*scans("50", "50"), target("80", VISITS[2])),
        VISITS[2],
        True,
        "event",
    ),
    Case(
        "PFS",
        "a visit that was not evaluable does not close a gap",
        (*scans("50", "50", None), target("80", "2024-11-01")),
        VISITS[0],
        False,
        "event-after-missed-visits",
    ),
    Case(
        "PFS",
        "a gap that was followed by an adequate assessment hides nothing",
        (*scans("50", "50"), target("50", "2024-11-01"), target("80", "2024-12-27")),
        "2024-12-27",
        True,
        "event",
    ),
    Case(
        "PFS",
        "a new anticancer therapy before any event censors at the last adequate assessment before it",
        (*scans("50", "50", "50", "80"), _therapy("2024-08-10")),
        VISITS[0],
        False,
        "new-anticancer-therapy",
    ),
    Case(
        "TTP",
        "a new anticancer therapy before progression censors time to progression too",
        (*scans("50", "50", "50", "80"), _therapy("2024-08-10")),
        VISITS[0],
        False,
        "new-anticancer-therapy",
    ),
    Case(
        "PFS",
        "a new anticancer therapy before any assessment censors at the first dose",
        (*scans("50", "50"), _therapy("2024-06-01")),
        FIRST_DOSE,
        False,
        "new-anticancer-therapy",
    ),
    Case(
        "PFS",
        "an assessment on the day of a new anticancer therapy does not count",
        (*_STABLE, _therapy(VISITS[1])),
        VISITS[0],
        False,
        "new-anticancer-therapy",
    ),
    Case(
        "PFS",
        "a new anticancer therapy on the day of progression or after it does not matter",
        (*_PROGRESSION, _therapy(VISITS[1])),
        VISITS[1],
        True,
        "event",
    ),
    Case(
        "PFS",
        "without a baseline the patient is censored at the first dose, even after a death",
        (target("50", VISITS[0]), build.died("2024-07-01")),
        FIRST_DOSE,
        False,
        "no-baseline",
    ),
    Case("PFS", "without any assessment: censored at the first dose", _NO_VISIT, FIRST_DOSE, False, "no-assessment"),
    Case(
        "PFS",
        "an assessment that was not evaluable is none",
        tuple(scans("50", None)),
        FIRST_DOSE,
        False,
        "no-assessment",
    ),
    Case(
        "PFS", "without event: censored at the last adequate assessment", _STABLE, VISITS[1], False, "no-event-so-far"
    ),
    Case(
        "PFS",
        "after 24 months without event: censored at the last adequate assessment within them",
        (*_STABLE, target("50", "2026-05-20")),
        VISITS[1],
        False,
        "end-of-observation",
        at="2026-06-01",
    ),
    Case(
        "PFS",
        "progression after 24 months is no event of the trial",
        (*_STABLE, target("50", "2026-04-10"), target("80", "2026-05-02")),
        "2026-04-10",
        False,
        "end-of-observation",
        at="2026-06-01",
    ),
    Case(
        "PFS",
        "progression on the last day of the 24 months is an event",
        (*_STABLE, target("50", "2026-04-01"), target("80", "2026-05-01")),
        "2026-05-01",
        True,
        "event",
        at="2026-06-01",
    ),
    Case(
        "PFS",
        "clinical progression is no event: a non-target lesion that is merely present",
        (*_STABLE, *states("present", "present", "present")),
        VISITS[1],
        False,
        "no-event-so-far",
    ),
    Case("TTP", "without any assessment: censored at the first dose", _NO_VISIT, FIRST_DOSE, False, "no-assessment"),
    Case(
        "TTP",
        "without baseline: censored at the first dose",
        (target("50", VISITS[0]),),
        FIRST_DOSE,
        False,
        "no-baseline",
    ),
    Case(
        "TTP", "without event: censored at the last adequate assessment", _STABLE, VISITS[1], False, "no-event-so-far"
    ),
    Case(
        "TTP",
        "progression after two missed visits is censored at the last adequate assessment before",
        (*scans("50", "50"), target("80", "2024-11-01")),
        VISITS[0],
        False,
        "event-after-missed-visits",
    ),
    Case(
        "TTP",
        "death after two missed visits: censored at the last adequate assessment all the same",
        (*scans("50", "50"), build.died("2024-11-01")),
        VISITS[0],
        False,
        "death-without-progression",
    ),
    Case(
        "TTP",
        "after 24 months without event: censored at the last adequate assessment within them",
        (*_STABLE, target("50", "2026-05-20")),
        VISITS[1],
        False,
        "end-of-observation",
        at="2026-06-01",
    ),
    Case(
        "DOR",
        "a new therapy after the response: censored at the last adequate assessment before it",
        (*scans("50", "30", "28", "60"), _therapy("2024-09-01")),
        VISITS[1],
        False,
        "new-anticancer-therapy",
    ),
    Case(
        "DOR",
        "progression after two missed visits: censored at the last adequate assessment",
        (*scans("50", "30"), target("80", "2024-11-01")),
        VISITS[0],
        False,
        "event-after-missed-visits",
    ),
    Case(
        "DOR",
        "a response that lasts to the end of the 24 months: censored at the last adequate assessment",
        (*scans("50", "30", "28"), target("28", "2026-04-10")),
        "2026-04-10",
        False,
        "end-of-observation",
        at="2026-06-01",
    ),
    Case(
        "OS", "death of any cause is an event", (*_PROGRESSION, build.died("2024-12-24")), "2024-12-24", True, "death"
    ),
    Case(
        "OS",
        "death after a new therapy and missed visits is an event",
        (*_NO_VISIT, _therapy("2024-06-01"), build.died("2025-05-01")),
        "2025-05-01",
        True,
        "death",
    ),
    Case(
        "OS",
        "without a death: censored when last seen alive",
        (*_STABLE, build.lab("alt", "30", "U/L", on="2024-09-01")),
        "2024-09-01",
        False,
        "alive-when-last-seen",
    ),
    Case(
        "OS",
        "a prescription does not show that the patient is alive",
        (*_NO_VISIT, build.drug("sorafenib", on="2024-09-01", by="request", taken=None)),
        FIRST_DOSE,
        False,
        "alive-when-last-seen",
    ),
    Case(
        "OS",
        "the end of a stay in hospital shows that the patient was alive",
        (build.stay(on="2024-05-20", until="2024-06-03"),),
        "2024-06-03",
        False,
        "alive-when-last-seen",
    ),
    Case(
        "OS",
        "seen after 24 months: censored on their last day",
        (build.lab("alt", "30", "U/L", on="2026-05-20"),),
        "2026-05-01",
        False,
        "alive-at-end-of-observation",
        at="2026-06-01",
    ),
    Case(
        "OS",
        "death on the last day of the 24 months is an event",
        (build.died("2026-05-01"),),
        "2026-05-01",
        True,
        "death",
        at="2026-06-01",
    ),
    Case(
        "OS",
        "a later dose shows that the patient was alive, a dose not given does not",
        (build.dose(on="2024-08-01"), build.dose(on="2024-09-01", status="not-done", taken=False)),
        "2024-08-01",
        False,
        "alive-when-last-seen",
    ),
    Case(
        "OS",
        "death after 24 months: alive on their last day",
        (build.died("2026-05-02"),),
        "2026-05-01",
        False,
        "alive-at-end-of-observation",
        at="2026-06-01",
    ),
    Case(
        "OS",
        "death dated to the month, last seen within it: dated to the day when last seen",
        (build.lab("alt", "30", "U/L", on="2024-09-10"), build.died("2024-09")),
        "2024-09-10",
        True,
        "death",
    ),
    Case("OS", "death dated to the month only: its first day", (build.died("2024-09"),), "2024-09-01", True, "death"),
    Case(
        "OS",
        "death without a date cannot end a survival time",
        (build.lab("alt", "30", "U/L", on="2024-09-10"), build.died(None)),
        "2024-09-10",
        False,
        "alive-when-last-seen",
    ),
    Case(
        "DOR",
        "from the first response to progression",
        tuple(scans("50", "30", "28", "40")),
        VISITS[2],
        True,
        "event",
    ),
    Case(
        "DOR",
        "from the first response to death",
        (*scans("50", "30"), build.died("2024-08-01")),
        "2024-08-01",
        True,
        "event",
    ),
    Case(
        "DOR",
        "a response that lasts is censored as progression-free survival is",
        tuple(scans("50", "30", "28")),
        VISITS[1],
        False,
        "no-event-so-far",
    ),
)


@dataclass(frozen=True)
class StatusCase:
    """These facts make the patient count, unconfirmed and confirmed, by this rule."""

    endpoint: str
    clause: str
    facts: tuple[AnyFact, ...]
    unconfirmed: bool
    confirmed: bool
    rule: str

    @property
    def id(self) -> str:
        """Names the case in test output."""
        return f"{self.endpoint}-{self.clause}"


STATUS_CASES: Final = (
    StatusCase("ORR", "confirmed partial response", tuple(scans("50", "30", "30")), True, True, "response"),
    StatusCase("ORR", "partial response not confirmed", tuple(scans("50", "30", "48")), True, False, "response"),
    StatusCase("ORR", "stable disease", _STABLE, False, False, "no-response"),
    StatusCase("ORR", "progression", tuple(scans("50", "80")), False, False, "no-response"),
    StatusCase("ORR", "no baseline", (target("50", VISITS[0]),), False, False, "no-baseline"),
    StatusCase("ORR", "no assessment after the first dose", _NO_VISIT, False, False, "no-assessment"),
    StatusCase("ORR", "nothing evaluable", tuple(scans("50", None)), False, False, "not-evaluable"),
    StatusCase(
        "ORR",
        "response only after a new therapy",
        (*scans("50", "50", "30", "30"), _therapy("2024-08-01")),
        False,
        False,
        "no-response",
    ),
    StatusCase("DCR", "no baseline", (target("50", VISITS[0]),), False, False, "no-baseline"),
    StatusCase("DCR", "no assessment after the first dose", _NO_VISIT, False, False, "no-assessment"),
    StatusCase("DCR", "stable disease", _STABLE, True, True, "control"),
    StatusCase("DCR", "a response is control, confirmed or not", tuple(scans("50", "30", "48")), True, True, "control"),
    StatusCase(
        "DCR",
        "stable before 42 days says nothing",
        (*_NO_VISIT, target("50", "2024-06-01")),
        *(False,) * 2,
        "not-evaluable",
    ),
    StatusCase(
        "DCR",
        "non-target lesions only, neither complete response nor progression",
        tuple(states("present", "present")),
        True,
        True,
        "control",
    ),
    StatusCase("DCR", "progression", tuple(scans("50", "80")), False, False, "no-control"),
)
